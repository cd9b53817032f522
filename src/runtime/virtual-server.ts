import type { RequestHeadLimits } from "../http/request-head.ts"
import type { Handler, Location } from "./location.ts"
import type { LocationTable } from "./location-table.ts"

/** A `server` block. */
export class VirtualServer {
  /** The first of its names: `$server_name`, and `server:` in the error log. */
  readonly name: string
  /** Its own level: settings, logs and error pages before a location is known. */
  readonly location: Location
  readonly locations: LocationTable
  /** The server rewrite phase. */
  handlers: Handler[] = []
  readonly headLimits: RequestHeadLimits
  readonly clientHeaderTimeoutMs: number
  readonly mergeSlashes: boolean

  constructor(
    name: string,
    location: Location,
    locations: LocationTable,
    limits: { head: RequestHeadLimits; clientHeaderTimeoutMs: number; mergeSlashes: boolean },
  ) {
    this.name = name
    this.location = location
    this.locations = locations
    this.headLimits = limits.head
    this.clientHeaderTimeoutMs = limits.clientHeaderTimeoutMs
    this.mergeSlashes = limits.mergeSlashes
  }
}

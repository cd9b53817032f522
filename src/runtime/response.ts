import { HeaderList } from "../http/header-list.ts"
import type { PartialBody } from "../http/ranges.ts"
import { escapeLineEnds } from "../http/target.ts"
import type { Request } from "./request.ts"

/** Range requests have no effect. */
export const NO_RANGES = 0
/** The body comes from its start to its end: one range of it may be wanted. */
export const ONE_RANGE = 1
/** Whoever sends the body sends `response.partial` of it. */
export const ANY_RANGES = 2

/** What will be sent to the client, until its head has gone out. */
export class Response {
  /** 0 until something decides. */
  status = 0
  /** The reason phrase of an upstream, maybe empty; null for the standard one. */
  reason: string | null = null
  /** All fields but those that frame the message or are the connection's own. */
  readonly headers = new HeaderList()
  /** "" sends no Content-Type. */
  contentType = ""
  /** Bytes of the body; -1 where it is not known before its end. */
  contentLength = -1
  /** `Server` and `Date` come from an upstream (proxy_pass_header) and are in `headers`. */
  hasServer = false
  hasDate = false
  /** Makes the trailer section when the body is whole; null for none. To be set before the head is sent. */
  trailers: ((request: Request) => HeaderList) | null = null
  /** The upstream's trailer section, as far as it is passed on, when the body has come; null for none. */
  relayedTrailers: HeaderList | null = null
  /** What `trailers` has made, for `$sent_trailer_…`; null before. */
  sentTrailers: HeaderList | null = null
  /** Last-Modified in seconds since the epoch, where this server knows it; -1 where not. */
  modifiedSeconds = -1
  /** The conditions of the request hold for it (If-None-Match and others), where it is a 200. */
  isConditional = true
  /** NO_RANGES, ONE_RANGE or ANY_RANGES: whether a client may ask for parts of the body. */
  allowedRanges: number = NO_RANGES
  /** The parts that are to be sent, after `sendHead` with ANY_RANGES; null for all. */
  partial: PartialBody | null = null
  /** `Location` is this server's own making: a path in it gets scheme and host (absolute_redirect). */
  isLocationOwn = false

  /** Redirects to `location`, a URL or a path, in this server's own name. */
  setLocation(location: string): void {
    this.headers.set("Location", escapeLineEnds(location))
    this.isLocationOwn = true
  }
}

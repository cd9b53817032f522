/** limit_conn: how many connections may be at work at a time, by a key. ngx_http_limit_conn_module. */
import { CRIT, ERROR, type Logger } from "../../base/logger.ts"
import { type Conf, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../../config/row.ts"
import { flag, parseNumber } from "../../config/values.ts"
import {
  type BuildContext,
  defineModule,
  type LocationContext,
  type Module,
  type TunnelLogger,
} from "../../runtime/module.ts"
import { NEXT, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { Template } from "../../runtime/template.ts"
import { bindKey, errorStatus, knowZone, levelOf, logLevel, parseZone, zoneMemory } from "../limit-zone.ts"
import { BUSY, ConnectionCounts, connectionCountsBytes, NO_ROOM } from "./connection-counts.ts"

const ALL = HTTP | SERVER | LOCATION
const USE = "limit_conn_zone"
const MAX_KEY_BYTES = 255

/** The values of $limit_conn_status. */
type LimitConnStatus = "PASSED" | "REJECTED" | "REJECTED_DRY_RUN"

const STATE = Symbol("limit_conn state")

interface WrittenLimit {
  readonly zone: string
  readonly connections: number
}

interface Limit {
  readonly zone: string
  readonly key: Template
  readonly counts: ConnectionCounts
  readonly connections: number
}

interface LimitConnSettings {
  /** Empty where nothing is limited: what another location counted may end here all the same. */
  readonly limits: readonly Limit[]
  readonly status: number
  readonly level: number
  readonly isDryRun: boolean
  readonly mainLog: Logger
}

interface Zone {
  readonly key: Template
  readonly counts: ConnectionCounts
}

/** A connection that was counted, and those that the same request was counted as before. Holds no generation. */
class Held {
  readonly counts: ConnectionCounts
  readonly entry: number
  readonly next: Held | null

  constructor(counts: ConnectionCounts, entry: number, next: Held | null) {
    this.counts = counts
    this.entry = entry
    this.next = next
  }
}

/** What a request's limits have come to. */
class LimitConnState {
  status: LimitConnStatus = "PASSED"
  held: Held | null = null

  release(): void {
    const { held } = this
    this.held = null
    releaseAll(held)
  }
}

/** The zones of a generation, and what levels that say the same share. */
export class LimitConnZones {
  readonly zones = new Map<string, Zone>()
  readonly shared = new WeakMap<LimitConnConf, LimitConnSettings>()
  readonly #memoryKeys = new Set<string>()

  constructor(conf: LimitConnConf, { services }: BuildContext) {
    for (const zone of conf.limit_conn_zone) {
      const bytes = connectionCountsBytes(zone.sizeBytes)
      const name = zoneMemory(USE, zone.name)
      const counts = new ConnectionCounts(services.sharedMemory(name, bytes), zone, services.workerIndex)
      bindKey(counts.table, USE, zone)
      this.zones.set(zone.name, { key: zone.key, counts })
      this.#memoryKeys.add(`${name} ${bytes}`)
    }
  }

  /** Whether this generation uses the memory of that key in the map behind `sharedMemory`. */
  namesMemory(key: string): boolean {
    return this.#memoryKeys.has(key)
  }
}

const rows = directives({
  limit_conn_zone: {
    in: HTTP,
    args: 2,
    list: (args, context) => parseZone(USE, args, context, () => undefined),
    syntax: "key zone=name:size",
    doc: "A zone of shared memory that knows how many connections of each key are at work.",
  },
  limit_conn: {
    in: ALL,
    args: 2,
    list: parseLimit,
    syntax: "zone number",
    doc: "The most connections of a key at a time; a tunnel counts until it ends.",
  },
  limit_conn_status: {
    in: ALL,
    value: errorStatus,
    default: "503",
    syntax: "code",
    doc: "The status that refused requests are answered with.",
  },
  limit_conn_log_level: {
    in: ALL,
    value: logLevel,
    default: "error",
    doc: "The level at which refusals are logged.",
  },
  limit_conn_dry_run: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether connections are counted and logged, but not refused.",
  },
})

type LimitConnConf = Conf<typeof rows>

export const limitConn: Module<LimitConnSettings, LimitConnZones> = defineModule({
  name: "limit_conn",
  directives: rows,
  main: (conf, context) => new LimitConnZones(conf, context),
  location: settingsOf,
  phases: { preaccess: limitConnections },
  log: (request) => request.note<LimitConnState>(STATE)?.release(),
  logTunnel: leaveToTunnel,
  variables: {
    names: { limit_conn_status: (request) => request.note<LimitConnState>(STATE)?.status },
  },
})

function parseLimit(args: readonly string[], context: ValueContext): WrittenLimit {
  const [zone, text] = args as [string, string]
  knowZone(zone, USE, 0, context)
  const former = context.scope.own.get("limit_conn")?.value as readonly WrittenLimit[] | undefined
  if (former?.some((other) => other.zone === zone)) context.failDirective("is duplicate")
  const connections = parseNumber(text)
  if (!connections) return context.fail(`invalid number of connections "${text}"`)
  if (connections > 65_535) context.fail("connection limit must be less 65536")
  return { zone, connections }
}

function settingsOf(conf: LimitConnConf, context: LocationContext): LimitConnSettings | undefined {
  const { zones, shared } = context.main(limitConn)
  if (zones.size === 0) return undefined
  let settings = shared.get(conf)
  if (settings === undefined) {
    settings = {
      limits: conf.limit_conn.map(({ zone, connections }): Limit => {
        const { key, counts } = zones.get(zone) as Zone
        return { zone, key, counts, connections }
      }),
      status: conf.limit_conn_status,
      level: levelOf(conf.limit_conn_log_level),
      isDryRun: conf.limit_conn_dry_run,
      mainLog: context.mainLog,
    }
    shared.set(conf, settings)
  }
  return settings
}

function limitConnections(request: Request, settings: LimitConnSettings): PhaseResult {
  const { limits } = settings
  if (limits.length === 0 || request.note<LimitConnState>(STATE) !== undefined) return NEXT
  // A subrequest is work for a connection that is there anyway.
  if (request.parent !== null) return NEXT
  let state: LimitConnState | null = null
  for (let i = 0; i < limits.length; i++) {
    const limit = limits[i] as Limit
    const key = keyOf(request, limit)
    if (key === "") continue
    if (state === null) {
      state = new LimitConnState()
      request.setNote(STATE, state)
    }
    const entry = limit.counts.acquire(key, limit.connections)
    if (entry === BUSY || entry === NO_ROOM) return refuse(request, settings, limit, entry, state)
    state.held = new Held(limit.counts, entry, state.held)
  }
  return NEXT
}

/** "" where the request is not limited. */
function keyOf(request: Request, limit: Limit): string {
  const key = limit.key.evaluate(request)
  if (key.length <= MAX_KEY_BYTES) return key
  request.log(ERROR, `the value of the "${limit.key.source}" key is more than 255 bytes: "${key}"`)
  return ""
}

function refuse(
  request: Request,
  settings: LimitConnSettings,
  limit: Limit,
  reason: number,
  state: LimitConnState,
): PhaseResult {
  const { isDryRun } = settings
  if (reason === NO_ROOM)
    settings.mainLog.log(CRIT, `ngx_slab_alloc() failed: no memory in limit_conn_zone "${limit.zone}"`)
  else
    request.log(settings.level, `limiting connections${isDryRun ? ", dry run," : ""} by zone "${limit.zone}"`)
  state.release()
  state.status = isDryRun ? "REJECTED_DRY_RUN" : "REJECTED"
  return isDryRun ? NEXT : settings.status
}

function releaseAll(first: Held | null): void {
  for (let held = first; held !== null; held = held.next) held.counts.release(held.entry)
}

/** The request becomes a tunnel: what it counts as, the tunnel counts as until it ends. */
function leaveToTunnel(request: Request): TunnelLogger | undefined {
  const state = request.note<LimitConnState>(STATE)
  const held = state?.held ?? null
  if (state === undefined || held === null) return undefined
  state.held = null
  return releaser(held)
}

/** By itself, so that it holds nothing but this. */
function releaser(held: Held): TunnelLogger {
  return () => releaseAll(held)
}

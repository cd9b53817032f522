/** limit_req: how often requests may come, by a key; those that come too soon wait or are refused. ngx_http_limit_req_module. */
import { ALERT, ERROR, INFO, type Logger } from "../../base/logger.ts"
import type { TimerWheel } from "../../base/timers.ts"
import { type Conf, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../../config/row.ts"
import { flag, parseNumber } from "../../config/values.ts"
import { type BuildContext, defineModule, type LocationContext, type Module } from "../../runtime/module.ts"
import { NEXT, type PhaseResult, resumePhases, WAIT } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { Template } from "../../runtime/template.ts"
import { DelayedRequest } from "../delayed-request.ts"
import { bindKey, errorStatus, knowZone, levelOf, logLevel, parseZone, zoneMemory } from "../limit-zone.ts"
import { NO_ROOM, PASSED, RequestRates, requestRatesBytes } from "./request-rates.ts"

const ALL = HTTP | SERVER | LOCATION
const USE = "limit_req_zone"
const MAX_KEY_BYTES = 65_535
/** More than any excess: no request waits. */
const NO_DELAY = Number.MAX_SAFE_INTEGER

/** The values of $limit_req_status. */
type LimitReqStatus = "PASSED" | "DELAYED" | "REJECTED" | "DELAYED_DRY_RUN" | "REJECTED_DRY_RUN"

const STATUS = Symbol("limit_req status")

interface WrittenLimit {
  readonly zone: string
  /** Requests, times a thousand. */
  readonly burst: number
  readonly delay: number
}

interface Limit {
  readonly zone: string
  readonly key: Template
  readonly rates: RequestRates
  readonly burst: number
  readonly delay: number
  /** Of the request at hand, until all limits have been asked: "" where it is not limited. */
  pendingKey: string
}

interface LimitReqSettings {
  readonly limits: readonly Limit[]
  readonly status: number
  readonly limitLevel: number
  readonly delayLevel: number
  readonly isDryRun: boolean
  readonly timers: TimerWheel
  readonly mainLog: Logger
}

interface Zone {
  readonly key: Template
  readonly rates: RequestRates
}

/** The zones of a generation, and what levels that say the same share. */
export class LimitReqZones {
  readonly zones = new Map<string, Zone>()
  readonly shared = new WeakMap<LimitReqConf, LimitReqSettings>()
  readonly #memoryKeys = new Set<string>()

  constructor(conf: LimitReqConf, { services }: BuildContext) {
    for (const zone of conf.limit_req_zone) {
      const bytes = requestRatesBytes(zone.sizeBytes)
      const name = zoneMemory(USE, zone.name)
      const rates = new RequestRates(services.sharedMemory(name, bytes), zone)
      bindKey(rates.table, "limit_req", zone)
      this.zones.set(zone.name, { key: zone.key, rates })
      this.#memoryKeys.add(`${name} ${bytes}`)
    }
  }

  /** Whether this generation uses the memory of that key in the map behind `sharedMemory`. */
  namesMemory(key: string): boolean {
    return this.#memoryKeys.has(key)
  }
}

const rows = directives({
  limit_req_zone: {
    in: HTTP,
    args: 3,
    list: (args, context) => parseZone(USE, args, context, (text) => parseRate(text, context)),
    syntax: "key zone=name:size rate=rate",
    doc: "A zone of shared memory that knows how often requests of each key came, and the rate that they may have.",
  },
  limit_req: {
    in: ALL,
    args: [1, 3],
    list: parseLimit,
    syntax: "zone=name [burst=number] [nodelay | delay=number]",
    doc: "Limits requests by a zone; those of a burst wait, beyond delay= or with nodelay they do not.",
  },
  limit_req_status: {
    in: ALL,
    value: errorStatus,
    default: "503",
    syntax: "code",
    doc: "The status that refused requests are answered with.",
  },
  limit_req_log_level: {
    in: ALL,
    value: logLevel,
    default: "error",
    doc: "The level at which refusals are logged; delays are logged one level below.",
  },
  limit_req_dry_run: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether requests are counted and logged, but neither refused nor delayed.",
  },
})

type LimitReqConf = Conf<typeof rows>

export const limitReq: Module<LimitReqSettings, LimitReqZones> = defineModule({
  name: "limit_req",
  directives: rows,
  main: (conf, context) => new LimitReqZones(conf, context),
  location: settingsOf,
  phases: { preaccess: limitRequests },
  variables: { names: { limit_req_status: (request) => request.note<LimitReqStatus>(STATUS) } },
})

/** `rate=10r/s`, `rate=30r/m`: requests in a second, times a thousand. Undefined for another parameter. */
function parseRate(text: string, context: ValueContext): number | undefined {
  if (!text.startsWith("rate=")) return undefined
  const isPerMinute = text.endsWith("r/m")
  const hasUnit = isPerMinute || text.endsWith("r/s")
  const rate = parseNumber(text.slice("rate=".length, hasUnit ? -"r/s".length : undefined))
  if (!rate) return context.fail(`invalid rate "${text}"`)
  return Math.floor((rate * 1000) / (isPerMinute ? 60 : 1))
}

function parseLimit(args: readonly string[], context: ValueContext): WrittenLimit {
  let zone: string | undefined
  let burst = 0
  let delay = 0
  for (const text of args) {
    if (text.startsWith("zone=")) {
      zone = text.slice("zone=".length)
      knowZone(zone, USE, 0, context)
    } else if (text.startsWith("burst=")) burst = parseCount(text, "burst", context)
    else if (text.startsWith("delay=")) delay = parseCount(text, "delay", context)
    else if (text === "nodelay") delay = NO_DELAY
    else context.fail(`invalid parameter "${text}"`)
  }
  if (zone === undefined) return context.fail('"limit_req" must have "zone" parameter')
  const former = context.scope.own.get("limit_req")?.value as readonly WrittenLimit[] | undefined
  if (former?.some((other) => other.zone === zone)) context.failDirective("is duplicate")
  return { zone, burst: burst * 1000, delay: delay === NO_DELAY ? delay : delay * 1000 }
}

function parseCount(text: string, name: string, context: ValueContext): number {
  const count = parseNumber(text.slice(name.length + 1))
  return count || context.fail(`invalid ${name} value "${text}"`)
}

function settingsOf(conf: LimitReqConf, context: LocationContext): LimitReqSettings | undefined {
  if (conf.limit_req.length === 0) return undefined
  const { zones, shared } = context.main(limitReq)
  let settings = shared.get(conf)
  if (settings === undefined) {
    const level = levelOf(conf.limit_req_log_level)
    settings = {
      limits: conf.limit_req.map(({ zone, burst, delay }): Limit => {
        const { key, rates } = zones.get(zone) as Zone
        return { zone, key, rates, burst, delay, pendingKey: "" }
      }),
      status: conf.limit_req_status,
      limitLevel: level,
      delayLevel: level === INFO ? INFO : level + 1,
      isDryRun: conf.limit_req_dry_run,
      timers: context.services.timers,
      mainLog: context.mainLog,
    }
    shared.set(conf, settings)
  }
  return settings
}

function limitRequests(request: Request, settings: LimitReqSettings): PhaseResult {
  if (request.note<LimitReqStatus>(STATUS) !== undefined) return NEXT
  const { limits } = settings
  const last = limits.length - 1
  let isLimited = false
  for (let i = 0; i <= last; i++) {
    const limit = limits[i] as Limit
    const key = keyOf(request, limit)
    limit.pendingKey = ""
    if (key === "") continue
    isLimited = true
    const result = limit.rates.check(key, limit.burst, i === last)
    if (result !== PASSED) return refuse(request, settings, limit, result)
    // The last one is counted by now.
    if (i < last) limit.pendingKey = key
    else return admit(request, settings, limit, limit.rates.excess)
  }
  return isLimited ? admit(request, settings, limits[last] as Limit, 0) : NEXT
}

/** "" where the request is not limited. */
function keyOf(request: Request, limit: Limit): string {
  const key = limit.key.evaluate(request)
  if (key.length <= MAX_KEY_BYTES) return key
  request.log(ERROR, `the value of the "${limit.key.source}" key is more than 65535 bytes: "${key}"`)
  return ""
}

function refuse(request: Request, settings: LimitReqSettings, limit: Limit, result: number): PhaseResult {
  const { isDryRun } = settings
  if (result === NO_ROOM)
    settings.mainLog.log(ALERT, `could not allocate node in limit_req zone "${limit.zone}"`)
  else {
    const excess = thousandths(limit.rates.excess)
    request.log(
      settings.limitLevel,
      `limiting requests${isDryRun ? ", dry run" : ""}, excess: ${excess} by zone "${limit.zone}"`,
    )
  }
  request.setNote(STATUS, isDryRun ? "REJECTED_DRY_RUN" : "REJECTED")
  return isDryRun ? NEXT : settings.status
}

/** All limits let it pass: those that have not counted it do so, and the longest delay is its own. */
function admit(request: Request, settings: LimitReqSettings, last: Limit, lastExcess: number): PhaseResult {
  const { limits, isDryRun } = settings
  let limit = last
  let excess = lastExcess
  let delayMs = delayOf(last, lastExcess)
  for (let i = limits.length - 1; i >= 0; i--) {
    const other = limits[i] as Limit
    if (other.pendingKey === "") continue
    const own = other.rates.account(other.pendingKey)
    other.pendingKey = ""
    const ownMs = delayOf(other, own)
    if (ownMs <= delayMs) continue
    delayMs = ownMs
    excess = own
    limit = other
  }
  if (delayMs === 0) {
    request.setNote(STATUS, "PASSED")
    return NEXT
  }
  request.log(
    settings.delayLevel,
    `delaying request${isDryRun ? ", dry run" : ""}, excess: ${thousandths(excess)}, by zone "${limit.zone}"`,
  )
  request.setNote(STATUS, isDryRun ? "DELAYED_DRY_RUN" : "DELAYED")
  if (isDryRun) return NEXT
  new DelayedRequest(request, settings.timers, resumePhases).start(delayMs)
  return WAIT
}

function delayOf({ delay, rates }: Limit, excess: number): number {
  return excess <= delay ? 0 : Math.floor(((excess - delay) * 1000) / rates.rate)
}

function thousandths(value: number): string {
  return `${Math.floor(value / 1000)}.${String(value % 1000).padStart(3, "0")}`
}

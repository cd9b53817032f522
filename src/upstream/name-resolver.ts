/** Resolving names at run time: `resolver`. ngx_resolver.c, over c-ares (node:dns). */
import { Resolver as DnsResolver, type RecordWithTtl } from "node:dns"
import { ERROR, type Logger } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { PeerWait } from "./peer-wait.ts"

/** Why a name has no addresses: the codes of DNS (RFC 1035 §4.1.1), and ETIMEDOUT. */
export const FORMAT_ERROR = 1
export const SERVER_FAILURE = 2
export const HOST_NOT_FOUND = 3
export const UNIMPLEMENTED = 4
export const REFUSED = 5
export const TIMED_OUT = 110

/** After this long without an answer the next name server is asked. */
const RESEND_MS = 5000
/** An answer that nobody asks for is forgotten so long after it has become invalid. */
const EXPIRE_MS = 30_000

export interface NameResolverOptions {
  /** Addresses with ports: `127.0.0.1:53`, `[::1]:53`. At least one. */
  readonly servers: readonly string[]
  /** `valid`: how long an answer is good for, in milliseconds; undefined: what the answer says. */
  readonly validMs: number | undefined
  /** Which kinds of addresses are asked for: one of them at least. */
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly timers: TimerWheel
  nowMs(): number
  /** For what belongs to no request. */
  readonly log: Logger
}

export interface NameAnswer {
  /** At least one address in both together, without brackets, in the order of the answer. */
  readonly ipv4: readonly string[]
  readonly ipv6: readonly string[]
  /** The last second, since the epoch, in which it is good. */
  readonly validSecond: number
}

/** Is told, once, what became of a name, but not before `resolve` has returned. */
export interface NameWaiter {
  onAddresses(answer: NameAnswer): void
  /** `code` is one of the above. */
  onUnresolved(code: number): void
}

/** A target of a service's SRV records. */
export interface ServiceRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** The text that nginx has for a code. ngx_resolver_strerror. */
export function resolverError(code: number): string {
  switch (code) {
    case FORMAT_ERROR:
      return "Format error"
    case SERVER_FAILURE:
      return "Server failure"
    case HOST_NOT_FOUND:
      return "Host not found"
    case UNIMPLEMENTED:
      return "Unimplemented"
    case REFUSED:
      return "Operation refused"
    case TIMED_OUT:
      return "Operation timed out"
  }
  return "Unknown error"
}

/**
 * The name servers of one `resolver` directive in one worker, and what they have answered. However many wait for a
 * name, it is asked for once; an answer is kept for as long as it is good, a failure is not.
 */
export class NameResolver {
  private readonly options: NameResolverOptions
  /** By name; the one that was not used for the longest time comes first. */
  private readonly names: Map<string, Lookup>
  private dns: DnsResolver | null

  constructor(options: NameResolverOptions) {
    this.options = options
    this.names = new Map()
    this.dns = null
  }

  /** Names that are being resolved, and those whose addresses are kept. */
  get size(): number {
    return this.names.size
  }

  /** The addresses of `name` where they are known and still good. */
  known(name: string): NameAnswer | null {
    const key = canonical(name)
    const lookup = this.names.get(key)
    if (lookup === undefined || lookup.answer === null) return null
    const nowMs = this.options.nowMs()
    if (lookup.answer.validSecond < Math.floor(nowMs / 1000)) return null
    this.use(key, lookup, nowMs)
    return lookup.answer
  }

  /** Asks for the addresses of `name`; `waiter` hears of it within `timeoutMs`. */
  resolve(name: string, timeoutMs: number, waiter: NameWaiter): PeerWait {
    const key = canonical(name)
    let lookup = this.names.get(key)
    const isNew = lookup === undefined
    lookup ??= new Lookup(key)
    const waiting = new Waiting(lookup, waiter, this.options.timers)
    waiting.timer.start(timeoutMs)
    lookup.waiting.add(waiting)
    this.use(key, lookup, this.options.nowMs())
    if (isNew) this.forgetExpired()
    if (!lookup.isAsked) this.ask(lookup)
    return waiting
  }

  /** The SRV records of `name`, with a code of failure in their place. The callback is not called at once. */
  resolveService(name: string, done: (records: readonly ServiceRecord[] | number) => void): void {
    if (!isAskable(name)) {
      queueMicrotask(() => done(HOST_NOT_FOUND))
      return
    }
    this.servers().resolveSrv(name, (error, records) => {
      if (error === null && records.length > 0) return done(records)
      done(error === null ? HOST_NOT_FOUND : (codeOf(error) ?? TIMED_OUT))
    })
  }

  private use(key: string, lookup: Lookup, nowMs: number): void {
    lookup.usedMs = nowMs
    this.names.delete(key)
    this.names.set(key, lookup)
  }

  /** Two at a time, so that names that clients make up do not stay. ngx_resolver_expire. */
  private forgetExpired(): void {
    const nowMs = this.options.nowMs()
    let left = 2
    for (const [key, lookup] of this.names) {
      if (left-- === 0 || nowMs - lookup.usedMs <= EXPIRE_MS) return
      const isGood = lookup.answer !== null && lookup.answer.validSecond * 1000 > nowMs
      if (!lookup.isAsked && !isGood) this.names.delete(key)
    }
  }

  private servers(): DnsResolver {
    if (this.dns === null) {
      this.dns = new DnsResolver({ timeout: RESEND_MS, tries: 1 })
      this.dns.setServers(this.options.servers)
    }
    return this.dns
  }

  private ask(lookup: Lookup): void {
    lookup.isAsked = true
    if (!isAskable(lookup.name)) {
      queueMicrotask(() => this.fail(lookup, HOST_NOT_FOUND))
      return
    }
    const { ipv4, ipv6 } = this.options
    const query = new Query((ipv4 ? 1 : 0) + (ipv6 ? 1 : 0))
    const note = (error: Error | null, records: RecordWithTtl[] | undefined, into: RecordWithTtl[]): void => {
      if (query.note(error, records, into)) this.answered(lookup, query)
    }
    const dns = this.servers()
    if (ipv4) dns.resolve4(lookup.name, { ttl: true }, (error, records) => note(error, records, query.ipv4))
    if (ipv6) dns.resolve6(lookup.name, { ttl: true }, (error, records) => note(error, records, query.ipv6))
  }

  private answered(lookup: Lookup, query: Query): void {
    if (query.silence !== null) return this.retry(lookup, query.silence)
    const { ipv4, ipv6 } = query
    // A failure for one kind of addresses is one for both; that there are none of one kind is no failure.
    if (query.code !== 0) return this.fail(lookup, query.code)
    if (ipv4.length + ipv6.length === 0) return this.fail(lookup, HOST_NOT_FOUND)
    const ttl = (sum: number, record: RecordWithTtl): number => Math.min(sum, record.ttl)
    const validMs =
      this.options.validMs ?? 1000 * ipv6.reduce(ttl, ipv4.reduce(ttl, Number.POSITIVE_INFINITY))
    const answer = {
      ipv4: ipv4.map(({ address }) => address),
      ipv6: ipv6.map(({ address }) => address),
      validSecond: Math.floor(this.options.nowMs() / 1000) + Math.floor(validMs / 1000),
    }
    lookup.isAsked = false
    lookup.answer = answer
    for (const waiting of lookup.takeAll()) waiting.waiter.onAddresses(answer)
  }

  private fail(lookup: Lookup, code: number): void {
    lookup.isAsked = false
    this.names.delete(lookup.name)
    for (const waiting of lookup.takeAll()) waiting.waiter.onUnresolved(code)
  }

  /** No name server has answered: asked again for as long as somebody waits. */
  private retry(lookup: Lookup, error: NodeJS.ErrnoException): void {
    if (error.code === "ECONNREFUSED")
      for (const server of this.options.servers)
        this.options.log.log(
          ERROR,
          `recv() failed (111: Connection refused) while resolving, resolver: ${server}`,
        )
    if (lookup.waiting.size === 0) {
      lookup.isAsked = false
      this.names.delete(lookup.name)
    } else if (error.code === "ETIMEOUT") this.ask(lookup)
    else {
      const timer = this.options.timers.timer(() => this.ask(lookup))
      timer.start(RESEND_MS)
    }
  }
}

/** One name. */
class Lookup {
  readonly name: string
  answer: NameAnswer | null = null
  isAsked = false
  usedMs = 0
  readonly waiting = new Set<Waiting>()

  constructor(name: string) {
    this.name = name
  }

  /** Those that wait, who do no longer. */
  takeAll(): readonly Waiting[] {
    const all = [...this.waiting]
    for (const waiting of all) waiting.cancel()
    return all
  }
}

class Waiting implements PeerWait {
  readonly waiter: NameWaiter
  readonly timer: Timer
  private readonly lookup: Lookup

  constructor(lookup: Lookup, waiter: NameWaiter, timers: TimerWheel) {
    this.lookup = lookup
    this.waiter = waiter
    this.timer = timers.timer(() => {
      this.cancel()
      waiter.onUnresolved(TIMED_OUT)
    })
  }

  cancel(): void {
    this.timer.stop()
    this.lookup.waiting.delete(this)
  }
}

/** The questions for both kinds of addresses of one name, until both are answered. */
class Query {
  readonly ipv4: RecordWithTtl[] = []
  readonly ipv6: RecordWithTtl[] = []
  code = 0
  /** One of them was not answered. */
  silence: NodeJS.ErrnoException | null = null
  private left: number

  constructor(questions: number) {
    this.left = questions
  }

  /** Returns whether this was the last. */
  note(
    error: NodeJS.ErrnoException | null,
    records: RecordWithTtl[] | undefined,
    into: RecordWithTtl[],
  ): boolean {
    if (error === null) {
      into.push(...(records ?? []))
    } else if (error.code !== "ENODATA") {
      const code = codeOf(error)
      if (code === undefined) this.silence = error
      // Where the two differ, that there is no such host is not certain.
      else if (this.code === 0 || this.code === HOST_NOT_FOUND) this.code = code
    }
    return --this.left === 0
  }
}

/** Undefined where no name server has said anything. */
function codeOf(error: NodeJS.ErrnoException): number | undefined {
  switch (error.code) {
    case "EFORMERR":
      return FORMAT_ERROR
    case "ESERVFAIL":
      return SERVER_FAILURE
    case "ENOTFOUND":
    case "ENODATA":
    case "EBADNAME":
      return HOST_NOT_FOUND
    case "ENOTIMP":
      return UNIMPLEMENTED
    case "EREFUSED":
      return REFUSED
  }
  return undefined
}

function canonical(name: string): string {
  const end = name.endsWith(".") ? name.length - 1 : name.length
  return name.slice(0, end).toLowerCase()
}

const MAX_NAME_BYTES = 253

/** Whether a name server can be asked for `name`: nobody has a name with other bytes. */
function isAskable(name: string): boolean {
  if (name === "" || name.length > MAX_NAME_BYTES) return false
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i)
    if (c <= 0x20 || c >= 0x7f) return false
  }
  return true
}

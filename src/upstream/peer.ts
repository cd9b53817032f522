import { createHash } from "node:crypto"
import { PeerTimes } from "./balancers/peer-times.ts"
import { type CheckIdentity, hasFailedCheck, passesChecks } from "./health.ts"
import type { PeerLock, PeerRow } from "./zone.ts"
import {
  ACCESSED,
  CHECKED,
  CONNECTIONS,
  CURRENT_WEIGHT,
  CURRENT_WEIGHT_OF,
  EFFECTIVE_WEIGHT,
  EFFECTIVE_WEIGHT_OF,
  FAILS,
  NO_SLOT,
  STARTED,
} from "./zone.ts"

/** Where a peer listens. */
export interface PeerAddress {
  /** As `$upstream_addr` writes it: `10.0.0.1:3000`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly name: string
  /** An IPv4 or IPv6 address without brackets; "" for a Unix-domain socket. */
  readonly host: string
  readonly port: number
  /** The path of a Unix-domain socket as a latin1 string; "" for TCP. */
  readonly path: string
}

/** One `server` line of an `upstream` block, for one of the addresses that it names. */
export interface PeerOptions {
  address: PeerAddress
  /** The address as written in the file. */
  server: string
  weight: number
  /** Most connections at a time; 0 for no limit. */
  maxConns: number
  /** Failures within `failTimeoutMs` that make the peer unavailable; 0 to never judge it. */
  maxFails: number
  failTimeoutMs: number
  /** Over how long the weight grows from nothing once the peer is available again; left out or 0: at once. */
  slowStartMs?: number
  backup: boolean
  down: boolean
  /** `drain`: only requests whose session is bound to the peer go there. */
  draining?: boolean
  /** `resolve`: the address was found at run time, and may go again. */
  isResolved?: boolean
  /** `route`: the peer's id for `sticky`. Left out, it is the MD5 of its address. */
  route?: string
}

/**
 * How an attempt at a peer ended. `failed` counts against `max_fails`; `ok` may bring a failed peer back to life;
 * `next` does so, too, though its answer was passed over (403 and 404 in `proxy_next_upstream`); `idle` says nothing
 * about the peer (the client left before it could answer).
 */
export type PeerOutcome = "ok" | "next" | "failed" | "idle"

/** What a peer knows of its group. */
export interface PeerPlace {
  /** The group's name. */
  readonly group: string
  /** The peer's place in its group: primaries first, then backups. */
  readonly index: number
  /** It is the only one: its failures are not counted. */
  readonly isSingle: boolean
  /** Equal for groups with the same members and weights, not 0: what a current weight is good for. */
  readonly membership: number
  /** `drain`: over how many milliseconds its tunnels end once the group is without it; null: they live on. */
  readonly drainMs: number | null
  /** The group binds sessions to its peers (`sticky`): they need ids. */
  readonly hasIds?: boolean
  /** The group's health checks: a list that grows while the generation is built. */
  readonly checks?: readonly CheckIdentity[]
}

const NO_CHECKS: readonly CheckIdentity[] = []

/** In parts of this the weights of a group with `slow_start` count, so that they can grow in small steps. */
export const WEIGHT_PARTS = 1000

/** The address of a peer on TCP. `host` is an IPv4 or IPv6 address without brackets. */
export function tcpAddress(host: string, port: number): PeerAddress {
  return { name: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, host, port, path: "" }
}

/** The address of a peer on a Unix-domain socket. `path` is a latin1 string. */
export function unixAddress(path: string): PeerAddress {
  return { name: `unix:${path}`, host: "", port: 0, path }
}

/**
 * One server of an upstream group: what the file says of it, and its state, which lives in a row of memory that
 * the peers of the same name in other generations, and with `zone` in other workers, share. The state is read and
 * written with the group's lock held; a bare read of a number for a status page needs no lock.
 * ngx_http_upstream_rr_peer_t.
 *
 * A tunnel holds its peer for days. So nothing else of the group or of its generation is reached from here.
 */
export class Peer {
  /** The group's name, a line feed, the address's name: equal for the same server in any generation. */
  readonly key: string
  readonly address: PeerAddress
  readonly server: string
  readonly weight: number
  readonly maxConns: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  /** `slow_start`; 0 for none, also where the peer is the only one. */
  readonly slowStartMs: number
  readonly backup: boolean
  readonly down: boolean
  readonly draining: boolean
  /** The id that `sticky` knows the peer by: its `route`, or the MD5 of its address in hex; "" without `sticky`. */
  readonly sid: string
  /** What `least_time` knows of the peer. */
  readonly times: PeerTimes
  /** The peer's place in its group: primaries first, then backups. Its bit in a `PeerSet`. */
  readonly index: number
  /** `drain`: over how many milliseconds its tunnels end once the group is without it; null: they live on. */
  readonly drainMs: number | null
  /** The health checks of its group. */
  readonly checks: readonly CheckIdentity[]
  /** Its state: for those who check its health. */
  readonly row: PeerRow
  private readonly isSingle: boolean
  private readonly membership: number
  private readonly lock: PeerLock
  private readonly ints: Int32Array
  private readonly floats: Float64Array
  private readonly slot: number

  constructor(options: PeerOptions, place: PeerPlace, row: PeerRow, lock: PeerLock) {
    this.key = `${place.group}\n${options.address.name}`
    this.address = options.address
    this.server = options.server
    this.weight = options.weight
    this.maxConns = options.maxConns
    this.maxFails = options.maxFails
    this.failTimeoutMs = options.failTimeoutMs
    this.slowStartMs = place.isSingle ? 0 : (options.slowStartMs ?? 0)
    this.backup = options.backup
    this.down = options.down
    this.draining = options.draining === true
    this.sid = place.hasIds === true ? (options.route ?? md5(options.address.name)) : ""
    this.times = new PeerTimes(row)
    this.index = place.index
    this.drainMs = place.drainMs
    this.checks = place.checks ?? NO_CHECKS
    this.row = row
    this.isSingle = place.isSingle
    this.membership = place.membership
    this.lock = lock
    this.ints = row.ints
    this.floats = row.floats
    this.slot = row.slot
  }

  /**
   * What the smooth round-robin has added up for the peer; the highest is chosen. It begins at 0 when the group's
   * members or weights have changed.
   */
  get currentWeight(): number {
    return this.ints[CURRENT_WEIGHT_OF] === this.membership ? this.ints[CURRENT_WEIGHT] : 0
  }
  set currentWeight(value: number) {
    this.ints[CURRENT_WEIGHT] = value
    this.ints[CURRENT_WEIGHT_OF] = this.membership
  }

  /**
   * The weight that counts: falls when the peer fails, and climbs back by one each time it is considered. It
   * begins at `weight`, also when that has changed.
   */
  get effectiveWeight(): number {
    return this.ints[EFFECTIVE_WEIGHT_OF] === this.weight ? this.ints[EFFECTIVE_WEIGHT] : this.weight
  }
  set effectiveWeight(value: number) {
    this.ints[EFFECTIVE_WEIGHT] = value
    this.ints[EFFECTIVE_WEIGHT_OF] = this.weight
  }

  /** Failures since the peer was last known to be alive. */
  get fails(): number {
    return this.ints[FAILS]
  }

  /** Requests and tunnels that have the peer now. */
  get connections(): number {
    return this.ints[CONNECTIONS]
  }

  /** When the peer last failed, in milliseconds; 0 for never. */
  get accessed(): number {
    return this.floats[ACCESSED]
  }

  /** When the window of `failTimeoutMs` that counts now began, in milliseconds; 0 for never. */
  get checked(): number {
    return this.floats[CHECKED]
  }

  /** Whether no health check forbids to send requests to the peer. */
  get isHealthy(): boolean {
    return this.checks.length === 0 || passesChecks(this.ints, this.checks)
  }

  /** Whether a health check has found that the peer is not healthy: more than that none has been completed yet. */
  get isUnhealthy(): boolean {
    return hasFailedCheck(this.ints, this.checks)
  }

  /** `slow_start`: how much of its weight the peer has at `nowMs`, in parts of `WEIGHT_PARTS`. */
  weightParts(nowMs: number): number {
    if (this.slowStartMs === 0) return WEIGHT_PARTS
    const elapsedMs = nowMs - this.floats[STARTED]
    if (elapsedMs >= this.slowStartMs) return WEIGHT_PARTS
    return elapsedMs <= 0 ? 0 : Math.trunc((elapsedMs * WEIGHT_PARTS) / this.slowStartMs)
  }

  /** Begins `slow_start`: the peer has just become available. */
  startSlowly(nowMs: number): void {
    if (this.slowStartMs !== 0) this.floats[STARTED] = nowMs
  }

  /** Whether the peer may be given a request at `nowMs`: not down, not failed lately, not full. */
  isAvailable(nowMs: number): boolean {
    return !this.draining && this.isAvailableWhenBound(nowMs)
  }

  /** The same for a request whose session is bound to the peer: it may also be draining. */
  isAvailableWhenBound(nowMs: number): boolean {
    if (this.down || !this.isHealthy) return false
    if (this.maxFails !== 0 && this.fails >= this.maxFails && nowMs - this.checked <= this.failTimeoutMs)
      return false
    return this.maxConns === 0 || this.connections < this.maxConns
  }

  /** Begins a new window when the last is over: whoever does is the one that finds out whether the peer is back. */
  check(nowMs: number): void {
    if (nowMs - this.checked > this.failTimeoutMs) this.floats[CHECKED] = nowMs
  }

  /** Counts one connection more, until `release`. The lock must be held. */
  take(): void {
    this.ints[CONNECTIONS]++
    if (this.slot !== NO_SLOT) this.ints[this.slot]++
  }

  /**
   * Gives the peer back, once for each pick: ngx_http_upstream_free_round_robin_peer. A group of one server does
   * not count failures. Returns true when the peer has now failed as often as `max_fails` allows: nginx warns that
   * the "upstream server" is "temporarily disabled".
   */
  release(outcome: PeerOutcome, nowMs: number): boolean {
    let isExhausted = false
    this.lock.lock()
    if (!this.isSingle && outcome !== "idle") {
      if (outcome === "failed") isExhausted = this.countFailure(nowMs)
      else this.revive(nowMs)
    }
    if (this.ints[CONNECTIONS] > 0) this.ints[CONNECTIONS]--
    if (this.slot !== NO_SLOT && this.ints[this.slot] > 0) this.ints[this.slot]--
    this.lock.unlock()
    return isExhausted
  }

  /**
   * Tells that a picked peer has answered, long before it is given back. A tunnel may last for days: without this
   * a peer that came back would be avoided until the first of them ends. As the stream module does on connect
   * (NGX_STREAM_UPSTREAM_NOTIFY_CONNECT); the http module only judges at the end.
   */
  markAlive(): void {
    // Nothing to do for nearly every request; a stale read only leaves the judgement to release().
    if (this.isSingle || this.fails === 0) return
    this.lock.lock()
    this.revive(Date.now())
    this.lock.unlock()
  }

  private countFailure(nowMs: number): boolean {
    const fails = this.fails + 1
    this.ints[FAILS] = fails
    this.floats[ACCESSED] = nowMs
    this.floats[CHECKED] = nowMs
    if (this.maxFails === 0) return false
    const effective = this.effectiveWeight - Math.trunc(this.weight / this.maxFails)
    this.effectiveWeight = effective < 0 ? 0 : effective
    return fails >= this.maxFails
  }

  /** Forgets the failures of a peer that answered in a window which began after the last of them. */
  private revive(nowMs: number): void {
    if (this.accessed >= this.checked) return
    const wasUnavailable = this.maxFails !== 0 && this.fails >= this.maxFails
    this.ints[FAILS] = 0
    if (wasUnavailable) this.startSlowly(nowMs)
  }
}

function md5(text: string): string {
  return createHash("md5").update(text, "latin1").digest("hex")
}

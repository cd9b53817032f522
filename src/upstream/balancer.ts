import type { Peer } from "./peer.ts"

/** What a balancer may look at to choose. */
export interface BalancerInput {
  /** The client's address: `192.0.2.1`, `2001:db8::1`, `unix:`. */
  clientAddress: string
  /** The key of `hash` for this request; "" in other groups. */
  hashKey: string
  /** `sticky`: the id of the server that the request's session is bound to; "" where it is bound to none. */
  boundTo: string
  /** Now, in milliseconds, by a clock that all the workers share (`Date.now()`). */
  nowMs: number
}

/**
 * One way to choose a peer. An instance belongs to one group and one thread. `pick` is called with the lock of
 * the group's zone held, does not count the connection, and marks its choice in `tried`.
 */
export interface Balancer {
  /** The peer for the next attempt of a request, or undefined: "no live upstreams". */
  pick(input: BalancerInput, tried: PeerSet): Peer | undefined
}

/** A hash that no request has: the balancer has not begun. */
export const NOT_HASHED = -1

/** Draws, or rounds of a hash, that led to no peer: after so many the choice is round-robin's. */
export const MAX_MISSES = 20

/**
 * What one request has tried: a set of peers of one group, and where in its choice the balancer stands, so that
 * a second pick goes on where the first ended. One for each request; `clear()` makes it fit for the next.
 */
export class PeerSet {
  /** The primaries are exhausted: this request stays with the backups. */
  onBackups: boolean
  /** The hash that the last pick came from; `NOT_HASHED` before the first. */
  hash: number
  /** `hash`: rounds so far, those that led to a peer included. */
  rounds: number
  /** Rounds that led to a peer which could not be taken. */
  misses: number
  /** `least_time … inflight`: the present attempt counts among those in flight. */
  isInFlight: boolean
  private low: number
  private high: Uint32Array | null

  constructor() {
    this.onBackups = false
    this.hash = NOT_HASHED
    this.rounds = 0
    this.misses = 0
    this.isInFlight = false
    this.low = 0
    this.high = null
  }

  has(peer: Peer): boolean {
    const index = peer.index
    if (index < 32) return (this.low & (1 << index)) !== 0
    const word = (index >>> 5) - 1
    return this.high !== null && word < this.high.length && (this.high[word] & (1 << (index & 31))) !== 0
  }

  add(peer: Peer): void {
    const index = peer.index
    if (index < 32) {
      this.low |= 1 << index
      return
    }
    const word = (index >>> 5) - 1
    if (this.high === null || word >= this.high.length) {
      const wider = new Uint32Array(word + 1)
      if (this.high !== null) wider.set(this.high)
      this.high = wider
    }
    this.high[word] |= 1 << (index & 31)
  }

  clear(): void {
    this.onBackups = false
    this.hash = NOT_HASHED
    this.rounds = 0
    this.misses = 0
    this.isInFlight = false
    this.low = 0
    if (this.high !== null) this.high.fill(0)
  }
}

import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import type { Peer, PeerOutcome } from "../peer.ts"
import { choose, type PeerList, slowWeight } from "./peer-list.ts"
import { RoundRobin } from "./round-robin.ts"

export interface LeastTimeOptions {
  /** What counts: the time until the answer's head, or until its last byte. */
  mode: "header" | "last_byte"
  /** Requests that are not answered yet count, too. */
  inflight: boolean
}

/** Slower peers are all equally bad. */
const MAX_TIME_MS = 5000
/** Times of one such span count as equal. */
const TIME_SPAN_MS = 20

/**
 * least_time: ngx_http_upstream_least_time_module. The peer with the least estimated time for one request more: its
 * average time multiplied with its connections, for its weight. Among equal ones the smooth round-robin chooses. A
 * peer that was not asked for `fail_timeout` gets half of its time forgiven, again and again, so that it is tried.
 */
export class LeastTime implements Balancer {
  private readonly primaries: PeerList
  private readonly backups: PeerList
  private readonly fallback: RoundRobin | null
  private readonly options: LeastTimeOptions

  constructor(primaries: PeerList, backups: PeerList, options: LeastTimeOptions) {
    const isSingle = primaries.peers.length === 1 && backups.peers.length === 0
    this.primaries = primaries
    this.backups = backups
    this.fallback = isSingle ? new RoundRobin(primaries, backups) : null
    this.options = options
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    if (this.fallback !== null) return this.fallback.pick(input, tried)
    if (!tried.onBackups) {
      const peer = this.pickFrom(this.primaries, input, tried)
      if (peer !== undefined || this.backups.peers.length === 0) return peer
      tried.onBackups = true
    }
    return this.pickFrom(this.backups, input, tried)
  }

  /** The head of the picked peer's answer has come, `headerMs` after the attempt began. The lock must be held. */
  noteHead(peer: Peer, tried: PeerSet, headerMs: number, nowMs: number): void {
    const { mode, inflight } = this.options
    if (!inflight || mode !== "header") return
    peer.times.noteHeader(headerMs)
    this.endInFlight(peer, tried, headerMs, nowMs)
  }

  /**
   * The attempt at the picked peer is over, `responseMs` after it began. Only answers count, or a peer that fails
   * at once would be the fastest of all. `headerMs` is -1 where no head came. The lock must be held.
   */
  noteEnd(
    peer: Peer,
    tried: PeerSet,
    outcome: PeerOutcome,
    headerMs: number,
    responseMs: number,
    nowMs: number,
  ): void {
    const { mode, inflight } = this.options
    this.endInFlight(peer, tried, responseMs, nowMs)
    if (outcome === "failed" || outcome === "next" || headerMs === -1) return
    peer.times.noteResponse(responseMs)
    if (!inflight || mode !== "header") peer.times.noteHeader(headerMs)
  }

  private pickFrom(list: PeerList, input: BalancerInput, tried: PeerSet): Peer | undefined {
    const peer = list.bound(input, tried) ?? this.pickFastest(list, input, tried)
    if (peer === undefined) return undefined
    if (this.options.inflight) {
      peer.times.begin(input.nowMs)
      tried.isInFlight = true
    }
    return choose(peer, input, tried)
  }

  private pickFastest(list: PeerList, input: BalancerInput, tried: PeerSet): Peer | undefined {
    const { peers } = list
    let best: Peer | undefined
    let bestWeight = 0
    let bestTime = 0
    let first = 0
    let areMany = false
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[i]
      if (tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
      peer.times.noteInFlight(input.nowMs)
      const time = this.estimate(peer, input.nowMs)
      const weight = list.weightOf(peer, input.nowMs)
      const order = best === undefined ? -1 : time * bestWeight - bestTime * weight
      if (order < 0) {
        best = peer
        bestWeight = weight
        bestTime = time
        first = i
        areMany = false
      } else if (order === 0) areMany = true
    }
    if (best === undefined || !areMany) return best
    return this.nextInTurn(list, first, best, bestTime, input, tried)
  }

  /** The smooth round-robin among the peers that are as good as `least`, the first of them, at `first`. */
  private nextInTurn(
    list: PeerList,
    first: number,
    least: Peer,
    leastTime: number,
    input: BalancerInput,
    tried: PeerSet,
  ): Peer {
    const { peers, isSlow } = list
    const leastWeight = list.weightOf(least, input.nowMs)
    let best = least
    let total = 0
    for (let i = first; i < peers.length; i++) {
      const peer = peers[i]
      if (tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
      if (this.estimate(peer, input.nowMs) * leastWeight !== leastTime * list.weightOf(peer, input.nowMs))
        continue
      const effective = peer.effectiveWeight
      const gain = isSlow ? slowWeight(peer, effective, input.nowMs) : effective
      peer.currentWeight += gain
      total += gain
      if (effective < peer.weight) peer.effectiveWeight = effective + 1
      if (peer.currentWeight > best.currentWeight) best = peer
    }
    best.currentWeight -= total
    return best
  }

  /** How long the peer would need for what it has to do and one request more. ngx_http_upstream_least_time_eta. */
  private estimate(peer: Peer, nowMs: number): number {
    const { times } = peer
    let time = this.options.mode === "header" ? times.headerMs : times.responseMs
    const idle = Math.trunc(nowMs / 1000) - Math.trunc(peer.checked / 1000)
    const failTimeout = Math.trunc(peer.failTimeoutMs / 1000)
    if (idle > failTimeout) {
      const halvings = Math.trunc(idle / (failTimeout + 1))
      time = halvings < 32 ? time >>> halvings : 0
    }
    if (times.inFlight > 0 && times.inFlightMs > time) time = times.inFlightMs
    if (time > MAX_TIME_MS) time = MAX_TIME_MS
    else time += TIME_SPAN_MS - (time % TIME_SPAN_MS)
    return time * (1 + peer.connections)
  }

  private endInFlight(peer: Peer, tried: PeerSet, lastedMs: number, nowMs: number): void {
    if (!tried.isInFlight) return
    tried.isInFlight = false
    peer.times.end(lastedMs, nowMs)
  }
}

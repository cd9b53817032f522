import type { BalancerInput, PeerSet } from "../balancer.ts"
import { type Peer, WEIGHT_PARTS } from "../peer.ts"

/** The primaries of a group, or its backups, as the ways to choose see them. ngx_http_upstream_rr_peers_t. */
export class PeerList {
  /** In the order of the file. */
  readonly peers: readonly Peer[]
  /** The sum of the weights, of peers that are down included. */
  readonly totalWeight: number
  /** Some peer has `slow_start`: all weights count in parts, `WEIGHT_PARTS` for each 1. */
  readonly isSlow: boolean
  private readonly bySid: ReadonlyMap<string, Peer>

  constructor(peers: readonly Peer[]) {
    const bySid = new Map<string, Peer>()
    // Of several peers with one id the first is meant.
    for (const peer of peers) if (peer.sid !== "" && !bySid.has(peer.sid)) bySid.set(peer.sid, peer)
    this.peers = peers
    this.totalWeight = peers.reduce((sum, peer) => sum + peer.weight, 0)
    this.isSlow = peers.some((peer) => peer.slowStartMs > 0)
    this.bySid = bySid
  }

  /** What the peer's weight is at `nowMs`; at least 1 part, so that there is an order where all begin slowly. */
  weightOf(peer: Peer, nowMs: number): number {
    return this.isSlow ? slowWeight(peer, peer.weight, nowMs) : peer.weight
  }

  /** The peer in whose part of the weights `point`, from 0 to below the total, lies. */
  at(point: number): Peer {
    let i = 0
    while (point >= this.peers[i].weight) point -= this.peers[i++].weight
    return this.peers[i]
  }

  /**
   * The peer that the request's session is bound to, where it is in this list and may be taken, also while it is
   * draining. ngx_http_upstream_get_rr_peer_by_sid.
   */
  bound(input: BalancerInput, tried: PeerSet): Peer | undefined {
    if (input.boundTo === "") return undefined
    const peer = this.bySid.get(input.boundTo)
    if (peer === undefined || tried.has(peer) || !peer.isAvailableWhenBound(input.nowMs)) return undefined
    return peer
  }
}

/** `weight` of a peer in parts, as much as `slow_start` leaves of it. */
export function slowWeight(peer: Peer, weight: number, nowMs: number): number {
  return Math.max(1, weight * (peer.slowStartMs === 0 ? WEIGHT_PARTS : peer.weightParts(nowMs)))
}

/** Marks `peer` as the choice of an attempt. */
export function choose(peer: Peer, input: BalancerInput, tried: PeerSet): Peer {
  peer.check(input.nowMs)
  tried.add(peer)
  return peer
}

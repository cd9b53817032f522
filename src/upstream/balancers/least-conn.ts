import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import type { Peer } from "../peer.ts"
import { choose, type PeerList, slowWeight } from "./peer-list.ts"
import { RoundRobin } from "./round-robin.ts"

/**
 * least_conn: ngx_http_upstream_least_conn_module. The peer with the fewest connections for its weight; among equal
 * ones the smooth round-robin chooses. A tunnel counts as a connection for as long as it lasts.
 */
export class LeastConn implements Balancer {
  private readonly primaries: PeerList
  private readonly backups: PeerList
  private readonly fallback: RoundRobin | null

  constructor(primaries: PeerList, backups: PeerList) {
    const isSingle = primaries.peers.length === 1 && backups.peers.length === 0
    this.primaries = primaries
    this.backups = backups
    this.fallback = isSingle ? new RoundRobin(primaries, backups) : null
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    if (this.fallback !== null) return this.fallback.pick(input, tried)
    if (!tried.onBackups) {
      const peer = pickLeast(this.primaries, input, tried)
      if (peer !== undefined || this.backups.peers.length === 0) return peer
      tried.onBackups = true
    }
    return pickLeast(this.backups, input, tried)
  }
}

function pickLeast(list: PeerList, input: BalancerInput, tried: PeerSet): Peer | undefined {
  const bound = list.bound(input, tried)
  if (bound !== undefined) return choose(bound, input, tried)
  const { peers } = list
  let best: Peer | undefined
  let bestWeight = 0
  let first = 0
  let areMany = false
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i]
    if (tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
    const weight = list.weightOf(peer, input.nowMs)
    const order = best === undefined ? -1 : peer.connections * bestWeight - best.connections * weight
    if (order < 0) {
      best = peer
      bestWeight = weight
      first = i
      areMany = false
    } else if (order === 0) areMany = true
  }
  if (best === undefined) return undefined
  if (areMany) best = nextInTurn(list, first, best, input, tried)
  return choose(best, input, tried)
}

/** The smooth round-robin among the peers that are as good as `least`, the first of them, at `first`. */
function nextInTurn(list: PeerList, first: number, least: Peer, input: BalancerInput, tried: PeerSet): Peer {
  const { peers, isSlow } = list
  const leastWeight = list.weightOf(least, input.nowMs)
  let best = least
  let total = 0
  for (let i = first; i < peers.length; i++) {
    const peer = peers[i]
    if (tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
    if (peer.connections * leastWeight !== least.connections * list.weightOf(peer, input.nowMs)) continue
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

import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import { type Peer, WEIGHT_PARTS } from "../peer.ts"
import { choose, type PeerList, slowWeight } from "./peer-list.ts"

/**
 * Smooth weighted round-robin: ngx_http_upstream_round_robin, the way to choose where the file names none.
 *
 * At each pick every peer that may be taken gains its effective weight; the one with the most is chosen and pays
 * the sum of what was gained. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
 * The backups are asked, in the same way, once no primary may be taken.
 */
export class RoundRobin implements Balancer {
  private readonly primaries: PeerList
  private readonly backups: PeerList
  private readonly single: boolean

  constructor(primaries: PeerList, backups: PeerList) {
    this.primaries = primaries
    this.backups = backups
    this.single = primaries.peers.length === 1 && backups.peers.length === 0
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    if (this.single) return this.pickOnly(input)
    if (!tried.onBackups) {
      const peer = pickFrom(this.primaries, input, tried)
      if (peer !== undefined || this.backups.peers.length === 0) return peer
      tried.onBackups = true
    }
    return pickFrom(this.backups, input, tried)
  }

  /** A peer without an alternative is taken whatever its failures: there is nothing to save it for. */
  private pickOnly(input: BalancerInput): Peer | undefined {
    const peer = this.primaries.peers[0]
    if (peer.down || !peer.isHealthy || (peer.maxConns !== 0 && peer.connections >= peer.maxConns))
      return undefined
    if (peer.draining && (input.boundTo === "" || peer.sid !== input.boundTo)) return undefined
    return peer
  }
}

/** The bound peer is preferred. What it gets beyond its turn it pays back, but for one turn at most. */
function pickFrom(list: PeerList, input: BalancerInput, tried: PeerSet): Peer | undefined {
  const bound = list.bound(input, tried)
  if (bound !== undefined) {
    const limit = bound.weight - list.totalWeight
    if (bound.currentWeight <= (list.isSlow ? limit * WEIGHT_PARTS : limit))
      return choose(bound, input, tried)
  }
  return pickSmooth(list.peers, bound, input, tried, list.isSlow)
}

/**
 * One step of the smooth round-robin among `peers`; `bound`, unless undefined, is taken in place of the best.
 * `isSlow`: some peer has `slow_start` (`PeerList.isSlow`).
 */
export function pickSmooth(
  peers: readonly Peer[],
  bound: Peer | undefined,
  input: BalancerInput,
  tried: PeerSet,
  isSlow: boolean,
): Peer | undefined {
  let best: Peer | undefined
  let most = 0
  let total = 0
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i]
    if (tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
    const effective = peer.effectiveWeight
    const gain = isSlow ? slowWeight(peer, effective, input.nowMs) : effective
    const current = peer.currentWeight + gain
    peer.currentWeight = current
    total += gain
    if (effective < peer.weight) peer.effectiveWeight = effective + 1
    if (best === undefined || current > most) {
      best = peer
      most = current
    }
  }
  if (bound !== undefined) {
    best = bound
    most = bound.currentWeight
  }
  if (best === undefined) return undefined
  best.currentWeight = most - total
  return choose(best, input, tried)
}

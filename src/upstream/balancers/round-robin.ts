import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import type { Peer } from "../peer.ts"

/**
 * Smooth weighted round-robin: ngx_http_upstream_round_robin, the way to choose where the file names none.
 *
 * At each pick every peer that may be taken gains its effective weight; the one with the most is chosen and pays
 * the sum of what was gained. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
 * The backups are asked, in the same way, once no primary may be taken.
 */
export class RoundRobin implements Balancer {
  private readonly primaries: readonly Peer[]
  private readonly backups: readonly Peer[]
  private readonly single: boolean

  constructor(primaries: readonly Peer[], backups: readonly Peer[] = []) {
    this.primaries = primaries
    this.backups = backups
    this.single = primaries.length === 1 && backups.length === 0
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    if (this.single) return this.pickOnly()
    if (!tried.onBackups) {
      const peer = pickSmooth(this.primaries, tried, input.nowMs)
      if (peer !== undefined || this.backups.length === 0) return peer
      tried.onBackups = true
    }
    return pickSmooth(this.backups, tried, input.nowMs)
  }

  /** A peer without an alternative is taken whatever its failures: there is nothing to save it for. */
  private pickOnly(): Peer | undefined {
    const peer = this.primaries[0]
    if (peer.down || (peer.maxConns !== 0 && peer.connections >= peer.maxConns)) return undefined
    return peer
  }
}

function pickSmooth(peers: readonly Peer[], tried: PeerSet, nowMs: number): Peer | undefined {
  let best: Peer | undefined
  let most = 0
  let total = 0
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i]
    if (tried.has(peer) || !peer.isAvailable(nowMs)) continue
    const effective = peer.effectiveWeight
    const current = peer.currentWeight + effective
    peer.currentWeight = current
    total += effective
    if (effective < peer.weight) peer.effectiveWeight = effective + 1
    if (best === undefined || current > most) {
      best = peer
      most = current
    }
  }
  if (best === undefined) return undefined
  tried.add(best)
  best.currentWeight = most - total
  best.check(nowMs)
  return best
}

import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import { MAX_MISSES } from "../balancer.ts"
import type { Peer } from "../peer.ts"
import { choose, type PeerList } from "./peer-list.ts"
import { RoundRobin } from "./round-robin.ts"

/**
 * random, random two: ngx_http_upstream_random_module. A peer is drawn by weight; with `two` a second one is drawn,
 * and the one with fewer connections for its weight is taken. After 20 draws in vain the choice is round-robin's.
 */
export class Random implements Balancer {
  private readonly list: PeerList
  private readonly drawsTwo: boolean
  private readonly fallback: RoundRobin
  private readonly random: () => number

  /** `random`: numbers from 0 to below 1. */
  constructor(primaries: PeerList, backups: PeerList, drawsTwo: boolean, random: () => number = Math.random) {
    this.list = primaries
    this.drawsTwo = drawsTwo
    this.fallback = new RoundRobin(primaries, backups)
    this.random = random
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    const { list } = this
    if (list.peers.length < 2 || tried.misses > MAX_MISSES) return this.fallback.pick(input, tried)
    const bound = list.bound(input, tried)
    if (bound !== undefined) return choose(bound, input, tried)
    let other: Peer | undefined
    do {
      const peer = list.at(Math.floor(this.random() * list.totalWeight))
      if (peer === other || tried.has(peer) || !peer.isAvailable(input.nowMs)) continue
      if (!this.drawsTwo) return choose(peer, input, tried)
      if (other !== undefined) return choose(lighter(other, peer), input, tried)
      other = peer
    } while (++tried.misses <= MAX_MISSES)
    return this.fallback.pick(input, tried)
  }
}

/** The one with fewer connections for its weight; of equal ones the second. */
function lighter(first: Peer, second: Peer): Peer {
  return second.connections * first.weight > first.connections * second.weight ? first : second
}

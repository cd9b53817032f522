import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import { MAX_MISSES, NOT_HASHED } from "../balancer.ts"
import type { Peer } from "../peer.ts"
import { CRC_START, finalCrc, updateCrc } from "./crc32.ts"
import { choose, type PeerList } from "./peer-list.ts"
import { RoundRobin } from "./round-robin.ts"

/**
 * hash: ngx_http_upstream_hash_module, compatible with Cache::Memcached. Where the peer that the key's checksum
 * leads to cannot be taken, the checksum of the round's number and the key is added, 20 times at most; then the
 * choice is round-robin's, as it is for an empty key.
 */
export class Hash implements Balancer {
  private readonly list: PeerList
  private readonly fallback: RoundRobin

  constructor(primaries: PeerList, backups: PeerList) {
    this.list = primaries
    this.fallback = new RoundRobin(primaries, backups)
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    const { list } = this
    if (list.peers.length < 2 || tried.misses > MAX_MISSES || input.hashKey === "")
      return this.fallback.pick(input, tried)
    const bound = list.bound(input, tried)
    if (bound !== undefined) return choose(bound, input, tried)
    if (tried.hash === NOT_HASHED) tried.hash = 0
    for (;;) {
      tried.hash += hashOf(input.hashKey, tried.rounds++)
      const peer = list.at(tried.hash % list.totalWeight)
      if (!tried.has(peer) && peer.isAvailable(input.nowMs)) return choose(peer, input, tried)
      if (++tried.misses > MAX_MISSES) return this.fallback.pick(input, tried)
    }
  }
}

function hashOf(key: string, round: number): number {
  const start = round === 0 ? CRC_START : updateCrc(CRC_START, String(round))
  return (finalCrc(updateCrc(start, key)) >>> 16) & 0x7fff
}

import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import { MAX_MISSES, NOT_HASHED } from "../balancer.ts"
import type { Peer } from "../peer.ts"
import { CRC_START, finalCrc, updateCrc, updateCrcWord } from "./crc32.ts"
import { choose, type PeerList } from "./peer-list.ts"
import { pickSmooth, RoundRobin } from "./round-robin.ts"

const POINTS_FOR_EACH_WEIGHT = 160

/** More servers than a group has: a checksum and the number of a server share one double. */
const MAX_SERVERS = 2 ** 20

/**
 * hash … consistent: ngx_http_upstream_hash_module, compatible with Cache::Memcached::Fast (ketama). Each server has
 * 160 points on a ring for each unit of its weight, and a key belongs to the first point behind its checksum. So
 * few keys move when a server comes or goes. A server is what one line of the file names: the peers of a name with
 * several addresses share its points, and its keys go to them in turn.
 */
export class ConsistentHash implements Balancer {
  private readonly list: PeerList
  private readonly isSingle: boolean
  private readonly fallback: RoundRobin
  /** The peers of each server. */
  private readonly servers: readonly (readonly Peer[])[]
  /** The points of the ring in ascending order, and the server of each. */
  private readonly points: Uint32Array
  private readonly owners: Uint32Array

  constructor(primaries: PeerList, backups: PeerList) {
    this.list = primaries
    this.isSingle = primaries.peers.length === 1 && backups.peers.length === 0
    this.fallback = new RoundRobin(primaries, backups)
    const servers = new Map<string, Peer[]>()
    for (const peer of primaries.peers) {
      const known = servers.get(peer.server)
      if (known === undefined) servers.set(peer.server, [peer])
      else known.push(peer)
    }
    this.servers = [...servers.values()]
    const { points, owners } = makeRing(primaries, [...servers.keys()])
    this.points = points
    this.owners = owners
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    const isEmpty = this.owners.length === 0
    if (this.isSingle || isEmpty || tried.misses > MAX_MISSES || input.hashKey === "")
      return this.fallback.pick(input, tried)
    const bound = this.list.bound(input, tried)
    if (bound !== undefined) return choose(bound, input, tried)
    if (tried.hash === NOT_HASHED)
      tried.hash = firstNotBelow(this.points, finalCrc(updateCrc(CRC_START, input.hashKey)))
    for (;;) {
      const owner = this.owners[tried.hash % this.owners.length]
      const peer = pickSmooth(this.servers[owner], undefined, input, tried, false)
      if (peer !== undefined) return peer
      tried.hash++
      if (++tried.misses > MAX_MISSES) return this.fallback.pick(input, tried)
    }
  }
}

/** ngx_http_upstream_update_chash. Where points of two servers coincide, the one that stands first has it. */
function makeRing(list: PeerList, names: readonly string[]): { points: Uint32Array; owners: Uint32Array } {
  const numbers = new Map(names.map((name, number) => [name, number]))
  const ring = new Float64Array(list.totalWeight * POINTS_FOR_EACH_WEIGHT)
  let count = 0
  for (const peer of list.peers) {
    const owner = numbers.get(peer.server) as number
    const base = baseOf(peer.server)
    let point = 0
    for (let i = 0; i < peer.weight * POINTS_FOR_EACH_WEIGHT; i++) {
      point = finalCrc(updateCrcWord(base, point))
      ring[count++] = point * MAX_SERVERS + owner
    }
  }
  ring.sort()
  const points = new Uint32Array(count)
  const owners = new Uint32Array(count)
  let kept = 0
  for (let i = 0; i < count; i++) {
    const point = Math.floor(ring[i] / MAX_SERVERS)
    if (kept > 0 && points[kept - 1] === point) continue
    points[kept] = point
    owners[kept++] = ring[i] % MAX_SERVERS
  }
  return { points: points.slice(0, kept), owners: owners.slice(0, kept) }
}

/** The checksum's register after host, NUL and port as they are written; a port that is left out is empty. */
function baseOf(server: string): number {
  if (/^unix:/i.test(server)) return updateCrc(CRC_START, `${server.slice(5)}\0`)
  const port = /:(\d*)$/.exec(server)
  if (port === null) return updateCrc(CRC_START, `${server}\0`)
  return updateCrc(CRC_START, `${server.slice(0, port.index)}\0${port[1]}`)
}

/** The index of the first of the ascending `points` that is `hash` or more; their number where there is none. */
function firstNotBelow(points: Uint32Array, hash: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (points[middle] < hash) low = middle + 1
    else high = middle
  }
  return low
}

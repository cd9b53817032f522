import type { Balancer, BalancerInput, PeerSet } from "./balancer.ts"
import { IpHash } from "./balancers/ip-hash.ts"
import { RoundRobin } from "./balancers/round-robin.ts"
import type { PeerOptions } from "./peer.ts"
import { Peer } from "./peer.ts"
import type { KeepaliveOptions } from "./pool.ts"
import { ConnectionPool } from "./pool.ts"
import { TlsSessions } from "./tls-sessions.ts"
import type { GroupMemory, PeerLock } from "./zone.ts"

export type { PeerOutcome } from "./peer.ts"

export interface UpstreamOptions {
  /** The group's name: what `proxy_pass` names, and `$upstream_addr` when no peer could be had. */
  name: string
  /** In the order of the file, primaries and backups mixed. At least one is a primary. */
  peers: PeerOptions[]
  method: "round_robin" | "ip_hash"
  /** Undefined where no connection is kept: `keepalive 0`, and groups that a `proxy_pass` URL implies. */
  keepalive: KeepaliveOptions | undefined
  /** Where the state of its peers lives, that of an earlier group of this name included. */
  memory: GroupMemory
  /** `drain`: see `Peer.drainMs`. */
  drainMs: number | null
}

/** A group of servers: an `upstream` block, or what the URL of a `proxy_pass` implies. Belongs to one thread. */
export class Upstream {
  readonly name: string
  /** The primaries, in the order of the file. */
  readonly peers: readonly Peer[]
  readonly backups: readonly Peer[]
  readonly pool: ConnectionPool
  readonly tlsSessions: TlsSessions
  /** Most peers that one request may try: all that are not `down`. ngx_http_upstream_tries. */
  readonly tries: number
  readonly drainMs: number | null
  /** The names of the memory that its peers use. */
  readonly memoryNames: readonly string[]
  private readonly balancer: Balancer
  private readonly lock: PeerLock

  /** Throws an Error where the group has no primary. */
  constructor(options: UpstreamOptions) {
    const { name, memory, drainMs } = options
    const primaries = options.peers.filter((peer) => !peer.backup)
    const backups = options.peers.filter((peer) => peer.backup)
    if (primaries.length === 0) throw new Error(`no servers are inside upstream "${name}"`)
    const ordered = [...primaries, ...backups]
    const group = { group: name, isSingle: ordered.length === 1, membership: membershipOf(ordered), drainMs }
    const ordinals = new Map<string, number>()
    const peers = ordered.map((peer, index) => {
      const ordinal = ordinals.get(peer.address.name) ?? 0
      ordinals.set(peer.address.name, ordinal + 1)
      return new Peer(peer, { ...group, index }, memory.row(peer.address.name, ordinal), memory.lock)
    })
    this.name = name
    this.peers = peers.slice(0, primaries.length)
    this.backups = peers.slice(primaries.length)
    this.tries = peers.reduce((sum, peer) => sum + (peer.down ? 0 : 1), 0)
    this.drainMs = drainMs
    this.memoryNames = memory.names
    this.lock = memory.lock
    this.balancer =
      options.method === "ip_hash"
        ? new IpHash(this.peers, this.backups)
        : new RoundRobin(this.peers, this.backups)
    this.pool = new ConnectionPool(options.keepalive)
    this.tlsSessions = new TlsSessions()
  }

  /**
   * The peer for the next attempt of a request, counted as one connection on it until `Peer.release`; it is in
   * `tried` from then on. Undefined when there is none: nginx's "no live upstreams while connecting to upstream",
   * 502.
   */
  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    this.lock.lock()
    const peer = this.balancer.pick(input, tried)
    if (peer !== undefined) peer.take()
    this.lock.unlock()
    return peer
  }
}

/** A number that is equal for groups of the same servers and weights in any order; not 0. FNV-1a, 32 bits. */
function membershipOf(peers: readonly PeerOptions[]): number {
  const members = peers.map(
    ({ address, weight, backup, down }) => `${address.name} ${weight} ${backup} ${down}`,
  )
  let hash = 0x811c9dc5
  for (const member of members.sort())
    for (let i = 0; i <= member.length; i++)
      hash = Math.imul(hash ^ (i === member.length ? 0x0a : member.charCodeAt(i)), 0x01000193)
  return hash === 0 ? 1 : hash
}

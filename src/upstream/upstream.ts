import type { Template } from "../runtime/template.ts"
import type { Balancer, BalancerInput, PeerSet } from "./balancer.ts"
import { type BalancingMethod, createBalancer } from "./balancers/create.ts"
import { LeastTime, type LeastTimeOptions } from "./balancers/least-time.ts"
import { PeerList } from "./balancers/peer-list.ts"
import type { Sticky } from "./balancers/sticky.ts"
import type { PeerOptions, PeerOutcome } from "./peer.ts"
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
  method: BalancingMethod | LeastTimeOptions
  /** The key of `hash`. */
  hashKey?: Template
  /** How sessions are bound to peers; left out, they are not. */
  sticky?: Sticky
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
  /** Most peers that one request may try: all that are neither `down` nor draining. ngx_http_upstream_tries. */
  readonly tries: number
  readonly hashKey: Template | null
  readonly sticky: Sticky | null
  readonly drainMs: number | null
  /** The names of the memory that its peers use. */
  readonly memoryNames: readonly string[]
  private readonly balancer: Balancer
  private readonly leastTime: LeastTime | null
  private readonly lock: PeerLock

  /** Throws an Error where the group has no primary. */
  constructor(options: UpstreamOptions) {
    const { name, memory, drainMs } = options
    const primaries = options.peers.filter((peer) => !peer.backup)
    const backups = options.peers.filter((peer) => peer.backup)
    if (primaries.length === 0) throw new Error(`no servers are inside upstream "${name}"`)
    const ordered = [...primaries, ...backups]
    const group = {
      group: name,
      isSingle: ordered.length === 1,
      membership: membershipOf(ordered),
      drainMs,
      hasIds: options.sticky !== undefined,
    }
    const ordinals = new Map<string, number>()
    const peers = ordered.map((peer, index) => {
      const ordinal = ordinals.get(peer.address.name) ?? 0
      ordinals.set(peer.address.name, ordinal + 1)
      return new Peer(peer, { ...group, index }, memory.row(peer.address.name, ordinal), memory.lock)
    })
    this.name = name
    this.peers = peers.slice(0, primaries.length)
    this.backups = peers.slice(primaries.length)
    this.tries = peers.reduce((sum, peer) => sum + (peer.down || peer.draining ? 0 : 1), 0)
    this.drainMs = drainMs
    this.hashKey = options.hashKey ?? null
    this.sticky = options.sticky ?? null
    this.memoryNames = [...memory.names, ...(options.sticky?.memoryNames ?? [])]
    this.lock = memory.lock
    const { method } = options
    const lists = [new PeerList(this.peers), new PeerList(this.backups)] as const
    this.leastTime = typeof method === "string" ? null : new LeastTime(...lists, method)
    this.balancer = this.leastTime ?? createBalancer(method as BalancingMethod, ...lists)
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

  /** Tells `least_time` that the head of an answer has come, `headerMs` after the attempt at `peer` began. */
  noteHead(peer: Peer, tried: PeerSet, headerMs: number, nowMs: number): void {
    if (this.leastTime === null) return
    this.lock.lock()
    this.leastTime.noteHead(peer, tried, Math.trunc(headerMs), nowMs)
    this.lock.unlock()
  }

  /**
   * Tells `least_time` that the attempt at `peer` is over, `responseMs` after it began; before `Peer.release`.
   * `headerMs` is -1 where no head came.
   */
  noteEnd(
    peer: Peer,
    tried: PeerSet,
    outcome: PeerOutcome,
    headerMs: number,
    responseMs: number,
    nowMs: number,
  ): void {
    if (this.leastTime === null) return
    this.lock.lock()
    this.leastTime.noteEnd(peer, tried, outcome, Math.trunc(headerMs), Math.trunc(responseMs), nowMs)
    this.lock.unlock()
  }
}

/** A number that is equal for groups of the same servers and weights in any order; not 0. FNV-1a, 32 bits. */
function membershipOf(peers: readonly PeerOptions[]): number {
  const members = peers.map(
    ({ address, weight, backup, down, draining }) =>
      `${address.name} ${weight} ${backup} ${down} ${draining === true}`,
  )
  let hash = 0x811c9dc5
  for (const member of members.sort())
    for (let i = 0; i <= member.length; i++)
      hash = Math.imul(hash ^ (i === member.length ? 0x0a : member.charCodeAt(i)), 0x01000193)
  return hash === 0 ? 1 : hash
}

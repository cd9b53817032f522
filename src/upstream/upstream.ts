import type { Template } from "../runtime/template.ts"
import type { Balancer, BalancerInput, PeerSet } from "./balancer.ts"
import { type BalancingMethod, createBalancer } from "./balancers/create.ts"
import { LeastTime, type LeastTimeOptions } from "./balancers/least-time.ts"
import { PeerList } from "./balancers/peer-list.ts"
import type { Sticky } from "./balancers/sticky.ts"
import type { CheckIdentity } from "./health.ts"
import type { PeerOptions, PeerOutcome } from "./peer.ts"
import { Peer } from "./peer.ts"
import type { PeerQueue } from "./peer-wait.ts"
import type { KeepaliveOptions } from "./pool.ts"
import { ConnectionPool } from "./pool.ts"
import type { RowSlots } from "./row-slots.ts"
import { TlsSessions } from "./tls-sessions.ts"
import type { GroupMemory, PeerLock, PeerRow } from "./zone.ts"

export type { PeerOutcome } from "./peer.ts"

export interface UpstreamOptions {
  /** The group's name: what `proxy_pass` names, and `$upstream_addr` when no peer could be had. */
  name: string
  /** In the order of the file, primaries and backups mixed. At least one is a primary, but where there are `slots`. */
  peers: PeerOptions[]
  /** Where peers come and go (`resolve`): the rows of those with `isResolved`. */
  slots?: RowSlots
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
  /** `queue`; left out, no request waits for a peer. */
  queue?: PeerQueue
}

/** A group of servers: an `upstream` block, or what the URL of a `proxy_pass` implies. Belongs to one thread. */
export class Upstream {
  readonly name: string
  /** The primaries, in the order of the file. */
  peers: readonly Peer[] = []
  backups: readonly Peer[] = []
  readonly pool: ConnectionPool
  readonly tlsSessions: TlsSessions
  /** Most peers that one request may try: all that are neither `down` nor draining. ngx_http_upstream_tries. */
  tries = 0
  readonly hashKey: Template | null
  readonly sticky: Sticky | null
  readonly drainMs: number | null
  /** Where requests wait for which no peer can be chosen; null: they do not. */
  readonly queue: PeerQueue | null
  /** Its health checks, in the order of the file. Whoever builds the generation adds them. */
  readonly checks: CheckIdentity[] = []
  /** For the `CheckerSeat`; null without a `zone`. */
  readonly lockMemory: SharedArrayBuffer | null
  /** The names of the memory that its peers use. */
  readonly memoryNames: readonly string[]
  private balancer!: Balancer
  private leastTime: LeastTime | null = null
  private readonly method: BalancingMethod | LeastTimeOptions
  private readonly memory: GroupMemory
  /** The rows of the peers that the file itself names, by address and ordinal. */
  private readonly rows: Map<string, PeerRow> = new Map()
  private readonly slots: RowSlots | null
  /** The place of each peer, by address and ordinal: one that stays keeps it, and so its bit in a `PeerSet`. */
  private places: Map<string, number> = new Map()
  private readonly lock: PeerLock

  /** Throws an Error where the group has no primary. */
  constructor(options: UpstreamOptions) {
    const { name, memory, drainMs } = options
    this.slots = options.slots ?? null
    if (this.slots === null && options.peers.every((peer) => peer.backup))
      throw new Error(`no servers are inside upstream "${name}"`)
    this.name = name
    this.method = options.method
    this.memory = memory
    this.drainMs = drainMs
    this.queue = options.queue ?? null
    this.hashKey = options.hashKey ?? null
    this.sticky = options.sticky ?? null
    this.lockMemory = memory.lockMemory
    this.lock = memory.lock
    this.setPeers(options.peers)
    this.memoryNames = [
      ...memory.names,
      ...(options.sticky?.memoryNames ?? []),
      ...(options.slots?.names ?? []),
    ]
    this.pool = new ConnectionPool(options.keepalive)
    this.tlsSessions = new TlsSessions()
  }

  /**
   * Puts other peers in the place of those that there are, in the order in which they are to be chosen. A peer whose
   * address stays keeps its state. Requests keep the peer that they have. Returns the addresses for which there was no
   * room in the zone.
   */
  setPeers(options: readonly PeerOptions[]): readonly string[] {
    const wanted = [...options.filter((peer) => !peer.backup), ...options.filter((peer) => peer.backup)]
    const ordinals = new Map<string, number>()
    const keys = wanted.map(({ address }) => {
      const ordinal = ordinals.get(address.name) ?? 0
      ordinals.set(address.name, ordinal + 1)
      return `${address.name}\n${ordinal}`
    })
    const rows = this.rowsOf(wanted, keys)
    const ordered = wanted.filter((_, i) => rows[i] !== undefined)
    const group = {
      group: this.name,
      isSingle: ordered.length === 1,
      membership: membershipOf(ordered),
      drainMs: this.drainMs,
      hasIds: this.sticky !== null,
      checks: this.checks,
    }
    const places = this.placesOf(keys)
    const peers: Peer[] = []
    wanted.forEach((peer, i) => {
      const row = rows[i]
      const index = places.get(keys[i]) as number
      if (row !== undefined) peers.push(new Peer(peer, { ...group, index }, row, this.lock))
    })
    const primaries = ordered.filter((peer) => !peer.backup).length
    this.places = places
    this.peers = peers.slice(0, primaries)
    this.backups = peers.slice(primaries)
    this.tries = peers.reduce((sum, peer) => sum + (peer.down || peer.draining ? 0 : 1), 0)
    const lists = [new PeerList(this.peers), new PeerList(this.backups)] as const
    const { method } = this
    this.leastTime = typeof method === "string" ? null : new LeastTime(...lists, method)
    this.balancer = this.leastTime ?? createBalancer(method as BalancingMethod, ...lists)
    return wanted.filter((_, i) => rows[i] === undefined).map(({ address }) => address.name)
  }

  /** The group is not in force any more: its kept connections are closed, and so is what may be kept later. */
  dispose(): void {
    this.pool.close()
    this.slots?.release()
  }

  private rowsOf(wanted: readonly PeerOptions[], keys: readonly string[]): (PeerRow | undefined)[] {
    const resolved = keys.filter((_, i) => wanted[i].isResolved === true)
    const slots = this.slots?.hold(resolved) ?? []
    let next = 0
    return wanted.map(({ isResolved }, i) => (isResolved === true ? slots[next++] : this.ownRow(keys[i])))
  }

  private ownRow(key: string): PeerRow {
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const end = key.lastIndexOf("\n")
    const row = this.memory.row(key.slice(0, end), Number(key.slice(end + 1)))
    this.rows.set(key, row)
    return row
  }

  private placesOf(keys: readonly string[]): Map<string, number> {
    const taken = new Set<number>()
    for (const key of keys) {
      const place = this.places.get(key)
      if (place !== undefined) taken.add(place)
    }
    let free = 0
    const places = new Map<string, number>()
    for (const key of keys) {
      let place = this.places.get(key)
      if (place === undefined) {
        while (taken.has(free)) free++
        place = free++
      }
      places.set(key, place)
    }
    return places
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
    ({ address, weight, backup, down, draining, slowStartMs }) =>
      `${address.name} ${weight} ${backup} ${down} ${draining === true} ${slowStartMs !== undefined && slowStartMs > 0}`,
  )
  let hash = 0x811c9dc5
  for (const member of members.sort())
    for (let i = 0; i <= member.length; i++)
      hash = Math.imul(hash ^ (i === member.length ? 0x0a : member.charCodeAt(i)), 0x01000193)
  return hash === 0 ? 1 : hash
}

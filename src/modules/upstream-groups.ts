/** The groups of a generation: those of `upstream` blocks, and those that the URLs of `proxy_pass` imply. */
import type { WorkerServices } from "../runtime/module.ts"
import type { PeerFate } from "../tunnel/registry.ts"
import type { PeerAddress } from "../upstream/peer.ts"
import type { ResolvedServers } from "../upstream/resolved-servers.ts"
import { RowSlots, slotsOfZone } from "../upstream/row-slots.ts"
import { Upstream } from "../upstream/upstream.ts"
import { type FindMemory, type GroupMemory, localMemory, ownMemory, sharedMemory } from "../upstream/zone.ts"

/** What it takes to find the state of peers. */
export type PeerServices = Pick<WorkerServices, "workerIndex" | "sharedMemory" | "localMemory">

/** For a zone whose size another group says. */
const DEFAULT_ZONE_BYTES = 65_536

export class UpstreamGroups {
  readonly #services: PeerServices
  readonly #groups = new Map<string, Upstream>()
  readonly #memoryNames = new Set<string>()
  /** The servers of groups that are resolved at run time, by the group's name. */
  readonly #resolved = new Map<string, ResolvedServers>()

  constructor(services: PeerServices) {
    this.#services = services
  }

  get(name: string): Upstream | undefined {
    return this.#groups.get(name)
  }

  add(upstream: Upstream, resolved?: ResolvedServers): void {
    this.#groups.set(upstream.name, upstream)
    if (resolved !== undefined) this.#resolved.set(upstream.name, resolved)
    for (const name of upstream.memoryNames) this.#memoryNames.add(name)
  }

  /** Adds the group that the URL of a `proxy_pass` implies. */
  addImplied(name: string, addresses: readonly PeerAddress[]): Upstream {
    const group = newImpliedGroup(name, addresses, this.memoryOf(name, false))
    this.add(group)
    return group
  }

  all(): Iterable<Upstream> {
    return this.#groups.values()
  }

  /** What is resolved at run time for the group of that name. */
  resolvedOf(group: string): ResolvedServers | undefined {
    return this.#resolved.get(group)
  }

  /** The generation is in force: names are resolved from now on. */
  activate(): void {
    for (const [name, resolved] of this.#resolved) resolved.start(this.#groups.get(name) as Upstream)
  }

  dispose(): void {
    for (const resolved of this.#resolved.values()) resolved.stop()
    for (const group of this.#groups.values()) group.dispose()
  }

  /** Rows for the peers of a group that come and go. */
  slotsOf(group: string, memory: GroupMemory, zoneBytes = DEFAULT_ZONE_BYTES): RowSlots {
    const services = this.#services
    const find: FindMemory = (name, bytes) => services.sharedMemory(name, bytes)
    return new RowSlots(group, slotsOfZone(zoneBytes), memory, find, services.workerIndex)
  }

  /** Where the state of a group's peers lives: that of an earlier generation's, where there was one. */
  memoryOf(group: string, isShared: boolean): GroupMemory {
    const services = this.#services
    return isShared
      ? sharedMemory(group, (name, bytes) => services.sharedMemory(name, bytes), services.workerIndex)
      : localMemory(group, (name, bytes) => services.localMemory(name, bytes))
  }

  /** The group that the sessions of a `sticky learn` zone of that name and size belong to. */
  stickyOwner(zone: string, sizeBytes: number): string | undefined {
    for (const { name, sticky } of this.#groups.values())
      if (sticky?.learning?.zone === zone && sticky.learning.sessions.sizeBytes === sizeBytes) return name
    return undefined
  }

  /** Whether this generation uses the memory of that name: for `prunePeers`. */
  namesMemory(name: string): boolean {
    return this.#memoryNames.has(name)
  }

  /** What this generation says of the peer of a tunnel that was opened under an earlier one; by `Peer.key`. */
  fateOf(peerKey: string): PeerFate {
    const group = this.#groups.get(peerKey.slice(0, peerKey.indexOf("\n")))
    if (group === undefined) return "gone"
    const isStaying = (peers: Upstream["peers"]): boolean =>
      peers.some((peer) => peer.key === peerKey && !peer.down && !peer.isUnhealthy)
    return isStaying(group.peers) || isStaying(group.backups) ? "stays" : { drainMs: group.drainMs }
  }
}

/** A group of a single request's own, whose URL is made of variables: its state ends with it. */
export function impliedGroup(name: string, addresses: readonly PeerAddress[]): Upstream {
  return newImpliedGroup(name, addresses, ownMemory())
}

/** The group that a URL without an `upstream` block implies: its addresses, round robin, nothing kept. */
function newImpliedGroup(name: string, addresses: readonly PeerAddress[], memory: GroupMemory): Upstream {
  const peers = addresses.map((address) => ({
    address,
    server: name,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
  }))
  return new Upstream({ name, peers, method: "round_robin", keepalive: undefined, memory, drainMs: null })
}

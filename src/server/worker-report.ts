/** What a worker tells of itself when it is asked for its status. */
import { getHeapStatistics } from "node:v8"
import type { LocationCounts } from "../observe/handshake-counts.ts"
import type { PeerStateName } from "../observe/snapshot.ts"
import type { Peer } from "../upstream/peer.ts"
import type { Upstream } from "../upstream/upstream.ts"
import type { Generation } from "./generation.ts"
import type { Services } from "./services.ts"
import { upstreamGroups } from "./shared-state.ts"

/** A peer as one worker knows it. Its group is in the key: see `Peer.key`. */
export interface PeerReport {
  readonly key: string
  /** Which of the servers with that key it is. */
  readonly ordinal: number
  readonly isShared: boolean
  readonly isSingle: boolean
  readonly state: PeerStateName
  readonly backup: boolean
  readonly weight: number
  readonly maxConns: number
  readonly connections: number
  readonly fails: number
  /** By the wall clock; 0 for never. */
  readonly lastFailureMs: number
}

export interface WorkerReport {
  readonly generation: number
  readonly heapBytes: number
  /** The part of the last second in which its event loop was not idle, 0 to 1. */
  readonly busy: number
  /** Connections that each listener has accepted, by its key. */
  readonly accepted: ReadonlyMap<string, number>
  /** Open tunnels by `Peer.key`. */
  readonly tunnels: ReadonlyMap<string, number>
  readonly locations: readonly LocationCounts[]
  readonly peers: readonly PeerReport[]
}

/** `generation`: the one in force. */
export function workerReport(
  services: Services,
  generation: Generation | null,
  accepted: ReadonlyMap<string, number>,
  busy: number,
): WorkerReport {
  const heap = getHeapStatistics()
  const groups = generation === null ? undefined : upstreamGroups(generation)
  const nowMs = services.nowMs()
  return {
    generation: generation?.number ?? 0,
    heapBytes: heap.used_heap_size + heap.external_memory,
    busy,
    accepted,
    tunnels: new Map(services.tunnels.counts()),
    locations: services.handshakes.all(),
    peers: [...(groups?.all() ?? [])].flatMap((group) => peersOf(group, nowMs)),
  }
}

function peersOf(group: Upstream, nowMs: number): PeerReport[] {
  const peers = [...group.peers, ...group.backups]
  return peers.map((peer, at) => ({
    key: peer.key,
    ordinal: peers.slice(0, at).filter(({ key }) => key === peer.key).length,
    isShared: group.lockMemory !== null,
    isSingle: peers.length === 1,
    state: stateOf(peer, nowMs),
    backup: peer.backup,
    weight: peer.weight,
    maxConns: peer.maxConns,
    connections: peer.connections,
    fails: peer.fails,
    lastFailureMs: peer.accessed,
  }))
}

function stateOf(peer: Peer, nowMs: number): PeerStateName {
  if (peer.down) return "down"
  if (peer.isUnhealthy) return "unhealthy"
  if (!peer.isHealthy) return "checking"
  const hasFailed = peer.maxFails !== 0 && peer.fails >= peer.maxFails
  if (hasFailed && nowMs - peer.checked <= peer.failTimeoutMs) return "unavailable"
  if (peer.draining) return "draining"
  if (hasFailed) return "failing"
  return peer.maxConns !== 0 && peer.connections >= peer.maxConns ? "full" : "up"
}

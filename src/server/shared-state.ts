/** What outlives generations and threads in memory: kept tidy after a reload, and repaired after a death. */
import { repairConnectionCounts } from "../modules/limit-conn/connection-counts.ts"
import { type LimitConnZones, limitConn } from "../modules/limit-conn/limit-conn.ts"
import { type LimitReqZones, limitReq } from "../modules/limit-req/limit-req.ts"
import { repairRequestRates } from "../modules/limit-req/request-rates.ts"
import { isZoneMemory, pruneZones } from "../modules/limit-zone.ts"
import { type UpstreamGroups, upstreamModule } from "../modules/upstream.ts"
import { repairSessionCaches } from "../tls/session-cache.ts"
import { prunePeers, repairPeers } from "../upstream/zone.ts"
import type { Generation } from "./generation.ts"

/** The upstream groups of a generation; undefined where it has no `http` block. */
export function upstreamGroups(generation: Generation): UpstreamGroups | undefined {
  return generation.mains[upstreamModule.index] as UpstreamGroups | undefined
}

/** After a commit: drops the state of peers that neither generation names and nobody counts on any more. */
export function pruneMemory(
  memories: readonly Map<string, SharedArrayBuffer>[],
  current: Generation,
  old: Generation | null,
): void {
  const groups = upstreamGroups(current)
  const oldGroups = old === null ? undefined : upstreamGroups(old)
  const isNamed = (name: string): boolean =>
    groups?.namesMemory(name) === true || oldGroups?.namesMemory(name) === true
  for (const memory of memories) {
    prunePeers(memory, isNamed)
    pruneLimits(memory, current)
  }
}

/**
 * Drops the limit zones that the generation in force does not have: those of another size that it had before, and
 * those of a configuration that came to nothing. Requests that are still in such a zone hold it themselves.
 */
export function pruneLimits(memory: Map<string, SharedArrayBuffer>, current: Generation): void {
  const requests = current.mains[limitReq.index] as LimitReqZones | undefined
  const connections = current.mains[limitConn.index] as LimitConnZones | undefined
  pruneZones(memory, (key) => requests?.namesMemory(key) === true || connections?.namesMemory(key) === true)
}

/**
 * Gives back what the dead thread, that of the worker `index`, held: its locks, its connections to peers, those that
 * it counted in limit zones.
 */
export function repairMemory(
  memory: ReadonlyMap<string, SharedArrayBuffer>,
  index: number,
  threadId: number,
): void {
  repairPeers(memory, index, threadId)
  repairSessionCaches(memory, threadId)
  for (const [key, zone] of memory)
    if (isZoneMemory("limit_req_zone", key)) repairRequestRates(zone, threadId)
    else if (isZoneMemory("limit_conn_zone", key)) repairConnectionCounts(zone, index, threadId)
}

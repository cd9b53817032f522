/** What outlives generations and threads in memory: kept tidy after a reload, and repaired after a death. */
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
  for (const memory of memories) prunePeers(memory, isNamed)
}

/** Gives back what the dead thread, that of the worker `index`, held: its locks and its connections to peers. */
export function repairMemory(
  memory: ReadonlyMap<string, SharedArrayBuffer>,
  index: number,
  threadId: number,
): void {
  repairPeers(memory, index, threadId)
  repairSessionCaches(memory, threadId)
}

/** What an idle tunnel holds: of its memory, the part on the worker's heap by kind, and the rest. */
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { HeapInfo } from "node:v8"
import type { Bench } from "../bench.ts"
import { openProgram, portFor } from "../load/loads.ts"
import { Helper } from "../load/programs.ts"
import { holdfast } from "../peers/edges.ts"
import type { RunningPeer } from "../peers/running-peer.ts"
import { growthPerUnit, type HeapSnapshot, isOutside, type Kind, sumByKind } from "./heap-snapshot.ts"

const TUNNELS = 8000
// For what is on the heap: it grows evenly, and a snapshot takes long.
const SNAPSHOT_TUNNELS = 4000
const WARM_UP_TUNNELS = 100
const MESSAGE_BYTES = 32
const QUIET_MS = 5000
const ANSWER_LIMIT_MS = 60_000
const POLL_MS = 50
const KINDS = 15

/** Bytes per tunnel. `rss` is the sum of `heap`, `slack` and `native`. */
export interface MemoryRow {
  readonly name: string
  readonly tunnels: number
  readonly rss: number
  /** Live objects on the worker's heap. */
  readonly heap: number
  /** What the heap has in pages beyond these. */
  readonly slack: number
  /** All that is not on the worker's heap. */
  readonly native: number
  readonly kinds: readonly Kind[]
}

export function memoryName(tls: boolean): string {
  return `idle tunnel${tls ? ", TLS" : ""}`
}

/** Measures sizes in one run, and what is on the heap in another, since looking there moves everything. */
export async function measureMemory(bench: Bench, tls: boolean, folder: string): Promise<MemoryRow> {
  bench.say(`${memoryName(tls)}: sizes`)
  const [before, after] = await withTunnels(bench, tls, TUNNELS, folder, async (running, ask) => {
    const { rssBytes } = bench.times.memory(running.pids())
    return { rssBytes, heapBytes: (await ask("statistics")).total_physical_size }
  })
  bench.say(`${memoryName(tls)}: heap`)
  const [first, last] = await withTunnels(bench, tls, SNAPSHOT_TUNNELS, folder, async (_running, ask) => {
    await ask("snapshot")
  }).then((files) => files.map((_, index) => readSnapshot(folder, tls, index)))
  const kinds = growthPerUnit(first, last, SNAPSHOT_TUNNELS)
  const rss = (after.rssBytes - before.rssBytes) / TUNNELS
  const pages = (after.heapBytes - before.heapBytes) / TUNNELS
  const heap = kinds.reduce((sum, kind) => sum + (isOutside(kind) ? 0 : kind.bytes), 0)
  return {
    name: memoryName(tls),
    tunnels: TUNNELS,
    rss,
    heap,
    slack: pages - heap,
    native: rss - pages,
    kinds: kinds.slice(0, KINDS),
  }
}

type Ask = (what: "statistics" | "snapshot") => Promise<HeapInfo>

/** Looks at Holdfast with a few tunnels, and again with `count` more, after a quiet time each. */
async function withTunnels<Look>(
  bench: Bench,
  tls: boolean,
  count: number,
  folder: string,
  look: (running: RunningPeer, ask: Ask) => Promise<Look>,
): Promise<Look[]> {
  const heapFolder = heapFolderOf(folder, tls)
  await using stack = new AsyncDisposableStack()
  const backend = stack.use(new Helper("backend.ts"))
  const started = await bench.runner.start(stack, inspected(heapFolder), Number(await backend.readLine()), 1)
  const options = { port: portFor(started, tls), tls, messageBytes: MESSAGE_BYTES, kind: "websocket" }
  const load = stack.use(await openProgram("websocket-load.ts", { ...options, tunnels: WARM_UP_TUNNELS }))
  let asked = 0
  const ask: Ask = async (what) => {
    const file = join(heapFolder, `${what}-${++asked}.json`)
    rmSync(file, { force: true })
    started.running.signal(what === "snapshot" ? "SIGIO" : "SIGPWR")
    return await readWhenWritten(file)
  }
  await pause(QUIET_MS)
  const before = await look(started.running, ask)
  await load.ask(`add ${count}`)
  await pause(QUIET_MS)
  return [before, await look(started.running, ask)]
}

function heapFolderOf(folder: string, tls: boolean): string {
  return join(folder, tls ? "heap-tls" : "heap")
}

function readSnapshot(folder: string, tls: boolean, index: number): Map<string, Kind> {
  const file = join(heapFolderOf(folder, tls), `snapshot-${index + 1}.heapsnapshot`)
  return sumByKind(JSON.parse(readFileSync(file, "utf8")) as HeapSnapshot)
}

/** Holdfast whose worker writes what it is asked for below `heapFolder`. */
function inspected(heapFolder: string): typeof holdfast {
  mkdirSync(heapFolder, { recursive: true })
  const preload = new URL("heap-preload.mjs", import.meta.url)
  const env = { NODE_OPTIONS: `--import=${preload.href}`, HOLDFAST_HEAP_FOLDER: heapFolder }
  return { ...holdfast, prepare: (setup) => ({ ...holdfast.prepare(setup), env }) }
}

async function readWhenWritten(file: string): Promise<HeapInfo> {
  const deadline = performance.now() + ANSWER_LIMIT_MS
  for (;;) {
    try {
      return JSON.parse(readFileSync(file, "utf8")) as HeapInfo
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await pause(POLL_MS)
  }
}

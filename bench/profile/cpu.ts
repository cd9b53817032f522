/** One row of CPU time: what Holdfast and nginx use for a unit of work, and where Holdfast's goes. */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Bench } from "../bench.ts"
import { Helper } from "../load/programs.ts"
import { type CpuWork, measureCpu } from "../measure.ts"
import { holdfast, nginx } from "../peers/edges.ts"
import type { Peer } from "../peers/peer.ts"
import { type Breakdown, breakDown, type Part, sumSystemCalls } from "./breakdown.ts"
import { toCpuProfile } from "./flame.ts"
import { recordSamples, SAMPLE_MICROS } from "./perf.ts"
import type { Sample } from "./samples.ts"

const PROGRAM = fileURLToPath(new URL("../../bin/holdfast.mjs", import.meta.url))
const WARM_UP_MS = 3000
// Load before and after the time that is recorded, for perf to start and to end.
const MARGIN_MS = 1000

/** What nginx uses for a unit of work, microseconds. */
export interface Reference {
  readonly total: number
  readonly kernel: number
  /** `kernel` by system call. */
  readonly calls: readonly Part[]
}

export interface CpuRow {
  readonly work: string
  readonly unit: string
  /** Undefined where it is not installed. */
  readonly reference: Reference | undefined
  readonly breakdown: Breakdown
}

/** Measures one row; the flame graph goes to `folder`. What is recorded are runs of their own, in which nothing is timed. */
export async function measureRow(bench: Bench, work: CpuWork, folder: string): Promise<CpuRow> {
  const { peers, failures } = await measureCpu(bench, "profile", work)
  const costs = new Map(peers.map(({ peer, value }) => [peer, value.median]))
  const total = costs.get(holdfast.name)
  if (total === undefined) throw new Error(`${work.name}: ${failures.map(({ why }) => why).join("; ")}`)
  bench.say(`${work.name}: profile`)
  const codeLog = join(folder, "v8.log")
  const samples = await record(bench, work, profiled(codeLog), folder)
  rmSync(codeLog, { force: true })
  const name = work.name.toLowerCase().replace(/\W+/g, "-")
  writeFileSync(join(folder, `${name}.cpuprofile`), toCpuProfile(samples, SAMPLE_MICROS))
  const ofNginx = costs.get(nginx.name)
  return {
    work: work.name,
    unit: work.unit,
    reference: ofNginx === undefined ? undefined : await divideNginx(bench, work, ofNginx, folder),
    breakdown: breakDown(samples, total),
  }
}

async function divideNginx(bench: Bench, work: CpuWork, total: number, folder: string): Promise<Reference> {
  const samples = await record(bench, work, nginx, folder)
  const calls = sumSystemCalls(samples, total)
  return { total, kernel: calls.reduce((sum, { micros }) => sum + micros, 0), calls }
}

async function record(bench: Bench, work: CpuWork, peer: Peer, folder: string): Promise<Sample[]> {
  await using stack = new AsyncDisposableStack()
  const backend = stack.use(new Helper("backend.ts"))
  const started = await bench.runner.start(stack, peer, Number(await backend.readLine()), 1)
  const load = stack.use(await work.connect({ ...started, backend }))
  await load.run(WARM_UP_MS)
  const running = load.run(bench.roundMs + 2 * MARGIN_MS)
  const samples = await recordSamples(started.running.pids(), bench.roundMs / 1000, folder)
  await running
  return samples
}

/** Holdfast on this Node, which names its code for perf and in `codeLog`. It costs no more for that. */
function profiled(codeLog: string): Peer {
  const flags = ["--perf-basic-prof", `--logfile=${codeLog}`, "--no-logfile-per-isolate"]
  return {
    ...holdfast,
    prepare: (setup) => {
      const { args } = holdfast.prepare(setup)
      return { command: process.execPath, args: [...flags, PROGRAM, ...args] }
    },
  }
}

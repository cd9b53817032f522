import { exchange } from "../test/support/raw-client.ts"
import { readCpuMicros } from "./cpu.ts"
import type { Peer } from "./peers.ts"
import { Helper } from "./programs.ts"
import { type Summary, summarise } from "./statistics.ts"
import type { Workload } from "./workloads.ts"

export interface MeasureOptions {
  readonly rounds: number
  readonly roundMs: number
  /** Load before the first round that counts, for each peer: caches fill, code is compiled. */
  readonly warmUpMs: number
}

/** What one workload cost one peer. */
export interface PeerResult {
  readonly peer: string
  /** CPU time per unit of work, microseconds. */
  readonly cpuMicros: Summary
  /** Units of work per second of the clock, for a picture only: all programs share the machine. */
  readonly perSecond: Summary
}

export interface WorkloadResult {
  readonly workload: string
  readonly limit: number
  readonly peers: readonly PeerResult[]
}

/**
 * Measures one workload on all peers: each is started once, then they take turns, so that what the machine
 * does meanwhile strikes them alike.
 */
export async function measureWorkload(
  workload: Workload,
  peers: readonly Peer[],
  options: MeasureOptions,
): Promise<WorkloadResult> {
  await using stack = new AsyncDisposableStack()
  const stations: Station[] = []
  for (const peer of peers) stations.push(await openStation(stack, workload, peer))
  for (const station of stations) await station.run(options.warmUpMs)
  for (const station of stations) station.reset()
  for (let round = 0; round < options.rounds; round++) {
    for (const station of stations) await station.run(options.roundMs)
  }
  return {
    workload: workload.name,
    limit: workload.limit,
    peers: stations.map((station) => station.result()),
  }
}

interface Station {
  run(durationMs: number): Promise<void>
  reset(): void
  result(): PeerResult
}

/** Backend, peer and load generator of their own for one peer; `stack` ends them. */
async function openStation(stack: AsyncDisposableStack, workload: Workload, peer: Peer): Promise<Station> {
  const backend = stack.use(new Helper("backend.ts", []))
  const running = await peer.start(Number(await backend.readLine()))
  stack.defer(async () => void (await running.stop()))
  const { status } = await exchange({ port: running.port }, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
  if (status !== 200) throw new Error(`${peer.name} answers with ${status}`)
  const pid = running.findMeasuredPid()
  const load = stack.use(await workload.connect(running.port))
  let cpuMicros: number[] = []
  let perSecond: number[] = []
  return {
    async run(durationMs) {
      const cpuBefore = readCpuMicros(pid)
      const timeBefore = performance.now()
      const count = await load.run(durationMs)
      cpuMicros.push((readCpuMicros(pid) - cpuBefore) / count)
      perSecond.push((count * 1000) / (performance.now() - timeBefore))
    },
    reset() {
      cpuMicros = []
      perSecond = []
    },
    result: () => ({
      peer: peer.name,
      cpuMicros: summarise(cpuMicros),
      perSecond: summarise(perSecond),
    }),
  }
}

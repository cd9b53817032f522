import { exchange } from "../test/support/raw-client.ts"
import { readCpuMicros } from "./cpu.ts"
import type { Peer } from "./peers.ts"
import { Helper } from "./programs.ts"
import { type Summary, summarise } from "./statistics.ts"
import type { Comparison, Load, Workload } from "./workloads.ts"

export interface MeasureOptions {
  readonly rounds: number
  readonly roundMs: number
  /** Load before the first round that counts, for each peer: caches fill, code is compiled. */
  readonly warmUpMs: number
}

/** What one workload cost one peer. */
export interface PeerResult {
  readonly peer: string
  /** The others are compared with it. */
  readonly isReference: boolean
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
  return await takeTurns(workload, stations, options)
}

/**
 * Measures what one program does with different loads, of which the last is the reference: one process, so that
 * nothing but the load differs.
 */
export async function measureLoads(
  comparison: Comparison,
  peer: Peer,
  options: MeasureOptions,
): Promise<WorkloadResult> {
  await using stack = new AsyncDisposableStack()
  const backend = stack.use(new Helper("backend.ts", []))
  const running = await peer.start(Number(await backend.readLine()))
  stack.defer(async () => void (await running.stop()))
  const stations: Station[] = []
  for (const { name, connect } of comparison.loads) {
    const who = { peer: name, isReference: name === comparison.loads.at(-1)?.name }
    stations.push(new Station(who, running.findMeasuredPid(), stack.use(await connect(running.port))))
  }
  return await takeTurns(comparison, stations, options)
}

/** In each round they begin in another order: whoever follows whom has no part in the figures. */
async function takeTurns(
  { name, limit }: Pick<Workload, "name" | "limit">,
  stations: readonly Station[],
  options: MeasureOptions,
): Promise<WorkloadResult> {
  for (const station of stations) await station.run(options.warmUpMs)
  for (const station of stations) station.reset()
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? stations : stations.toReversed()
    for (const station of order) await station.run(options.roundMs)
  }
  return { workload: name, limit, peers: stations.map((station) => station.result()) }
}

/** One load on one process, with the figures of its rounds. */
class Station {
  readonly #who: Pick<PeerResult, "peer" | "isReference">
  readonly #pid: number
  readonly #load: Load
  #cpuMicros: number[] = []
  #perSecond: number[] = []

  constructor(who: Pick<PeerResult, "peer" | "isReference">, pid: number, load: Load) {
    this.#who = who
    this.#pid = pid
    this.#load = load
  }

  async run(durationMs: number): Promise<void> {
    const cpuBefore = readCpuMicros(this.#pid)
    const timeBefore = performance.now()
    const count = await this.#load.run(durationMs)
    this.#cpuMicros.push((readCpuMicros(this.#pid) - cpuBefore) / count)
    this.#perSecond.push((count * 1000) / (performance.now() - timeBefore))
  }

  reset(): void {
    this.#cpuMicros = []
    this.#perSecond = []
  }

  result(): PeerResult {
    return { ...this.#who, cpuMicros: summarise(this.#cpuMicros), perSecond: summarise(this.#perSecond) }
  }
}

/** Backend, peer and load generator of their own for one peer; `stack` ends them. */
async function openStation(stack: AsyncDisposableStack, workload: Workload, peer: Peer): Promise<Station> {
  const backend = stack.use(new Helper("backend.ts", []))
  const running = await peer.start(Number(await backend.readLine()))
  stack.defer(async () => void (await running.stop()))
  const { status } = await exchange({ port: running.port }, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
  if (status !== 200) throw new Error(`${peer.name} answers with ${status}`)
  const pid = running.findMeasuredPid()
  return new Station(
    { peer: peer.name, isReference: peer.isReference },
    pid,
    stack.use(await workload.connect(running.port)),
  )
}

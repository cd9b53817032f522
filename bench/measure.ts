import { type Bench, type Failure, messageOf, type PeerResult, type WorkResult } from "./bench.ts"
import { Helper } from "./load/programs.ts"
import { isEdge } from "./peers/edges.ts"
import type { Peer, PeerSetup } from "./peers/peer.ts"
import type { RunningPeer } from "./peers/running-peer.ts"
import { type Summary, summarise } from "./statistics.ts"
import type { ProcessTimes } from "./system.ts"

const MIN_WARM_UP_MS = 2000

/** A generator of load that is connected to one peer. */
export interface Load extends AsyncDisposable {
  /** Keeps the peer busy for about `durationMs` and gives how many units of work were done. */
  run(durationMs: number): Promise<number>
  /** CPU time that it has used so far, microseconds. */
  cpuMicros(times: ProcessTimes): number
}

/** Where a load finds the peer and the backend behind it. */
export interface Station {
  readonly port: number
  readonly tlsPort: number
  readonly backend: Helper
}

/** What is measured: CPU time of the proxy per unit of work. */
export interface CpuWork {
  readonly name: string
  /** What one unit is, such as "request". */
  readonly unit: string
  readonly limit?: number
  readonly workers?: number
  /** An nginx.conf of its own, for proxies that run one; without it, the benchmark's own. */
  readonly configuration?: (setup: PeerSetup) => string
  /** At how many loopback addresses the backend listens (1). */
  readonly backendAddresses?: number
  connect(station: Station): Promise<Load>
}

/**
 * Measures one kind of work on all peers: each is started once, has a round to warm up, and then they take turns,
 * in another order each round, so that what the machine does meanwhile strikes them alike. A peer that fails is
 * left out from there on.
 */
export async function measureCpu(bench: Bench, family: string, work: CpuWork): Promise<WorkResult> {
  const [result] = await measureTogether(bench, family, work.name, [work], bench.peers)
  return result
}

/**
 * Measures several kinds of work in the same rounds, for figures that are compared with each other; all that they
 * need runs at the same time, though only one of them has work at any moment. Results in the order of `works`.
 */
export async function measureTogether(
  bench: Bench,
  family: string,
  name: string,
  works: readonly CpuWork[],
  peers: readonly Peer[],
): Promise<WorkResult[]> {
  await using stack = new AsyncDisposableStack()
  bench.say(`${name}: start`)
  const lanes: Lane[] = []
  for (const work of works) {
    const lane: Lane = { runs: [], failures: [] }
    lanes.push(lane)
    for (const peer of peers) {
      const own = stack.use(new AsyncDisposableStack())
      await guarded(peer.name, lane.failures, async () => {
        const run = await open(own, bench, peer, work)
        await run.round(warmUpMs(bench))
        run.reset()
        lane.runs.push(run)
      })
      // What failed must not compete with what goes on.
      if (lane.failures.some((failure) => failure.peer === peer.name)) await own.disposeAsync()
    }
  }
  await takeTurns(bench, name, lanes)
  return works.map((work, index) => toResult(bench, family, work, lanes[index]))
}

/** Measures what one program does with different loads, of which the last is the reference: nothing but the load differs. */
export async function compareLoads(
  bench: Bench,
  family: string,
  peer: Peer,
  works: readonly CpuWork[],
  name: string,
  limit: number,
): Promise<WorkResult> {
  await using stack = new AsyncDisposableStack()
  const backend = stack.use(new Helper("backend.ts"))
  const started = await bench.runner.start(stack, peer, Number(await backend.readLine()), 1)
  const lane: Lane = { runs: [], failures: [] }
  for (const work of works) {
    const load = stack.use(await work.connect({ ...started, backend }))
    const who = { peer: work.name, isReference: work === works.at(-1) }
    const run = new MeasuredRun(bench, who, started.running, load, backend)
    await run.round(warmUpMs(bench))
    run.reset()
    lane.runs.push(run)
  }
  await takeTurns(bench, name, [lane])
  return toResult(bench, family, { name, unit: works[0].unit, limit }, lane)
}

/** Before the first round that counts: caches fill, code is compiled. */
function warmUpMs({ roundMs, isQuick }: Bench): number {
  return isQuick ? roundMs : Math.max(roundMs, MIN_WARM_UP_MS)
}

/** Runs `action`; what it throws becomes a failure of `peer`. */
export async function guarded(peer: string, failures: Failure[], action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    failures.push({ peer, why: messageOf(error) })
  }
}

/** One kind of work on the peers that do it. */
interface Lane {
  readonly runs: MeasuredRun[]
  readonly failures: Failure[]
}

function toResult(
  bench: Bench,
  family: string,
  { name, unit, limit }: Pick<CpuWork, "name" | "unit" | "limit">,
  { runs, failures }: Lane,
): WorkResult {
  const peers = runs.filter((run) => run.isWhole(bench.rounds)).map((run) => run.result())
  return { family, work: name, measure: `CPU per ${unit}`, unit: "µs", limit, peers, failures }
}

async function takeTurns(bench: Bench, name: string, lanes: readonly Lane[]): Promise<void> {
  const turns = lanes.flatMap(({ runs, failures }) => runs.map((run) => ({ run, failures })))
  const failed = new Set<MeasuredRun>()
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`${name}: round ${round + 1} of ${bench.rounds}`)
    for (const { run, failures } of round % 2 === 0 ? turns : turns.toReversed()) {
      if (failed.has(run)) continue
      const before = failures.length
      await guarded(run.peer, failures, () => run.round(bench.roundMs))
      if (failures.length > before) failed.add(run)
    }
  }
}

/** Backend, peer and load generator of their own for one peer; `stack` ends them. */
async function open(
  stack: AsyncDisposableStack,
  bench: Bench,
  peer: Peer,
  work: CpuWork,
): Promise<MeasuredRun> {
  const backend = stack.use(new Helper("backend.ts", { addresses: work.backendAddresses ?? 1 }))
  const backendPort = Number(await backend.readLine())
  const started = await bench.runner.start(stack, asConfigured(peer, work), backendPort, work.workers ?? 1)
  const load = stack.use(await work.connect({ ...started, backend }))
  const who = { peer: peer.name, isReference: peer.isReference }
  return new MeasuredRun(bench, who, started.running, load, backend)
}

/** `peer` with the configuration of `work`, where that has one; throws for a peer that runs no nginx.conf. */
function asConfigured(peer: Peer, { configuration }: CpuWork): Peer {
  if (configuration === undefined) return peer
  if (!isEdge(peer)) throw new Error("runs no nginx.conf")
  return { ...peer, prepare: (setup) => peer.prepareWith(configuration(setup), setup.folder) }
}

/** One load on one peer, with the figures of its rounds. */
class MeasuredRun {
  readonly #times: ProcessTimes
  readonly #who: Pick<PeerResult, "peer" | "isReference">
  readonly #running: RunningPeer
  readonly #load: Load
  readonly #backend: Helper
  #cpuMicros: number[] = []
  #perSecond: number[] = []
  #busy: { proxy: number; load: number; backend: number }[] = []

  constructor(
    bench: Bench,
    who: Pick<PeerResult, "peer" | "isReference">,
    running: RunningPeer,
    load: Load,
    backend: Helper,
  ) {
    this.#times = bench.times
    this.#who = who
    this.#running = running
    this.#load = load
    this.#backend = backend
  }

  get peer(): string {
    return this.#who.peer
  }

  async round(durationMs: number): Promise<void> {
    const pids = this.#running.pids()
    const before = this.#cpu(pids)
    const start = performance.now()
    const count = await this.#load.run(durationMs)
    const micros = (performance.now() - start) * 1000
    const after = this.#cpu(pids)
    if (!(count > 0)) throw new Error("no unit of work was done")
    this.#cpuMicros.push((after.proxy - before.proxy) / count)
    this.#perSecond.push((count * 1e6) / micros)
    this.#busy.push({
      proxy: (after.proxy - before.proxy) / micros,
      load: (after.load - before.load) / micros,
      backend: (after.backend - before.backend) / micros,
    })
  }

  reset(): void {
    this.#cpuMicros = []
    this.#perSecond = []
    this.#busy = []
  }

  isWhole(rounds: number): boolean {
    return this.#cpuMicros.length === rounds
  }

  result(): PeerResult {
    const median = (side: "proxy" | "load" | "backend"): number =>
      summarise(this.#busy.map((busy) => busy[side])).median
    return {
      ...this.#who,
      value: summarise(this.#cpuMicros),
      perSecond: summarise(this.#perSecond),
      busy: { proxy: median("proxy"), load: median("load"), backend: median("backend") },
    }
  }

  #cpu(pids: readonly number[]): { proxy: number; load: number; backend: number } {
    return {
      proxy: this.#times.cpuMicros(pids),
      load: this.#load.cpuMicros(this.#times),
      backend: this.#times.cpuMicros([this.#backend.pid]),
    }
  }
}

/**
 * Measures something that each round begins anew, such as a start: `once` gives the value for one peer in one
 * round. Peers take turns; one that fails is left out from there on.
 */
export async function measureEach(
  bench: Bench,
  peers: readonly Peer[],
  name: string,
  rounds: number,
  once: (peer: Peer) => Promise<readonly number[]>,
): Promise<{ values: Map<Peer, Summary[]>; failures: Failure[] }> {
  const failures: Failure[] = []
  const all = new Map<Peer, number[][]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    bench.say(`${name}: round ${round + 1} of ${rounds}`)
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      if (failures.some((failure) => failure.peer === peer.name)) continue
      await guarded(peer.name, failures, async () => {
        all.get(peer)?.push([...(await once(peer))])
      })
    }
  }
  const values = new Map<Peer, Summary[]>()
  for (const [peer, rows] of all) {
    if (rows.length < rounds) continue
    values.set(
      peer,
      rows[0].map((_, column) => summarise(rows.map((row) => row[column]))),
    )
  }
  return { values, failures }
}

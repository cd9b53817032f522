import type { Bench, Failure, Family, PeerResult, WorkResult } from "../bench.ts"
import type { Latencies, LatencyLoadOptions } from "../load/latency-load.ts"
import { getLoad, messageLoad, openProgram, portFor } from "../load/loads.ts"
import { Helper } from "../load/programs.ts"
import { guarded, type Load, type Station } from "../measure.ts"
import { summarise } from "../statistics.ts"
import { GET_CONNECTIONS } from "./requests.ts"

// Of what the slowest peer can do: far from where queues begin.
const PART_OF_SLOWEST = 0.2
const MAX_CALIBRATION_MS = 1000
const TUNNELS = 100

interface Kind {
  readonly name: string
  readonly kind: LatencyLoadOptions["kind"]
  readonly tls: boolean
  readonly connections: number
}

const KINDS: readonly Kind[] = [
  { name: "GET, 13 B", kind: "get", tls: false, connections: GET_CONNECTIONS },
  { name: "GET, 13 B, TLS", kind: "get", tls: true, connections: GET_CONNECTIONS },
  { name: "WebSocket message, 32 B", kind: "message", tls: false, connections: TUNNELS },
  { name: "WebSocket message, 32 B, TLS", kind: "message", tls: true, connections: TUNNELS },
]

/** Time from when a request fell due until its answer was there, at a fixed rate, whatever the answers do. */
export const latency: Family = {
  name: "latency",
  title: "Latency at a fixed rate",
  async measure(bench) {
    const results: WorkResult[] = []
    for (const kind of KINDS)
      if (bench.wants(`latency ${kind.name}`)) results.push(...(await measureKind(bench, kind)))
    return results
  },
}

interface Lane {
  readonly peer: string
  readonly isReference: boolean
  readonly station: Station
  readonly program: Helper
  readonly rounds: Latencies[]
}

async function measureKind(bench: Bench, kind: Kind): Promise<WorkResult[]> {
  await using stack = new AsyncDisposableStack()
  const failures: Failure[] = []
  const lanes: Lane[] = []
  let slowest = Number.POSITIVE_INFINITY
  for (const peer of bench.peers) {
    bench.say(`latency, ${kind.name}: what ${peer.name} can do`)
    await guarded(peer.name, failures, async () => {
      const backend = stack.use(new Helper("backend.ts"))
      const started = await bench.runner.start(stack, peer, Number(await backend.readLine()), 1)
      const station = { ...started, backend }
      slowest = Math.min(slowest, await calibrate(station, kind, Math.min(bench.roundMs, MAX_CALIBRATION_MS)))
      const options = { ...kind, port: portFor(started, kind.tls) }
      const program = stack.use(await openProgram("latency-load.ts", options))
      lanes.push({ peer: peer.name, isReference: peer.isReference, station, program, rounds: [] })
    })
  }
  const rate = Math.max(50, Math.floor((slowest * PART_OF_SLOWEST) / 50) * 50)
  for (let round = 0; round < bench.rounds; round++) {
    bench.say(`latency, ${kind.name}: round ${round + 1} of ${bench.rounds} at ${rate} a second`)
    for (const lane of round % 2 === 0 ? lanes : lanes.toReversed())
      await guarded(lane.peer, failures, async () => {
        lane.rounds.push(JSON.parse(await lane.program.ask(`run ${bench.roundMs} ${rate}`)) as Latencies)
      })
  }
  return [
    toResult(kind, rate, "median", lanes, failures, bench.rounds, (figures) => figures.p50),
    toResult(kind, rate, "99 of 100", lanes, failures, bench.rounds, (figures) => figures.p99),
  ]
}

/** Units per second, with the load of the other families and after a warm-up of the same length. */
async function calibrate(
  station: Station,
  { kind, tls, connections }: Kind,
  durationMs: number,
): Promise<number> {
  await using load: Load =
    kind === "get"
      ? await getLoad(station, tls, connections, "/")
      : await messageLoad(station, { tls, tunnels: connections, messageBytes: 32, kind: "websocket" })
  await load.run(durationMs)
  return ((await load.run(durationMs)) * 1000) / durationMs
}

function toResult(
  { name }: Kind,
  rate: number,
  label: string,
  lanes: readonly Lane[],
  failures: readonly Failure[],
  rounds: number,
  pick: (figures: Latencies) => number,
): WorkResult {
  const peers = lanes
    .filter((lane) => lane.rounds.length === rounds)
    .map(
      (lane): PeerResult => ({
        peer: lane.peer,
        isReference: lane.isReference,
        value: summarise(lane.rounds.map(pick)),
        note: `generator late by ${(summarise(lane.rounds.map((figures) => figures.lateP99)).median / 1000).toFixed(1)} ms`,
      }),
    )
  const work = `${name}, ${rate.toLocaleString("en")} a second, ${label}`
  return { family: "latency", work, measure: "latency", unit: "µs", peers, failures }
}

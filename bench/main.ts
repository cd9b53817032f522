import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { type MeasureOptions, measureLoads, measureWorkload, type WorkloadResult } from "./measure.ts"
import { holdfast, PEERS, type Peer } from "./peers.ts"
import { formatTable, judge } from "./report.ts"
import { type Comparison, FRAMES, QUICK, type Workload } from "./workloads.ts"

const USAGE = `usage: npm run bench -- quick | frames [--json] [--rounds n] [--seconds n] [--peers holdfast,nginx] [--only text]

  quick      Holdfast beside nginx
  frames     what following the frames of a WebSocket costs over relaying its bytes

  --json     prints the results as JSON in place of the table
  --rounds   how many rounds count, for each peer and kind of work (3)
  --seconds  how long a round lasts (2)
  --peers    what is measured (all)
  --only     leaves out the kinds of work whose name has not this text
`

interface Options extends MeasureOptions {
  readonly json: boolean
  readonly peers: readonly Peer[]
  readonly workloads: readonly Workload[]
  readonly comparisons: readonly Comparison[]
}

/** Reads the command line, or gives undefined when it is not understood. */
function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      peers: { type: "string", default: PEERS.map(({ name }) => name).join(",") },
      only: { type: "string", default: "" },
    },
  })
  const rounds = Number(values.rounds)
  const seconds = Number(values.seconds)
  const [suite] = positionals
  if (positionals.length !== 1 || (suite !== "quick" && suite !== "frames")) return undefined
  if (!(rounds >= 1) || !(seconds > 0)) return undefined
  const peers: Peer[] = []
  for (const wanted of values.peers.split(",")) {
    const peer = PEERS.find(({ name }) => name === wanted)
    if (peer === undefined) return undefined
    peers.push(peer)
  }
  const isWanted = ({ name }: { readonly name: string }): boolean => name.includes(values.only)
  return {
    json: values.json,
    rounds,
    roundMs: seconds * 1000,
    warmUpMs: seconds * 1000,
    peers,
    workloads: suite === "quick" ? QUICK.filter(isWanted) : [],
    comparisons: suite === "frames" ? FRAMES.filter(isWanted) : [],
  }
}

/** Leaves out what is not installed, and says how to get it. */
function available<T extends { missing(): string | false }>(things: readonly T[]): T[] {
  return things.filter((thing) => {
    const missing = thing.missing()
    if (missing !== false) console.error(`skipped: ${missing}`)
    return missing === false
  })
}

function toJson(results: readonly WorkloadResult[]): string {
  const workloads = results.map((result) => ({
    ...result,
    peers: result.peers.map((peer) => ({ ...peer, ...judge(result, peer) })),
  }))
  const machine = { cores: availableParallelism(), platform: process.platform, node: process.version }
  return JSON.stringify({ date: new Date().toISOString(), machine, workloads }, null, 2)
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === undefined) {
    process.stderr.write(USAGE)
    return 2
  }
  if (process.platform !== "linux") {
    console.error("bench: CPU times are read from /proc, which only Linux has")
    return 1
  }
  const peers = available(options.peers)
  const results: WorkloadResult[] = []
  for (const workload of available(options.workloads)) {
    console.error(`measuring: ${workload.name}`)
    results.push(await measureWorkload(workload, peers, options))
  }
  for (const comparison of options.comparisons) {
    console.error(`measuring: ${comparison.name}`)
    results.push(await measureLoads(comparison, holdfast, options))
  }
  console.log(options.json ? toJson(results) : formatTable(results))
  return 0
}

process.exitCode = await main()

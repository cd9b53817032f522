import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { type MeasureOptions, measureWorkload, type WorkloadResult } from "./measure.ts"
import { PEERS, type Peer } from "./peers.ts"
import { formatTable, judge } from "./report.ts"
import { QUICK, type Workload } from "./workloads.ts"

const USAGE = `usage: npm run bench -- quick [--json] [--rounds n] [--seconds n] [--peers holdfast,nginx] [--only text]

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
  if (positionals.join(" ") !== "quick" || !(rounds >= 1) || !(seconds > 0)) return undefined
  const peers: Peer[] = []
  for (const wanted of values.peers.split(",")) {
    const peer = PEERS.find(({ name }) => name === wanted)
    if (peer === undefined) return undefined
    peers.push(peer)
  }
  const workloads = QUICK.filter(({ name }) => name.includes(values.only))
  return { json: values.json, rounds, roundMs: seconds * 1000, warmUpMs: seconds * 1000, peers, workloads }
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
  console.log(options.json ? toJson(results) : formatTable(results))
  return 0
}

process.exitCode = await main()

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Bench } from "../bench.ts"
import { holdfast, nginx } from "../peers/edges.ts"
import { Runner } from "../peers/running-peer.ts"
import { describeMachine } from "../report/run.ts"
import { ProcessTimes, readSystemUnits } from "../system.ts"
import { type CpuRow, measureRow } from "./cpu.ts"
import { type MemoryRow, measureMemory, memoryName } from "./memory.ts"
import { perfMissing } from "./perf.ts"
import { type Findings, formatMemory, formatRow, formatTables, writeReadme } from "./report.ts"
import { WORKS } from "./works.ts"

const USAGE = `usage: npm run bench:profile -- [options]

  --only TEXT     only the rows whose name has this text; may be repeated
  --seconds N     how long is recorded, and how long a round lasts (3)
  --rounds N      how many rounds count (3)
  --folder DIR    where the flame graphs (.cpuprofile), heap snapshots and findings.json go (bench/results/profile)
  --write-readme  writes the tables into bench/README.md, rows that were found earlier in the same folder included
`

interface Options {
  readonly only: readonly string[]
  readonly seconds: number
  readonly rounds: number
  readonly folder: string
  readonly writesReadme: boolean
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      folder: { type: "string", default: fileURLToPath(new URL("../results/profile", import.meta.url)) },
      "write-readme": { type: "boolean", default: false },
    },
  })
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)]
  if (!(seconds >= 1 && seconds <= 60)) throw new Error("--seconds: 1 to 60")
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) throw new Error("--rounds: 1 to 100")
  return {
    only: values.only,
    seconds,
    rounds,
    folder: resolve(values.folder),
    writesReadme: values["write-readme"],
  }
}

/** Measures the rows that are wanted, prints each, and keeps those that were found in the same folder before. */
async function measure(bench: Bench, folder: string, caption: string): Promise<Findings> {
  const file = join(folder, "findings.json")
  let findings: Findings = { caption, rows: [], memory: [] }
  try {
    findings = { ...(JSON.parse(readFileSync(file, "utf8")) as Findings), caption }
  } catch {
    // Nothing was found here before.
  }
  const save = (changed: Partial<Findings>): void => {
    findings = { ...findings, ...changed }
    writeFileSync(file, JSON.stringify(findings, null, 2))
  }
  for (const work of WORKS) {
    if (!bench.wants(work.name)) continue
    const row = await measureRow(bench, work, folder)
    console.log(`${formatRow(row)}\n`)
    const rows = new Map<string, CpuRow>([...findings.rows, row].map((found) => [found.work, found]))
    const order = WORKS.map(({ name }) => rows.get(name))
    save({ rows: order.filter((found) => found !== undefined) })
  }
  for (const tls of [false, true]) {
    if (!bench.wants(memoryName(tls))) continue
    const row = await measureMemory(bench, tls, folder)
    console.log(`${formatMemory(row)}\n`)
    const rows = new Map<string, MemoryRow>([...findings.memory, row].map((found) => [found.name, found]))
    const order = [false, true].map((kind) => rows.get(memoryName(kind)))
    save({ memory: order.filter((found) => found !== undefined) })
  }
  return findings
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`bench:profile: ${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 2
  }
  const { folder, only } = options
  const missing = process.platform === "linux" ? perfMissing() : "this needs Linux: /proc and perf"
  if (missing !== false) {
    console.error(`bench:profile: ${missing}`)
    return 1
  }
  mkdirSync(folder, { recursive: true })
  const units = readSystemUnits()
  const start = performance.now()
  await using runner = new Runner()
  const bench: Bench = {
    peers: [holdfast, nginx].filter((peer) => peer.missing() === false),
    runner,
    times: new ProcessTimes(units),
    rounds: options.rounds,
    roundMs: options.seconds * 1000,
    workers: [1],
    isQuick: false,
    wants: (work) => only.length === 0 || only.some((text) => work.includes(text)),
    say: (line) => console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${line}`),
  }
  const { cores, processor, kernel, node } = describeMachine(units)
  const date = new Date().toISOString().slice(0, 10)
  const command = `npm run bench:profile -- --seconds ${options.seconds} --rounds ${options.rounds}`
  const caption = `${date}; ${cores} × ${processor}, Linux ${kernel}, Node ${node}; ${command}`
  const findings = await measure(bench, folder, caption)
  console.log(formatTables(findings))
  if (options.writesReadme) writeReadme(findings)
  return 0
}

// Ended by a signal, it ends by itself, so that what it has started is ended too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))
process.exitCode = await main()

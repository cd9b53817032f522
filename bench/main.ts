import { readFileSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import type { Bench, Family } from "./bench.ts"
import { wrkMissing } from "./load/loads.ts"
import { type Options, readOptions, USAGE } from "./options.ts"
import type { Peer } from "./peers/peer.ts"
import { Runner } from "./peers/running-peer.ts"
import { formatRun, writeCharts, writeReadme } from "./report/files.ts"
import { describeMachine, type FamilyRun, mergeRuns, type Run, toJson } from "./report/run.ts"
import { formatRemarks, formatTable } from "./report/table.ts"
import { ProcessTimes, readSystemUnits } from "./system.ts"
import { frames } from "./workloads/frames.ts"
import { FAMILIES, quick } from "./workloads/index.ts"

/** Leaves out what is not installed, and says how to get it. */
function available(peers: readonly Peer[]): Peer[] {
  return peers.filter((peer) => {
    const missing = peer.missing()
    if (missing !== false) console.error(`skipped: ${missing}`)
    return missing === false
  })
}

function familiesOf({ suite }: Options): readonly Family[] {
  if (suite === "quick") return [quick]
  return suite === "frames" ? [frames] : FAMILIES
}

/** Measures all that is wanted; `save` gets what there is after each family, so that a long run is not lost. */
async function measure(options: Options, save: (run: Run) => void): Promise<Run> {
  const peers = available(options.peers)
  if (wrkMissing() !== false) console.error(`${wrkMissing()}: requests come from a generator that costs more`)
  const units = readSystemUnits()
  const [before] = loadavg()
  const start = performance.now()
  const versions: Record<string, string> = {}
  for (const peer of peers) versions[peer.name] = await peer.version()
  await using runner = new Runner()
  const bench: Bench = {
    ...options,
    peers,
    runner,
    times: new ProcessTimes(units),
    wants: (work) => options.only.length === 0 || options.only.some((text) => work.includes(text)),
    say: (line) => console.error(`${((performance.now() - start) / 1000).toFixed(0).padStart(5)} s  ${line}`),
  }
  const families: FamilyRun[] = []
  const runSoFar = (): Run => ({
    date: new Date().toISOString(),
    command: commandOf(process.argv.slice(2)),
    machine: describeMachine(units),
    versions,
    rounds: options.rounds,
    roundMs: options.roundMs,
    loadAverage: [before, loadavg()[0]],
    families,
  })
  for (const family of familiesOf(options)) {
    const works = await family.measure(bench)
    if (works.length === 0) continue
    families.push({ name: family.name, title: family.title, works })
    console.error(`\n${formatTable(works)}\n${formatRemarks(works).join("\n")}\n`)
    save(runSoFar())
  }
  return runSoFar()
}

/** What was typed, without where the results went. */
function commandOf(args: readonly string[]): string {
  const kept = args.filter(
    (arg, index) => !/^--(json|charts)/.test(arg) && !/^--(json|charts)$/.test(args[index - 1] ?? ""),
  )
  return ["npm run bench", ...(kept.length > 0 ? ["--", ...kept] : [])].join(" ")
}

function readRuns(files: readonly string[]): Run {
  return mergeRuns(files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Run))
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 2
  }
  if (process.platform !== "linux") {
    console.error("bench: CPU times are read from /proc, which only Linux has")
    return 1
  }
  const { json } = options
  const save = (run: Run): void => {
    if (json !== undefined && json !== "-") writeFileSync(json, toJson(run))
  }
  const run = options.from.length > 0 ? readRuns(options.from) : await measure(options, save)
  save(run)
  if (options.charts !== undefined) writeCharts(run, options.charts)
  if (options.writesReadme) writeReadme(run)
  console.log(json === "-" ? toJson(run) : formatRun(run))
  return 0
}

// Ended by a signal, it ends by itself, so that what it has started is ended too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130))
process.exitCode = await main()

/** A whole run of the benchmark, as it is kept in a JSON file. */
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, release, totalmem } from "node:os"
import type { WorkResult } from "../bench.ts"
import type { SystemUnits } from "../system.ts"
import { judge, limitedBy } from "./table.ts"

export interface Run {
  /** ISO 8601. */
  readonly date: string
  /** What was typed to have it. */
  readonly command: string
  readonly machine: Machine
  /** Version of each peer, by name. */
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly roundMs: number
  /** Load average over one minute, before and after: above 0 before, something else was running. */
  readonly loadAverage: readonly [before: number, after: number]
  readonly families: readonly FamilyRun[]
}

export interface FamilyRun {
  readonly name: string
  readonly title: string
  readonly works: readonly WorkResult[]
}

export interface Machine {
  readonly cores: number
  readonly processor: string
  readonly memoryBytes: number
  readonly pageBytes: number
  readonly system: string
  readonly kernel: string
  readonly node: string
}

export function describeMachine({ pageBytes }: SystemUnits): Machine {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readText("/etc/os-release"))?.[1] ?? process.platform
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    pageBytes,
    system,
    kernel: release(),
    node: process.versions.node,
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** The run as JSON, each peer with its ratio to the reference and with who set the pace. */
export function toJson(run: Run): string {
  const families = run.families.map((family) => ({
    ...family,
    works: family.works.map((work) => ({
      ...work,
      peers: work.peers.map((peer) => ({ ...peer, ...judge(work, peer), limitedBy: limitedBy(peer) })),
    })),
  }))
  return `${JSON.stringify({ ...run, families }, null, 2)}\n`
}

/** Puts runs together: the later one's works replace those of the same name. What is said of the run is the last's. */
export function mergeRuns(runs: readonly Run[]): Run {
  const last = runs[runs.length - 1]
  const families = new Map<string, FamilyRun>()
  for (const run of runs)
    for (const family of run.families) {
      const works = new Map((families.get(family.name)?.works ?? []).map((work) => [work.work, work]))
      for (const work of family.works) works.set(work.work, work)
      families.set(family.name, { ...family, works: [...works.values()] })
    }
  return {
    ...last,
    versions: Object.assign({}, ...runs.map(({ versions }) => versions)),
    families: [...families.values()],
  }
}

/** When, on what, with which versions, and by which command: the line below figures and charts. */
export function captionOf({ date, machine, versions, command }: Run): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return (
    `${date.slice(0, 10)}; ${machine.cores} × ${machine.processor}, ${machine.system}, Linux ${machine.kernel}; ` +
    `${names.join(", ")}; ${command}`
  )
}

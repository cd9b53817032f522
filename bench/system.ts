import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

/** What Linux counts memory and CPU time in on this machine. */
export interface SystemUnits {
  /** Bytes of a page of memory. */
  readonly pageBytes: number
  /** USER_HZ: in what fractions of a second /proc/PID/stat counts CPU time. */
  readonly ticksPerSecond: number
}

/** Asks the system (getconf(1), of libc). */
export function readSystemUnits(): SystemUnits {
  const ask = (name: string): number => Number(execFileSync("getconf", [name], { encoding: "latin1" }))
  return { pageBytes: ask("PAGESIZE"), ticksPerSecond: ask("CLK_TCK") }
}

/** What a set of processes holds in memory, bytes. */
export interface Memory {
  /** Resident pages, each counted as often as it is mapped. */
  readonly rssBytes: number
  /** The same, with pages that processes share split between them; that of smaps_rollup. */
  readonly pssBytes: number
}

/** CPU time and memory of processes, read from /proc. Linux only. */
export class ProcessTimes {
  readonly #units: SystemUnits

  constructor(units: SystemUnits) {
    this.#units = units
  }

  /** CPU time, user and system, all threads, of these processes together, in microseconds. proc(5), stat, fields 14 and 15. */
  cpuMicros(pids: readonly number[]): number {
    let ticks = 0
    for (const pid of pids) {
      const fields = statFields(pid)
      ticks += Number(fields[11]) + Number(fields[12])
    }
    return (ticks * 1_000_000) / this.#units.ticksPerSecond
  }

  /** CPU time of the children of this process that have ended, in microseconds. proc(5), stat, fields 16 and 17. */
  endedChildrenCpuMicros(): number {
    const fields = statFields(process.pid)
    return ((Number(fields[13]) + Number(fields[14])) * 1_000_000) / this.#units.ticksPerSecond
  }

  /** Memory of these processes together. `rssBytes` is counted in pages (proc(5), statm, field 2). */
  memory(pids: readonly number[]): Memory {
    let pages = 0
    let pssKib = 0
    for (const pid of pids) {
      pages += Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1])
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1")
      pssKib += Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1] ?? 0)
    }
    return { rssBytes: pages * this.#units.pageBytes, pssBytes: pssKib * 1024 }
  }
}

/** The fields of /proc/PID/stat from the third on: the second is the program's name, which may have blanks. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}

/** `pid` and all that descend from it, as far as they live. Linux only. */
export function processTree(pid: number): number[] {
  const tree = [pid]
  for (let i = 0; i < tree.length; i++) tree.push(...childrenOf(tree[i]))
  return tree
}

/** The children of all threads of a process. */
function childrenOf(pid: number): number[] {
  const children: number[] = []
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").trim()
      if (text !== "") children.push(...text.split(" ").map(Number))
    }
  } catch {
    // The process or one of its threads has just ended: it has no children any more.
  }
  return children
}

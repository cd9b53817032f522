import { readFileSync } from "node:fs"

// USER_HZ: what Linux counts the times of /proc/PID/stat in, on every platform that Node runs on.
const TICKS_PER_SECOND = 100

/**
 * CPU time that a process has used, user and system, all its threads together, in microseconds; of these the
 * kernel counts whole hundredths of a second. Linux only (proc(5), fields 14 and 15 of /proc/PID/stat).
 */
export function readCpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  // The second field is the program's name in parentheses, which may have blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const ticks = Number(fields[11]) + Number(fields[12])
  return (ticks * 1_000_000) / TICKS_PER_SECOND
}

/** The pids of a process's children. Linux only. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim()
  return text === "" ? [] : text.split(" ").map(Number)
}

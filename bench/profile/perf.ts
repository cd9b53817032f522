/** perf(1): where the CPU time of a program goes, kernel, C++ and JavaScript alike. */
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { runProgram } from "../load/programs.ts"
import { readSamples, type Sample } from "./samples.ts"

// No divisor of the timer's frequencies, so that samples do not fall into step with it.
const SAMPLES_PER_SECOND = 1999

export const SAMPLE_MICROS = Math.round(1e6 / SAMPLES_PER_SECOND)

/** Why perf cannot be used and how to get it, or false. */
export function perfMissing(): string | false {
  const { error } = spawnSync("perf", ["--version"])
  return error === undefined ? false : "perf is not installed (Debian: apt-get install linux-perf)"
}

/**
 * Looks where all threads of these processes are while they use a processor, for `seconds`. A Node program must have been started
 * with `--perf-basic-prof`, whose map of its code is removed. Files go to `folder`. Needs the right to see the kernel's
 * functions: root, or kernel.perf_event_paranoid at 1 or less and kernel.kptr_restrict at 0.
 */
export async function recordSamples(
  pids: readonly number[],
  seconds: number,
  folder: string,
): Promise<Sample[]> {
  const data = join(folder, "perf.data")
  const event = ["-e", "cpu-clock", "-F", String(SAMPLES_PER_SECOND), "-g"]
  try {
    await runProgram("perf", [
      "record",
      "-o",
      data,
      ...event,
      "-p",
      pids.join(","),
      "--",
      "sleep",
      String(seconds),
    ])
    return readSamples(await runProgram("perf", ["script", "-i", data, "-F", "comm,tid,ip,sym,dso"]))
  } finally {
    rmSync(data, { force: true })
    for (const pid of pids) rmSync(join("/tmp", `perf-${pid}.map`), { force: true })
  }
}

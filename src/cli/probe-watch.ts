/** `holdfast probe --watch`: a line for each round, and the verdict where it is another than before. */
import { setTimeout as pause } from "node:timers/promises"
import { formatJsonLine } from "../probe/formats/json.ts"
import { formatRound, formatVerdict, type TextOptions } from "../probe/formats/text.ts"
import type { Report } from "../probe/report.ts"
import type { ProbeOptions } from "./probe-options.ts"

/** Until SIGINT or SIGTERM; returns whether the last round was healthy, undefined where none has ended. */
export async function watchProbe(
  probe: () => Promise<Report>,
  { watchMs, isJson }: ProbeOptions,
  text: TextOptions,
): Promise<boolean | undefined> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once("SIGINT", end).once("SIGTERM", end)
  process.stdout.once("error", end)
  let last: Report | undefined
  while (!stop.signal.aborted) {
    const report = await Promise.race([probe(), aborted(stop.signal)])
    if (report === undefined) break
    if (isJson) process.stdout.write(formatJsonLine(report))
    else {
      process.stdout.write(formatRound(report, text))
      if (last === undefined ? report.diagnoses.length > 0 : differs(last, report))
        process.stdout.write(`${formatVerdict(report, text)}\n`)
    }
    last = report
    await pause(watchMs, undefined, { signal: stop.signal }).catch(passOverAbort)
  }
  // A probe that is under way would keep the process for as long as it waits.
  setImmediate(() => process.exit())
  return last?.isHealthy
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }))
}

/** Another verdict, or others are suspected. */
function differs(before: Report, now: Report): boolean {
  return suspectsOf(before) !== suspectsOf(now)
}

function suspectsOf({ diagnoses }: Report): string {
  return diagnoses.map(({ severity, suspects }) => `${severity} ${suspects[0]?.id}`).join("\n")
}

function passOverAbort(error: Error): void {
  if (error.name !== "AbortError") throw error
}

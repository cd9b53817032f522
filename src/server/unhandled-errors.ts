/** Errors of our own code that nobody handles: one must not end a worker's tunnels, but many mean that it is broken. */
import { ALERT } from "../base/logger.ts"

/** So many errors within this time are too many. */
const MAX_ERRORS = 10
const WINDOW_MS = 10_000

export interface UnhandledErrorsHost {
  /** A monotonic clock in milliseconds. */
  nowMs(): number
  log(level: number, text: string): void
  /** There were too many. */
  giveUp(reason: string): void
}

/** Logs each, and gives up at the tenth within ten seconds. Of this thread, for as long as it lives. */
export function watchUnhandledErrors(host: UnhandledErrorsHost): void {
  const times: number[] = []
  const count = (what: string, error: unknown): void => {
    host.log(ALERT, `${what}: ${oneLine(error)}`)
    const nowMs = host.nowMs()
    times.push(nowMs)
    if (times.length < MAX_ERRORS) return
    const firstMs = times.shift() as number
    if (nowMs - firstMs < WINDOW_MS)
      host.giveUp(`${MAX_ERRORS} unhandled errors within ${WINDOW_MS / 1000} seconds`)
  }
  process.on("uncaughtException", (error) => count("unhandled error", error))
  process.on("unhandledRejection", (error) => count("unhandled rejection", error))
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replaceAll("\n", " | ")
}

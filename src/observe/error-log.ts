/** The error log: lines in nginx's form. ngx_log_error_core. */
import { CRIT, LEVEL_NAMES, type Logger } from "../base/logger.ts"
import type { LogStream } from "./log-file.ts"
import { LogTime } from "./log-time.ts"

/** A line's length with its line feed; what is longer is cut. NGX_MAX_ERROR_STR. */
const MAX_LINE_BYTES = 2048

/** Who writes: the part of a line that is the same for all lines of a thread. */
export class LogOrigin {
  readonly time = new LogTime()
  /** `33#35: `: the process, and the thread in it. */
  readonly prefix: string
  readonly nowMs: () => number

  /** `nowMs`: the wall clock in milliseconds. The supervisor gives its process id for `threadId` as well. */
  constructor(processId: number, threadId: number, nowMs: () => number) {
    this.prefix = `${processId}#${threadId}: `
    this.nowMs = nowMs
  }
}

/** One file with one level: `error_log logs/error.log warn`. */
export class ErrorLog implements Logger {
  readonly level: number
  readonly #stream: LogStream
  readonly #origin: LogOrigin

  constructor(stream: LogStream, level: number, origin: LogOrigin) {
    this.#stream = stream
    this.level = level
    this.#origin = origin
  }

  log(level: number, text: string, connection = 0): void {
    if (level > this.level) return
    const { time, prefix, nowMs } = this.#origin
    const number = connection > 0 ? `*${connection} ` : ""
    const line = `${time.errorLog(nowMs())} [${LEVEL_NAMES[level]}] ${prefix}${number}${text}`
    this.#stream.write(`${line.length >= MAX_LINE_BYTES ? line.slice(0, MAX_LINE_BYTES - 1) : line}\n`)
    // Whoever writes such a line may be about to end.
    if (level <= CRIT) this.#stream.writeNow()
  }
}

/** Several logs as one: each takes what its level takes. */
export class LoggerGroup implements Logger {
  readonly level: number
  readonly #loggers: readonly Logger[]

  constructor(loggers: readonly Logger[]) {
    this.#loggers = loggers
    this.level = Math.max(0, ...loggers.map((logger) => logger.level))
  }

  log(level: number, text: string, connection = 0): void {
    for (const logger of this.#loggers) if (level <= logger.level) logger.log(level, text, connection)
  }
}

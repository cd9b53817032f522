/** The error log as the rest of the program sees it; observe/ writes it. */

/** Severity, most severe first: a log at one level takes that and all before it. ngx_log.h. */
export const EMERG = 1
export const ALERT = 2
export const CRIT = 3
export const ERROR = 4
export const WARN = 5
export const NOTICE = 6
export const INFO = 7
export const DEBUG = 8

export const LEVEL_NAMES = [
  "stderr",
  "emerg",
  "alert",
  "crit",
  "error",
  "warn",
  "notice",
  "info",
  "debug",
] as const

/** Something that takes lines for the error log. */
export interface Logger {
  /** The least severe level that is written: check it before building an expensive line. */
  readonly level: number
  /** Writes `text`; `connection` is the number after `*`, 0 for none. */
  log(level: number, text: string, connection?: number): void
}

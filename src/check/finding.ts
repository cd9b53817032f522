/** What a rule has found, and how it is mended. */
export type Severity = "error" | "warning" | "info"

export const SEVERITIES: readonly Severity[] = ["error", "warning", "info"]

/** A change of one file: what is between two places becomes `text`. Lines and columns count from 1, `end` is exclusive. */
export interface Edit {
  readonly file: string
  readonly start: Place
  readonly end: Place
  readonly text: string
}

export interface Place {
  readonly line: number
  readonly column: number
}

export interface Finding {
  readonly ruleId: string
  readonly severity: Severity
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endColumn: number
  /** What is in force, where it came from, and what comes of it. One or two sentences. */
  readonly message: string
  /** What to write instead. */
  readonly advice: string
  /** Safe to make without a question; empty where there is no such change. */
  readonly fix: readonly Edit[]
}

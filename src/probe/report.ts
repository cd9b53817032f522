/** What a probe says: its steps as they went, and the verdict. docs/probe.schema.json describes the JSON of it. */

/** "info": worth knowing, neither good nor bad. "skipped": not run, `summary` says why. */
export type Outcome = "ok" | "warning" | "failed" | "info" | "skipped"

export interface StepResult {
  readonly outcome: Outcome
  /** One line. */
  readonly summary: string
  /** Further lines: what was seen, as bytes or times. */
  readonly details: readonly string[]
}

export interface StepReport extends StepResult {
  readonly id: string
  readonly title: string
  /** Which side was asked: the URL, or `--backend`. */
  readonly side: "edge" | "backend"
  readonly tookMs: number
}

/** What puts it right. */
export interface Mend {
  /** Where: "nginx, in the location of /ws/". */
  readonly where: string
  /** Directives or settings, as they are to be written; several lines are a block. */
  readonly text: string
}

export type Certainty = "certain" | "likely" | "possible"

/** Something that would explain what was seen. */
export interface Suspect {
  /** Stable, for programs: "upgrade-not-forwarded". */
  readonly id: string
  /** One sentence in plain words. */
  readonly title: string
  /** Who does it: "edge (nginx/1.22.1)", "backend", "TLS of example.com", "name service". */
  readonly hop: string
  readonly certainty: Certainty
  /** The bytes or times that speak for it. */
  readonly evidence: readonly string[]
  readonly mend: readonly Mend[]
}

/** "error": it does not work. "warning": it will hurt. "info": worth knowing. */
export type Severity = "error" | "warning" | "info"

export interface Diagnosis {
  readonly severity: Severity
  /** What does not work, in plain words: "The WebSocket does not open: 426 Upgrade Required." */
  readonly what: string
  /** Most likely first; at least one. */
  readonly suspects: readonly Suspect[]
}

export interface Report {
  /** Without credentials. */
  readonly url: string
  /** Of --backend. */
  readonly backendUrl: string | undefined
  readonly startedAt: string
  readonly tookMs: number
  readonly isHealthy: boolean
  /** What works and what does not, in one or two sentences. */
  readonly verdict: string
  readonly steps: readonly StepReport[]
  /** Worst first. */
  readonly diagnoses: readonly Diagnosis[]
}

import type { Peer } from "./peers/peer.ts"
import type { Runner } from "./peers/running-peer.ts"
import type { Summary } from "./statistics.ts"
import type { ProcessTimes } from "./system.ts"

/** What all families of work are measured with. */
export interface Bench {
  readonly peers: readonly Peer[]
  readonly runner: Runner
  readonly times: ProcessTimes
  /** How many rounds count, for each peer and kind of work. */
  readonly rounds: number
  readonly roundMs: number
  /** Numbers of workers to measure with. */
  readonly workers: readonly number[]
  /** A look instead of a measurement: the smaller numbers of tunnels and the like. */
  readonly isQuick: boolean
  /** Whether the kind of work of this name is wanted. */
  wants(work: string): boolean
  /** Tells who watches what is going on. */
  say(line: string): void
}

/** Kinds of work that belong together: one table, one chart. */
export interface Family {
  readonly name: string
  readonly title: string
  measure(bench: Bench): Promise<WorkResult[]>
}

/** What one kind of work cost. */
export interface WorkResult {
  readonly family: string
  readonly work: string
  /** What the figures count, such as "CPU per request". Less is better, always. */
  readonly measure: string
  readonly unit: "µs" | "KB" | "ms"
  /** What Holdfast should stay under, where there is a limit: its ratio to the reference, on a curve its growth. */
  readonly limit?: number
  /** Where it is a point of a curve: of which, and at what size. */
  readonly point?: CurvePoint
  readonly peers: readonly PeerResult[]
  readonly failures: readonly Failure[]
}

/** The same work with ever more of what it could have to look at. */
export interface CurvePoint {
  /** The name of the curve: equal for all its points. */
  readonly curve: string
  readonly size: number
}

/** What one kind of work cost one peer. */
export interface PeerResult {
  readonly peer: string
  readonly isReference: boolean
  readonly value: Summary
  /** On a curve: the value over that at the smallest size. */
  readonly growth?: number
  /** Units of work per second of the clock, for a picture only: all programs share the machine. */
  readonly perSecond?: Summary
  readonly busy?: Busy
  readonly note?: string
}

/** How much of one processor each side used, medians over the rounds: 1 is all the time of one. */
export interface Busy {
  readonly proxy: number
  readonly load: number
  readonly backend: number
}

/** A peer that did not do a kind of work. */
export interface Failure {
  readonly peer: string
  readonly why: string
}

export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split("\n")[0].slice(0, 200)
}

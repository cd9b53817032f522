/** Causes as a table: what each would explain, and what speaks for it. */
import type { ProbeContext } from "./context.ts"
import { corroborate } from "./corroborate.ts"
import type { Observations } from "./observations.ts"
import type { Certainty, Diagnosis, Mend, Suspect } from "./report.ts"

/** What a cause looks at. */
export interface Case {
  readonly context: ProbeContext
  readonly seen: Observations
}

/** How much speaks for a cause in a case. */
export interface Weighed {
  /** How likely it is: 100 where it is proved, 1 where it is merely possible. */
  readonly weight: number
  /** Exact bytes or times, a line each. */
  readonly evidence: readonly string[]
  readonly mend: readonly Mend[]
  /** In place of the cause's own, where the case knows better. */
  readonly title?: string
  readonly hop?: string
}

export interface Cause {
  /** Stable; kebab-case. */
  readonly id: string
  /** One sentence in plain words, without a full stop where it goes on. */
  readonly title: string
  /** Undefined where it does not explain the case. */
  readonly weigh: (one: Case) => Weighed | undefined
  readonly hop: (one: Case) => string
  /** Rules of `check` that find the same in a configuration. */
  readonly rules?: readonly string[]
}

/** Looks for what is wrong in its part of what was seen. */
export type Diagnose = (one: Case) => readonly Diagnosis[]

const CERTAIN = 90
const LIKELY = 50
/** Nobody reads more. */
const MAX_SUSPECTS = 4
/** A cause that has so little beside the first is left out. */
const LEAST_SHARE = 0.15

/** Those of `causes` that explain the case, most likely first. */
export function rank(one: Case, causes: readonly Cause[]): Suspect[] {
  const weighed = causes.flatMap((cause) => {
    const found = cause.weigh(one)
    return found === undefined || found.weight <= 0 ? [] : [{ cause, found: corroborate(one, cause, found) }]
  })
  weighed.sort((a, b) => b.found.weight - a.found.weight)
  const most = weighed[0]?.found.weight ?? 0
  return weighed
    .filter(({ found }) => found.weight >= most * LEAST_SHARE)
    .slice(0, most >= CERTAIN ? 1 : MAX_SUSPECTS)
    .map(({ cause, found }) => ({
      id: cause.id,
      title: found.title ?? cause.title,
      hop: found.hop ?? cause.hop(one),
      certainty: certaintyOf(found.weight),
      evidence: found.evidence,
      mend: found.mend,
    }))
}

function certaintyOf(weight: number): Certainty {
  if (weight >= CERTAIN) return "certain"
  return weight >= LIKELY ? "likely" : "possible"
}

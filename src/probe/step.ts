import type { ProbeContext } from "./context.ts"
import type { Observations } from "./observations.ts"
import type { StepResult } from "./report.ts"

/** One thing that a probe looks at. */
export interface Step {
  readonly id: string
  /** A word or two for the column of titles, 12 characters at most. */
  readonly title: string
  /** Why it is not run: a sentence for the report, or "" where nobody expects it. Undefined: it is run. */
  readonly skip?: (context: ProbeContext, seen: Observations) => string | undefined
  /**
   * Looks, and puts what it saw into `seen`. Everything that a peer can do ends in a result; what is thrown is a fault
   * of ours. `progress` shows a passing line on a terminal.
   */
  readonly run: (
    context: ProbeContext,
    seen: Observations,
    progress: (text: string) => void,
  ) => Promise<StepResult>
}

export function step(
  outcome: StepResult["outcome"],
  summary: string,
  details: readonly string[] = [],
): StepResult {
  return { outcome, summary, details }
}

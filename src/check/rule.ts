/** A rule of `check`: what it looks for, and its page. */
import type { Edit, Severity } from "./finding.ts"
import type { Location, Model } from "./model.ts"
import type { Node } from "./tree.ts"

export interface RulePage {
  /** What happens to the user. */
  readonly happens: string
  /** The exact log line or status that it shows up as. */
  readonly shows: string
  readonly why: string
  readonly fix: string
}

export interface ReportOptions {
  readonly severity?: Severity
  readonly advice?: string
  readonly fix?: readonly Edit[]
  /** The argument to point at; the directive's name otherwise. */
  readonly argument?: number
}

export type Report = (node: Node, message: string, options?: ReportOptions) => void

export interface Rule {
  readonly id: string
  readonly severity: Severity
  /** In a line: what it finds. */
  readonly title: string
  readonly page: RulePage
  /** Called for each location that serves WebSockets. */
  inspectWebSocket?(location: Location, model: Model, report: Report): void
  /** Called once for the whole. */
  inspect?(model: Model, report: Report): void
}

export function rule(definition: Rule): Rule {
  return definition
}

/** What `holdfast check` finds in a configuration for the location that the URL meets. */
import { HoldfastError } from "../../base/error.ts"
import { printable } from "../../base/visible-text.ts"
import { checkTree } from "../../check/engine.ts"
import type { Finding } from "../../check/finding.ts"
import { filesOf, readConfiguration } from "../../check/input.ts"
import { locationText } from "../../check/location-text.ts"
import { findingsOf, matchRequest, type RequestMatch } from "../../check/request-match.ts"
import { RULES } from "../../check/rules/index.ts"
import { parseTarget } from "../../check/target.ts"
import type { ProbeContext } from "../context.ts"
import type { StepResult } from "../report.ts"
import { type Step, step } from "../step.ts"

export interface ConfigSeen {
  /** "`location /ws/` (nginx.conf:12)"; undefined where the server itself answers, or nothing fits. */
  readonly location: string | undefined
  readonly findings: readonly Finding[]
}

export const config: Step = {
  id: "config",
  title: "config",
  skip: ({ plan }) => (plan.config === undefined ? "" : undefined),
  run: async (context, seen) => {
    try {
      const found = look(context)
      seen.config = found.seen
      return found.result
    } catch (error) {
      // A file that cannot be read was found out before the first step; this one is no configuration.
      if (!(error instanceof HoldfastError)) throw error
      return step("failed", error.describe())
    }
  },
}

function look({ endpoint, plan }: ProbeContext): { seen: ConfigSeen; result: StepResult } {
  const [file = ""] = filesOf(plan.config ?? "")
  const tree = readConfiguration(file)
  const target = parseTarget(plan.configTarget)
  const first = matchRequest(checkTree(tree, target, []).model, {
    ...endpoint,
    host: endpoint.host.toLowerCase(),
  })
  if (first === undefined) {
    return { seen: { location: undefined, findings: [] }, result: step("warning", `${file} has no server`) }
  }
  // The user says by the URL that this location serves WebSockets.
  const paths = first.location === null ? [] : [first.location.path]
  const checked = checkTree(tree, target, RULES, { paths })
  const findings = findingsOf(checked, first)
  const seen = { location: placeOf(first), findings }
  return { seen, result: resultOf(first, findings) }
}

function resultOf(match: RequestMatch, findings: readonly Finding[]): StepResult {
  const serious = findings.filter(({ severity }) => severity !== "info").length
  const unsure = match.isSure ? "" : " (a regular expression before it could not be read)"
  const slash = match.addsSlash ? ", which answers by a redirect to the path with a slash" : ""
  const where = placeOf(match) ?? `no location: ${serverText(match)} answers itself`
  const count =
    findings.length === 0
      ? "no findings"
      : findings.length === 1
        ? "1 finding"
        : `${findings.length} findings`
  return step(
    serious > 0 ? "warning" : "ok",
    `${where}${slash}${unsure}: ${count}`,
    findings.flatMap(findingLines),
  )
}

function placeOf({ location }: RequestMatch): string | undefined {
  if (location === null) return undefined
  const { file, line } = location.node.position
  return `${locationText(location)} (${file}:${line})`
}

function serverText({ server }: RequestMatch): string {
  return `the server at ${server.node.position.file}:${server.node.position.line}`
}

function findingLines(finding: Finding): string[] {
  return [`${findingText(finding)}`, ...finding.advice.split("\n").map((line) => `    ${printable(line)}`)]
}

/** "nginx.conf:12: warning: … [rule]" */
export function findingText({ file, line, severity, message, ruleId }: Finding): string {
  return printable(`${file}:${line}: ${severity}: ${message} [${ruleId}]`)
}

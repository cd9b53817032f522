/** `# holdfast-disable-next-line rule, rule -- reason`: what its author knows better. */
import type { Finding } from "./finding.ts"
import { suppression as suppressionRule } from "./rules/suppression.ts"
import type { SourceFile } from "./tree.ts"

const COMMENT = /(#\s*holdfast-disable-next-line)\b([^\n]*)/

export interface Suppression {
  readonly file: string
  readonly line: number
  /** The line that it speaks of: the next one that is no such comment. */
  readonly target: number
  readonly column: number
  readonly endColumn: number
  /** Empty where the comment is not understood. */
  readonly rules: readonly string[]
  /** Why it does not count; "" where it does. */
  readonly fault: string
}

export function suppressionsOf(file: SourceFile, knownRules: ReadonlySet<string>): Suppression[] {
  const found: Suppression[] = []
  file.lines.forEach((text, index) => {
    const comment = COMMENT.exec(text)
    if (comment === null) return
    const [names = "", reason = ""] = (comment[2] as string).split("--", 2)
    const rules = names.split(/[\s,]+/).filter((name) => name !== "")
    found.push({
      file: file.path,
      line: index + 1,
      target: targetOf(file.lines, index),
      column: comment.index + 1,
      endColumn: comment.index + (comment[1] as string).length + 1,
      rules,
      fault: faultOf(rules, reason, knownRules),
    })
  })
  return found
}

/** Several comments may stand above a line, each with its own reason. */
function targetOf(lines: readonly string[], index: number): number {
  let next = index + 1
  while (COMMENT.exec(lines[next] ?? "")?.index === lines[next]?.search(/\S/)) next++
  return next + 1
}

function faultOf(rules: readonly string[], reason: string, known: ReadonlySet<string>): string {
  if (rules.length === 0) return "names no rule"
  const unknown = rules.find((name) => !known.has(name))
  if (unknown !== undefined) return `names "${unknown}", which is no rule`
  return reason.trim() === "" ? 'gives no reason: write it after "--"' : ""
}

/** Leaves out what is suppressed, and adds a finding for each comment that does not count. */
export function applySuppressions(findings: readonly Finding[], all: readonly Suppression[]): Finding[] {
  const silenced = new Set<string>()
  for (const { file, target, rules, fault } of all)
    if (fault === "") for (const rule of rules) silenced.add(`${file}\n${target}\n${rule}`)
  const left = findings.filter(({ file, line, ruleId }) => !silenced.has(`${file}\n${line}\n${ruleId}`))
  for (const { file, line, column, endColumn, fault } of all)
    if (fault !== "")
      left.push({
        ruleId: suppressionRule.id,
        severity: suppressionRule.severity,
        file,
        line,
        column,
        endColumn,
        message: `This comment ${fault}.`,
        advice: suppressionRule.page.fix,
        fix: [],
      })
  return left
}

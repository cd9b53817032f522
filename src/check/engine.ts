/** Runs the rules over a configuration. */
import type { Finding } from "./finding.ts"
import { buildModel, type Model, type ModelOptions } from "./model.ts"
import type { Report, Rule } from "./rule.ts"
import { applySuppressions, suppressionsOf } from "./suppressions.ts"
import type { Target } from "./target.ts"
import type { Node, Tree } from "./tree.ts"

export interface CheckResult {
  readonly model: Model
  /** In the order of files as they were read, of lines and columns. */
  readonly findings: readonly Finding[]
}

export function checkTree(
  tree: Tree,
  target: Target,
  rules: readonly Rule[],
  options: ModelOptions = {},
): CheckResult {
  const model = buildModel(tree, target, options)
  const findings: Finding[] = []
  for (const rule of rules) {
    try {
      runRule(rule, model, findings)
    } catch (error) {
      throw new Error(`rule "${rule.id}" failed: ${(error as Error).message}`, { cause: error })
    }
  }
  const known = new Set(rules.map(({ id }) => id))
  const suppressions = [...tree.files.values()].flatMap((file) => suppressionsOf(file, known))
  return { model, findings: sorted(applySuppressions(findings, suppressions), tree) }
}

function runRule(rule: Rule, model: Model, findings: Finding[]): void {
  // An include that two servers have is reported once.
  const seen = new Set<string>()
  const report: Report = (node, message, options = {}) => {
    const finding = findingOf(rule, node, message, options)
    const key = `${finding.file}\n${finding.line}\n${finding.column}\n${message}`
    if (seen.has(key)) return
    seen.add(key)
    findings.push(finding)
  }
  rule.inspect?.(model, report)
  for (const location of model.webSockets) rule.inspectWebSocket?.(location, model, report)
}

function findingOf(
  rule: Rule,
  node: Node,
  message: string,
  options: NonNullable<Parameters<Report>[2]>,
): Finding {
  const word = options.argument === undefined ? undefined : node.words[options.argument]
  const { file, line, column } = word?.position ?? node.position
  const length = word === undefined ? node.name.length : word.text.length + (word.quoted ? 2 : 0)
  return {
    ruleId: rule.id,
    severity: options.severity ?? rule.severity,
    file,
    line,
    column,
    endColumn: column + length,
    message,
    advice: options.advice ?? rule.page.fix,
    fix: options.fix ?? [],
  }
}

function sorted(findings: Finding[], tree: Tree): Finding[] {
  const order = new Map([...tree.files.keys()].map((path, index) => [path, index]))
  const rank = (file: string): number => order.get(file) ?? order.size
  return findings.sort(
    (a, b) =>
      rank(a.file) - rank(b.file) || a.line - b.line || a.column - b.column || compare(a.ruleId, b.ruleId),
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

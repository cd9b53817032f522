/** Findings for a reader: the line, a caret, what to do. */
import { type Finding, SEVERITIES, type Severity } from "../finding.ts"
import type { Tree } from "../tree.ts"

const COLOURS: Readonly<Record<Severity, string>> = { error: "31", warning: "33", info: "36" }

export function formatText(findings: readonly Finding[], tree: Tree, isColoured: boolean): string {
  const paint = (code: string, text: string): string => (isColoured ? `\x1b[${code}m${text}\x1b[0m` : text)
  const parts = findings.map((finding) => {
    const { file, line, column, severity, ruleId, message, advice, fix } = finding
    const source = tree.files.get(file)?.lines[line - 1]?.trimEnd() ?? ""
    const head = `${paint("1", `${file}:${line}:${column}`)}: ${paint(COLOURS[severity], severity)}: ${message} ${paint("2", `[${ruleId}]`)}`
    const caret =
      source === "" ? "" : `\n${excerpt(source, finding, (text) => paint(COLOURS[severity], text))}`
    return `${head}${caret}\n  ${paint("32", fix.length > 0 ? "fix (--fix): " : "fix: ")}${advice}\n`
  })
  return parts.map((part) => `${part}\n`).join("")
}

function excerpt(source: string, finding: Finding, paint: (text: string) => string): string {
  const number = String(finding.line)
  const start = finding.column - 1
  const width = Math.max(1, Math.min(finding.endColumn - finding.column, source.length - start))
  // Tabs stay tabs, so that the caret stands below what it means however wide they are.
  const before = source.slice(0, start).replaceAll(/[^\t]/g, " ")
  return `  ${number} | ${source}\n  ${" ".repeat(number.length)} | ${before}${paint(`^${"~".repeat(width - 1)}`)}`
}

/** How many findings there are. */
export type Tally = Record<Severity | "fixable", number>

/** "2 errors, 1 warning; 1 can be mended by --fix" */
export function formatSummary(tally: Readonly<Tally>): string {
  const parts = SEVERITIES.filter((severity) => tally[severity] > 0).map((severity) => {
    const number = tally[severity]
    return `${number} ${severity}${severity === "info" || number === 1 ? "" : "s"}`
  })
  if (parts.length === 0) return "no findings"
  return parts.join(", ") + (tally.fixable > 0 ? `; ${tally.fixable} can be mended by --fix` : "")
}

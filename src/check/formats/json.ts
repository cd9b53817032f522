/** Findings as an array of objects. */
import type { Finding } from "../finding.ts"

/** What other programs may rely on; more may come. */
interface JsonFinding {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endColumn: number
  readonly ruleId: string
  readonly severity: string
  readonly message: string
  readonly advice: string
  readonly fixable: boolean
}

export function formatJson(findings: readonly Finding[]): string {
  const all = findings.map(
    ({ file, line, column, endColumn, ruleId, severity, message, advice, fix }): JsonFinding => ({
      file,
      line,
      column,
      endColumn,
      ruleId,
      severity,
      message,
      advice,
      fixable: fix.length > 0,
    }),
  )
  return `${JSON.stringify(all, null, 2)}\n`
}

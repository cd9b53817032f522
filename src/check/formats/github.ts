/** Findings as annotations of GitHub Actions: workflow commands. */
import type { Finding } from "../finding.ts"

const LEVELS = { error: "error", warning: "warning", info: "notice" } as const

export function formatGithub(findings: readonly Finding[]): string {
  return findings
    .map(({ file, line, column, endColumn, severity, ruleId, message, advice }) => {
      const place = `file=${property(file)},line=${line},col=${column},endColumn=${endColumn}`
      return `::${LEVELS[severity]} ${place},title=${property(ruleId)}::${escapeData(`${message}\nfix: ${advice}`)}\n`
    })
    .join("")
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")
}

function property(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C")
}

/** A report as JSON: docs/probe.schema.json. */
import type { Report } from "../report.ts"

export function formatJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/** For --watch: one report a line. */
export function formatJsonLine(report: Report): string {
  return `${JSON.stringify(report)}\n`
}

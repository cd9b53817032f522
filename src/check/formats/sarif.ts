/** Findings as SARIF 2.1.0 (OASIS), which code scanning services read. */
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Edit, Finding } from "../finding.ts"
import type { Rule } from "../rule.ts"

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
const LEVELS = { error: "error", warning: "warning", info: "note" } as const

export interface SarifTool {
  readonly version: string
  readonly rules: readonly Rule[]
}

export function formatSarif(findings: readonly Finding[], { version, rules }: SarifTool): string {
  const used = new Set(findings.map(({ ruleId }) => ruleId))
  const driver = {
    name: "holdfast check",
    version,
    rules: rules.filter(({ id }) => used.has(id)).map(describeRule),
  }
  const results = findings.map(describeFinding)
  const run = { tool: { driver }, columnKind: "utf16CodeUnits", results }
  return `${JSON.stringify({ $schema: SCHEMA, version: "2.1.0", runs: [run] }, null, 2)}\n`
}

function describeRule({ id, title, severity, page }: Rule): object {
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: `${page.happens} ${page.why}` },
    help: { text: page.fix },
    defaultConfiguration: { level: LEVELS[severity] },
  }
}

function describeFinding({
  ruleId,
  severity,
  message,
  advice,
  file,
  line,
  column,
  endColumn,
  fix,
}: Finding): object {
  const region = { startLine: line, startColumn: column, endColumn }
  return {
    ruleId,
    level: LEVELS[severity],
    message: { text: message },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, region } }],
    ...(fix.length > 0 && { fixes: [describeFix(fix, advice)] }),
  }
}

function describeFix(edits: readonly Edit[], advice: string): object {
  const files = [...new Set(edits.map(({ file }) => file))]
  const artifactChanges = files.map((file) => ({
    artifactLocation: { uri: uriOf(file) },
    replacements: edits.filter((edit) => edit.file === file).map(describeEdit),
  }))
  return { description: { text: advice }, artifactChanges }
}

function describeEdit({ start, end, text }: Edit): object {
  return {
    deletedRegion: {
      startLine: start.line,
      startColumn: start.column,
      endLine: end.line,
      endColumn: end.column,
    },
    insertedContent: { text },
  }
}

/** Relative paths stay relative: services resolve them against the repository. */
function uriOf(file: string): string {
  if (!file.startsWith("/")) return file.split("/").map(encodeURIComponent).join("/")
  return pathToFileURL(resolve(file)).href
}

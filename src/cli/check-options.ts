/** The command line of `holdfast check`. */

import { parseCommandLine } from "../base/command-line.ts"
import { HoldfastError } from "../base/error.ts"
import { SEVERITIES, type Severity } from "../check/finding.ts"
import { parseTarget, type Target } from "../check/target.ts"

const FORMATS = ["text", "json", "sarif", "github", "checkstyle"] as const
export type Format = (typeof FORMATS)[number]

export const USAGE = `Usage: holdfast check [options] FILE…

Reads an nginx.conf, a folder such as /etc/nginx, or standard input (-), and says what will break WebSockets.

Options:
  --target TARGET        holdfast, or a version of nginx such as nginx/1.22 (default: holdfast)
  --location PATH        take the location of that path for one of WebSockets; may be repeated
  --format FORMAT        text, json, sarif, github or checkstyle (default: text)
  --max-severity LEVEL   exit 1 for findings of this level or worse: error, warning or info (default: warning)
  --fix                  rewrite the files with the fixes that are safe, and show what is left
  --diff                 show what --fix changes; without --fix nothing is written
  --explain RULE         print a rule's page
  --list                 list the rules
  -h, --help             this help

Exit status: 0 clean, 1 findings, 2 input that cannot be read.
`

export interface CheckOptions {
  readonly files: readonly string[]
  readonly target: Target
  readonly paths: readonly string[]
  readonly format: Format
  readonly maxSeverity: Severity
  readonly isFix: boolean
  readonly isDiff: boolean
  readonly explain: string | undefined
  readonly isList: boolean
  readonly isHelp: boolean
}

/** Throws USAGE. */
export function parseCheckOptions(args: readonly string[]): CheckOptions {
  const { values, positionals } = parseWords(args)
  const format = oneOf("format", values.format, FORMATS)
  if (values.diff && format !== "text")
    throw new HoldfastError("USAGE", `--diff prints a diff: --format ${format} cannot go with it`)
  if (values.fix && positionals.includes("-") && format !== "text")
    throw new HoldfastError(
      "USAGE",
      `--fix prints the text of standard input: --format ${format} cannot go with it`,
    )
  return {
    files: positionals,
    target: parseTarget(values.target),
    paths: values.location,
    format,
    maxSeverity: oneOf("max-severity", values["max-severity"], SEVERITIES),
    isFix: values.fix,
    isDiff: values.diff,
    explain: values.explain,
    isList: values.list,
    isHelp: values.help,
  }
}

function parseWords(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      target: { type: "string", default: "holdfast" },
      location: { type: "string", multiple: true, default: [] },
      format: { type: "string", default: "text" },
      "max-severity": { type: "string", default: "warning" },
      fix: { type: "boolean", default: false },
      diff: { type: "boolean", default: false },
      explain: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
}

function oneOf<const T extends string>(option: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text)
  if (found === undefined)
    throw new HoldfastError("USAGE", `invalid --${option} "${text}": one of ${words.join(", ")}`)
  return found
}

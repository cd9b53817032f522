/** `holdfast check`: what in a configuration will break WebSockets. */
import { HoldfastError } from "../base/error.ts"
import { type CheckResult, checkTree } from "../check/engine.ts"
import { type Finding, SEVERITIES, type Severity } from "../check/finding.ts"
import { type Fixed, fixAll } from "../check/fix.ts"
import { formatCheckstyle } from "../check/formats/checkstyle.ts"
import { formatDiff } from "../check/formats/diff.ts"
import { formatGithub } from "../check/formats/github.ts"
import { formatJson } from "../check/formats/json.ts"
import { formatPage, formatRuleList } from "../check/formats/page.ts"
import { formatSarif } from "../check/formats/sarif.ts"
import { formatSummary, formatText, type Tally } from "../check/formats/text.ts"
import { filesOf, readConfiguration, STANDARD_INPUT } from "../check/input.ts"
import { replaceFile } from "../check/replace-file.ts"
import { RULES } from "../check/rules/index.ts"
import type { SourceText } from "../check/tree.ts"
import { VERSION } from "../runtime/special-response.ts"
import { type CheckOptions, type Format, parseCheckOptions, USAGE } from "./check-options.ts"
import { watchOutput } from "./terminal.ts"

/** Runs the command; returns the exit status. */
export function checkCommand(args: readonly string[]): number {
  watchOutput("check", 2)
  try {
    const options = parseCheckOptions(args)
    if (options.isHelp) return print(USAGE)
    if (options.isList) return print(formatRuleList(RULES))
    if (options.explain !== undefined) return explain(options.explain)
    return new Run(options).all()
  } catch (error) {
    return complain(error)
  }
}

/** Says what is wrong with the input, or the command line. Returns the exit status. */
function complain(error: unknown): 2 {
  const text = error instanceof HoldfastError ? error.describe() : String((error as Error).stack)
  process.stderr.write(`holdfast check: ${text}\n`)
  return 2
}

function explain(id: string): number {
  const rule = RULES.find((one) => one.id === id)
  if (rule === undefined)
    throw new HoldfastError("USAGE", `there is no rule "${id}"; see holdfast check --list`)
  return print(formatPage(rule))
}

class Run {
  readonly #options: CheckOptions
  /** What has been found already: files may share what they include. */
  readonly #seen = new Set<string>()
  /** All findings, for a format that is one document. */
  readonly #kept: Finding[] = []
  readonly #tally: Tally = { error: 0, warning: 0, info: 0, fixable: 0 }
  #hasFailed = false

  constructor(options: CheckOptions) {
    this.#options = options
  }

  /** Returns the exit status. */
  all(): number {
    const { files, format, isDiff } = this.#options
    if (files.length === 0) throw new HoldfastError("USAGE", "no file is given; see holdfast check --help")
    const paths = files.flatMap((file) => this.#try(() => filesOf(file)) ?? [])
    for (const path of new Set(paths)) this.#try(() => this.#one(path))
    if (format !== "text") print(formatted(format, this.#kept))
    else if (!this.#hasFailed || this.#seen.size > 0)
      this.#write(`${formatSummary(this.#tally)}\n`, isDiff || this.#printsText(files))
    if (this.#hasFailed) return 2
    const worst = SEVERITIES.indexOf(this.#options.maxSeverity)
    return SEVERITIES.slice(0, worst + 1).some((severity: Severity) => this.#tally[severity] > 0) ? 1 : 0
  }

  /** A file that cannot be read keeps no other from being checked. */
  #try<T>(action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      complain(error)
      this.#hasFailed = true
      return undefined
    }
  }

  #one(path: string): void {
    const { target, paths, isFix, isDiff, format } = this.#options
    const texts = new Map<string, SourceText>()
    const check = (): CheckResult => checkTree(readConfiguration(path, texts), target, RULES, { paths })
    let result: CheckResult
    if (isFix || isDiff) {
      const fixed = fixAll(texts, check)
      if (isDiff) showDiff(fixed)
      if (isFix) write(fixed, isDiff)
      result = isFix ? fixed.after : fixed.before
    } else result = check()
    const fresh = result.findings.filter((finding) => this.#isNew(finding))
    this.#count(fresh)
    if (format !== "text") this.#kept.push(...fresh.map(detached))
    else if (!isDiff) this.#write(textOf({ ...result, findings: fresh }), this.#printsText([path]))
  }

  /** Whether standard output has a configuration, so that findings go to standard error. */
  #printsText(paths: readonly string[]): boolean {
    return this.#options.isFix && paths.some((path) => path === STANDARD_INPUT || path === "-")
  }

  #write(text: string, isForError: boolean): void {
    ;(isForError ? process.stderr : process.stdout).write(text)
  }

  #isNew({ file, line, column, ruleId, message }: Finding): boolean {
    const key = `${file}\n${line}:${column}\n${ruleId}\n${message}`
    if (this.#seen.has(key)) return false
    this.#seen.add(key)
    return true
  }

  #count(findings: readonly Finding[]): void {
    for (const { severity, fix } of findings) {
      this.#tally[severity]++
      if (fix.length > 0) this.#tally.fixable++
    }
  }
}

/** The engine keeps texts whole as long as a piece of them is referred to: a copy refers to none. */
function detached(finding: Finding): Finding {
  return JSON.parse(JSON.stringify(finding)) as Finding
}

function showDiff({ before, after, changed }: Fixed): void {
  for (const path of changed) {
    const [old, now] = [before, after].map(({ model }) => model.tree.files.get(path)?.text ?? "")
    print(formatDiff(path, old as string, now as string))
  }
}

function write({ after, changed }: Fixed, isDiff: boolean): void {
  const { tree } = after.model
  const input = tree.files.get(STANDARD_INPUT)
  if (input !== undefined && !isDiff) process.stdout.write(Buffer.from(input.text, input.encoding))
  for (const path of changed) {
    const file = tree.files.get(path)
    if (file === undefined || path === STANDARD_INPUT) continue
    replaceFile(path, Buffer.from(file.text, file.encoding))
    process.stderr.write(`holdfast check: ${path} is rewritten\n`)
  }
}

function textOf({ findings, model }: CheckResult): string {
  const isColoured = process.stdout.isTTY === true && !process.env["NO_COLOR"]
  return formatText(findings, model.tree, isColoured)
}

function formatted(format: Exclude<Format, "text">, findings: readonly Finding[]): string {
  if (format === "json") return formatJson(findings)
  if (format === "github") return formatGithub(findings)
  if (format === "checkstyle") return formatCheckstyle(findings)
  return formatSarif(findings, { version: VERSION, rules: RULES })
}

function print(text: string): 0 {
  process.stdout.write(text)
  return 0
}

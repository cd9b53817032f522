/** `holdfast init`: writes a configuration, tests it as `-t` does and checks it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { HoldfastError } from "../base/error.ts"
import { checkTree } from "../check/engine.ts"
import { formatSummary, formatText, type Tally } from "../check/formats/text.ts"
import { decodeSource, STANDARD_INPUT } from "../check/input.ts"
import { replaceFile } from "../check/replace-file.ts"
import { RULES } from "../check/rules/index.ts"
import { readTree } from "../check/tree.ts"
import { certificateFaults, keyFaults } from "../init/certificate.ts"
import { DEFAULT_OUTPUT, missingOptions, planOf } from "../init/choices.ts"
import { configurationOf } from "../init/configuration.ts"
import { askFor, isThere, outputFault } from "../init/dialogue.ts"
import { nextSteps } from "../init/next-steps.ts"
import { type InitOptions, parseInitOptions, parseOutput, USAGE } from "../init/options.ts"
import type { Plan } from "../init/plan.ts"
import { Left, Prompter } from "../init/prompter.ts"
import { includes, mainFileOf, takenUpstreams } from "../init/surroundings.ts"
import { writeNewFile } from "../init/write-file.ts"
import { parseOptions } from "./options.ts"
import { invocationOf } from "./paths.ts"
import { watchOutput } from "./terminal.ts"
import { test } from "./test-configuration.ts"

/** Runs the command; returns the exit status. */
export async function initCommand(args: readonly string[]): Promise<number> {
  watchOutput("init", 2)
  try {
    const options = parseInitOptions(args)
    if (options.isHelp) {
      process.stdout.write(USAGE)
      return 0
    }
    return await run(await completed(options))
  } catch (error) {
    if (error instanceof Left) {
      complain(error.message)
      return error.exitStatus
    }
    if (!(error instanceof HoldfastError)) throw error
    complain(error.describe())
    return 2
  }
}

function complain(text: string): void {
  process.stderr.write(`holdfast init: ${text}\n`)
}

/** Asks where somebody is there to be asked. Throws USAGE, FILE, Left. */
async function completed(options: InitOptions): Promise<InitOptions> {
  const { given, isForced, isYes } = options
  const output = given.output ?? parseOutput(DEFAULT_OUTPUT)
  // Said before the questions, not after them.
  const fault = outputFault(output)
  if (fault !== undefined) throw new HoldfastError("FILE", fault)
  const missing = isYes ? [] : missingOptions(given)
  const isTaken = !isForced && isThere(output)
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY && !isYes
  if (missing.length === 0 && !isTaken) return options
  if (isTerminal) return ask(options)
  if (missing.length === 0) throw exists(output)
  throw new HoldfastError(
    "USAGE",
    `no terminal to ask at: give ${missing.join(", ")}, or --yes for the defaults; see holdfast init --help`,
  )
}

async function ask(options: InitOptions): Promise<InitOptions> {
  const prompter = new Prompter(process.stdin, process.stderr)
  try {
    return { ...options, ...(await askFor(options, prompter, Date.now())) }
  } finally {
    prompter.close()
  }
}

function exists(path: string): HoldfastError {
  return new HoldfastError("FILE", `${path} exists: --force overwrites it`)
}

async function run(options: InitOptions): Promise<number> {
  const output = options.given.output ?? parseOutput(DEFAULT_OUTPUT)
  const plan = planOf(options, output, () => (output === "-" ? new Set() : takenUpstreams(output)))
  const text = configurationOf(plan)
  if (output === "-") {
    process.stdout.write(text)
    return showFindings(STANDARD_INPUT, text, plan, process.stderr) ? 1 : 0
  }
  for (const fault of faultsOf(plan)) complain(`warning: ${fault}`)
  save(output, text, options.isForced)
  process.stdout.write(`${output} is written.\n`)
  const mainFile = plan.isInclude ? includerOf(output) : output
  const holds = await testFile(output, mainFile, text)
  const hasFindings = showFindings(output, text, plan, process.stdout)
  process.stdout.write(nextSteps(plan, { file: output, mainFile, holds }))
  return holds && !hasFindings ? 0 : 1
}

function faultsOf({ keyPair, names }: Plan): string[] {
  if (keyPair === null) return []
  const { certificate, key } = keyPair
  return [...certificateFaults(certificate, names, Date.now()), ...keyFaults(key, certificate)]
}

function save(path: string, text: string, isForced: boolean): void {
  if (!isThere(path)) writeNewFile(path, text)
  else if (isForced) replaceFile(path, Buffer.from(text, "utf8"))
  else throw exists(path)
}

/** What includes `path`, where something does. */
function includerOf(path: string): string | null {
  const main = mainFileOf(path)
  return main !== undefined && includes(main, path) ? main : null
}

/** As `holdfast -t`; returns whether the configuration holds. */
async function testFile(path: string, mainFile: string | null, text: string): Promise<boolean> {
  if (mainFile !== null) return testMain(mainFile)
  process.stdout.write(`No nginx.conf includes ${path} yet: it is tested in an http block of its own.\n`)
  const folder = mkdtempSync(join(tmpdir(), "holdfast-init-"))
  try {
    const file = join(folder, "nginx.conf")
    // In front on the same line, so that lines keep their numbers.
    writeFileSync(file, `error_log stderr; events {} http { access_log off; ${text}}\n`)
    return await testMain(file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function testMain(file: string): Promise<boolean> {
  const options = parseOptions(["-t", "-c", file])
  return test(options, invocationOf(options))
}

/** Shows what `holdfast check` finds, and returns whether there are warnings or errors. */
function showFindings(path: string, text: string, { target }: Plan, output: NodeJS.WritableStream): boolean {
  const tree = readTree(path, "./", (file) =>
    file === path ? { text, encoding: "utf8" } : decodeSource(readFileSync(file)),
  )
  const { findings } = checkTree(tree, target, RULES)
  const tally: Tally = { error: 0, warning: 0, info: 0, fixable: 0 }
  for (const { severity, fix } of findings) {
    tally[severity]++
    if (fix.length > 0) tally.fixable++
  }
  const isColoured = "isTTY" in output && output.isTTY === true && !process.env["NO_COLOR"]
  output.write(
    `${formatText(findings, tree, isColoured)}holdfast check (${target.name}): ${formatSummary(tally)}\n`,
  )
  return tally.error + tally.warning > 0
}

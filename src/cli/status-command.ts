/** `holdfast status`: what the running program is doing. */
import { HoldfastError } from "../base/error.ts"
import { ask } from "../status/ask.ts"
import { findProgram, type ProgramName } from "../status/find-program.ts"
import { printableJson, readSnapshot } from "../status/read-snapshot.ts"
import { report } from "../status/report.ts"
import { repeat, Screen } from "../status/watch.ts"
import { parseStatusOptions, type StatusOptions, USAGE } from "./status-options.ts"

/** Where nothing says how wide the terminal is. */
const DEFAULT_WIDTH = 80
const MIN_WIDTH = 40

/** Runs the command; returns the exit status. */
export async function statusCommand(args: readonly string[]): Promise<number> {
  process.stdout.on("error", endOnBrokenPipe)
  try {
    const options = parseStatusOptions(args)
    if (options.isHelp) process.stdout.write(USAGE)
    else if (options.watchMs === null) process.stdout.write(joined(await linesOf(options)))
    else await watch(options, options.watchMs)
    return 0
  } catch (error) {
    complain(error)
    return error instanceof HoldfastError && error.code !== "USAGE" ? 1 : 2
  }
}

/** A program that does not run now may run the next time: only the first try ends it. */
async function watch(options: StatusOptions, periodMs: number): Promise<void> {
  const screen = process.stdout.isTTY && !options.isJson ? new Screen(process.stdout) : null
  let isFirst = true
  try {
    await repeat(periodMs, async (signal) => {
      const lines = await linesOf(options, signal).catch((error: unknown) => {
        if (signal.aborted) return []
        if (isFirst || !(error instanceof HoldfastError)) throw error
        return faultLines(error, screen !== null)
      })
      if (signal.aborted) return
      if (screen !== null) screen.show(lines)
      else process.stdout.write((isFirst || options.isJson || lines.length === 0 ? "" : "\n") + joined(lines))
      isFirst = false
    })
  } finally {
    screen?.end()
  }
}

/** On a terminal a fault takes the place of the tables. */
function faultLines(error: HoldfastError, isScreen: boolean): string[] {
  if (isScreen) return [`holdfast status: ${error.describe()}`]
  complain(error)
  return []
}

async function linesOf({ program, isJson }: StatusOptions, signal?: AbortSignal): Promise<string[]> {
  const document = await ask(find(program), signal)
  if (isJson) return [printableJson(document)]
  const { isTTY, columns } = process.stdout
  return report(readSnapshot(document), {
    width: isTTY ? Math.max(columns, MIN_WIDTH) : DEFAULT_WIDTH,
    isColoured: isTTY && !process.env["NO_COLOR"],
  })
}

function find(program: ProgramName): ReturnType<typeof findProgram> {
  try {
    return findProgram(program)
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === "PROCESS") throw error
    throw new HoldfastError(
      "FILE",
      `${error.describe()}; --pid or --socket names a program without its configuration`,
    )
  }
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("")
}

function complain(error: unknown): void {
  const text = error instanceof HoldfastError ? error.describe() : String((error as Error).stack)
  process.stderr.write(`holdfast status: ${text}\n`)
}

/** Whoever reads the first lines only, as `head` does, closes the pipe. */
function endOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(0)
  process.stderr.write(`holdfast status: cannot write the output: ${error.message}\n`)
  process.exit(1)
}

/** `holdfast probe`: which hop broke the handshake, and what mends it. */
import { HoldfastError } from "../base/error.ts"
import type { ProbeContext } from "../probe/context.ts"
import { formatJson } from "../probe/formats/json.ts"
import { formatStep, formatTitle, formatVerdict, type TextOptions } from "../probe/formats/text.ts"
import type { Report } from "../probe/report.ts"
import { type ProbeListener, runProbe } from "../probe/run.ts"
import { agreeToBurst } from "./probe-burst.ts"
import { type ProbeOptions, parseProbeOptions, USAGE } from "./probe-options.ts"
import { watchProbe } from "./probe-watch.ts"
import { watchOutput } from "./terminal.ts"

/** Nothing is known yet: as for any program that Ctrl-C ends. */
const INTERRUPTED = 130

/** Runs the command; returns the exit status. */
export async function probeCommand(args: readonly string[]): Promise<number> {
  watchOutput("probe", 2)
  try {
    const options = parseProbeOptions(args)
    if (options.context === undefined) {
      process.stdout.write(USAGE)
      return 0
    }
    const context = await agreeToBurst(options.context)
    const isHealthy =
      options.watchMs === 0
        ? (await probeOnce(context, options)).isHealthy
        : await watchProbe(() => probeSilently(context), options, textOptions(options))
    if (isHealthy === undefined) return INTERRUPTED
    return isHealthy ? 0 : 1
  } catch (error) {
    return complain(error)
  }
}

async function probeOnce(context: ProbeContext, options: ProbeOptions): Promise<Report> {
  const text = textOptions(options)
  if (!options.isJson) process.stdout.write(formatTitle(context.endpoint.url, context.plan.backend?.url))
  const report = options.isJson ? await probeSilently(context) : await runProbe(context, listenerOf(text))
  process.stdout.write(options.isJson ? formatJson(report) : formatVerdict(report, text))
  return report
}

function probeSilently(context: ProbeContext): Promise<Report> {
  return runProbe(context, { progress: () => {}, step: () => {} })
}

const CLEAR_LINE = "\r\x1b[K"

/** On a terminal a passing line says what is under way. */
function listenerOf(text: TextOptions): ProbeListener {
  const isTerminal = isScreen()
  const clear = isTerminal ? CLEAR_LINE : ""
  return {
    progress: (title, more) => {
      const line = `...   ${title.padEnd(13)}${more}`
      // One that fills the last column would wrap.
      if (isTerminal)
        process.stdout.write(clear + line.slice(0, Math.min(text.width, process.stdout.columns) - 1))
    },
    step: (report) => process.stdout.write(clear + formatStep(report, text)),
  }
}

/** Whether the output is a terminal that knows colours and a way back in a line. */
function isScreen(): boolean {
  return process.stdout.isTTY === true && process.env["TERM"] !== "dumb"
}

const LEAST_WIDTH = 60
const MOST_WIDTH = 120
const USUAL_WIDTH = 80

function textOptions({ isVerbose }: ProbeOptions): TextOptions {
  const { isTTY, columns } = process.stdout
  const isTerminal = isTTY === true
  return {
    isColoured: isScreen() && !process.env["NO_COLOR"],
    isVerbose,
    width: isTerminal ? Math.min(Math.max(columns, LEAST_WIDTH), MOST_WIDTH) : USUAL_WIDTH,
    breaksDetails: isTerminal,
  }
}

function complain(error: unknown): 2 {
  const text = error instanceof HoldfastError ? error.describe() : String((error as Error).stack)
  process.stderr.write(`holdfast probe: ${text}\n`)
  return 2
}

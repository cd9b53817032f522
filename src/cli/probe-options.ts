/** The command line of `holdfast probe`. */

import { parseCommandLine } from "../base/command-line.ts"
import { HoldfastError } from "../base/error.ts"
import { filesOf, readConfiguration } from "../check/input.ts"
import { parseTarget } from "../check/target.ts"
import { CLIENT_OPTIONS, CLIENT_USAGE, clientOptionsOf } from "../client/client-options.ts"
import { parseDuration } from "../client/duration.ts"
import { parseEndpoint } from "../client/endpoint.ts"
import { type ProbeContext, probeContext } from "../probe/context.ts"

export const USAGE = `Usage: holdfast probe [options] URL

Walks a live WebSocket endpoint and says what works, what does not, which hop
does it and what mends it.

Options:
  --send TEXT                  send this message in place of looking for an echo
  --expect TEXT                what the answer to it must have in it
  --hold TIME                  see how long an idle socket lives, with and
                               without pings; cut before TIME is unhealthy
  --sticky N                   open N connections and see how they spread over
                               backends, and whether reconnects return
  --burst N                    see how many sockets open at once, at most 8000
  --rate R                     of --burst: how many a second (default: 50)
  --http-port PORT             the port of plain HTTP, to see where it redirects
                               (default: 80)
  -y, --yes                    open more than 100 of them on a host that is not
                               this one without asking
  --backend URL                try the backend itself, too, and compare
  --config FILE                what holdfast check finds in this configuration
                               at the location of the URL
  --target TARGET              of --config: holdfast, or a version such as
                               nginx/1.22 (default: holdfast)
  --watch [TIME]               again and again (default: every 10s)
  --json                       the report as JSON
  -v, --verbose                what was sent and received, in all steps
  -h, --help                   this help
${CLIENT_USAGE}
Exit status: 0 healthy, 1 unhealthy, 2 usage.
`

export interface ProbeOptions {
  readonly isHelp: boolean
  readonly isJson: boolean
  readonly isVerbose: boolean
  /** 0: once. */
  readonly watchMs: number
  /** Undefined with --help alone. */
  readonly context: ProbeContext | undefined
}

const MAX_COUNT = 8000
/** One after the other, and what each shows is kept. */
const MAX_STICKY = 1000

/** Throws USAGE and FILE. */
export function parseProbeOptions(args: readonly string[]): ProbeOptions {
  const { values, positionals } = parseWords(withWatchTime(args))
  const common = { isHelp: values.help, isJson: values.json, isVerbose: values.verbose }
  if (values.help) return { ...common, watchMs: 0, context: undefined }
  if (positionals.length !== 1)
    throw new HoldfastError(
      "USAGE",
      positionals.length === 0 ? "no URL is given; see holdfast probe --help" : "one URL is enough",
    )
  if (values.expect !== undefined && values.send === undefined)
    throw new HoldfastError("USAGE", "--expect needs --send")
  const client = clientOptionsOf(values)
  // Read for its errors, before anything is sent.
  for (const file of values.config === undefined ? [] : filesOf(values.config)) readConfiguration(file)
  parseTarget(values.target)
  const context = probeContext(parseEndpoint(positionals[0] as string), client, {
    send: values.send,
    expect: values.expect,
    holdMs: values.hold === undefined ? 0 : parseDuration("hold", values.hold),
    sticky: count("sticky", values.sticky, 0, MAX_STICKY),
    burst: count("burst", values.burst),
    burstRate: count("rate", values.rate, 1),
    httpPort: values["http-port"] === undefined ? undefined : port("http-port", values["http-port"]),
    isBurstAgreed: values.yes,
    backend: values.backend === undefined ? undefined : parseEndpoint(values.backend),
    config: values.config,
    configTarget: values.target,
  })
  return {
    ...common,
    watchMs: values.watch === undefined ? 0 : parseDuration("watch", values.watch),
    context,
  }
}

function parseWords(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      ...CLIENT_OPTIONS,
      send: { type: "string" },
      expect: { type: "string" },
      hold: { type: "string" },
      sticky: { type: "string", default: "0" },
      burst: { type: "string", default: "0" },
      rate: { type: "string", default: "50" },
      "http-port": { type: "string" },
      yes: { type: "boolean", short: "y", default: false },
      backend: { type: "string" },
      config: { type: "string" },
      target: { type: "string", default: "holdfast" },
      watch: { type: "string" },
      json: { type: "boolean", default: false },
      verbose: { type: "boolean", short: "v", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
}

/** `--watch` alone has the default; parseArgs knows no option with an optional value. */
function withWatchTime(args: readonly string[]): string[] {
  return args.map((word, index) => {
    const isAlone = word === "--watch" && !/^\d/.test(args[index + 1] ?? "")
    return isAlone ? "--watch=10s" : word
  })
}

function port(option: string, text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (value < 1 || value > 65_535)
    throw new HoldfastError("USAGE", `invalid --${option} "${text}": a port from 1 to 65535`)
  return value
}

function count(option: string, text: string, least: number = 0, most: number = MAX_COUNT): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1
  if (value < least || value > most)
    throw new HoldfastError("USAGE", `invalid --${option} "${text}": a number from ${least} to ${most}`)
  return value
}

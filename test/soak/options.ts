import { parseArgs } from "node:util"
import { MIN_MESSAGE_BYTES } from "./messages.ts"

export interface SoakOptions {
  readonly tunnels: number
  /** Reloads in all, the broken ones included. */
  readonly reloads: number
  readonly broken: number
  /** From the signal of one reload to that of the next, at least. */
  readonly intervalMs: number
  readonly workers: number
  readonly tls: boolean
  readonly messageBytes: number
  /** Messages that are sent per second in all: from clients, their echoes, and those that backends push. */
  readonly rate: number
  readonly seed: number
}

export const DEFAULTS: SoakOptions = {
  tunnels: 2000,
  reloads: 200,
  broken: 10,
  intervalMs: 100,
  workers: 2,
  tls: true,
  messageBytes: 64,
  rate: 6000,
  seed: 1,
}

export const USAGE = `npm run soak -- [options]

  --tunnels <n>         WebSockets that are open all the time (${DEFAULTS.tunnels})
  --reloads <n>         reloads in all (${DEFAULTS.reloads})
  --broken <n>          how many of them must be refused (${DEFAULTS.broken})
  --interval <time>     from one reload to the next, such as 100ms or 2s (${DEFAULTS.intervalMs}ms)
  --workers <n>         worker_processes (${DEFAULTS.workers})
  --no-tls              plain TCP to the clients
  --message-bytes <n>   length of each message (${DEFAULTS.messageBytes})
  --rate <n>            messages sent per second in all, echoes included (${DEFAULTS.rate})
  --seed <n>            repeats a run (${DEFAULTS.seed})
  --json                the report as JSON
`

/** Reads the command line; throws an Error that says what is wrong with it. */
export function parseOptions(args: readonly string[]): {
  options: SoakOptions
  isJson: boolean
  isHelp: boolean
} {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      tunnels: { type: "string" },
      reloads: { type: "string" },
      broken: { type: "string" },
      interval: { type: "string" },
      workers: { type: "string" },
      tls: { type: "boolean", default: DEFAULTS.tls },
      "message-bytes": { type: "string" },
      rate: { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  })
  const options: SoakOptions = {
    tunnels: whole("tunnels", values.tunnels, DEFAULTS.tunnels, 1),
    reloads: whole("reloads", values.reloads, DEFAULTS.reloads, 0),
    broken: whole("broken", values.broken, DEFAULTS.broken, 0),
    intervalMs: values.interval === undefined ? DEFAULTS.intervalMs : milliseconds(values.interval),
    workers: whole("workers", values.workers, DEFAULTS.workers, 1),
    tls: values.tls,
    messageBytes: whole("message-bytes", values["message-bytes"], DEFAULTS.messageBytes, MIN_MESSAGE_BYTES),
    rate: whole("rate", values.rate, DEFAULTS.rate, 1),
    seed: whole("seed", values.seed, DEFAULTS.seed, 0),
  }
  if (options.broken > options.reloads) throw new Error("--broken: more than --reloads")
  return { options, isJson: values.json, isHelp: values.help }
}

function whole(name: string, text: string | undefined, fallback: number, least: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least)
    throw new Error(`--${name}: "${text}" is no number from ${least} up`)
  return value
}

function milliseconds(text: string): number {
  const [, digits, unit] = /^(\d+)(ms|s|)$/.exec(text) ?? []
  if (digits === undefined) throw new Error(`--interval: "${text}" is no time such as 100ms or 2s`)
  return Number(digits) * (unit === "s" ? 1000 : 1)
}

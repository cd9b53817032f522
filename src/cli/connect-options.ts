/** The command line of `holdfast connect`. */

import { parseCommandLine } from "../base/command-line.ts"
import { HoldfastError } from "../base/error.ts"
import { CLIENT_OPTIONS, CLIENT_USAGE, clientOptionsOf } from "../client/client-options.ts"
import { parseDuration } from "../client/duration.ts"
import { type Endpoint, parseEndpoint } from "../client/endpoint.ts"
import { parseSize } from "../config/values.ts"
import type { TalkOptions } from "../connect/talk.ts"

export const USAGE = `Usage: holdfast connect [options] URL

Sends lines of the input as messages and prints the messages that come. At a
terminal it has a prompt with history, and commands: /help lists them.

Options:
  -x, --execute TEXT           send this in place of the input; may be repeated
  -w, --wait TIME              after the last input wait this long for messages, then close
                               (default: 0, with --execute 2s)
  -n, --no-close               after the last input stay until the peer closes
  -1, --one-message            end with the first message that comes
  --binary                     lines of the input are hexadecimal digits of binary messages
  --raw                        bytes as they are: the input in binary messages, payloads to the output
  --slash                      lines that begin with a slash are commands in a pipe, too
  --json                       events as JSON, one a line
  --reconnect [TIME]           connect again, with pauses up to TIME (default: 30s)
  --ping TIME                  send a ping that often; the connection ends where no pong comes
  --show-pings                 show the peer's pings
  --max-message SIZE           the largest message to take or send (default, and most: 64m)
  --no-compress                do not offer permessage-deflate
  --no-history                 do not read or write the history
  -v, --verbose                in a pipe, say on standard error what a terminal shows
  -h, --help                   this help
${CLIENT_USAGE}
Exit status: 0 after a clean close, 1 otherwise, 2 usage.
`

export interface ConnectRequest {
  readonly endpoint: Endpoint
  readonly talk: Omit<TalkOptions, "showsSent">
  readonly execute: readonly string[]
  readonly isBinary: boolean
  readonly isRaw: boolean
  readonly hasSlash: boolean
  readonly isJson: boolean
  readonly showsPings: boolean
  readonly hasHistory: boolean
  readonly isVerbose: boolean
}

const EXECUTE_WAIT = "2s"
const LONGEST_PAUSE = "30s"
/** As JSON, where an octet may become six characters, it still is a string that V8 can have. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

/** Undefined for --help. Throws USAGE and FILE. */
export function parseConnectOptions(args: readonly string[]): ConnectRequest | undefined {
  const { values, positionals } = parseWords(withReconnectTime(args))
  if (values.help) return undefined
  if (positionals.length !== 1)
    throw usage(
      positionals.length === 0 ? "no URL is given; see holdfast connect --help" : "one URL is enough",
    )
  if (values.raw && values.json) throw usage("--raw and --json cannot go together")
  if (values.raw && values.slash) throw usage("--raw has no lines: --slash cannot go with it")
  const client = clientOptionsOf(values)
  return {
    endpoint: parseEndpoint(positionals[0] as string),
    talk: {
      client,
      compresses: !values["no-compress"],
      maxMessageBytes: messageSize(values["max-message"]),
      pingEveryMs: values.ping === undefined ? 0 : parseDuration("ping", values.ping),
      reconnectMs: values.reconnect === undefined ? 0 : parseDuration("reconnect", values.reconnect),
      staysOpen: values["no-close"],
      isForOneMessage: values["one-message"],
      waitMs: waitMs(values.wait ?? defaultWait(values)),
    },
    execute: values.execute,
    isBinary: values.binary,
    isRaw: values.raw,
    hasSlash: values.slash,
    isJson: values.json,
    showsPings: values["show-pings"],
    hasHistory: !values["no-history"],
    isVerbose: values.verbose,
  }
}

/** A message that is wanted is waited for like anything else. */
function defaultWait(values: {
  "one-message": boolean
  execute: readonly string[]
  timeout: string
}): string {
  if (values["one-message"]) return values.timeout
  return values.execute.length > 0 ? EXECUTE_WAIT : "0"
}

function waitMs(text: string): number {
  return text === "0" ? 0 : parseDuration("wait", text)
}

function messageSize(text: string): number {
  const bytes = parseSize(text, "kmg") ?? 0
  if (bytes < 1 || bytes > MAX_MESSAGE_BYTES)
    throw usage(`invalid --max-message "${text}": a size such as 64k or 16m, up to 64m`)
  return bytes
}

function parseWords(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: {
      ...CLIENT_OPTIONS,
      execute: { type: "string", short: "x", multiple: true, default: [] as string[] },
      wait: { type: "string", short: "w" },
      "no-close": { type: "boolean", short: "n", default: false },
      "one-message": { type: "boolean", short: "1", default: false },
      binary: { type: "boolean", default: false },
      raw: { type: "boolean", default: false },
      slash: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      reconnect: { type: "string" },
      ping: { type: "string" },
      "show-pings": { type: "boolean", default: false },
      "max-message": { type: "string", default: "64m" },
      "no-compress": { type: "boolean", default: false },
      "no-history": { type: "boolean", default: false },
      verbose: { type: "boolean", short: "v", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
}

/** `--reconnect` alone has the default; parseArgs knows no option with an optional value. */
function withReconnectTime(args: readonly string[]): string[] {
  return args.map((word, index) => {
    const isAlone = word === "--reconnect" && !/^\d+(?:\.\d+)?(?:ms|s|m|h)?$/.test(args[index + 1] ?? "")
    return isAlone ? `--reconnect=${LONGEST_PAUSE}` : word
  })
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}

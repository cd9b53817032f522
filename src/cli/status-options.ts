/** The command line of `holdfast status`. */
import { resolve } from "node:path"
import { parseCommandLine } from "../base/command-line.ts"
import { HoldfastError } from "../base/error.ts"
import type { ProgramName } from "../status/find-program.ts"
import { DEFAULT_FILE, DEFAULT_PREFIX } from "./paths.ts"

const DEFAULT_SECONDS = 2
const MAX_SECONDS = 86_400

export const USAGE = `Usage: holdfast status [-c FILE] [-p PREFIX] [options]

Says what a running Holdfast is doing: workers, listeners, WebSockets by location, handshakes that failed and why,
upstreams and their state. It is found as -s finds it, by the pid file that the configuration names.

Options:
  -c FILE              the configuration that it runs (default: ${DEFAULT_FILE})
  -p PREFIX            the prefix that it was started with (default: ${DEFAULT_PREFIX})
  --pid FILE           its pid file; the socket is beside it
  --socket PATH        its status socket
  --json               the snapshot as JSON, on one line
  --watch [SECONDS]    again every ${DEFAULT_SECONDS} seconds, or so many, until Ctrl-C
  -h, --help           this help

Exit status: 0 told, 1 nothing runs or it cannot be asked, 2 a wrong command line.
`

export interface StatusOptions {
  readonly program: ProgramName
  readonly isJson: boolean
  /** How often, in milliseconds; null: once. */
  readonly watchMs: number | null
  readonly isHelp: boolean
}

/** Throws USAGE. */
export function parseStatusOptions(args: readonly string[]): StatusOptions {
  const values = parseWords(joinWatch(args))
  return {
    program: programOf(values),
    isJson: values.json,
    watchMs: values.watch === undefined ? null : parseSeconds(values.watch),
    isHelp: values.help,
  }
}

/** The number behind `--watch` may be left out, which parseArgs does not know. */
function joinWatch(args: readonly string[]): string[] {
  const joined: string[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string
    const next = args[i + 1]
    if (word !== "--watch") joined.push(word)
    else if (next === undefined || next.startsWith("-")) joined.push(`--watch=${DEFAULT_SECONDS}`)
    else joined.push(`--watch=${args[++i]}`)
  }
  return joined
}

function parseWords(args: string[]) {
  const { values } = parseCommandLine({
    args,
    options: {
      config: { type: "string", short: "c" },
      prefix: { type: "string", short: "p" },
      pid: { type: "string" },
      socket: { type: "string" },
      json: { type: "boolean", default: false },
      watch: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  })
  return values
}

function programOf({ config, prefix, pid, socket }: ReturnType<typeof parseWords>): ProgramName {
  const ways = [socket, pid, config ?? prefix].filter((way) => way !== undefined)
  if (ways.length > 1)
    throw new HoldfastError("USAGE", "--socket, --pid and -c with -p each name the program: give one of them")
  if (socket !== undefined) return { by: "socket", socketPath: resolve(socket) }
  if (pid !== undefined) return { by: "pid", pidPath: resolve(pid) }
  const folder = resolve(prefix ?? DEFAULT_PREFIX)
  return { by: "configuration", file: resolve(folder, config ?? DEFAULT_FILE), prefix: folder }
}

function parseSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?s?$/.test(text) ? Number.parseFloat(text) : 0
  if (seconds < 0.1 || seconds > MAX_SECONDS)
    throw new HoldfastError("USAGE", `invalid --watch "${text}": seconds, from 0.1 on`)
  return seconds * 1000
}

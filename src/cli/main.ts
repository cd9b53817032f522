/**
 * The program: nginx's command line. What a command needs is loaded when it is asked for: `-v` has no use for the
 * code of the server.
 */
import { HoldfastError } from "../base/error.ts"
import { PRODUCT, VERSION } from "../runtime/special-response.ts"
import { type Options, parseOptions } from "./options.ts"
import { DEFAULT_FILE, DEFAULT_PREFIX, invocationOf } from "./paths.ts"
import { start } from "./start.ts"
import { fail, say } from "./terminal.ts"

const USAGE = `Usage: holdfast [-?hvVtTq] [-s signal] [-p prefix] [-e filename] [-c filename] [-g directives]
       holdfast check [options] FILE…  : say what in a configuration will break WebSockets
       holdfast graph [options] FILE   : draw its routing
       holdfast probe [options] URL    : say which hop breaks a WebSocket, and what mends it
       holdfast connect [options] URL  : talk to a WebSocket from the terminal
       holdfast init [options] [FILE]  : write a configuration
       holdfast status [options]       : say what the running program is doing

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and what it runs on, then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to the running program: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: ${DEFAULT_PREFIX})
  -e filename   : set error log file (default: logs/error.log)
  -c filename   : set configuration file (default: ${DEFAULT_FILE})
  -g directives : set global directives out of configuration file
`

/** Runs with the words after its name; returns the exit status. */
type Command = (args: readonly string[]) => number | Promise<number>

const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map<string, () => Promise<Command>>([
  ["check", async () => (await import("./check-command.ts")).checkCommand],
  ["graph", async () => (await import("./graph-command.ts")).graphCommand],
  ["probe", async () => (await import("./probe-command.ts")).probeCommand],
  ["connect", async () => (await import("./connect-command.ts")).connectCommand],
  ["init", async () => (await import("./init-command.ts")).initCommand],
  ["status", async () => (await import("./status-command.ts")).statusCommand],
])

/** Runs the program with its arguments; sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const load = COMMANDS.get(argv[0] ?? "")
    if (load === undefined) return await run(parseOptions(argv))
    const command = await load()
    process.exitCode = await command(argv.slice(1))
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    if (error.code !== "USAGE") return fail(error.describe(), "emerg")
    say(error.message)
    process.exitCode = 1
  }
}

async function run(options: Options): Promise<void> {
  const isTest = options.isTest || options.isDump
  if (options.isHelp || options.isVersion || options.isBuild) {
    showVersion(options)
    if (!isTest) return
  }
  const invocation = invocationOf(options)
  if (options.signal !== undefined) {
    const { sendSignal } = await import("./send-signal.ts")
    await sendSignal(options.signal, invocation)
  } else if (isTest) {
    const { test } = await import("./test-configuration.ts")
    await test(options, invocation)
  } else await start(invocation)
}

function showVersion(options: Options): void {
  process.stderr.write(`${PRODUCT} version: ${PRODUCT}/${VERSION}\n`)
  if (options.isBuild) {
    const { node, openssl, v8, uv } = process.versions
    process.stderr.write(
      `running on Node.js ${node} (V8 ${v8}, libuv ${uv})\nbuilt with OpenSSL ${openssl}\nTLS SNI support enabled\n`,
    )
  }
  if (options.isHelp) process.stderr.write(`\n${USAGE}`)
}

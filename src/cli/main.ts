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

/** Runs the program with its arguments; sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    if (argv[0] === "check") {
      const { checkCommand } = await import("./check-command.ts")
      process.exitCode = checkCommand(argv.slice(1))
      return
    }
    if (argv[0] === "graph") {
      const { graphCommand } = await import("./graph-command.ts")
      process.exitCode = graphCommand(argv.slice(1))
      return
    }
    await run(parseOptions(argv))
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

/** The program: nginx's command line in front of the supervisor. */
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { resolve } from "node:path"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { mergedConf } from "../config/merge.ts"
import { Sources, toSystemPath } from "../config/sources.ts"
import { mainDirectives } from "../modules/core/main-directives.ts"
import { CounterTable } from "../observe/counters.ts"
import { PRODUCT, VERSION } from "../runtime/special-response.ts"
import { type Checked, checkConfiguration } from "../server/check-configuration.ts"
import { read } from "../server/read.ts"
import { Services } from "../server/services.ts"
import { Supervisor } from "../server/supervisor.ts"
import { ignoreClosedTerminal, isDaemonChild, reportReady, runDaemon } from "./daemon.ts"
import { type Options, parseOptions, SIGNALS } from "./options.ts"

const DEFAULT_PREFIX = "/var/lib/holdfast/"
const DEFAULT_FILE = "/etc/nginx/nginx.conf"

const USAGE = `Usage: holdfast [-?hvVtTq] [-s signal] [-p prefix] [-e filename] [-c filename] [-g directives]

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

interface Paths {
  readonly file: string
  readonly prefix: string
}

/** Runs the program with its arguments; sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await run(parseOptions(argv))
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    say(error.code === "USAGE" ? error.message : `[emerg] ${error.describe()}`)
    process.exitCode = 1
  }
}

async function run(options: Options): Promise<void> {
  if (options.isHelp || options.isVersion || options.isBuild) {
    showVersion(options)
    if (!options.isTest && !options.isDump) return
  }
  const paths = pathsOf(options)
  if (options.signal !== undefined) return sendSignal(options, paths)
  if (options.isTest || options.isDump) return test(options, paths)
  await start(options, paths)
}

/** `-c` is relative to the prefix. Configuration text is latin1, paths included. */
function pathsOf(options: Options): Paths {
  const given = options.prefix === undefined ? DEFAULT_PREFIX : resolve(options.prefix)
  const prefix = given.endsWith("/") ? given : `${given}/`
  const file = resolve(prefix, options.file ?? DEFAULT_FILE)
  return { prefix: toLatin1(prefix), file: toLatin1(file) }
}

function toLatin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1")
}

/** A line for the terminal, as bytes. */
function say(text: string): void {
  process.stderr.write(`${PRODUCT}: ${text}\n`, "latin1")
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

function check(options: Options, paths: Paths): Promise<Checked> {
  const memory = new Map<string, SharedArrayBuffer>()
  const counters = new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0)
  const services = new Services({
    workerIndex: 0,
    counters,
    memory,
    threadId: process.pid,
    errorLogPath: errorLogPath(options),
  })
  return checkConfiguration({
    ...paths,
    parameter: toLatin1(options.parameter),
    services,
    number: 0,
    memory,
    onWarning: (text) => say(`[warn] ${text}`),
  })
}

function errorLogPath(options: Options): string | undefined {
  return options.errorLog === undefined ? undefined : toLatin1(options.errorLog)
}

async function test(options: Options, paths: Paths): Promise<void> {
  let checked: Checked
  try {
    checked = await check(options, paths)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    say(`[emerg] ${error.describe()}`)
    say(`configuration file ${paths.file} test failed`)
    process.exitCode = 1
    return
  }
  if (!options.isQuiet) {
    say(`the configuration file ${paths.file} syntax is ok`)
    say(`configuration file ${paths.file} test is successful`)
  }
  if (options.isDump)
    for (const file of checked.sources.configurationFiles)
      process.stdout.write(
        `# configuration file ${file}:\n${checked.sources.read(file).toString("latin1")}\n`,
        "latin1",
      )
}

async function sendSignal(options: Options, paths: Paths): Promise<void> {
  const signal = options.signal as keyof typeof SIGNALS
  const { pidPath } = await check(options, paths)
  let text: string
  try {
    text = readFileSync(toSystemPath(pidPath), "latin1")
  } catch (error) {
    return fail(`open() "${pidPath}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
  const pid = Number(text.trim())
  if (!Number.isInteger(pid) || pid <= 0) return fail(`invalid PID number "${text.trim()}" in "${pidPath}"`)
  try {
    process.kill(pid, SIGNALS[signal])
  } catch (error) {
    const number = constants.signals[SIGNALS[signal]]
    fail(`kill(${pid}, ${number}) failed (${errnoText(error as NodeJS.ErrnoException)})`, "alert")
  }
}

function fail(message: string, level: "error" | "alert" = "error"): void {
  say(`[${level}] ${message}`)
  process.exitCode = 1
}

async function start(options: Options, paths: Paths): Promise<void> {
  if (!isDaemonChild() && isDaemonAskedFor(options, paths)) return runDaemon()
  ignoreClosedTerminal()
  const supervisor = new Supervisor({
    ...paths,
    parameter: toLatin1(options.parameter),
    errorLogPath: errorLogPath(options),
  })
  try {
    await supervisor.start()
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    say(`[emerg] ${error.describe()}`)
    process.exit(1)
  }
  reportReady()
}

/** Whether `daemon on` is in force. What is wrong with the configuration is said by whoever goes on with it. */
function isDaemonAskedFor(options: Options, paths: Paths): boolean {
  try {
    const reading = read({
      ...paths,
      sources: new Sources(),
      parameter: toLatin1(options.parameter),
      warn: () => {},
    })
    return mergedConf(reading.main, mainDirectives, reading.defaults).daemon
  } catch (error) {
    if (error instanceof HoldfastError) return false
    throw error
  }
}

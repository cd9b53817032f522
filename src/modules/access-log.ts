/** access_log and log_format: a line for each request when it is over. ngx_http_log_module. */
import { CRIT } from "../base/logger.ts"
import { NO_SYSLOG } from "../config/refusals.ts"
import {
  ANY,
  directives,
  HTTP,
  LIMIT_EXCEPT,
  LOCATION,
  LOCATION_IF,
  SERVER,
  type ValueContext,
} from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { parseMilliseconds, parseNumber, parseSize, parseWholeSeconds } from "../config/values.ts"
import type { LogEscape } from "../observe/log-escape.ts"
import {
  type BuildContext,
  defineModule,
  type LogFile,
  type Module,
  type TunnelLogger,
} from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { finishText, type Template, template, type UnfinishedText } from "../runtime/template.ts"
import { COMBINED, LogFormat, type UnfinishedLine } from "./access-log-format.ts"

/** Files of one `access_log` with variables in its path that are kept open. */
const MAX_OPEN_FILES = 32

/** One `access_log` as written; `off` has no path. */
interface WrittenLog {
  readonly isOff: boolean
  readonly text: string
  readonly path: Template | null
  readonly format: LogFormat | null
  readonly bufferBytes: number
  readonly flushMs: number
  readonly condition: Template | null
}

/** One place where lines go. */
export interface AccessLog {
  readonly format: LogFormat
  readonly condition: Template | null
  /** Null where each request names its file. */
  readonly file: LogFile | null
  readonly files: NamedFiles | null
}

export const accessLog: Module<readonly AccessLog[], Set<NamedFiles>> = defineModule({
  name: "access_log",
  directives: directives({
    log_format: {
      in: HTTP,
      args: [2, ANY],
      list: parseFormat,
      syntax: "name [escape=default|json|none] string …",
      doc: "Names a form of lines for access_log.",
    },
    open_log_file_cache: {
      in: HTTP | SERVER | LOCATION,
      args: [1, 4],
      parse: openLogFileCache,
      syntax: "max=N [inactive=time] [min_uses=N] [valid=time], or off",
      doc: "Has no meaning here: which logs named by variables stay open is decided by their use.",
    },
    access_log: {
      in: HTTP | SERVER | LOCATION | LOCATION_IF | LIMIT_EXCEPT,
      args: [1, ANY],
      list: parseLog,
      default: "logs/access.log combined",
      syntax: "path [format [buffer=size] [flush=time] [if=condition]], or off",
      differs: "`gzip` and `syslog:` are refused.",
      doc: "Writes a line for each request to a file, in a form of log_format; off writes none.",
    },
  }),
  main: () => new Set<NamedFiles>(),
  location: (conf, context) => openLogs(conf.access_log, context, context.main(accessLog)),
  log: writeLines,
  logTunnel: writeLinesLater,
  dispose: (named: Set<NamedFiles>) => {
    for (const files of named) files.close()
  },
})

/** Checked, and left. ngx_http_log_open_file_cache. */
function openLogFileCache(args: readonly string[], context: ValueContext): true {
  let max = 0
  for (const text of args) {
    const [name, value = ""] = text.split("=", 2)
    const count = parseNumber(value)
    if (text === "off") max = -1
    else if (name === "max" && count !== undefined) max = count
    else if (name === "min_uses" && count !== undefined) continue
    else if ((name === "inactive" || name === "valid") && parseWholeSeconds(value) !== undefined) continue
    else context.fail(`invalid "open_log_file_cache" parameter "${text}"`)
  }
  if (max === 0) context.fail('"open_log_file_cache" must have "max" parameter')
  return true
}

function parseFormat(args: readonly string[], context: ValueContext): LogFormat {
  const [name, ...texts] = args as [string, ...string[]]
  if (name === "combined" || findFormat(name, context) !== undefined)
    context.fail(`duplicate "log_format" name "${name}"`)
  let escaping: LogEscape = "default"
  if (texts[0].startsWith("escape=")) {
    const word = (texts.shift() as string).slice("escape=".length)
    if (word !== "default" && word !== "json" && word !== "none")
      return context.fail(`unknown log format escaping "${word}"`)
    escaping = word
  }
  const format = new LogFormat(name, escaping, texts.join(""), context)
  context.onComplete(() => format.bind(context))
  return format
}

/** A format that stands above in the file: nginx knows no later ones. */
function findFormat(name: string, context: ValueContext): LogFormat | undefined {
  for (let scope: Scope | null = context.scope; scope !== null; scope = scope.parent) {
    const formats = scope.own.get("log_format")?.value as readonly LogFormat[] | undefined
    const found = formats?.find((format) => format.name === name)
    if (found !== undefined) return found
  }
  return undefined
}

function formatNamed(name: string, context: ValueContext): LogFormat {
  if (name !== "combined") return findFormat(name, context) ?? context.fail(`unknown log format "${name}"`)
  const format = new LogFormat(name, "default", COMBINED, context)
  // At once, since the default of access_log is read when nothing more will be completed.
  format.bind(context)
  return format
}

const OFF: WrittenLog = {
  isOff: true,
  text: "off",
  path: null,
  format: null,
  bufferBytes: 0,
  flushMs: 0,
  condition: null,
}

function parseLog(args: readonly string[], context: ValueContext): WrittenLog {
  const text = args[0]
  if (text === "off") return args.length === 1 ? OFF : context.fail(`invalid parameter "${args[1]}"`)
  if (text.startsWith("syslog:")) context.fail(NO_SYSLOG)
  const path = template(text, context)
  const format = formatNamed(args[1] ?? "combined", context)
  let bufferBytes = 0
  let flushMs = 0
  let condition: Template | null = null
  for (const parameter of args.slice(2)) {
    const value = parameter.slice(parameter.indexOf("=") + 1)
    if (parameter.startsWith("buffer="))
      bufferBytes = parseSize(value) || context.fail(`invalid buffer size "${value}"`)
    else if (parameter.startsWith("flush="))
      flushMs = parseMilliseconds(value) || context.fail(`invalid flush time "${value}"`)
    else if (parameter.startsWith("if=")) condition = template(value, context)
    else if (parameter === "gzip" || parameter.startsWith("gzip="))
      context.fail(
        'the "gzip" parameter of "access_log" is not supported by Holdfast: have logrotate compress the files',
      )
    else context.fail(`invalid parameter "${parameter}"`)
  }
  if (flushMs > 0 && bufferBytes === 0) context.fail(`no buffer is defined for access_log "${text}"`)
  if (bufferBytes > 0 && path.constant === undefined)
    context.fail("buffered logs cannot have variables in name")
  const log: WrittenLog = { isOff: false, text, path, format, bufferBytes, flushMs, condition }
  if (bufferBytes > 0 && contradicts(log, context))
    context.fail(`access_log "${text}" already defined with conflicting parameters`)
  return log
}

const BUFFERED_LOGS = Symbol("buffered logs")

/** Whether the same file has another buffer somewhere above in the configuration. */
function contradicts(log: WrittenLog, context: ValueContext): boolean {
  const logs = context.note(BUFFERED_LOGS, () => new Map<string, WrittenLog>())
  const first = logs.get(log.text)
  if (first === undefined) logs.set(log.text, log)
  return first !== undefined && (first.bufferBytes !== log.bufferBytes || first.flushMs !== log.flushMs)
}

/** `named` gets the files whose names are known request by request. */
function openLogs(
  written: readonly WrittenLog[],
  context: BuildContext,
  named: Set<NamedFiles>,
): readonly AccessLog[] | undefined {
  if (written.some((log) => log.isOff)) return undefined
  const { services, prefix } = context
  const resolve = (path: string): string => (path.startsWith("/") ? path : prefix + path)
  return written.map(({ path, format, bufferBytes, flushMs, condition }) => {
    if (path === null || format === null) throw new Error("a log without path or format")
    const open = (name: string): LogFile => services.logFile(resolve(name), { bufferBytes, flushMs })
    if (path.constant !== undefined) return { format, condition, file: open(path.constant), files: null }
    const files = new NamedFiles(path, open)
    named.add(files)
    return { format, condition, file: null, files }
  })
}

function writeLines(request: Request, logs: readonly AccessLog[]): void {
  for (let i = 0; i < logs.length; i++) {
    const log = logs[i]
    if (log.condition !== null && !holds(log.condition.evaluate(request))) continue
    const file = log.file ?? (log.files as NamedFiles).of(request)
    file?.write(log.format.line(request))
  }
}

/** For a tunnel: the lines as far as they are known when it begins. */
function writeLinesLater(request: Request, logs: readonly AccessLog[]): TunnelLogger | undefined {
  const lines: UnfinishedLog[] = []
  for (const { condition, format, file, files } of logs) {
    const isLate = condition?.isLate === true
    if (condition !== null && !isLate && !holds(condition.evaluate(request))) continue
    const target = file ?? (files as NamedFiles).of(request)
    if (target === undefined) continue
    const lateCondition = condition !== null && isLate ? condition.begin(request, null) : null
    lines.push({ file: target, format, line: format.unfinishedLine(request), condition: lateCondition })
  }
  return lines.length === 0 ? undefined : finisher(lines)
}

interface UnfinishedLog {
  readonly file: LogFile
  readonly format: LogFormat
  readonly line: UnfinishedLine
  /** `if=`, where it is known at the end only. */
  readonly condition: UnfinishedText | null
}

/** Made apart from the request, so that it knows nothing of it. */
function finisher(lines: readonly UnfinishedLog[]): TunnelLogger {
  return (progress) => {
    for (const { file, format, line, condition } of lines) {
      if (condition === null || holds(finishText(condition, progress, null)))
        file.write(format.finishedLine(line, progress))
    }
  }
}

/** `if=`: "" and "0" say no. */
function holds(value: string): boolean {
  return value !== "" && value !== "0"
}

/** The files of a path with variables: the ones used last are kept open. */
export class NamedFiles {
  readonly #path: Template
  readonly #open: (path: string) => LogFile
  /** In the order of their last use. */
  readonly #files = new Map<string, LogFile>()
  #isClosed = false

  constructor(path: Template, open: (path: string) => LogFile) {
    this.#path = path
    this.#open = open
  }

  /** The file for `request`; undefined, and told in the error log, where it cannot be opened. */
  of(request: Request): LogFile | undefined {
    const path = this.#path.evaluate(request)
    let file = this.#files.get(path)
    if (file === undefined) {
      try {
        file = this.#open(path)
      } catch (error) {
        request.log(CRIT, (error as Error).message)
        return undefined
      }
      // A line that comes after its generation was retired opens the file for itself.
      if (this.#isClosed) {
        file.close()
        return file
      }
      if (this.#files.size >= MAX_OPEN_FILES) this.#closeOldest()
    } else this.#files.delete(path)
    this.#files.set(path, file)
    return file
  }

  #closeOldest(): void {
    for (const [path, file] of this.#files) {
      file.close()
      this.#files.delete(path)
      return
    }
  }

  /** The generation is retired. */
  close(): void {
    this.#isClosed = true
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }
}

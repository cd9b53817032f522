/** error_log: where errors go, and from which severity on. ngx_log.c, ngx_http_core_module. */
import { DEBUG, ERROR, LEVEL_NAMES, type Logger } from "../base/logger.ts"
import { NO_SYSLOG } from "../config/refusals.ts"
import { ANY, directives, HTTP, LOCATION, MAIN, SERVER, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { LoggerGroup } from "../observe/error-log.ts"
import { defineModule, type WorkerServices } from "../runtime/module.ts"

/** The error log of a program without `error_log`, below the prefix. */
export const DEFAULT_ERROR_LOG = "logs/error.log"

/** One `error_log`. */
export interface WrittenErrorLog {
  /** Absolute, or "stderr". */
  readonly path: string
  readonly level: number
}

/** Parts of nginx's debug log; here they all are `debug`. */
const DEBUG_PARTS = ["core", "alloc", "mutex", "event", "http", "mail", "stream"].map(
  (part) => `debug_${part}`,
)

export const errorLog = defineModule({
  name: "error_log",
  directives: directives({
    error_log: {
      in: MAIN | HTTP | SERVER | LOCATION,
      args: [1, ANY],
      list: parseErrorLog,
      syntax: "file | stderr [level]",
      differs: "`syslog:` and `memory:` are refused.",
      doc: "Writes errors of a level and of graver ones to a file or to stderr.",
    },
  }),
  location: (conf, context): Logger => {
    const isOwn = conf.error_log.length > 0 && conf.error_log !== ownErrorLogs(mainScope(context.scope))
    return isOwn ? openAll(conf.error_log, context.services) : context.mainLog
  },
})

/** What opens error logs; `errorLogPath` is the command line's (`-e`). */
export interface ErrorLogOpener extends Pick<WorkerServices, "errorLog"> {
  readonly errorLogPath?: string | undefined
}

/**
 * The log of the main context: for what belongs to no request, and for servers that set none. Where it has no
 * `error_log`, the command line's, or else `logs/error.log`. Throws FILE in nginx's words.
 */
export function mainErrorLog(main: Scope, opener: ErrorLogOpener, prefix: string): Logger {
  const own = ownErrorLogs(main)
  if (own !== undefined) return openAll(own, opener)
  return opener.errorLog(resolvePath(opener.errorLogPath ?? DEFAULT_ERROR_LOG, prefix), ERROR)
}

/** What a block itself says; undefined where it says nothing. */
export function ownErrorLogs(scope: Scope): readonly WrittenErrorLog[] | undefined {
  return scope.own.get("error_log")?.value as readonly WrittenErrorLog[] | undefined
}

function openAll(logs: readonly WrittenErrorLog[], opener: ErrorLogOpener): Logger {
  const loggers = logs.map(({ path, level }) => opener.errorLog(path, level))
  return loggers.length === 1 ? loggers[0] : new LoggerGroup(loggers)
}

function mainScope(scope: Scope): Scope {
  let main = scope
  while (main.parent !== null) main = main.parent
  return main
}

function parseErrorLog(args: readonly string[], context: ValueContext): WrittenErrorLog {
  const [text, ...levels] = args as [string, ...string[]]
  if (text.startsWith("syslog:")) context.fail(NO_SYSLOG)
  if (text.startsWith("memory:"))
    context.fail("logging to memory is not supported by Holdfast: write to a file or to stderr")
  return {
    path: resolvePath(text, context.prefix),
    level: levels.length === 0 ? ERROR : parseLevels(levels, context),
  }
}

function resolvePath(text: string, prefix: string): string {
  if (text === "stderr" || text === "") return "stderr"
  return text.startsWith("/") ? text : prefix + text
}

/** One level, or several parts of the debug log. ngx_log_set_levels. */
function parseLevels(words: readonly string[], context: ValueContext): number {
  let level = 0
  for (const word of words) {
    const known = (LEVEL_NAMES as readonly string[]).indexOf(word, 1)
    if (known !== -1) {
      if (level !== 0) context.fail(`duplicate log level "${word}"`)
      level = known
    } else if (DEBUG_PARTS.includes(word) && (level === 0 || level === DEBUG)) level = DEBUG
    else context.fail(`invalid log level "${word}"`)
  }
  return level
}

/** Rows of the main and events contexts: what the supervisor needs. ngx_core_module, ngx_event_core_module. */

import type { ValueContext } from "../../config/row.ts"
import { directives, EVENTS, MAIN } from "../../config/row.ts"
import {
  flag,
  milliseconds,
  number,
  offset,
  oneOf,
  parseNumber,
  prefixPath,
  string,
} from "../../config/values.ts"
import { MAX_WORKERS } from "../../upstream/zone.ts"

import { MAX_SOCKET_PATH_BYTES } from "./listen.ts"
import { cpuAffinity, eventMethod, priority, threadPool } from "./process-values.ts"

/** `user name [group];` */
export interface UserSetting {
  readonly user: string
  /** The user's own primary group where left out. */
  readonly group: string | undefined
}

/** `env NAME` keeps a variable of the environment, `env NAME=value` sets one. */
export interface EnvironmentSetting {
  readonly name: string
  readonly value: string | undefined
}

function workerProcesses(text: string, context: ValueContext): number | "auto" {
  if (text === "auto") return "auto"
  const count = parseNumber(text)
  if (count && count > MAX_WORKERS)
    context.fail(`"worker_processes" of ${count} is more than ${MAX_WORKERS}, the most of Holdfast`)
  return count ? count : context.failDirective("invalid value")
}

/** ngx_event_connections has its own words. */
function workerConnections(text: string, context: ValueContext): number {
  return parseNumber(text) ?? context.fail(`invalid number "${text}"`)
}

/** Null: there is to be none. */
function statusSocket(text: string, context: ValueContext): string | null {
  if (text === "off") return null
  if (text === "") return context.failDirective("invalid value")
  const path = prefixPath(text, context)
  if (path.length <= MAX_SOCKET_PATH_BYTES) return path
  context.warn(
    `no status socket: "${path}" has ${path.length} bytes, the path of a unix socket ${MAX_SOCKET_PATH_BYTES} at most`,
  )
  return null
}

function ignoreModule(args: readonly string[], context: ValueContext): string {
  context.warn(`"load_module ${args[0]}" is ignored: nginx's binary modules cannot be loaded`)
  return args[0] as string
}

function environment(args: readonly string[]): EnvironmentSetting {
  const text = args[0] as string
  const equals = text.indexOf("=")
  return equals === -1
    ? { name: text, value: undefined }
    : { name: text.slice(0, equals), value: text.slice(equals + 1) }
}

export const mainDirectives = directives({
  daemon: {
    in: MAIN,
    value: flag,
    default: "off",
    differs:
      "The default is off: a Node.js program cannot fork, and systemd and containers want the process in the foreground. `on` starts a second process and leaves.",
    doc: "Whether to leave the terminal and go on in the background.",
  },
  master_process: {
    in: MAIN,
    value: flag,
    default: "on",
    doc: "Off runs a single worker; there is a supervisor all the same, since workers are threads.",
  },
  worker_processes: {
    in: MAIN,
    value: workerProcesses,
    default: "1",
    syntax: "number | auto",
    differs: "Workers are threads of one process, 64 at most.",
    doc: "The number of workers (threads), or auto for one a core.",
  },
  worker_rlimit_nofile: {
    in: MAIN,
    value: number,
    syntax: "number",
    doc: "The limit of open files of the process.",
  },
  worker_shutdown_timeout: {
    in: MAIN,
    value: milliseconds,
    doc: "How long a graceful stop waits before it closes what is still open.",
  },
  worker_stall_timeout: {
    in: MAIN,
    value: milliseconds,
    default: "10s",
    doc: "A worker whose event loop has stood still for this long is ended and replaced; 0 for never. Holdfast's own.",
  },
  pid: {
    in: MAIN,
    value: prefixPath,
    syntax: "file",
    differs: "The default is `logs/holdfast.pid` below the prefix.",
    doc: "The file with the supervisor's process number.",
  },
  status_socket: {
    in: MAIN,
    value: statusSocket,
    syntax: "path | off",
    doc: "The unix socket that `holdfast status` asks; only the owner may. The default is the path of `pid` with `.sock` in place of `.pid`.",
  },
  user: {
    in: MAIN,
    args: [1, 2],
    parse: (args): UserSetting => ({ user: args[0] as string, group: args[1] }),
    syntax: "user [group]",
    differs: "Threads share the process, so root stays within reach for reloads.",
    doc: "The user, and the group, that the process acts as once it listens.",
  },
  load_module: {
    in: MAIN,
    args: 1,
    list: ignoreModule,
    differs:
      "Nothing is loaded, and a warning says so: packages of nginx put such lines into every configuration. A directive of a module that is not built in is an error where it stands.",
    doc: "A binary module of nginx's.",
  },
  env: {
    in: MAIN,
    args: 1,
    list: environment,
    syntax: "variable[=value]",
    doc: "Sets a variable of the environment.",
  },
  events: { in: MAIN, args: 0, block: EVENTS, once: true, doc: "The block of connection processing." },
  worker_connections: {
    in: EVENTS,
    value: workerConnections,
    default: "512",
    differs: "Connections to upstreams do not count.",
    syntax: "number",
    doc: "The most client connections of a worker.",
  },

  lock_file: {
    in: MAIN,
    value: string,
    syntax: "file",
    doc: "Has no meaning here: nothing is locked by a file.",
  },
  pcre_jit: { in: MAIN, value: flag, doc: "Has no meaning here: regular expressions are V8's." },
  timer_resolution: {
    in: MAIN,
    value: milliseconds,
    syntax: "interval",
    doc: "Has no meaning here: timers are coarse already.",
  },
  worker_cpu_affinity: {
    in: MAIN,
    args: [1, Number.POSITIVE_INFINITY],
    parse: cpuAffinity,
    syntax: "auto [mask] | mask …",
    doc: "Has no meaning here: threads are the kernel's to place.",
  },
  worker_priority: {
    in: MAIN,
    value: priority,
    syntax: "number",
    doc: "Has no meaning here: start the program with nice(1).",
  },
  worker_rlimit_core: {
    in: MAIN,
    value: offset,
    doc: "Has no meaning here: set it where the program is started.",
  },
  working_directory: {
    in: MAIN,
    value: string,
    doc: "Has no meaning here: no core file is written.",
  },
  thread_pool: {
    in: MAIN,
    args: [2, 3],
    list: threadPool,
    syntax: "name threads=number [max_queue=number]",
    doc: "Has no meaning here: file work has Node's own pool.",
  },
  debug_points: { in: MAIN, value: oneOf("stop", "abort"), doc: "Has no meaning here." },
  use: {
    in: EVENTS,
    value: eventMethod,
    syntax: "method",
    doc: "Has no meaning here: libuv chooses the system's best method.",
  },
  accept_mutex: {
    in: EVENTS,
    value: flag,
    doc: "Has no meaning here: each worker has a listening socket of its own.",
  },
  accept_mutex_delay: { in: EVENTS, value: milliseconds, doc: "Has no meaning here." },
  multi_accept: {
    in: EVENTS,
    value: flag,
    doc: "Has no meaning here: libuv accepts all that wait.",
  },
  debug_connection: {
    in: EVENTS,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: there is no debug log of one client.",
  },
  epoll_events: { in: EVENTS, value: number, doc: "Has no meaning here: libuv decides." },
  worker_aio_requests: { in: EVENTS, value: number, doc: "Has no meaning here." },
})

export type MainDirectives = typeof mainDirectives

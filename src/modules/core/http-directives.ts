/** Rows of ngx_http_core_module: structure, limits and manners of connections. */
import { HoldfastError } from "../../base/error.ts"
import { directives, HTTP, LOCATION, LOCATION_IF, MAIN, SERVER, type ValueContext } from "../../config/row.ts"
import {
  buffers,
  flag,
  joinSets,
  milliseconds,
  number,
  offset,
  oneOf,
  parseMilliseconds,
  parseNumber,
  poolSize,
  size,
  someOf,
} from "../../config/values.ts"
import { positionOf } from "../../config/walker.ts"
import type { ErrorPage } from "../../runtime/location.ts"
import { tempPath } from "../../runtime/temp-path.ts"
import { template } from "../../runtime/template.ts"
import { fileDirectives } from "./file-directives.ts"
import { parseListen } from "./listen.ts"
import { openLocation } from "./location.ts"
import { parseServerNames } from "./server-name.ts"

const ALL = HTTP | SERVER | LOCATION

export interface KeepaliveTimeout {
  readonly timeoutMs: number
  /** The `Keep-Alive: timeout=` header; 0 sends none. */
  readonly headerSeconds: number
}

function keepaliveTimeout(args: readonly string[], context: ValueContext): KeepaliveTimeout {
  const timeoutMs = parseMilliseconds(args[0] as string)
  const headerMs = args[1] === undefined ? 0 : parseMilliseconds(args[1])
  if (timeoutMs === undefined || headerMs === undefined) return context.failDirective("invalid value")
  return { timeoutMs, headerSeconds: Math.floor(headerMs / 1000) }
}

/** `types { text/html html htm; }`: MIME types by extension. ngx_http_core_type. */
function parseTypes(
  context: ValueContext,
  _args: readonly string[],
  former: ReadonlyMap<string, string> | undefined,
): ReadonlyMap<string, string> {
  const types = new Map(former)
  const block = context.directive.block
  for (const entry of block?.directives ?? []) {
    if (entry.block !== null) throw new HoldfastError("SYNTAX", 'unexpected "{"', positionOf(entry))
    for (const extension of entry.args) addType(types, extension.text.toLowerCase(), entry.name, context)
  }
  if (block?.failure) throw block.failure
  return types
}

function addType(types: Map<string, string>, extension: string, type: string, context: ValueContext): void {
  const old = types.get(extension)
  if (old !== undefined && old !== type)
    context.warn(
      `duplicate extension "${extension}", content type: "${type}", previous content type: "${old}"`,
    )
  types.set(extension, type)
}

/** One `error_page` directive: the statuses and where they lead. */
export interface WrittenErrorPage {
  readonly statuses: readonly number[]
  readonly page: ErrorPage
}

function parseErrorPage(args: readonly string[], context: ValueContext): WrittenErrorPage {
  const uri = args.at(-1) as string
  let codes = args.slice(0, -1)
  let answer = -1
  const equals = codes.at(-1)
  if (equals?.startsWith("=")) {
    codes = codes.slice(0, -1)
    const written = equals === "=" ? 0 : parseNumber(equals.slice(1))
    if (codes.length === 0 || written === undefined) return context.fail(`invalid value "${equals}"`)
    answer = written
  }
  const target = template(uri, context)
  const statuses = codes.map((code) => {
    const status = parseNumber(code)
    if (status === undefined || status === 499) return context.fail(`invalid value "${code}"`)
    if (status < 300 || status > 599) context.fail(`value "${code}" must be between 300 and 599`)
    return status
  })
  return { statuses, page: { target, answer } }
}

export const httpDirectives = directives({
  http: { in: MAIN, args: 0, block: HTTP, once: true, doc: "The block of HTTP servers." },
  server: { in: HTTP, args: 0, block: SERVER, doc: "A virtual server." },
  location: {
    in: SERVER | LOCATION,
    args: [1, 2],
    block: LOCATION,
    open: openLocation,
    syntax: "[ = | ~ | ~* | ^~ ] URI, or @name",
    differs: "Regular expressions are V8's: what only PCRE has is refused.",
    doc: "What serves the URIs that match.",
  },
  listen: {
    in: SERVER,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseListen,
    inherit: false,
    syntax:
      "address[:port] | port | unix:path [default_server] [ssl] [http2] [proxy_protocol] [backlog=number] [deferred] [bind] [ipv6only=on|off] [reuseport] [so_keepalive=on|off|[keepidle]:[keepintvl]:[keepcnt]]",
    differs:
      "Port ranges and host names other than `localhost` are refused, and so are `quic`, `setfib`, `fastopen`, `rcvbuf`, `sndbuf`, `accept_filter` and `multipath`. Of several workers the first has a unix socket alone. The interval and the count of `so_keepalive` need Node.js 24.19. A PROXY header may come in pieces, within `client_header_timeout`.",
    doc: "An address to listen on.",
  },
  server_name: {
    in: SERVER,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseServerNames,
    inherit: false,
    syntax: "name …",
    differs: "Regular expressions are V8's: what only PCRE has is refused.",
    doc: "The names of the server.",
  },

  keepalive_timeout: {
    in: ALL,
    args: [1, 2],
    parse: keepaliveTimeout,
    default: "75s",
    syntax: "timeout [header_timeout]",
    doc: "How long an idle client connection stays open; 0 closes it after each answer.",
  },
  keepalive_requests: {
    in: ALL,
    value: number,
    default: "1000",
    doc: "The most requests on one client connection.",
  },
  keepalive_time: {
    in: ALL,
    value: milliseconds,
    default: "1h",
    doc: "After this long a client connection is closed with its next answer.",
  },
  keepalive_min_timeout: {
    in: ALL,
    value: milliseconds,
    default: "0",
    doc: "How long an idle connection is spared at a graceful stop.",
  },
  client_header_timeout: {
    in: HTTP | SERVER,
    value: milliseconds,
    default: "60s",
    doc: "How long a client may take for a request's head: 408 after it.",
  },
  client_body_timeout: {
    in: ALL,
    value: milliseconds,
    default: "60s",
    doc: "How long may pass between two reads of a request's body.",
  },
  send_timeout: {
    in: ALL,
    value: milliseconds,
    default: "60s",
    doc: "How long may pass between two writes to a client.",
  },
  client_max_body_size: {
    in: ALL,
    value: offset,
    default: "1m",
    doc: "The most bytes of a request's body: 413 beyond; 0 for no limit.",
  },
  client_body_buffer_size: {
    in: ALL,
    value: size,
    default: "16k",
    syntax: "size",
    doc: "How much of a request's body is kept in memory: a larger one goes to a temporary file.",
  },
  client_body_temp_path: {
    in: ALL,
    args: [1, 4],
    parse: tempPath,
    syntax: "path [level1 [level2 [level3]]]",
    doc: "Where files of request bodies are made, and the lengths of the names of folders within. Left out: client_body_temp below the prefix, or below holdfast-<uid> in the system's folder for temporary files where that cannot be written to.",
  },
  client_body_in_file_only: {
    in: ALL,
    value: oneOf("off", "on", "clean"),
    default: "off",
    syntax: "on | clean | off",
    doc: "Whether all request bodies go to files, which are kept (on) or removed with the request (clean).",
  },
  client_body_in_single_buffer: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Has no meaning here: a body in memory is always in one piece for whoever asks for it.",
  },
  client_header_buffer_size: {
    in: HTTP | SERVER,
    value: size,
    default: "1k",
    doc: "The buffer that most request heads fit in.",
  },
  large_client_header_buffers: {
    in: HTTP | SERVER,
    args: 2,
    parse: buffers,
    default: "4 8k",
    syntax: "number size",
    doc: "Number and size of the buffers for large request heads: a line must fit into one.",
  },
  underscores_in_headers: {
    in: HTTP | SERVER,
    value: flag,
    default: "off",
    doc: "Whether header names may have underscores.",
  },
  ignore_invalid_headers: {
    in: HTTP | SERVER,
    value: flag,
    default: "on",
    doc: "Whether header fields with names that nginx does not take are left out, not refused.",
  },
  merge_slashes: {
    in: HTTP | SERVER,
    value: flag,
    default: "on",
    syntax: "on | off",
    doc: "Whether slashes next to each other count as one.",
  },
  server_tokens: {
    in: ALL,
    value: oneOf("on", "off", "build"),
    default: "on",
    syntax: "on | off | build",
    doc: "Whether the version stands in Server and on built-in pages.",
  },
  reset_timedout_connection: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether a connection that timed out is reset.",
  },
  lingering_close: {
    in: ALL,
    value: oneOf("off", "on", "always"),
    default: "on",
    doc: "Whether to read on after the answer, so that the client gets to read it.",
  },
  lingering_time: { in: ALL, value: milliseconds, default: "30s", doc: "The longest lingering." },
  lingering_timeout: {
    in: ALL,
    value: milliseconds,
    default: "5s",
    doc: "How long lingering waits for more.",
  },
  tcp_nodelay: { in: ALL, value: flag, default: "on", doc: "Whether small writes leave at once." },
  default_type: {
    in: ALL,
    value: (text: string) => text,
    default: "text/plain",
    syntax: "MIME-type",
    doc: "The type of what has no other.",
  },
  types: { in: ALL, args: 0, entries: parseTypes, doc: "MIME types by file extension." },
  error_page: {
    in: ALL | LOCATION_IF,
    args: [2, Number.POSITIVE_INFINITY],
    list: parseErrorPage,
    syntax: "code … [=[response]] URI",
    doc: "What answers instead of the built-in error page.",
  },
  recursive_error_pages: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether an error of what error_page leads to has an error page of its own.",
  },
  internal: {
    in: LOCATION,
    args: 0,
    parse: () => true,
    doc: "The location serves internal redirects only.",
  },
  absolute_redirect: { in: ALL, value: flag, default: "on", doc: "Whether redirects name scheme and host." },
  server_name_in_redirect: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether redirects name the server's first name instead of the Host.",
  },
  port_in_redirect: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether redirects name a port that is not the scheme's own.",
  },
  log_subrequest: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether subrequests (auth_request, mirror) have lines of their own in the access log.",
  },
  log_not_found: { in: ALL, value: flag, default: "on", doc: "Whether a missing file is logged." },

  server_names_hash_bucket_size: {
    in: HTTP,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  server_names_hash_max_size: {
    in: HTTP,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  variables_hash_bucket_size: {
    in: HTTP,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  variables_hash_max_size: {
    in: HTTP,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  types_hash_bucket_size: {
    in: ALL,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  types_hash_max_size: {
    in: ALL,
    value: number,
    doc: "Has no meaning here: tables grow as needed.",
  },
  connection_pool_size: {
    in: HTTP | SERVER,
    value: poolSize,
    doc: "Has no meaning here: memory is V8's.",
  },
  request_pool_size: {
    in: HTTP | SERVER,
    value: poolSize,
    doc: "Has no meaning here: memory is V8's.",
  },
  ...fileDirectives,
  send_lowat: { in: ALL, value: size, doc: "Has no meaning here." },
  postpone_output: {
    in: ALL,
    value: size,
    doc: "Has no meaning here: writes are collected for each event.",
  },
  keepalive_disable: {
    in: ALL,
    args: [1, 2],
    parse: someOf("none", "msie6", "safari"),
    join: joinSets,
    doc: "Has no meaning here: these browsers are gone.",
  },
  msie_refresh: { in: ALL, value: flag, doc: "Has no meaning here." },
  msie_padding: { in: ALL, value: flag, doc: "Has no meaning here." },
  chunked_transfer_encoding: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Off ends answers of unknown length by closing, instead of chunks.",
  },
})

/** Rows of ngx_http_core_module: structure, limits and manners of connections. */
import { HoldfastError } from "../../base/error.ts"
import { directives, HTTP, LOCATION, LOCATION_IF, MAIN, SERVER, type ValueContext } from "../../config/row.ts"
import {
  buffers,
  flag,
  milliseconds,
  number,
  offset,
  oneOf,
  parseMilliseconds,
  parseNumber,
  size,
} from "../../config/values.ts"
import { positionOf } from "../../config/walker.ts"
import type { ErrorPage } from "../../runtime/location.ts"
import { template } from "../../runtime/template.ts"
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
  const statuses = codes.map((code) => {
    const status = parseNumber(code)
    if (status === undefined || status === 499) return context.fail(`invalid value "${code}"`)
    if (status < 300 || status > 599) context.fail(`value "${code}" must be between 300 and 599`)
    return status
  })
  return { statuses, page: { target: template(uri, context), answer } }
}

export const httpDirectives = directives({
  http: { in: MAIN, args: 0, block: HTTP, once: true, doc: "The block of HTTP servers." },
  server: { in: HTTP, args: 0, block: SERVER, doc: "A virtual server." },
  location: {
    in: SERVER | LOCATION,
    args: [1, 2],
    block: LOCATION,
    open: openLocation,
    doc: "What serves the URIs that match.",
  },
  listen: {
    in: SERVER,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseListen,
    inherit: false,
    doc: "An address to listen on.",
  },
  server_name: {
    in: SERVER,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseServerNames,
    inherit: false,
    doc: "The names of the server.",
  },

  keepalive_timeout: {
    in: ALL,
    args: [1, 2],
    parse: keepaliveTimeout,
    default: "75s",
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
    doc: "How much of a request's body is kept in memory.",
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
    doc: "Whether slashes next to each other count as one.",
  },
  server_tokens: {
    in: ALL,
    value: oneOf("on", "off", "build"),
    default: "on",
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
    doc: "The type of what has no other.",
  },
  types: { in: ALL, args: 0, entries: parseTypes, doc: "MIME types by file extension." },
  error_page: {
    in: ALL | LOCATION_IF,
    args: [2, Number.POSITIVE_INFINITY],
    list: parseErrorPage,
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
  log_not_found: { in: ALL, value: flag, default: "on", doc: "Whether a missing file is logged." },

  server_names_hash_bucket_size: {
    in: HTTP,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  server_names_hash_max_size: {
    in: HTTP,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  variables_hash_bucket_size: {
    in: HTTP,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  variables_hash_max_size: {
    in: HTTP,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  types_hash_bucket_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  types_hash_max_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  connection_pool_size: {
    in: HTTP | SERVER,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: memory is V8's.",
  },
  request_pool_size: {
    in: HTTP | SERVER,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: memory is V8's.",
  },
  sendfile: {
    in: ALL | LOCATION_IF,
    value: flag,
    doc: "Has no meaning here: no file is sent by the kernel.",
  },
  sendfile_max_chunk: { in: ALL, args: 1, accepted: true, doc: "Has no meaning here." },
  tcp_nopush: {
    in: ALL,
    value: flag,
    doc: "Has no meaning here: head and first body bytes leave in one write.",
  },
  send_lowat: { in: ALL, args: 1, accepted: true, doc: "Has no meaning here." },
  postpone_output: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: writes are collected for each event.",
  },
  output_buffers: { in: ALL, args: 2, accepted: true, doc: "Has no meaning here." },
  aio: { in: ALL, args: 1, accepted: true, doc: "Has no meaning here: file work has Node's own pool." },
  directio: { in: ALL, args: 1, accepted: true, doc: "Has no meaning here." },
  msie_padding: { in: ALL, value: flag, doc: "Has no meaning here." },
  chunked_transfer_encoding: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Off ends answers of unknown length by closing, instead of chunks.",
  },
})

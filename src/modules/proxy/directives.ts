/** Rows of ngx_http_proxy_module. Those of TLS to upstreams are proxy-ssl's. */
import {
  directives,
  HTTP,
  LIMIT_EXCEPT,
  LOCATION,
  LOCATION_IF,
  SERVER,
  type ValueContext,
} from "../../config/row.ts"
import { buffers, flag, joinSets, milliseconds, number, oneOf, size, someOf } from "../../config/values.ts"
import { tempPath, unusedTempPath } from "../../runtime/temp-path.ts"
import { type Template, template } from "../../runtime/template.ts"
import { cacheDirectives } from "./cache-directives.ts"
import { parseCookieDomain, parseCookieFlags, parseCookiePath } from "./cookies.ts"
import { parseBind } from "./local-address.ts"
import { parseProxyPass } from "./proxy-pass.ts"
import { parseRedirect } from "./redirect.ts"

const ALL = HTTP | SERVER | LOCATION
const HASH_DOC = "Has no meaning here: tables grow as needed."

/** `proxy_set_header name value`: an empty value leaves the field out. */
export interface SetHeader {
  readonly name: string
  readonly value: Template
}

function parseSetHeader(args: readonly string[], context: ValueContext): SetHeader {
  return { name: args[0] as string, value: template(args[1] as string, context) }
}

/** ngx_http_proxy_lowat_check, where the system has no SO_SNDLOWAT. */
function sendLowat(text: string, context: ValueContext): 0 {
  if (size(text, context) > 0) context.warn('"proxy_send_lowat" is not supported, ignored')
  return 0
}

/** Bytes, maybe made of variables. ngx_http_set_complex_value_size_slot. */
function rateTemplate(text: string, context: ValueContext): Template {
  const value = template(text, context)
  if (value.constant !== undefined) size(text, context)
  return value
}

export const NEXT_UPSTREAM_WORDS = [
  "error",
  "timeout",
  "invalid_header",
  "non_idempotent",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
  "http_403",
  "http_404",
  "http_429",
  "updating",
  "off",
] as const
export type NextUpstreamWord = (typeof NEXT_UPSTREAM_WORDS)[number]

/** Files for read-only containers name the folders of all of nginx's modules, used or not. */
const unusedTempPathRow = {
  in: ALL,
  args: [1, 4],
  parse: unusedTempPath,
  syntax: "path [level1 [level2 [level3]]]",
  doc: "Has no meaning here: nothing is written there, and the folder is not made.",
} as const

export const proxyDirectives = directives({
  proxy_pass: {
    in: LOCATION | LOCATION_IF | LIMIT_EXCEPT,
    args: 1,
    parse: parseProxyPass,
    inherit: false,
    syntax: "URL",
    differs:
      "A 101 that nobody asked for and an answer that is no HTTP get 502. A kept connection that turns out to be closed is replaced by a fresh one to the same server first. In a tunnel a half-close is passed on, where nginx closes both sides.",
    doc: "Passes requests to a server or a group of them.",
  },
  proxy_http_version: {
    in: ALL,
    value: oneOf("1.0", "1.1"),
    default: "1.1",
    syntax: "1.0 | 1.1",
    doc: "The version of HTTP spoken to upstreams. 1.1 since nginx 1.29.7, 1.0 before.",
  },
  proxy_set_header: {
    in: ALL,
    args: 2,
    list: parseSetHeader,
    syntax: "field value",
    doc: "Sets a header field of the request to the upstream; an empty value leaves it out.",
  },
  proxy_method: {
    in: ALL,
    value: template,
    syntax: "method",
    doc: "The method of the request to the upstream, in place of the client's.",
  },
  proxy_set_body: {
    in: ALL,
    value: template,
    syntax: "value",
    doc: "The body of the request to the upstream, in place of the client's.",
  },
  proxy_pass_request_headers: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether the client's header fields are passed on.",
  },
  proxy_pass_trailers: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Passes on the trailer section of the answer. The upstream must know that it may send one: `proxy_set_header Connection te` and `TE trailers`.",
  },
  proxy_pass_request_body: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether the client's body is passed on.",
  },
  proxy_connect_timeout: {
    in: ALL,
    value: milliseconds,
    default: "60s",
    doc: "How long connecting to an upstream may take.",
  },
  proxy_read_timeout: {
    in: ALL,
    value: milliseconds,
    default: "60s",
    doc: "How long may pass between two reads from an upstream; the idle limit of a tunnel.",
  },
  proxy_send_timeout: {
    in: ALL,
    value: milliseconds,
    default: "60s",
    doc: "How long may pass between two writes to an upstream.",
  },
  proxy_buffering: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether answers are collected into buffers before they go to the client.",
  },
  proxy_buffer_size: { in: ALL, value: size, default: "4k", doc: "The buffer for the head of an answer." },
  proxy_buffers: {
    in: ALL,
    args: 2,
    parse: buffers,
    default: "8 4k",
    syntax: "number size",
    doc: "Number and size of the buffers for an answer: what one holds is collected before it goes on; what all hold is kept in memory for a client that is slow.",
  },
  proxy_busy_buffers_size: {
    in: ALL,
    value: size,
    doc: "Is checked as nginx does, and has no meaning otherwise: what a client takes goes to it at once.",
  },
  proxy_request_buffering: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether the client's body is read before the upstream is asked.",
  },
  proxy_next_upstream: {
    in: ALL,
    args: [1, Number.POSITIVE_INFINITY],
    parse: someOf(...NEXT_UPSTREAM_WORDS),
    join: joinSets,
    default: "error timeout",
    syntax:
      "error | timeout | invalid_header | http_500 | http_502 | http_503 | http_504 | http_403 | http_404 | http_429 | non_idempotent | off …",
    doc: "When to try the next server of the group.",
  },
  proxy_next_upstream_tries: {
    in: ALL,
    value: number,
    default: "0",
    doc: "The most servers to try; 0 for all.",
  },
  proxy_next_upstream_timeout: {
    in: ALL,
    value: milliseconds,
    default: "0",
    doc: "How long to go on trying; 0 for no limit.",
  },
  proxy_redirect: {
    in: ALL,
    args: [1, 2],
    list: parseRedirect,
    syntax: "default | off | redirect replacement",
    doc: "Rewrites Location and Refresh of answers.",
  },
  proxy_cookie_domain: {
    in: ALL,
    args: [1, 2],
    list: parseCookieDomain,
    syntax: "off | domain replacement",
    doc: "Rewrites the Domain of cookies that answers set.",
  },
  proxy_cookie_path: {
    in: ALL,
    args: [1, 2],
    list: parseCookiePath,
    syntax: "off | path replacement",
    doc: "Rewrites the Path of cookies that answers set.",
  },
  proxy_cookie_flags: {
    in: ALL,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseCookieFlags,
    syntax: "off | cookie [flag …]",
    doc: "Sets and takes away Secure, HttpOnly and SameSite of cookies that answers set.",
  },
  proxy_hide_header: {
    in: ALL,
    args: 1,
    list: (args) => (args[0] as string).toLowerCase(),
    syntax: "field",
    doc: "A field of answers that is not passed to the client.",
  },
  proxy_pass_header: {
    in: ALL,
    args: 1,
    list: (args) => (args[0] as string).toLowerCase(),
    syntax: "field",
    doc: "A field of answers that is passed on though it is hidden otherwise.",
  },
  proxy_ignore_headers: {
    in: ALL,
    args: [1, Number.POSITIVE_INFINITY],
    parse: someOf(
      "x-accel-redirect",
      "x-accel-expires",
      "x-accel-limit-rate",
      "x-accel-buffering",
      "x-accel-charset",
      "expires",
      "cache-control",
      "set-cookie",
      "vary",
    ),
    join: joinSets,
    syntax: "field …",
    doc: "Fields of answers that have no effect.",
  },
  proxy_force_ranges: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether one range of an answer is sent to who asks for it, whatever the upstream says of ranges.",
  },
  proxy_ignore_client_abort: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether a request goes on when its client has gone.",
  },
  proxy_intercept_errors: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether error_page applies to answers of upstreams.",
  },
  proxy_socket_keepalive: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Whether the system probes idle connections to upstreams.",
  },

  ...cacheDirectives,
  proxy_headers_hash_bucket_size: { in: ALL, value: number, doc: HASH_DOC },
  proxy_headers_hash_max_size: { in: ALL, value: number, doc: HASH_DOC },
  proxy_temp_path: {
    in: ALL,
    args: [1, 4],
    parse: tempPath,
    syntax: "path [level1 [level2 [level3]]]",
    doc: "Where files of answers are made, and the lengths of the names of folders within. Left out: proxy_temp below the prefix, with levels 1 2, or below holdfast-<uid> in the system's folder for temporary files where that cannot be written to.",
  },
  fastcgi_temp_path: unusedTempPathRow,
  scgi_temp_path: unusedTempPathRow,
  uwsgi_temp_path: unusedTempPathRow,
  proxy_max_temp_file_size: {
    in: ALL,
    value: size,
    default: "1024m",
    doc: "How much of an answer goes to a temporary file while its client is slow, beyond proxy_buffers; 0: nothing, and the upstream waits.",
  },
  proxy_temp_file_write_size: {
    in: ALL,
    value: size,
    doc: "Is checked as nginx does, and has no meaning otherwise: nothing waits while a file is written.",
  },
  proxy_bind: {
    in: ALL,
    args: [1, 2],
    parse: parseBind,
    syntax: "address | off",
    doc: "The address, with or without a port, that connections to upstreams are made from; off: the system's choice. A kept connection serves only requests with the same address.",
  },
  proxy_limit_rate: {
    in: ALL,
    value: rateTemplate,
    syntax: "rate",
    doc: "Bytes of an answer that are read from the upstream in a second, where answers are buffered; 0, or left out: as fast as they come.",
  },
  proxy_send_lowat: {
    in: ALL,
    value: sendLowat,
    doc: "Has no meaning on Linux, and a warning says so, as in nginx.",
  },
})

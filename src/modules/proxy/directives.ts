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
import { type Template, template } from "../../runtime/template.ts"
import { parseCookieDomain, parseCookieFlags, parseCookiePath } from "./cookies.ts"
import { parseProxyPass } from "./proxy-pass.ts"
import { parseRedirect } from "./redirect.ts"

const ALL = HTTP | SERVER | LOCATION

/** `proxy_set_header name value`: an empty value leaves the field out. */
export interface SetHeader {
  readonly name: string
  readonly value: Template
}

function parseSetHeader(args: readonly string[], context: ValueContext): SetHeader {
  return { name: args[0] as string, value: template(args[1] as string, context) }
}

function noCache(args: readonly string[], context: ValueContext): false {
  if (args[0] !== "off")
    context.fail(`"proxy_cache ${args[0]}" is not supported by Holdfast: there is no cache`)
  return false
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

export const proxyDirectives = directives({
  proxy_pass: {
    in: LOCATION | LOCATION_IF | LIMIT_EXCEPT,
    args: 1,
    parse: parseProxyPass,
    inherit: false,
    doc: "Passes requests to a server or a group of them.",
  },
  proxy_http_version: {
    in: ALL,
    value: oneOf("1.0", "1.1"),
    default: "1.1",
    doc: "The version of HTTP spoken to upstreams. 1.1 since nginx 1.29.7, 1.0 before.",
  },
  proxy_set_header: {
    in: ALL,
    args: 2,
    list: parseSetHeader,
    doc: "Sets a header field of the request to the upstream; an empty value leaves it out.",
  },
  proxy_method: {
    in: ALL,
    value: template,
    doc: "The method of the request to the upstream, in place of the client's.",
  },
  proxy_set_body: {
    in: ALL,
    value: template,
    doc: "The body of the request to the upstream, in place of the client's.",
  },
  proxy_pass_request_headers: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether the client's header fields are passed on.",
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
    doc: "Number and size of the buffers for an answer.",
  },
  proxy_busy_buffers_size: {
    in: ALL,
    value: size,
    doc: "How much of an answer may wait for the client while more is read.",
  },
  proxy_request_buffering: {
    in: ALL,
    value: flag,
    default: "on",
    doc: "Whether the client's body is read before the upstream is asked.",
  },
  proxy_cache: { in: ALL, args: 1, parse: noCache, doc: "Only off: there is no cache." },
  proxy_next_upstream: {
    in: ALL,
    args: [1, Number.POSITIVE_INFINITY],
    parse: someOf(...NEXT_UPSTREAM_WORDS),
    join: joinSets,
    default: "error timeout",
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
    doc: "Rewrites Location and Refresh of answers.",
  },
  proxy_cookie_domain: {
    in: ALL,
    args: [1, 2],
    list: parseCookieDomain,
    doc: "Rewrites the Domain of cookies that answers set.",
  },
  proxy_cookie_path: {
    in: ALL,
    args: [1, 2],
    list: parseCookiePath,
    doc: "Rewrites the Path of cookies that answers set.",
  },
  proxy_cookie_flags: {
    in: ALL,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseCookieFlags,
    doc: "Sets and takes away Secure, HttpOnly and SameSite of cookies that answers set.",
  },
  proxy_hide_header: {
    in: ALL,
    args: 1,
    list: (args) => (args[0] as string).toLowerCase(),
    doc: "A field of answers that is not passed to the client.",
  },
  proxy_pass_header: {
    in: ALL,
    args: 1,
    list: (args) => (args[0] as string).toLowerCase(),
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
    doc: "Fields of answers that have no effect.",
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

  proxy_headers_hash_bucket_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  proxy_headers_hash_max_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: tables grow as needed.",
  },
  proxy_max_temp_file_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: answers are never written to disk.",
  },
  proxy_temp_file_write_size: {
    in: ALL,
    args: 1,
    accepted: true,
    doc: "Has no meaning here: answers are never written to disk.",
  },
  proxy_send_lowat: { in: ALL, args: 1, accepted: true, doc: "Has no meaning here." },
})

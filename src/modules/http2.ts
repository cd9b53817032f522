/** http2 and http2_*: HTTP/2 to clients. ngx_http_v2_module. */
import { directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { flag, number, poolSize, size } from "../config/values.ts"
import { defineModule } from "../runtime/module.ts"

/** What is in force at a server, for the connections that begin there. */
export interface Http2Settings {
  /** `http2 on`. `listen … http2` is the address's own. */
  readonly isOn: boolean
  readonly maxConcurrentStreams: number
  /** How much of a body a client may send before anybody reads it: the initial window of a stream. */
  readonly prereadBytes: number
  /** WebSockets by extended CONNECT (RFC 8441) are offered. */
  readonly extendedConnect: boolean
}

const BOTH = HTTP | SERVER
const ALL = HTTP | SERVER | LOCATION

/** NGX_HTTP_V2_STATE_BUFFER_SIZE */
const MIN_RECV_BUFFER_BYTES = 16
const MAX_WINDOW = 2 ** 31 - 1

const rows = directives({
  http2: {
    in: BOTH,
    value: flag,
    default: "off",
    doc: "Offers HTTP/2: by ALPN over TLS, by its preface without.",
  },
  http2_extended_connect: {
    in: BOTH,
    value: flag,
    default: "on",
    doc: "Takes WebSockets over HTTP/2 (RFC 8441), and makes a handshake of HTTP/1.1 of each. Not in nginx.",
  },
  http2_max_concurrent_streams: {
    in: BOTH,
    value: number,
    default: "128",
    doc: "Requests that a client may have open at a time in one connection.",
  },
  http2_body_preread_size: {
    in: BOTH,
    value: prereadSize,
    default: "64k",
    syntax: "size",
    doc: "How much of a request's body a client may send before it is read.",
  },
  http2_recv_buffer_size: {
    in: HTTP,
    value: recvBufferSize,
    default: "256k",
    doc: "Checked, and without effect: Node.js reads into a buffer of its own.",
  },
  http2_pool_size: {
    in: BOTH,
    value: poolSize,
    default: "4k",
    doc: "Checked, and without effect: there are no pools.",
  },
  http2_streams_index_size: {
    in: BOTH,
    value: streamsIndexSize,
    default: "32",
    doc: "Checked, and without effect: the table of streams grows by itself.",
  },
  http2_chunk_size: {
    in: ALL,
    value: chunkSize,
    default: "8k",
    doc: "Checked, and without effect: frames are as large as the client allows and the data is there.",
  },
  http2_recv_timeout: obsolete("client_header_timeout"),
  http2_idle_timeout: obsolete("keepalive_timeout"),
  http2_max_requests: obsolete("keepalive_requests"),
  http2_max_field_size: obsolete("large_client_header_buffers"),
  http2_max_header_size: obsolete("large_client_header_buffers"),
  http2_max_concurrent_pushes: obsolete(undefined),
  http2_push: obsolete(undefined, ALL),
  http2_push_preload: obsolete(undefined, ALL),
})

export const http2 = defineModule({
  name: "http2",
  directives: rows,
  variables: {
    names: {
      http2: ({ head, client }) => (head.isHttp2 ? (client.tls === null ? "h2c" : "h2") : ""),
      // No request comes over HTTP/3.
      http3: () => "",
    },
  },
  location: (conf, { location }): Http2Settings | undefined =>
    location.kind !== "server"
      ? undefined
      : {
          isOn: conf.http2,
          maxConcurrentStreams: conf.http2_max_concurrent_streams,
          prereadBytes: conf.http2_body_preread_size,
          extendedConnect: conf.http2_extended_connect,
        },
})

/** A directive that nginx only warns of since 1.19.7 and 1.25.1. It may be repeated. */
function obsolete(instead: string | undefined, contexts = BOTH) {
  const advice = instead === undefined ? "ignored" : `use the "${instead}" directive instead`
  return {
    in: contexts,
    args: 1,
    list: (_args: readonly string[], context: ValueContext): null => {
      context.warn(`the "${context.directive.name}" directive is obsolete, ${advice}`)
      return null
    },
    doc: `Obsolete: ${advice}.`,
  } as const
}

function prereadSize(text: string, context: ValueContext): number {
  const bytes = size(text, context)
  if (bytes > MAX_WINDOW) context.fail(`the maximum body preread buffer size is ${MAX_WINDOW}`)
  return bytes
}

function recvBufferSize(text: string, context: ValueContext): number {
  const bytes = size(text, context)
  return bytes > MIN_RECV_BUFFER_BYTES ? bytes : context.failDirective("value is too small")
}

function streamsIndexSize(text: string, context: ValueContext): number {
  const count = number(text, context)
  return count !== 0 && (count & (count - 1)) === 0 ? count : context.failDirective("must be a power of two")
}

function chunkSize(text: string, context: ValueContext): number {
  const bytes = size(text, context)
  return bytes === 0 ? context.fail("the http2 chunk size cannot be zero") : bytes
}

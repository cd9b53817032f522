/** Variables of the request, the client, the server and the time. ngx_http_variables.c, ngx_http_log_module.c. */
import { randomFillSync } from "node:crypto"
import { hostname } from "node:os"
import { type IpAddress, parseIpAddress } from "../base/cidr.ts"
import { directives } from "../config/row.ts"
import { formatSeconds } from "../observe/log-time.ts"
import { requestBodyOf } from "../runtime/buffered-body.ts"
import type { Remote } from "../runtime/client.ts"
import { type BuildContext, type Counters, defineModule, type Module } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { wireStatus } from "../runtime/special-response.ts"
import type { VariableRows } from "../runtime/variables.ts"
import { argument, basicUser, cookie, requestField, sentField } from "./core-variables-fields.ts"

/** The version of nginx whose language the configuration speaks: $nginx_version. */
export const LANGUAGE_VERSION = "1.30.0"

const ID_BYTES = 16
const ID_POOL_BYTES = 256 * ID_BYTES
const REQUEST_ID = Symbol("request id")

/** What variables need of the worker and keep for all requests of a generation. */
export class WorkerState {
  readonly counters: Counters
  readonly hostname = hostname()
  readonly #ids = Buffer.alloc(ID_POOL_BYTES)
  #nextId = ID_POOL_BYTES
  readonly #addresses = new WeakMap<Remote, IpAddress>()

  constructor(context: BuildContext) {
    this.counters = context.services.counters
  }

  /** 32 hexadecimal digits: random bytes are drawn for many requests at once. */
  nextId(): string {
    if (this.#nextId === ID_POOL_BYTES) {
      randomFillSync(this.#ids)
      this.#nextId = 0
    }
    const start = this.#nextId
    this.#nextId += ID_BYTES
    return this.#ids.toString("hex", start, this.#nextId)
  }

  /** The address of a request's remote side, read once a connection; undefined on a unix socket. */
  addressOf(remote: Remote): IpAddress | undefined {
    const known = this.#addresses.get(remote)
    if (known !== undefined) return known
    const address = parseIpAddress(remote.address)
    if (address !== undefined) this.#addresses.set(remote, address)
    return address
  }
}

const NAMES: VariableRows["names"] = {
  args: argsOf,
  query_string: argsOf,
  is_args: (request) => (request.args === "" ? "" : "?"),
  uri: uriOf,
  document_uri: uriOf,
  request: ({ head }) => (head.isHttp2 ? notEmpty(head.requestLine) : head.requestLine),
  // A subrequest has that of the request that it serves.
  request_method: (request) => notEmpty((request.parent ?? request).method),
  request_uri: requestUri,
  request_id: requestId,
  server_protocol: serverProtocol,
  scheme: (request) => (request.client.tls === null ? "http" : "https"),
  https: (request) => (request.client.tls === null ? "" : "on"),
  host: (request) => request.host,
  request_port: requestPort,
  is_request_port: (request) => (requestPort(request) === "" ? "" : ":"),
  content_length: (request) => request.head.headers.get("content-length"),
  content_type: (request) => request.head.headers.get("content-type"),
  remote_user: basicUser,
  // Bodies are never written to a file.
  request_body_file: (request) => requestBodyOf(request)?.fileName,

  remote_addr: (request) => request.remote.address,
  remote_port: (request) => portText(request.remote.port),
  binary_remote_addr: binaryRemoteAddress,
  connection: (request) => String(request.client.number),
  connection_requests: (request) => String(request.connectionRequests),
  pipe: (request) => (request.client.isPipelined ? "p" : "."),

  server_addr: (request) => request.client.serverAddress,
  server_port: (request) => portText(request.client.serverPort),
  server_name: (request) => request.server.name,
  hostname: (request) => workerState(request).hostname,
  pid: () => String(process.pid),
  nginx_version: () => LANGUAGE_VERSION,

  status: statusOf,
}

const LATE: VariableRows["late"] = {
  request_completion: ({ exchange }) => (exchange.isComplete ? "OK" : ""),
  request_length: ({ exchange }) => String(exchange.requestLength),
  request_time: ({ startMs }) => formatSeconds(performance.now() - startMs),
  connection_time: ({ client }) => formatSeconds(performance.now() - client.startMs),
  bytes_sent: ({ exchange }) => String(exchange.bytesSent),
  body_bytes_sent: ({ exchange }) => String(exchange.bodyBytesSent),
  msec: ({ client }) => formatSeconds(client.clock.nowMs()),
  time_local: ({ client }) => client.clock.local(),
  time_iso8601: ({ client }) => client.clock.iso8601(),
}

export const coreVariables: Module<WorkerState, WorkerState> = defineModule({
  name: "core_variables",
  directives: directives({}),
  main: (_conf, context) => new WorkerState(context),
  location: (_conf, context) => context.main(coreVariables),
  variables: {
    names: NAMES,
    late: LATE,
    families: {
      arg_: argument,
      cookie_: cookie,
      http_: requestField,
      sent_http_: sentField,
    },
  },
})

/** The state that belongs to the request's generation. */
export function workerState(request: Request): WorkerState {
  return request.location.of(coreVariables) as WorkerState
}

function argsOf(request: Request): string | undefined {
  return notEmpty(request.args)
}

/** A request whose line could not be read has no URI. */
function uriOf(request: Request): string | undefined {
  return request.head.method === "" ? undefined : request.uri
}

/** $request_uri: path and arguments as sent, without scheme and host of an absolute form. */
function requestUri({ head }: Request): string | undefined {
  const { target } = head
  if (target === "" || target.startsWith("/")) return notEmpty(target)
  const authority = target.indexOf("://")
  if (authority === -1) return target
  for (let i = authority + 3; i < target.length; i++) {
    const char = target[i]
    if (char === "/" || char === "?" || char === "#") return target.slice(i)
  }
  return "/"
}

/** $request_port: of the absolute form's authority, or else of the Host field; "" where the client named none. */
function requestPort({ head }: Request): string {
  const { target } = head
  const scheme = target.startsWith("/") ? -1 : target.indexOf("://")
  const authority = scheme === -1 ? (head.headers.get("host") ?? "") : authorityOf(target, scheme + 3)
  const colon = authority.indexOf(":", authority.lastIndexOf("]") + 1)
  const port = colon === -1 ? 0 : Number(authority.slice(colon + 1))
  return port > 0 ? String(port) : ""
}

function authorityOf(target: string, start: number): string {
  for (let i = start; i < target.length; i++) {
    const char = target[i]
    if (char === "/" || char === "?" || char === "#") return target.slice(start, i)
  }
  return target.slice(start)
}

/** As the client sent it. */
function serverProtocol({ head }: Request): string | undefined {
  if (head.isHttp2) return "HTTP/2.0"
  const line = head.requestLine
  if (line.endsWith(" HTTP/1.1")) return "HTTP/1.1"
  const at = line.lastIndexOf(" HTTP/")
  return at === -1 ? undefined : line.slice(at + 1)
}

function requestId(request: Request): string {
  // Subrequests have that of the request that they serve.
  if (request.parent !== null) return requestId(request.parent)
  const known = request.note<string>(REQUEST_ID)
  if (known !== undefined) return known
  const id = workerState(request).nextId()
  request.setNote(REQUEST_ID, id)
  return id
}

function binaryRemoteAddress(request: Request): string {
  return workerState(request).addressOf(request.remote)?.toOctets() ?? request.remote.address
}

/** A unix socket has no port. */
export function portText(port: number): string {
  return port > 0 ? String(port) : ""
}

/** Three digits; 000 before anything was decided. */
function statusOf(request: Request): string {
  const { errorStatus, response } = request
  const status = wireStatus(errorStatus > 0 ? errorStatus : response.status)
  return status === 0 ? "000" : String(status)
}

function notEmpty(text: string): string | undefined {
  return text === "" ? undefined : text
}

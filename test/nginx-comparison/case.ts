import type { TlsOptions } from "node:tls"
import type { BackendScript } from "../support/raw-backend.ts"
import type { ClientScript } from "./client-script.ts"

/**
 * One comparison: what nginx does with these requests under this configuration is what Holdfast must do.
 *
 * In configuration texts and requests these stand for something of the case's own: `{id}` a name that no
 * other case has, `{listen}` and `{port}` the address and port of its server (`{listen2}`, `{port2}`… more
 * of them), `{dead}` an address where nothing listens, `{prefix}` the edge's folder, `{<backend>}` the
 * address of one of its backends (`{<backend>.port}` the port), `{crt:<name>}` and `{key:<name>}` a
 * certificate for that name (`rsa:<name>` for an RSA one), `{ca}` the authority that issued them.
 */
export interface ComparisonCase {
  readonly name: string
  /** Directives of the http level: upstreams, log formats. */
  readonly http?: string
  /** The inside of the case's one server block, after its `listen`. */
  readonly server?: string
  /** Whole server blocks, in place of the one. */
  readonly servers?: string
  /** Backends by their names. */
  readonly backends?: Readonly<Record<string, BackendScript>>
  /** Backends that speak TLS, with a certificate for `certificate`. */
  readonly secureBackends?: Readonly<Record<string, SecureBackend>>
  /** More files below the prefix. */
  readonly files?: Readonly<Record<string, string>>
  /**
   * Requests, sent one after the other's answer on one connection (a new one where it was closed), or a
   * script for all that is not so simple.
   */
  readonly send: string | readonly string[] | ClientScript
  /** The statuses that nginx answers with, so that a case that does not test what it says is found out. */
  readonly status: number | readonly number[]
  /**
   * False: it is not asked whether the connection is kept, since the answer to that question would be in the
   * log with the length of a page that has the program's name in it.
   */
  readonly probe?: false
  /** Whether the backends' bytes are compared connection by connection, instead of in order of arrival. */
  readonly connections?: true
  /** Where Holdfast differs on purpose. */
  readonly differs?: Difference
}

export interface SecureBackend {
  readonly certificate: string
  readonly script: BackendScript
  /** More options of the TLS server, such as `requestCert`. */
  readonly options?: TlsOptions
}

export interface Difference {
  readonly why: string
  /** Makes what Holdfast must do of what nginx has done. */
  readonly holdfast: (nginx: Outcome) => Partial<Outcome>
}

/** All that can be seen of one case from outside. */
export interface Outcome {
  /** What the client saw: answers, bytes of tunnels, ends of connections, in order. */
  readonly client: readonly ClientEvent[]
  /** What each backend got: in one text, or one for each connection. */
  readonly backends: Readonly<Record<string, string | readonly string[]>>
  /** The lines of logs/{id}.log and logs/{id}.err, if the case has them. */
  readonly accessLog: readonly string[]
  readonly errorLog: readonly string[]
}

export type ClientEvent = string | SeenResponse

export interface SeenResponse {
  readonly status: number
  readonly reason: string
  readonly version: string
  /** Header lines, sorted, without Date. */
  readonly headers: readonly string[]
  readonly body: string
  readonly framing: string
  readonly complete: boolean
  readonly interim: readonly string[]
}

/**
 * What nginx does by default since 1.29.7, said aloud so that the 1.22 of the comparison does it too:
 * HTTP/1.1 to upstreams, no Connection header.
 */
export const HTTP_1_1 = 'proxy_http_version 1.1; proxy_set_header Connection "";'

/** A request in HTTP/1.1 with `Host: a.test`; `headers` are lines with their CRLF. */
export function get(target: string, headers = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`
}

/** A POST with its Content-Length. */
export function post(target: string, body: string, headers = ""): string {
  return `POST ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`
}

/** A POST whose body comes in these chunks. */
export function postChunked(target: string, chunks: readonly string[], headers = ""): string {
  const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")
  const head = `POST ${target} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`
  return `${head}${body}0\r\n\r\n`
}

/** The head of a request over HTTP/2 (RFC 9113 §8.3) in the terms of HTTP/1.1. ngx_http_v2_state_process_header. */
import { randomBytes } from "node:crypto"
import { FIELD_OTHER, fieldKind } from "./header-names.ts"
import { asciiLowerCase, NAME_ODD, NAME_UNDERSCORE, nameClasses } from "./octets.ts"
import { RequestHead, takeRequestField } from "./request-fields.ts"
import type { RequestHeadLimits } from "./request-head.ts"

/** What became of a head: it is filled as far as it was understood, whatever the status. */
export interface Http2HeadResult {
  readonly head: RequestHead
  /** 0, or what refuses the request: 400, 501. */
  readonly status: number
  /** nginx's words for the error log; "" where it has none. */
  readonly reason: string
  /** Names that were left out, for the log; null for none. */
  readonly dropped: readonly string[] | null
}

/** A Sec-WebSocket-Key has sixteen bytes (RFC 6455 §4.1). */
const KEY_BYTES = 16

/**
 * nginx's words for a head beyond large_client_header_buffers, which ends the connection; undefined where it is not.
 * nginx looks at the length that a field has on the wire, here it is the length that it has.
 */
export function headExcess(raw: readonly string[], limits: RequestHeadLimits): string | undefined {
  for (let i = 0; i < raw.length; i++)
    if ((raw[i] as string).length > limits.maxLineBytes) return "client sent too large header field"
  return fieldBytes(raw) > limits.maxHeadBytes ? "client sent too large header" : undefined
}

/** The bytes of names and values of `raw`, as nginx counts them against large_client_header_buffers. */
export function fieldBytes(raw: readonly string[]): number {
  let bytes = 0
  for (let i = 0; i < raw.length; i++) bytes += (raw[i] as string).length
  return bytes
}

/**
 * Reads `raw`, names and values in turn, pseudo-header fields first. That they are well-formed (lower case, each pseudo
 * field once and known, no field of a connection) is the frame layer's to have checked. `isEnd`: there is no body.
 */
export function readHttp2Head(
  raw: readonly string[],
  isEnd: boolean,
  limits: RequestHeadLimits,
): Http2HeadResult {
  const head = new RequestHead()
  head.isHttp2 = true
  head.keepAlive = true
  head.headBytes = fieldBytes(raw)
  const reader = new FieldReader(head, limits)
  for (let i = 0; i + 1 < raw.length; i += 2) reader.take(raw[i] as string, raw[i + 1] as string)
  reader.finish()
  if (!isEnd && head.contentLength < 0 && head.ownWebSocketKey === "") head.chunked = true
  // nginx makes it when all else was well.
  if (reader.status === 0) head.requestLine = `${reader.method} ${head.target} HTTP/2.0`
  return { head, status: reader.status, reason: reader.reason, dropped: reader.dropped }
}

class FieldReader {
  readonly #head: RequestHead
  readonly #limits: RequestHeadLimits
  /** As sent: that of the head is GET for a WebSocket. */
  method = ""
  #protocol = ""
  #hasAuthority = false
  #cookie = ""
  status = 0
  reason = ""
  dropped: string[] | null = null

  constructor(head: RequestHead, limits: RequestHeadLimits) {
    this.#head = head
    this.#limits = limits
  }

  take(name: string, value: string): void {
    if (name.charCodeAt(0) === 0x3a) this.#takePseudo(name, value)
    else if (name === "cookie") this.#cookie += this.#cookie === "" ? value : `; ${value}`
    else if (name === "host" && this.#isAuthority(value)) return
    else if (this.#isTaken(name)) this.#takeField(name, value)
  }

  /** A Host field may come besides :authority, with the same value (RFC 9113 §8.3.1). */
  #isAuthority(host: string): boolean {
    return this.#hasAuthority && asciiLowerCase(host) === asciiLowerCase(this.#head.host)
  }

  #takePseudo(name: string, value: string): void {
    const head = this.#head
    if (name === ":method") {
      this.method = value
      head.method = value
      if (!isMethod(value)) this.#refuse(400, `client sent invalid method: "${value}"`)
    } else if (name === ":path") head.target = value
    else if (name === ":authority") {
      this.#hasAuthority = true
      this.#takeField("host", value)
    } else if (name === ":protocol") this.#protocol = value
    else if (name !== ":scheme") this.#refuse(400, `client sent unknown pseudo-header "${name}"`)
  }

  /** underscores_in_headers, ignore_invalid_headers. */
  #isTaken(name: string): boolean {
    const classes = nameClasses(name)
    const isInvalid =
      (classes & NAME_ODD) !== 0 || ((classes & NAME_UNDERSCORE) !== 0 && !this.#limits.underscoresInHeaders)
    if (!isInvalid || !this.#limits.ignoreInvalidHeaders) return true
    this.dropped ??= []
    this.dropped.push(name)
    return false
  }

  #takeField(name: string, value: string): void {
    const kind = fieldKind(name)
    const fault = kind === FIELD_OTHER ? undefined : takeRequestField(this.#head, kind, name, name, value)
    if (fault !== undefined) return this.#refuse(400, fault)
    this.#head.headers.push(name, name, value)
  }

  finish(): void {
    const head = this.#head
    if (this.#cookie !== "") head.headers.push("cookie", "cookie", this.#cookie)
    // CONNECT alone has neither (RFC 9113 §8.5); a tunnel to anywhere is not what this server is for.
    if (head.target === "") return this.#refuse(400, "client sent no :scheme header")
    if (head.host === "") return this.#refuse(400, 'client sent HTTP/1.1 request without "Host" header')
    if (this.#protocol !== "") this.#extendedConnect()
  }

  /** RFC 8441 §5: the fields that HTTP/2 does without are added, so that all goes on as in HTTP/1.1. */
  #extendedConnect(): void {
    const head = this.#head
    if (this.#protocol.toLowerCase() !== "websocket")
      return this.#refuse(501, `client asked for an unsupported protocol "${this.#protocol}" by CONNECT`)
    head.method = "GET"
    head.upgrade = "websocket"
    head.connectionUpgrade = true
    head.ownWebSocketKey = randomBytes(KEY_BYTES).toString("base64")
    head.contentLength = -1
    const { headers } = head
    headers.remove("content-length")
    headers.remove("sec-websocket-key")
    headers.push("Upgrade", "upgrade", "websocket")
    headers.push("Connection", "connection", "Upgrade")
    headers.push("Sec-WebSocket-Key", "sec-websocket-key", head.ownWebSocketKey)
  }

  #refuse(status: number, reason: string): void {
    if (this.status !== 0) return
    this.status = status
    this.reason = reason
  }
}

/** As ngx_http_v2_parse_method. */
function isMethod(method: string): boolean {
  if (method === "") return false
  for (let i = 0; i < method.length; i++) {
    const c = method.charCodeAt(i)
    if ((c < 0x41 || c > 0x5a) && c !== 0x5f && c !== 0x2d) return false
  }
  return true
}

/** One request and its answer on a stream of HTTP/2. RFC 9113 §8; ngx_http_v2_filter_module. */
import { constants, type ServerHttp2Stream } from "node:http2"
import { ERROR, INFO } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import { addHttp2Fields, FRAME_HEADER_BYTES, http2HeadBytes } from "../http/h2-response-head.ts"
import type { RequestHead } from "../http/request-head.ts"
import { absoluteLocation } from "../runtime/absolute-location.ts"
import type { BodyConsumer, Exchange, ResponseProducer, TakenConnection } from "../runtime/exchange.ts"
import type { Request } from "../runtime/request.ts"
import { serverToken, wireStatus } from "../runtime/special-response.ts"
import type { Http2Connection } from "./http2-connection.ts"

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants

const NOT_READ = 0
const READING = 1
const COMPLETE = 2
const FAILED = 3

export class Http2Exchange implements Exchange {
  readonly #connection: Http2Connection
  readonly stream: ServerHttp2Stream
  request!: Request
  producer: ResponseProducer | null = null
  isHeadSent = false
  isComplete = false
  bodyBytesSent = 0
  bytesSent = 0
  requestLength: number
  /** The response's end was reached or given up. */
  isOver = false

  /** The head that waits for its first body bytes. */
  #fields: (string | number)[] | null = null
  #hasBody = true
  #isBlocked = false
  #isDetached = false
  #hasEnded = false
  /** The stream's end is the trailer section's, be it empty. */
  #owesTrailers = false
  #sendTimer: Timer | null = null

  #bodyState: number
  #consumer: BodyConsumer | null = null
  #isBodyPaused = false
  #bodyBytes = 0
  #bodyTimer: Timer | null = null

  constructor(connection: Http2Connection, stream: ServerHttp2Stream, head: RequestHead) {
    this.#connection = connection
    this.stream = stream
    this.requestLength = head.headBytes
    this.#bodyState = head.chunked || head.contentLength > 0 ? NOT_READ : COMPLETE
  }

  // --- the response

  sendHead(): void {
    const { request } = this
    const { response } = request
    this.isHeadSent = true
    this.#refuseWebSocket(request)
    this.#replaceStatus(request)
    const status = wireStatus(response.status)
    this.#hasBody =
      request.head.method !== "HEAD" && status !== 204 && status !== 304 && status !== 205 && this.#isOpen
    if (response.isLocationOwn) absoluteLocation(request)
    this.#fields = responseFields(request, status, this.#connection.httpDate())
    this.bytesSent += http2HeadBytes(this.#fields)
  }

  /** A 2xx would tell the client that its WebSocket is open (RFC 8441 §5), and a backend that said so has opened none. */
  #refuseWebSocket(request: Request): void {
    const { status } = request.response
    if (request.head.ownWebSocketKey === "" || status < 200 || status > 299) return
    request.log(ERROR, `the answer to a WebSocket over HTTP/2 was ${status}, not 101`)
    request.response.status = 502
  }

  /** What is no status (RFC 9110 §15) is not sent by Node.js; clients are to take it for a 5xx anyway. */
  #replaceStatus(request: Request): void {
    const { status } = request.response
    if (status >= 200 && status <= 599) return
    request.log(ERROR, `status ${status} cannot be sent over HTTP/2`)
    request.response.status = 500
  }

  /** Whether frames may be sent still. */
  get #isOpen(): boolean {
    return !this.stream.destroyed && !this.stream.closed
  }

  #respond(endStream: boolean): void {
    const fields = this.#fields as (string | number)[]
    this.#fields = null
    if (!this.#isOpen) return
    const { trailers, contentLength } = this.request.response
    // Without a trailer section Node ends a stream before it resets it: an answer of unknown length that is cut off
    // would seem to be whole.
    const waitForTrailers = this.#hasBody && !endStream && (trailers !== null || contentLength < 0)
    this.#owesTrailers = waitForTrailers
    this.stream.respond(fields as string[], { endStream, waitForTrailers })
  }

  write(chunk: Buffer): boolean {
    if (this.isOver || this.#isDetached) return true
    if (!this.#hasBody || chunk.length === 0) return !this.#isBlocked
    if (this.#fields !== null) this.#respond(false)
    if (!this.#isOpen) return true
    this.bodyBytesSent += chunk.length
    this.bytesSent += chunk.length + FRAME_HEADER_BYTES
    if (!this.stream.write(chunk) && !this.#isBlocked) {
      this.#isBlocked = true
      this.#startSendTimer()
    }
    return !this.#isBlocked
  }

  flush(): void {
    if (this.#fields !== null && !this.#isDetached) this.#respond(false)
  }

  end(): void {
    if (this.isOver) return
    this.#hasEnded = true
    this.producer = null
    if (this.#isDetached || !this.#isOpen) return this.#over()
    const isEmpty = this.#fields !== null
    if (isEmpty) this.#respond(!this.#hasBody || this.request.response.trailers === null)
    if (!this.stream.writableEnded) this.stream.end()
    if (this.stream.writableFinished) return this.onFinish()
    this.#startSendTimer()
  }

  /** The connection has taken the last frame of the answer. */
  onFinish(): void {
    // Of a HEAD the stream's side of ours is over before there is an answer.
    if (this.isOver || !this.#hasEnded || this.#owesTrailers) return
    this.isComplete = true
    this.#over()
  }

  /** All of the body is sent: its trailer section is asked for. */
  onWantTrailers(): void {
    const { response } = this.request
    const fields: (string | number)[] = []
    if (response.trailers !== null) addHttp2Fields(fields, response.trailers(this.request))
    // No name that an upstream gives its fields means anything here.
    const trailers: Record<string, string[]> = Object.create(null)
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = String(fields[i])
      trailers[name] ??= []
      trailers[name].push(String(fields[i + 1]))
    }
    if (!this.#isOpen) return
    this.stream.sendTrailers(trailers)
    // They go out at the end of this turn.
    setImmediate(trailersSent, this)
  }

  onTrailersSent(): void {
    this.#owesTrailers = false
    if (this.stream.writableFinished) this.onFinish()
  }

  abort(): void {
    if (this.isOver) return
    if (this.isHeadSent) this.flush()
    this.isOver = true
    const { status } = this.request.response
    const code = status === 408 || status === 444 ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_INTERNAL_ERROR
    if (this.#isOpen) this.stream.close(code)
    this.#leave()
  }

  #over(): void {
    this.isOver = true
    this.#leave()
    // The client need not send what is left of its body (RFC 9113 §8.1).
    if (this.#isOpen && !this.stream.readableEnded && !this.stream.endAfterHeaders) {
      if (this.isComplete) this.stream.close(NGHTTP2_NO_ERROR)
      else this.stream.close(NGHTTP2_CANCEL)
    }
  }

  #leave(): void {
    this.producer = null
    this.#consumer = null
    this.#sendTimer?.stop()
    this.#bodyTimer?.stop()
    this.#connection.onExchangeOver(this)
  }

  sendInformational(status: number, fields: string): void {
    if (this.isHeadSent || !this.#isOpen) return
    const headers: Record<string, string | number> = { ":status": status }
    for (const line of fields.split("\r\n")) {
      const colon = line.indexOf(":")
      if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    this.stream.additionalHeaders(headers)
  }

  onDrain(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#sendTimer?.stop()
    this.producer?.onClientDrain()
  }

  #startSendTimer(): void {
    this.#sendTimer ??= this.#connection.timer(() => this.#sendTimedOut())
    this.#sendTimer.start(this.request.location.settings.sendTimeoutMs)
  }

  /** The client has opened no window for what it is to get. */
  #sendTimedOut(): void {
    if (this.isOver) return
    const { request, producer } = this
    request.log(INFO, "client timed out (110: Connection timed out) while sending to client")
    if (this.#isOpen) this.stream.close(NGHTTP2_PROTOCOL_ERROR)
    this.#goneFrom(request, producer)
  }

  // --- the client's end

  /** The client has reset the stream, or the connection is gone. */
  onGone(): void {
    if (this.isOver) return
    // Both sides of the stream have ended: that may be told before the end of ours alone.
    if (this.#hasEnded && this.stream.rstCode === NGHTTP2_NO_ERROR && !this.#connection.isGone) {
      this.#owesTrailers = false
      return this.onFinish()
    }
    if (!this.#connection.isGone) this.request.log(INFO, resetText(this.stream))
    this.#goneFrom(this.request, this.producer)
  }

  #goneFrom(request: Request, producer: ResponseProducer | null): void {
    if (this.#bodyState === READING) this.#failBody(499)
    if (this.isOver) return
    if (producer === null) {
      request.response.status ||= 499
      return this.abort()
    }
    producer.onClientGone()
    if (!this.isOver) this.#detach()
  }

  /** The work goes on without the client (proxy_ignore_client_abort): what comes is dropped. */
  #detach(): void {
    this.#isDetached = true
    this.#isBlocked = false
    this.#fields = null
    this.#sendTimer?.stop()
    this.producer?.onClientDrain()
  }

  // --- the request's body

  readBody(consumer: BodyConsumer): void {
    if (this.#bodyState === COMPLETE) return consumer.onBodyEnd()
    this.#consumer = consumer
    this.#bodyState = READING
    this.#isBodyPaused = false
    this.#startBodyTimer()
    this.#connection.readBody(this.stream)
  }

  pauseBody(): void {
    if (this.#isBodyPaused || this.#bodyState !== READING) return
    this.#isBodyPaused = true
    this.#bodyTimer?.stop()
    this.stream.pause()
  }

  resumeBody(): void {
    if (!this.#isBodyPaused || this.#bodyState !== READING) return
    this.#isBodyPaused = false
    this.#startBodyTimer()
    this.stream.resume()
  }

  #startBodyTimer(): void {
    this.#bodyTimer ??= this.#connection.timer(() => this.#bodyTimedOut())
    this.#bodyTimer.start(this.request.location.settings.clientBodyTimeoutMs)
  }

  #bodyTimedOut(): void {
    if (this.#bodyState !== READING) return
    this.request.log(INFO, "client timed out (110: Connection timed out)")
    this.#failBody(408)
  }

  onBodyData(chunk: Buffer): void {
    const { length } = chunk
    this.requestLength += length
    if (this.#bodyState !== READING) return
    this.#bodyBytes += length
    const limit = this.request.location.settings.clientMaxBodyBytes
    if (this.request.head.contentLength < 0 && limit > 0 && this.#bodyBytes > limit) {
      this.request.log(ERROR, `client intended to send too large chunked body: ${this.#bodyBytes} bytes`)
      return this.#failBody(413)
    }
    if (!this.#isBodyPaused) this.#startBodyTimer()
    this.#consumer?.onBody(chunk)
  }

  onBodyEnd(): void {
    if (this.#bodyState !== READING) return
    this.#bodyState = COMPLETE
    this.#bodyTimer?.stop()
    const consumer = this.#consumer
    this.#consumer = null
    consumer?.onBodyEnd()
  }

  #failBody(status: number): void {
    const consumer = this.#consumer
    this.#consumer = null
    this.#bodyState = FAILED
    this.#bodyTimer?.stop()
    consumer?.onBodyError(status)
  }

  // --- the tunnel

  /** RFC 8441 §5: a 200 in place of the 101, without the fields of the handshake that HTTP/2 does not need. */
  takeOver(head: string): TakenConnection {
    const { response } = this.request
    this.isHeadSent = true
    this.isOver = true
    this.bytesSent += head.length
    this.#sendTimer?.stop()
    this.#bodyTimer?.stop()
    this.producer = null
    response.headers.remove("sec-websocket-accept")
    response.contentLength = -1
    const fields = responseFields(this.request, 200, this.#connection.httpDate())
    return this.#connection.takeOver(this, fields as string[])
  }
}

function trailersSent(exchange: Http2Exchange): void {
  exchange.onTrailersSent()
}

/** In the order of ngx_http_v2_header_filter. */
function responseFields(request: Request, status: number, date: string): (string | number)[] {
  const { response } = request
  const fields: (string | number)[] = [":status", status]
  if (!response.hasServer) fields.push("server", serverToken(request.location.settings.serverTokens))
  if (!response.hasDate) fields.push("date", date)
  if (response.contentType !== "") fields.push("content-type", response.contentType)
  if (response.contentLength >= 0) fields.push("content-length", String(response.contentLength))
  addHttp2Fields(fields, response.headers)
  return fields
}

/** ngx_http_v2_state_rst_stream */
function resetText({ id, rstCode }: ServerHttp2Stream): string {
  if (rstCode === NGHTTP2_CANCEL) return `client canceled stream ${id}`
  if (rstCode === NGHTTP2_INTERNAL_ERROR) return `client terminated stream ${id} due to internal error`
  return `client terminated stream ${id} with status ${rstCode}`
}

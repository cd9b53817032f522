/** One request and its answer on an HTTP/1.1 connection. RFC 9112; ngx_http_header_filter_module. */
import { ERROR, INFO } from "../base/logger.ts"
import { ChunkedDecoder, chunkHeader, LAST_CHUNK, lastChunk } from "../http/chunked.ts"
import type { RequestHead } from "../http/request-head.ts"
import { appendHeaders, statusLine } from "../http/serialize.ts"
import { absoluteLocation } from "../runtime/absolute-location.ts"
import type { BodyConsumer, Exchange, ResponseProducer, TakenConnection } from "../runtime/exchange.ts"
import type { Request } from "../runtime/request.ts"
import { serverFields } from "../runtime/response-head.ts"
import { wireStatus } from "../runtime/special-response.ts"
import type { Http1Connection } from "./http1-connection.ts"

/** Answers up to this are copied behind their head: one write, one packet where it fits. */
const JOINED_BYTES = 32 * 1024

/** Whatever waits for `flush` beyond this goes out at once. */
const MAX_PENDING_BYTES = 64 * 1024

const NOT_READ = 0
const READING = 1
const COMPLETE = 2
const FAILED = 3

type WhenTaken = ((error?: Error | null) => void) | undefined

export class Http1Exchange implements Exchange {
  readonly #connection: Http1Connection
  request!: Request
  producer: ResponseProducer | null = null
  isHeadSent = false
  isComplete = false
  bodyBytesSent = 0
  bytesSent = 0
  requestLength: number
  /** The response's end was reached or given up. */
  isOver = false
  /** After the answer the connection is closed. */
  closes = false

  #pendingHead = ""
  #pending: Buffer[] | null = null
  #pendingBytes = 0
  #isBlocked = false
  #isDetached = false
  #isChunked = false
  #hasBody = true

  #bodyState: number
  #bodyRemaining: number
  readonly #decoder: ChunkedDecoder | null
  #consumer: BodyConsumer | null = null
  #bodyBytes = 0
  #owesContinue: boolean

  constructor(connection: Http1Connection, head: RequestHead) {
    this.#connection = connection
    this.requestLength = head.headBytes
    this.#decoder = head.chunked ? new ChunkedDecoder() : null
    this.#bodyRemaining = head.contentLength > 0 ? head.contentLength : 0
    this.#bodyState = head.chunked || head.contentLength > 0 ? NOT_READ : COMPLETE
    this.#owesContinue = head.expectContinue && head.versionMinor === 1
  }

  // --- the response

  sendHead(): void {
    const { request } = this
    const { response } = request
    this.isHeadSent = true
    // Connections begin with TCP_NODELAY.
    if (!request.location.settings.tcpNodelay) this.#connection.socket.setNoDelay(false)
    const status = wireStatus(response.status)
    this.#hasBody = request.head.method !== "HEAD" && status !== 204 && status !== 304
    this.#frame()
    let text =
      statusLine(status, response.reason ?? undefined) + serverFields(request, this.#connection.httpDate())
    if (response.contentType !== "") text += `Content-Type: ${response.contentType}\r\n`
    if (response.contentLength >= 0) text += `Content-Length: ${response.contentLength}\r\n`
    else if (this.#isChunked) text += "Transfer-Encoding: chunked\r\n"
    text += this.#connectionFields()
    if (response.isLocationOwn) absoluteLocation(request)
    this.#pendingHead = `${appendHeaders(text, response.headers)}\r\n`
    this.bytesSent += this.#pendingHead.length
  }

  /** How the body's end is told, and whether the connection outlives it. RFC 9112 §6.3. */
  #frame(): void {
    const { request } = this
    const { response } = request
    const { settings } = request.location
    this.closes ||= request.isLast || !request.head.keepAlive || !this.#connection.mayStay(settings)
    if (!this.#hasBody || (response.contentLength >= 0 && response.trailers === null)) return
    if (request.head.versionMinor === 1 && settings.chunkedTransferEncoding) {
      // Trailers have no place in a body of a known length.
      response.contentLength = -1
      this.#isChunked = true
    } else if (response.contentLength < 0) this.closes = true
  }

  #connectionFields(): string {
    if (this.closes) return "Connection: close\r\n"
    const seconds = this.request.location.settings.keepaliveHeaderSeconds
    return seconds > 0
      ? `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n`
      : "Connection: keep-alive\r\n"
  }

  write(chunk: Buffer): boolean {
    if (this.isOver || this.#isDetached) return true
    if (!this.#hasBody || chunk.length === 0) return !this.#isBlocked
    this.bodyBytesSent += chunk.length
    if (this.#pending === null) this.#pending = []
    if (this.#isChunked) this.#push(Buffer.from(chunkHeader(chunk.length), "latin1"))
    this.#push(chunk)
    if (this.#isChunked) this.#push(CRLF)
    if (this.#pendingBytes >= MAX_PENDING_BYTES) this.flush()
    return !this.#isBlocked
  }

  #push(piece: Buffer): void {
    ;(this.#pending as Buffer[]).push(piece)
    this.#pendingBytes += piece.length
    this.bytesSent += piece.length
  }

  /** The client has gone, and the work goes on without it (proxy_ignore_client_abort): what comes is dropped. */
  detach(): void {
    this.#isDetached = true
    this.#isBlocked = false
    this.#pendingHead = ""
    this.#pending = null
    this.#pendingBytes = 0
    this.producer?.onClientDrain()
  }

  flush(): void {
    this.#flush(undefined)
  }

  /** `whenTaken` is called when the socket has taken it; false where there was nothing to send. */
  #flush(whenTaken: WhenTaken): boolean {
    if (this.#isDetached) return false
    const head = this.#pendingHead
    const pieces = this.#pending
    if (head === "" && pieces === null) return false
    const bytes = this.#pendingBytes
    this.#pendingHead = ""
    this.#pending = null
    this.#pendingBytes = 0
    // What is more than a socket wants to hold counts only while it holds it: the system may have taken it at once.
    const isFlushed =
      this.#send(head, pieces, bytes, whenTaken) || this.#connection.socket.writableLength === 0
    if (isFlushed || this.#isBlocked) return true
    this.#isBlocked = true
    this.#connection.startSendTimer(this.request.location.settings.sendTimeoutMs)
    return true
  }

  #send(head: string, pieces: Buffer[] | null, bytes: number, whenTaken: WhenTaken): boolean {
    const { socket } = this.#connection
    if (pieces === null) return socket.write(head, "latin1", whenTaken)
    if (head === "" && pieces.length === 1) return socket.write(pieces[0] as Buffer, whenTaken)
    if (bytes + head.length <= JOINED_BYTES) return socket.write(joined(head, pieces, bytes), whenTaken)
    socket.cork()
    if (head !== "") socket.write(head, "latin1")
    const last = pieces.length - 1
    for (let i = 0; i < last; i++) socket.write(pieces[i] as Buffer)
    const isFlushed = socket.write(pieces[last] as Buffer, whenTaken)
    socket.uncork()
    return isFlushed
  }

  end(): void {
    if (this.isOver) return
    if (this.#hasBody && !this.#isDetached) this.#endBody()
    const { socket, tls, onAnswerTaken } = this.#connection
    // A TLS socket says later, always, that it has taken something; what goes to TCP is mostly taken at once.
    const isTold = this.#flush(tls === null ? undefined : onAnswerTaken) && tls !== null
    this.producer = null
    if (this.#isDetached) return this.#over()
    if (socket.writableLength === 0) return this.onTaken()
    // The client is slow: the request is in its log line, and its connection free, when it has taken all.
    this.#connection.startSendTimer(this.request.location.settings.sendTimeoutMs)
    if (!isTold) socket.write(NOTHING, onAnswerTaken)
  }

  /** The last chunk, and the trailers where they have a place. */
  #endBody(): void {
    const { request } = this
    const { trailers } = request.response
    const section = trailers === null ? null : trailers(request)
    if (!this.#isChunked) return
    this.#pending ??= []
    this.#push(section === null ? LAST : Buffer.from(lastChunk(section), "latin1"))
  }

  /** The socket has taken all of the answer, whose end has been reached. */
  onTaken(): void {
    if (this.isOver) return
    this.isComplete = true
    this.#over()
  }

  abort(): void {
    if (this.isOver) return
    this.closes = true
    // What was taken so far is the client's to see, a clean end is not.
    if (this.isHeadSent) this.flush()
    this.isOver = true
    this.#connection.onExchangeAborted(this)
  }

  #over(): void {
    this.isOver = true
    this.producer = null
    if (this.#bodyState === READING) this.#bodyState = NOT_READ
    this.#consumer = null
    this.#connection.onExchangeOver(this)
  }

  sendInformational(status: number, fields: string): void {
    if (this.request.head.versionMinor === 0 || this.isHeadSent) return
    this.#connection.socket.write(`${statusLine(status)}${fields}\r\n`, "latin1")
  }

  /** The socket took what it was given. */
  onDrain(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.producer?.onClientDrain()
  }

  // --- the request's body

  get isBodyComplete(): boolean {
    return this.#bodyState === COMPLETE
  }

  get isBodyFailed(): boolean {
    return this.#bodyState === FAILED
  }

  get isReadingBody(): boolean {
    return this.#bodyState === READING
  }

  /** Nothing was sent of a body that the client keeps back until it gets a 100. */
  get isBodyWithheld(): boolean {
    return this.#owesContinue && this.#bodyState !== COMPLETE
  }

  readBody(consumer: BodyConsumer): void {
    if (this.#owesContinue) {
      this.#owesContinue = false
      this.sendInformational(100, "")
    }
    if (this.#bodyState === COMPLETE) return consumer.onBodyEnd()
    this.#consumer = consumer
    this.#bodyState = READING
    this.#connection.readBody(this.request.location.settings.clientBodyTimeoutMs)
  }

  pauseBody(): void {
    this.#connection.pauseBody()
  }

  resumeBody(): void {
    if (this.#bodyState === READING)
      this.#connection.resumeBody(this.request.location.settings.clientBodyTimeoutMs)
  }

  /** Takes body bytes of `chunk` from `offset`; returns the offset after the last one that is the body's. */
  takeBody(chunk: Buffer, offset: number): number {
    const end =
      this.#decoder === null
        ? this.#takePlain(chunk, offset)
        : this.#takeChunked(chunk, offset, this.#decoder)
    this.requestLength += end - offset
    return end
  }

  #takePlain(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#bodyRemaining)
    this.#bodyRemaining -= end - offset
    if (this.#bodyRemaining === 0) this.#bodyState = COMPLETE
    this.#give(chunk, offset, end)
    if (this.#bodyRemaining === 0) this.#giveEnd()
    return end
  }

  #takeChunked(chunk: Buffer, start: number, decoder: ChunkedDecoder): number {
    let offset = start
    const { length } = chunk
    while (offset < length && !decoder.done) {
      offset = decoder.execute(chunk, offset)
      if (decoder.failed) {
        this.request.log(ERROR, "client sent invalid chunked body")
        this.#failBody(400)
        return length
      }
      if (decoder.done) this.#bodyState = COMPLETE
      if (decoder.dataEnd > decoder.dataStart && !this.#give(chunk, decoder.dataStart, decoder.dataEnd))
        return length
    }
    if (decoder.done) this.#giveEnd()
    return offset
  }

  /** Returns false when the body has become too large. */
  #give(chunk: Buffer, start: number, end: number): boolean {
    if (end === start) return true
    this.#bodyBytes += end - start
    const limit = this.request.location.settings.clientMaxBodyBytes
    if (this.#decoder !== null && limit > 0 && this.#bodyBytes > limit && this.#consumer !== null) {
      this.request.log(
        ERROR,
        `client intended to send too large chunked body: ${this.#bodyBytes - (end - start)}+${end - start} bytes`,
      )
      this.#failBody(413)
      return false
    }
    this.#consumer?.onBody(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end))
    return true
  }

  #giveEnd(): void {
    const consumer = this.#consumer
    this.#consumer = null
    consumer?.onBodyEnd()
  }

  /** The body cannot be had: what follows on the connection has no meaning any more. */
  #failBody(status: number): void {
    const consumer = this.#consumer
    this.#consumer = null
    this.#bodyState = FAILED
    this.closes = true
    consumer?.onBodyError(status)
  }

  /** The client closed or went silent in the middle of its body. */
  onBodyBroken(status: number): void {
    if (this.#bodyState !== READING) return
    if (status === 408)
      this.request.log(INFO, "client timed out (110: Connection timed out) while reading client request body")
    this.#failBody(status)
  }

  // --- the tunnel

  takeOver(head: string): TakenConnection {
    this.isHeadSent = true
    this.isOver = true
    this.bytesSent += head.length
    this.producer = null
    return this.#connection.takeOver(head)
  }
}

const CRLF = Buffer.from("\r\n", "latin1")
const LAST = Buffer.from(LAST_CHUNK, "latin1")
const NOTHING = Buffer.alloc(0)

function joined(head: string, pieces: Buffer[], bytes: number): Buffer {
  const all = Buffer.allocUnsafe(head.length + bytes)
  let at = head === "" ? 0 : all.write(head, 0, "latin1")
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i] as Buffer
    piece.copy(all, at)
    at += piece.length
  }
  return all
}

/** A client's HTTP/1.1 connection: one request after the other until one side has had enough. RFC 9112 §9. */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { INFO } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import type { ProxyHeader } from "../http/proxy-protocol.ts"
import {
  HEAD_COMPLETE,
  HEAD_INVALID,
  type RequestHead,
  type RequestHeadParser,
} from "../http/request-head.ts"
import { NO_TARGET, parseTarget, type Target } from "../http/target.ts"
import { READING, REQUESTS, WAITING, WRITING } from "../observe/counters.ts"
import type { Client, LogClock } from "../runtime/client.ts"
import type { TakenConnection } from "../runtime/exchange.ts"
import type { CoreSettings } from "../runtime/location.ts"
import { failRequest, runLogHandlers } from "../runtime/phases.ts"
import { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"
import { admitRequest, placeRequest, refuseRequest } from "./admission.ts"
import type { ConnectionEnds, ConnectionHost, HttpConnection } from "./connection-host.ts"
import { ConnectionStatus } from "./connection-status.ts"
import { Http1Exchange } from "./http1-exchange.ts"
import { closeGracefully } from "./lingering.ts"

/** Waiting for a head, or reading one. */
const IN_HEAD = 0
/** A request is being answered. */
const IN_REQUEST = 1
/** The answer is out; the rest of its body is read and thrown away. */
const DRAINING = 2
const CLOSED = 3

export class Http1Connection implements Client, HttpConnection {
  readonly #host: ConnectionHost
  /** Of the head that is coming; null while none of it is there. */
  #parser: RequestHeadParser | null = null
  readonly #readTimer: Timer
  #sendTimer: Timer | null = null
  #state = IN_HEAD
  readonly #status: ConnectionStatus
  #exchange: Http1Exchange | null = null
  /** Bytes that came before anybody wanted them. */
  #pending: Buffer | null = null
  #isFeeding = false
  #isBodyPaused = false
  #isTunnel = false
  #hasEnded = false
  #requestStartMs = 0
  readonly #onData = (chunk: Buffer): void => this.#receive(chunk)
  readonly #onEnd = (): void => this.#clientEnded()
  readonly #onDrain = (): void => this.#drained()
  /** The socket has taken the last bytes of an answer. */
  readonly onAnswerTaken = (error?: Error | null): void => {
    if (!error) this.#exchange?.onTaken()
  }

  readonly number: number
  readonly address: string
  readonly port: number
  readonly serverAddress: string
  readonly serverPort: number
  readonly proxyHeader: ProxyHeader | null
  readonly socket: Socket
  readonly tls: TLSSocket | null
  readonly startMs: number
  readonly clock: LogClock
  requests = 0
  isPipelined = false

  /** Takes over `socket`; `raw` is what `tls` is wrapped around, or the socket itself. */
  constructor(
    host: ConnectionHost,
    socket: Socket,
    tls: TLSSocket | null,
    ends: ConnectionEnds,
    number: number,
  ) {
    this.#host = host
    this.socket = socket
    this.tls = tls
    this.number = number
    this.address = ends.address
    this.port = ends.port
    this.serverAddress = ends.serverAddress
    this.serverPort = ends.serverPort
    this.proxyHeader = ends.proxyHeader
    this.startMs = performance.now()
    this.clock = host.services.clock
    const server = host.names().default
    this.#readTimer = host.services.timers.timer(() => this.#readTimedOut())
    this.#status = new ConnectionStatus(host.services.counters)
    socket.on("data", this.#onData)
    socket.on("end", this.#onEnd)
    socket.on("drain", this.#onDrain)
    socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(error))
    socket.on("close", () => this.#closed())
    this.#readTimer.start(server.clientHeaderTimeoutMs)
  }

  httpDate(): string {
    return this.#host.services.httpDate()
  }

  // --- bytes in

  #receive(chunk: Buffer): void {
    if (this.#state === CLOSED) return
    this.#pending = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk])
    try {
      this.#feed()
    } catch (error) {
      this.#isFeeding = false
      this.#unhandled(error)
    }
  }

  /** Gives what is pending to whoever wants it now: the head parser, or the request's body. */
  #feed(): void {
    if (this.#isFeeding) return
    this.#isFeeding = true
    while (this.#pending !== null && !this.#isTunnel) {
      if (this.#state === IN_HEAD) this.#feedHead(this.#pending)
      else if (this.#wantsBody()) this.#feedBody(this.#pending)
      else break
    }
    this.#isFeeding = false
    // Bytes that nobody wants yet stay in the kernel: a client cannot make this grow.
    if (this.#pending !== null && !this.#isTunnel) this.socket.pause()
  }

  #wantsBody(): boolean {
    const exchange = this.#exchange
    if (exchange === null) return false
    return this.#state === DRAINING ? !exchange.isBodyComplete : exchange.isReadingBody && !this.#isBodyPaused
  }

  #feedBody(chunk: Buffer): void {
    const exchange = this.#exchange as Http1Exchange
    // The chunk is empty afterwards where its consumer has freed it.
    const { length } = chunk
    this.#pending = null
    const end = exchange.takeBody(chunk, 0)
    if (end < length) this.#pending = chunk.subarray(end)
    if (this.#state === DRAINING) this.#drainedSome(exchange)
    else if (exchange.isReadingBody) {
      if (!this.#isBodyPaused) this.#readTimer.start(exchange.request.location.settings.clientBodyTimeoutMs)
    } else if (this.#state === IN_REQUEST) this.#readTimer.stop()
  }

  #feedHead(chunk: Buffer): void {
    const parser = this.#takeParser()
    const had = parser.hasBytes
    const end = parser.execute(chunk, 0)
    this.#pending = end < chunk.length ? chunk.subarray(end) : null
    if (!had && (parser.hasBytes || parser.state !== 0)) this.#headBegan()
    if (parser.state === HEAD_COMPLETE) this.#headComplete(parser.head)
    else if (parser.state === HEAD_INVALID) this.#headInvalid()
  }

  #headBegan(): void {
    this.#status.become(READING)
    this.#requestStartMs = performance.now()
    this.#readTimer.start(this.#host.names().default.clientHeaderTimeoutMs)
  }

  #headComplete(head: RequestHead): void {
    this.#readTimer.stop()
    this.#giveParser()
    const names = this.#host.names()
    const exchange = new Http1Exchange(this, head)
    const target = parseTarget(head.method, head.target, names.default.mergeSlashes)
    const request = this.#begin(exchange, head, target ?? NO_TARGET, names)
    admitRequest(request, target, target === undefined ? 0 : this.#host.refusal(request))
  }

  #begin(exchange: Http1Exchange, head: RequestHead, target: Target, names: ServerNames): Request {
    this.#state = IN_REQUEST
    this.#exchange = exchange
    this.requests++
    this.#status.become(WRITING)
    this.#host.services.counters.add(REQUESTS, 1)
    const request = new Request(this, head, exchange, names.default, target, this.#requestStartMs)
    exchange.request = request
    placeRequest(request, names)
    return request
  }

  #takeParser(): RequestHeadParser {
    this.#parser ??= this.#host.services.headParsers.take(this.#host.names().default.headLimits)
    return this.#parser
  }

  #giveParser(): void {
    if (this.#parser !== null) this.#host.services.headParsers.give(this.#parser)
    this.#parser = null
  }

  #headInvalid(): void {
    const parser = this.#takeParser()
    this.#readTimer.stop()
    this.#pending = null
    const request = this.#beginBroken(parser.head)
    refuseRequest(request, parser.errorStatus, parser.errorReason)
  }

  /** The head will never be whole: no answer, but a line in the log. */
  #abandonHead(status: number, reason: string): void {
    const parser = this.#takeParser()
    parser.abandon()
    const request = this.#beginBroken(parser.head)
    request.log(INFO, reason)
    request.response.status = status
    request.exchange.abort()
  }

  /** A request whose head is broken or cut off: what came of it is for the log. Its body is nobody's. */
  #beginBroken(head: RequestHead): Request {
    head.keepAlive = false
    head.contentLength = -1
    head.chunked = false
    const names = this.#host.names()
    const target =
      head.target === "" ? undefined : parseTarget(head.method, head.target, names.default.mergeSlashes)
    const exchange = new Http1Exchange(this, head)
    exchange.closes = true
    return this.#begin(exchange, head, target ?? NO_TARGET, names)
  }

  /** Whether the connection may be kept after the current answer. */
  mayStay(settings: CoreSettings): boolean {
    if (settings.keepaliveTimeoutMs === 0 || this.#hasEnded || this.#host.isQuitting()) return false
    return (
      this.requests < settings.keepaliveRequests &&
      performance.now() - this.startMs < settings.keepaliveTimeMs
    )
  }

  // --- the request's body, for the exchange

  readBody(timeoutMs: number): void {
    this.#isBodyPaused = false
    this.#readTimer.start(timeoutMs)
    if (this.#hasEnded && this.#pending === null) return this.#exchange?.onBodyBroken(499)
    this.socket.resume()
    this.#feed()
  }

  resumeBody(timeoutMs: number): void {
    if (this.#isBodyPaused) this.readBody(timeoutMs)
  }

  pauseBody(): void {
    if (this.#isBodyPaused) return
    this.#isBodyPaused = true
    this.#readTimer.stop()
    this.socket.pause()
  }

  // --- ends of exchanges

  onExchangeOver(exchange: Http1Exchange): void {
    runLogHandlers(exchange.request)
    this.#sendTimer?.stop()
    if (this.#state === CLOSED) return
    if (exchange.isBodyComplete) return exchange.closes ? this.#close() : this.#awaitNext(exchange)
    const { settings } = exchange.request.location
    if (exchange.isBodyFailed || exchange.isBodyWithheld || exchange.closes) return this.#close()
    this.#state = DRAINING
    this.#isBodyPaused = false
    this.#readTimer.start(settings.lingeringTimeMs)
    this.socket.resume()
    this.#feed()
  }

  #drainedSome(exchange: Http1Exchange): void {
    if (exchange.isBodyComplete) this.#awaitNext(exchange)
    else if (exchange.isBodyFailed) this.#close()
  }

  #awaitNext(exchange: Http1Exchange): void {
    this.#state = IN_HEAD
    this.#exchange = null
    this.isPipelined = this.#pending !== null
    if (this.#hasEnded && this.#pending === null) return this.#close()
    this.#status.become(WAITING)
    this.#readTimer.start(exchange.request.location.settings.keepaliveTimeoutMs)
    this.#host.onIdle(this)
    if (this.#pending === null) this.socket.resume()
    else if (!this.#isFeeding) {
      this.socket.resume()
      this.#feed()
    }
  }

  onExchangeAborted(exchange: Http1Exchange): void {
    const { settings } = exchange.request.location
    runLogHandlers(exchange.request)
    const isTimeout = exchange.request.response.status === 408
    if (isTimeout && settings.resetTimedoutConnection) this.socket.resetAndDestroy()
    this.destroy()
  }

  // --- the tunnel

  /** The connection leaves HTTP: nothing of the request that it was for is held here any more. */
  takeOver(head: string): TakenConnection {
    const received = this.#pending
    this.#pending = null
    this.#exchange = null
    this.#isTunnel = true
    this.#readTimer.stop()
    this.#sendTimer?.stop()
    this.socket.off("data", this.#onData)
    this.socket.off("end", this.#onEnd)
    this.socket.off("drain", this.#onDrain)
    this.socket.write(head, "latin1")
    this.#host.onTaken()
    return { stream: this.socket, received, close: () => this.destroy() }
  }

  // --- the socket's events

  #clientEnded(): void {
    this.#hasEnded = true
    if (this.#state === IN_HEAD) {
      if (!this.#hasHeadBytes) return this.#close()
      return this.#abandonHead(
        400,
        "client prematurely closed connection while reading client request headers",
      )
    }
    if (this.#state === DRAINING) return this.#close()
    const exchange = this.#exchange
    if (exchange === null) return
    if (!exchange.isBodyComplete) exchange.onBodyBroken(499)
    else if (this.#pending === null) exchange.producer?.onClientGone()
  }

  #drained(): void {
    this.#sendTimer?.stop()
    this.#exchange?.onDrain()
  }

  startSendTimer(timeoutMs: number): void {
    this.#sendTimer ??= this.#host.services.timers.timer(() => this.#sendTimedOut())
    this.#sendTimer.start(timeoutMs)
  }

  #sendTimedOut(): void {
    const exchange = this.#exchange
    exchange?.request.log(INFO, "client timed out (110: Connection timed out) while sending to client")
    if (exchange?.request.location.settings.resetTimedoutConnection) this.socket.resetAndDestroy()
    this.destroy()
  }

  #readTimedOut(): void {
    const exchange = this.#exchange
    if (this.#state === IN_REQUEST && exchange !== null) return exchange.onBodyBroken(408)
    if (this.#state === IN_HEAD && this.#hasHeadBytes)
      return this.#abandonHead(
        408,
        "client timed out (110: Connection timed out) while reading client request headers",
      )
    this.destroy()
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (this.#isTunnel) return
    if (error.code !== "ECONNRESET" && error.code !== "EPIPE")
      this.#host.log(INFO, this, `client connection failed: ${error.message}`)
    this.#gone()
  }

  /** The client cannot be reached any more: whoever works for it is told. */
  #gone(): void {
    const exchange = this.#exchange
    if (exchange === null || exchange.isOver || this.#isTunnel) return
    if (!exchange.isBodyComplete) exchange.onBodyBroken(499)
    if (exchange.isOver) return
    if (exchange.producer === null) return exchange.abort()
    exchange.producer.onClientGone()
    if (!exchange.isOver) exchange.detach()
  }

  #closed(): void {
    this.#gone()
    this.#status.leave()
    this.#state = CLOSED
    this.#readTimer.stop()
    this.#sendTimer?.stop()
    this.#pending = null
    this.#host.onClosed(this)
    // Node's handle keeps the socket until the next full collection: what hangs on it need not wait for that.
    this.socket.removeAllListeners()
  }

  /** Closes after what was written has gone out; lingers where the client may still be sending. */
  #close(): void {
    const exchange = this.#exchange
    const isMore =
      exchange !== null &&
      (!exchange.isBodyComplete || this.#pending !== null || this.#parser?.state === HEAD_INVALID)
    this.#state = CLOSED
    this.#status.leave()
    this.#readTimer.stop()
    this.#pending = null
    this.socket.off("data", this.#onData)
    this.socket.off("end", this.#onEnd)
    const settings = exchange?.request.location.settings
    closeGracefully(this.socket, this.#host.services.timers, settings, isMore && !this.#hasEnded)
  }

  get #hasHeadBytes(): boolean {
    return this.#parser?.hasBytes === true
  }

  /** It has left HTTP after a 101. */
  get isTunnel(): boolean {
    return this.#isTunnel
  }

  /** Whether it waits for a request: an idle connection may be closed at a graceful stop. */
  get isIdle(): boolean {
    return this.#state === IN_HEAD && !this.#hasHeadBytes
  }

  endKept(): void {
    if (this.isIdle && this.requests > 0) this.destroy()
  }

  closeIfIdle(): void {
    if (this.isIdle) this.destroy()
  }

  destroy(): void {
    this.#state = CLOSED
    this.#readTimer.stop()
    this.#sendTimer?.stop()
    this.socket.destroy()
  }

  /** An error of our own code in an event of this connection. */
  #unhandled(error: unknown): void {
    const exchange = this.#exchange
    if (exchange === null || exchange.isOver) this.destroy()
    else failRequest(exchange.request, error)
  }
}

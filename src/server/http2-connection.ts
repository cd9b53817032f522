/** A client's HTTP/2 connection: its session, its streams, and what they may cost. RFC 9113; ngx_http_v2.c. */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { INFO } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import { fieldBytes, type Http2HeadResult, headExcess, readHttp2Head } from "../http/h2-request-head.ts"
import type { ProxyHeader } from "../http/proxy-protocol.ts"
import type { RequestHead } from "../http/request-head.ts"
import { NO_TARGET, parseTarget, type Target } from "../http/target.ts"
import type { Http2Settings } from "../modules/http2.ts"
import { REQUESTS, WAITING, WRITING } from "../observe/counters.ts"
import type { Client, LogClock } from "../runtime/client.ts"
import type { TakenConnection } from "../runtime/exchange.ts"
import type { CoreSettings } from "../runtime/location.ts"
import { failRequest, runLogHandlers } from "../runtime/phases.ts"
import { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"
import type { VirtualServer } from "../runtime/virtual-server.ts"
import { admitRequest, placeRequest, refuseRequest } from "./admission.ts"
import type { ConnectionEnds, ConnectionHost, HttpConnection } from "./connection-host.ts"
import { Http2Exchange } from "./http2-exchange.ts"
import { Http2Flood } from "./http2-flood.ts"
import { http2Options, MAX_WINDOW } from "./http2-options.ts"
import { gone, guarded, Http2StreamEvents } from "./http2-stream-events.ts"

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_CANCEL } = constants

/** NGHTTP2_ERR_CALLBACK_FAILURE: Node ends a session at maxSessionRejectedStreams by this. */
const ERR_CALLBACK_FAILURE = -902
/** NGHTTP2_ERR_FLOODED: frames that want an answer came faster than their answers were taken. */
const ERR_FLOODED = -904
/** How long a client may take to close its side after ours has ended. */
const LINGERING_MS = 5000

export class Http2Connection implements Client, HttpConnection {
  readonly #host: ConnectionHost
  readonly #session: ServerHttp2Session
  /** Requests that are being answered, by the numbers of their streams. */
  readonly #exchanges = new Map<number, Http2Exchange>()
  #tunnels = 0
  /** For the first request, for the next one, and for a client that does not close. */
  readonly #timer: Timer
  readonly #flood: Http2Flood
  readonly #events: Http2StreamEvents
  #isWaiting = false
  #isGoingAway = false
  #isEnding = false
  #hasLeft = false
  #isClosed = false

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
  readonly isPipelined = false
  requests = 0

  /** Takes over `socket`, of which nothing has been read that is not back in it. `server`: that of its TLS name, or the default. */
  constructor(
    host: ConnectionHost,
    socket: Socket,
    tls: TLSSocket | null,
    ends: ConnectionEnds,
    number: number,
    server: VirtualServer,
    settings: Http2Settings,
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
    const { timers } = host.services
    this.#timer = timers.timer(() => this.#timedOut())
    this.#timer.start(server.clientHeaderTimeoutMs)
    this.#wait()
    this.#flood = new Http2Flood(socket, timers, () => this.#end("http2 flood detected", NGHTTP2_NO_ERROR))
    this.#events = new Http2StreamEvents(this.#exchanges, this.#flood)
    // A client that ends its side of the connection is gone.
    socket.allowHalfOpen = false
    this.#session = performServerHandshake(socket, http2Options(settings, server.headLimits))
    this.#begin()
  }

  #begin(): void {
    const session = this.#session
    // As nginx: one slow stream must not keep the others from sending.
    session.setLocalWindowSize(MAX_WINDOW)
    session.on("stream", (stream, _headers, flags, rawHeaders: string[]) =>
      this.#streamOpened(stream, flags, rawHeaders),
    )
    session.on("error", (error: NodeJS.ErrnoException) => this.#failed(error))
    session.on("goaway", () => this.#goAway())
    session.on("close", () => this.#sessionClosed())
    this.socket.on("close", () => this.#closed())
    this.socket.on("error", ignore)
  }

  httpDate(): string {
    return this.#host.services.httpDate()
  }

  timer(callback: () => void): Timer {
    return this.#host.services.timers.timer(callback)
  }

  // --- requests

  #streamOpened(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    stream.on("error", ignore)
    this.#flood.payloadBytes += fieldBytes(raw)
    // It may have been reset already by a frame of the same packet.
    if (stream.destroyed || stream.closed || this.#isClosed) return
    if (this.#isGoingAway || this.#hasLeft) return stream.close(NGHTTP2_REFUSED_STREAM)
    this.#timer.stop()
    this.#stopWaiting()
    const names = this.#host.names()
    const limits = names.default.headLimits
    const isEnd = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const result = readHttp2Head(raw, isEnd, limits)
    const { head } = result
    const { mergeSlashes } = names.default
    const target = head.target === "" ? undefined : parseTarget(head.method, head.target, mergeSlashes)
    const excess = headExcess(raw, limits)
    if (target === undefined || excess !== undefined) head.requestLine = ""
    const exchange = this.#beginExchange(stream, head, target ?? NO_TARGET, names)
    if (!this.#mayStay(names.default.location.settings)) this.#goAway()
    if (excess !== undefined) return this.#endFor(exchange, excess)
    try {
      this.#admit(exchange.request, result, target)
    } catch (error) {
      failRequest(exchange.request, error)
    }
  }

  #beginExchange(
    stream: ServerHttp2Stream,
    head: RequestHead,
    target: Target,
    names: ServerNames,
  ): Http2Exchange {
    const { counters } = this.#host.services
    counters.add(REQUESTS, 1)
    counters.add(WRITING, 1)
    this.requests++
    const exchange = new Http2Exchange(this, stream, head)
    const request = new Request(this, head, exchange, names.default, target, performance.now())
    exchange.request = request
    this.#exchanges.set(stream.id ?? 0, exchange)
    placeRequest(request, names)
    this.#events.listen(stream)
    return exchange
  }

  #admit(request: Request, result: Http2HeadResult, target: Target | undefined): void {
    const { head, status, reason, dropped } = result
    if (dropped !== null)
      for (const name of dropped)
        request.log(INFO, `client sent invalid header: "${name}" while reading client request headers`)
    if (status !== 0) return refuseRequest(request, status, `${reason} while reading client request headers`)
    if (target !== undefined) return admitRequest(request, target, this.#host.refusal(request))
    const fault = `client sent invalid :path header: "${head.target}" while reading client request headers`
    refuseRequest(request, 400, fault)
  }

  /** A head that is not to be had: no answer, but a line in the log, and the end of the connection. */
  #endFor(exchange: Http2Exchange, reason: string): void {
    exchange.abort()
    this.#end(reason, NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #mayStay(settings: CoreSettings): boolean {
    return (
      this.requests < settings.keepaliveRequests &&
      performance.now() - this.startMs < settings.keepaliveTimeMs &&
      !this.#host.isQuitting()
    )
  }

  readBody(stream: ServerHttp2Stream): void {
    this.#events.readBody(stream)
  }

  onExchangeOver(exchange: Http2Exchange): void {
    runLogHandlers(exchange.request)
    this.#exchanges.delete(exchange.stream.id ?? 0)
    this.#host.services.counters.add(WRITING, -1)
    this.#oneLess(exchange.request.server.location.settings.keepaliveTimeoutMs)
  }

  // --- tunnels

  /** The stream leaves HTTP: nothing of the request that it was for is held here any more. */
  takeOver(exchange: Http2Exchange, fields: readonly string[]): TakenConnection {
    const { stream } = exchange
    this.#events.unlisten(stream)
    this.#exchanges.delete(stream.id ?? 0)
    this.#tunnels++
    // With a trailer section to come, be it empty, a reset is not told as an end before it.
    if (!stream.destroyed && !stream.closed) stream.respond(fields, { waitForTrailers: true })
    this.#leaveIfDone()
    return { stream, received: null, close: () => this.#tunnelEnded(stream) }
  }

  #tunnelEnded(stream: ServerHttp2Stream): void {
    this.#tunnels--
    this.#host.services.counters.add(WRITING, -1)
    const isWhole = stream.writableFinished && stream.readableEnded
    if (!isWhole && !stream.destroyed && !stream.closed) stream.close(NGHTTP2_CANCEL)
    if (!isWhole) stream.destroy()
    this.#oneLess(undefined)
  }

  // --- the connection's end

  #wait(): void {
    if (this.#isWaiting || this.#isClosed) return
    this.#isWaiting = true
    this.#host.services.counters.add(WAITING, 1)
  }

  #stopWaiting(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#host.services.counters.add(WAITING, -1)
  }

  #oneLess(keepaliveTimeoutMs: number | undefined): void {
    if (this.#isClosed) return
    this.#leaveIfDone()
    if (this.#exchanges.size > 0 || this.#tunnels > 0) return
    if (this.#isGoingAway) return this.#timer.start(LINGERING_MS)
    this.#wait()
    this.#timer.start(keepaliveTimeoutMs ?? this.#host.names().default.location.settings.keepaliveTimeoutMs)
    this.#host.onIdle(this)
  }

  /** Takes no further stream; those that are open go on. The session ends with the last of them. */
  #goAway(): void {
    if (this.#isGoingAway || this.#isClosed) return
    this.#isGoingAway = true
    this.#session.close()
    if (this.isIdle) this.#timer.start(LINGERING_MS)
    this.#leaveIfDone()
  }

  /** Where only tunnels are left of it, nobody asks for a generation here any more. */
  #leaveIfDone(): void {
    if (this.#hasLeft || !this.#isGoingAway || this.#exchanges.size > 0 || this.#tunnels === 0) return
    this.#hasLeft = true
    this.#host.onTaken()
  }

  #timedOut(): void {
    if (this.#isGoingAway) return this.destroy()
    this.#goAway()
  }

  /** Ends it with a GOAWAY of `code` and whatever is open. */
  #end(reason: string, code: number): void {
    if (this.#session.destroyed) return
    this.#log(INFO, reason)
    this.#isEnding = true
    this.#session.destroy(new Error(reason), code)
    this.#timer.start(LINGERING_MS)
  }

  /** Told when the session is over already, with a GOAWAY. */
  #failed(error: NodeJS.ErrnoException): void {
    const { code } = error
    // The client's own GOAWAY with an error is the latter.
    const isItsEnd = code === "ECONNRESET" || code === "EPIPE" || code === "ERR_HTTP2_SESSION_ERROR"
    if (!this.#isEnding && !isItsEnd) this.#log(INFO, faultOf(error))
  }

  #log(level: number, text: string): void {
    this.#host.log(level, this, `${text} while processing HTTP/2 connection`)
  }

  #sessionClosed(): void {
    if (!this.#isClosed) this.#timer.start(LINGERING_MS)
  }

  /** The client cannot be reached any more. */
  get isGone(): boolean {
    return this.#isClosed || this.socket.destroyed
  }

  #closed(): void {
    if (this.#isClosed) return
    if (this.#exchanges.size > 0 && !this.#session.closed)
      this.#log(INFO, "client prematurely closed connection")
    this.#stopWaiting()
    this.#isClosed = true
    this.#timer.stop()
    this.#flood.stop()
    for (const exchange of [...this.#exchanges.values()]) guarded(exchange, gone)
    this.#host.onClosed(this)
  }

  // --- HttpConnection

  get isIdle(): boolean {
    return this.#exchanges.size === 0 && this.#tunnels === 0
  }

  get isTunnel(): boolean {
    return this.#hasLeft
  }

  endKept(): void {
    if (this.requests > 0) this.#goAway()
  }

  closeIfIdle(): void {
    if (this.isIdle) this.#goAway()
  }

  /** The listener is closed: what is open may go on. */
  listenerClosed(): void {
    this.#goAway()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** nginx's words where it has some; else the library's. */
function faultOf({ code, errno, message }: NodeJS.ErrnoException): string {
  if (errno === ERR_FLOODED) return "http2 flood detected"
  if (errno === ERR_CALLBACK_FAILURE) return "client sent too many refused streams"
  if (code === "ERR_HTTP2_TOO_MANY_INVALID_FRAMES") return "client sent too many invalid frames"
  return `client broke the protocol of HTTP/2 (${message})`
}

function ignore(): void {}

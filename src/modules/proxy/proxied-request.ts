/**
 * One request on its way through an upstream: choosing a peer, connecting, sending, reading the answer, trying
 * the next peer. ngx_http_upstream.c. What comes after a 101 is the tunnel's.
 */
import { errnoText } from "../../base/errno.ts"
import { CRIT, ERROR, INFO, WARN } from "../../base/logger.ts"
import type { Timer } from "../../base/timers.ts"
import { HEAD_COMPLETE, HEAD_INVALID } from "../../http/request-head.ts"
import type { ResponseHead, ResponseHeadParser } from "../../http/response-head.ts"
import { joinHeadAndBody } from "../../http/serialize.ts"
import type { ResponseProducer } from "../../runtime/exchange.ts"
import { finalize } from "../../runtime/phases.ts"
import type { Request, UpstreamState } from "../../runtime/request.ts"
import { type BalancerInput, PeerSet } from "../../upstream/balancer.ts"
import { openConnection, type UpstreamConnection, type UpstreamOwner } from "../../upstream/connection.ts"
import type { Peer } from "../../upstream/peer.ts"
import type { PeerOutcome, Upstream } from "../../upstream/upstream.ts"
import type { NextUpstreamWord } from "./directives.ts"
import { type BodyListener, RequestBody } from "./request-body.ts"
import { buildRequestHead, CHUNKED_BODY, NO_BODY, type ProxyTarget } from "./request-head.ts"
import { BODY_DONE, BODY_INVALID, ResponseBody } from "./response-body.ts"
import { interceptsError, isRedirectedByUpstream, takeResponseHead } from "./response-fields.ts"
import { newParser, type ProxySettings } from "./settings.ts"
import { startTunnel } from "./start-tunnel.ts"

const IDLE = 0
const CONNECTING = 1
const SENDING = 2
const READING_HEAD = 3
const READING_BODY = 4
const OVER = 5

/** What is going on, in nginx's words for the error log. */
const DOING = [
  "",
  " while connecting to upstream",
  " while sending request to upstream",
  " while reading response header from upstream",
  " while reading upstream",
  "",
] as const

/** Bodies up to this are copied behind the head, so that both leave in one write. */
const JOINED_BODY_BYTES = 16 * 1024

const NO_ATTEMPT: UpstreamState = {
  peer: "",
  status: 0,
  connectMs: -1,
  headerMs: -1,
  responseMs: -1,
  bytesReceived: 0,
  bytesSent: 0,
  responseLength: 0,
}

export class ProxiedRequest implements UpstreamOwner, ResponseProducer, BodyListener {
  readonly request: Request
  readonly settings: ProxySettings
  readonly target: ProxyTarget
  readonly group: Upstream
  connection: UpstreamConnection | null = null
  peer: Peer | null = null
  readonly #input: BalancerInput
  readonly #tried = new PeerSet()
  readonly #timer: Timer
  readonly #startMs: number
  #state = IDLE
  #triesLeft: number
  #body: RequestBody | null = null
  #parser: ResponseHeadParser
  #head: ResponseHead | null = null
  #responseBody: ResponseBody | null = null
  #attempt: UpstreamState | null = null
  #attemptStartMs = 0
  #requestSent = false
  #isReused = false

  constructor(request: Request, settings: ProxySettings, target: ProxyTarget, group: Upstream) {
    this.request = request
    this.settings = settings
    this.target = target
    this.group = group
    this.#input = { clientAddress: request.client.address, nowMs: 0 }
    this.#timer = settings.services.timers.timer(() => this.#onTimeout())
    this.#startMs = settings.services.timers.nowMs
    this.#parser = newParser(settings)
    const limit = settings.nextUpstreamTries
    this.#triesLeft = limit > 0 ? Math.min(limit, group.tries) : group.tries
  }

  start(): void {
    const { request, settings } = this
    // $upstream_addr and the like tell the groups of an internal redirect apart.
    if (request.upstreamStates !== null) request.upstreamStates.push({ ...NO_ATTEMPT })
    request.exchange.producer = this
    const { head } = request
    const hasBody = settings.passBody && !request.isDiscardingBody && (head.contentLength >= 0 || head.chunked)
    if (!hasBody) return this.#tryPeer()
    const isBuffered = settings.requestBuffering || (head.chunked && settings.versionMinor === 0)
    const kept = request.note<RequestBody>(RequestBody)
    if (kept !== undefined) return this.#sendKept(kept)
    const announced = head.chunked ? CHUNKED_BODY : head.contentLength
    this.#body = new RequestBody(request.exchange, this, announced, request.location.settings.clientBodyBufferBytes)
    request.setNote(RequestBody, this.#body)
    request.exchange.readBody(this.#body)
    if (!isBuffered) this.#body.startUnbuffered()
  }

  /** The body of a request that was redirected here after it had been read. */
  #sendKept(body: RequestBody): void {
    if (!body.isRepeatable) {
      this.request.log(ERROR, "the request's body is gone: it was streamed to another upstream")
      return this.#finish(500)
    }
    this.#body = body
    this.#tryPeer()
  }

  // --- the client's body

  onBodyReady(): void {
    if (this.#state !== IDLE) return
    const body = this.#body as RequestBody
    if (this.settings.versionMinor === 0 && body.announcedBytes === CHUNKED_BODY) {
      this.request.log(
        ERROR,
        "a chunked body beyond client_body_buffer_size cannot go to an HTTP/1.0 upstream",
      )
      return this.#finish(413)
    }
    this.#tryPeer()
  }

  onBodyProgress(): void {
    if (this.connection === null || this.#state < SENDING || this.#state === OVER) return
    this.#sendMoreBody()
  }

  onBodyFailed(status: number): void {
    if (this.#state === OVER) return
    if (status !== 499 && status !== 408) return this.#finish(status)
    // No answer goes out; the log has what nginx's has.
    this.request.response.status = status === 408 ? 408 : 400
    this.#settle("idle", false)
    this.request.exchange.abort()
  }

  // --- choosing and connecting

  #tryPeer(): void {
    const { settings, request } = this
    this.#input.nowMs = settings.services.nowMs()
    const peer = this.group.pick(this.#input, this.#tried)
    this.#attemptStartMs = performance.now()
    if (peer === undefined) return this.#noLivePeer()
    this.peer = peer
    this.#beginAttempt(peer)
    const separator = peer.address.path === "" ? "" : ":"
    request.upstreamUrl = `${this.target.scheme}://${peer.address.name}${separator}${this.target.uri}`
    const kept = this.group.pool.take(this.#connectionKey(peer), this.#input.nowMs)
    if (kept === undefined) return this.#connect(peer)
    this.connection = kept
    this.#isReused = true
    kept.owner = this
    this.#sendRequest()
  }

  #noLivePeer(): void {
    this.request.upstreamUrl = `${this.target.scheme}://${this.target.host}${this.target.uri}`
    this.request.log(ERROR, "no live upstreams while connecting to upstream")
    this.#beginAttempt({ address: { name: this.target.host } })
    ;(this.#attempt as UpstreamState).status = 502
    this.#finish(502)
  }

  #beginAttempt(peer: { readonly address: { readonly name: string } }): void {
    this.#attempt = { ...NO_ATTEMPT, peer: peer.address.name }
    if (this.request.upstreamStates === null) this.request.upstreamStates = []
    this.request.upstreamStates.push(this.#attempt)
  }

  #connectionKey(peer: Peer): string {
    return peer.address.name + this.settings.connectionKey
  }

  #connect(peer: Peer): void {
    const { settings } = this
    this.#state = CONNECTING
    this.#isReused = false
    this.#timer.start(settings.connectTimeoutMs)
    const tls =
      this.target.scheme === "https"
        ? settings.tls?.connectionOptions(this.request, this.target.host)
        : undefined
    this.connection = openConnection(
      {
        peer,
        key: this.#connectionKey(peer),
        tls,
        tlsSessionReuse: settings.tls?.sessionReuse === true,
        keepaliveProbe: settings.socketKeepalive,
        tcpNodelay: this.request.location.settings.tcpNodelay,
        nowMs: settings.services.nowMs(),
      },
      this,
    )
  }

  onUpstreamConnect(): void {
    const failure = this.#verifyTls()
    if (failure === undefined) return this.#sendRequest()
    this.request.log(ERROR, failure)
    this.#fail("error", 502)
  }

  #verifyTls(): string | undefined {
    if (this.target.scheme !== "https") return undefined
    return this.settings.tls?.verify(this.connection?.socket as never, this.request, this.target.host)
  }

  // --- sending

  #sendRequest(): void {
    const { settings, request } = this
    const connection = this.connection as UpstreamConnection
    ;(this.#attempt as UpstreamState).connectMs = performance.now() - this.#attemptStartMs
    this.#state = SENDING
    this.#requestSent = true
    const body = this.#body
    const head = buildRequestHead(
      request,
      settings,
      this.target,
      body === null ? NO_BODY : body.announcedBytes,
    )
    const piece = body === null ? null : body.isRepeatable ? body.whole() : body.take()
    const isFlushed = this.#sendHeadAndBody(connection, head, piece)
    if (body !== null && !body.isComplete) {
      this.#timer.start(settings.readTimeoutMs)
      return body.resume()
    }
    this.#awaitHead(isFlushed)
  }

  /** Returns false when the connection takes no more for now. */
  #sendHeadAndBody(connection: UpstreamConnection, head: string, body: Buffer | null): boolean {
    if (body === null || body.length === 0) return connection.write(head)
    if (body.length <= JOINED_BODY_BYTES) return connection.write(joinHeadAndBody(head, body))
    connection.write(head)
    return connection.write(body)
  }

  #sendMoreBody(): void {
    const body = this.#body as RequestBody
    const piece = body.take()
    const canTakeMore = piece === null || (this.connection as UpstreamConnection).write(piece)
    if (body.isComplete) {
      if (this.#state === SENDING) this.#awaitHead(canTakeMore)
    } else if (canTakeMore) {
      if (this.#state === SENDING) this.#timer.start(this.settings.readTimeoutMs)
      body.resume()
    } else {
      this.request.exchange.pauseBody()
      if (this.#state === SENDING) this.#timer.start(this.settings.sendTimeoutMs)
    }
  }

  onUpstreamDrain(): void {
    if (this.#body !== null && !this.#body.isComplete) this.#body.resume()
    else if (this.#state === READING_HEAD) this.#timer.start(this.settings.readTimeoutMs)
  }

  #awaitHead(isFlushed: boolean): void {
    this.#state = READING_HEAD
    this.#timer.start(isFlushed ? this.settings.readTimeoutMs : this.settings.sendTimeoutMs)
  }

  // --- the answer

  onUpstreamData(chunk: Buffer): void {
    if (this.#state === READING_BODY) return this.#relay(chunk, 0)
    if (this.#state !== SENDING && this.#state !== READING_HEAD) return
    let offset = 0
    do {
      offset = this.#parser.execute(chunk, offset)
      if (this.#parser.state === HEAD_INVALID) return this.#invalidHead()
      if (this.#parser.state !== HEAD_COMPLETE) return this.#timer.start(this.settings.readTimeoutMs)
      const head = this.#parser.head
      this.#parser.reset()
      if (head.status === 101) return this.#upgrade(head, chunk, offset)
      if (head.status >= 200) return this.#onHead(head, chunk, offset)
    } while (offset < chunk.length)
  }

  #invalidHead(): void {
    const { errorReason, errorDetail } = this.#parser
    // A bad field is named as nginx names it; an answer that is no HTTP at all has the words that all know.
    const names = errorDetail.startsWith(`${errorReason}: `) ? errorDetail : errorReason
    const detail = names === errorDetail || errorDetail === "" ? "" : ` (${errorDetail})`
    this.request.log(ERROR, `${names} while reading response header from upstream${detail}`)
    this.#fail("invalid_header", 502)
  }

  #onHead(head: ResponseHead, chunk: Buffer, offset: number): void {
    const { request, settings } = this
    const attempt = this.#attempt as UpstreamState
    attempt.status = head.status
    attempt.headerMs = performance.now() - this.#attemptStartMs
    this.#head = head
    const word = `http_${head.status}` as NextUpstreamWord
    if (head.status >= 400 && settings.nextUpstream.has(word) && this.#mayTryNext(word))
      return this.#tryNext(head.status === 403 || head.status === 404 ? "ok" : "failed")
    request.upstreamHeaders = head.headers
    const redirect = isRedirectedByUpstream(request, settings, head)
    if (redirect !== undefined) return this.#leave(redirect)
    const intercepted = interceptsError(request, settings, head)
    if (intercepted !== undefined) return this.#leave(intercepted)
    takeResponseHead(request, settings, head)
    const hasBody = request.method !== "HEAD" && head.status !== 204 && head.status !== 304
    const isBuffered = settings.isBuffered
      ? request.note<string>("x-accel-buffering") !== "no"
      : request.note<string>("x-accel-buffering") === "yes"
    const body = new ResponseBody(request.exchange, head, hasBody, isBuffered ? settings.bufferBytes : 0)
    this.#responseBody = body
    this.#state = READING_BODY
    request.exchange.sendHead()
    if (body.isEmpty) {
      if (offset < chunk.length) body.hasExcess = true
      return this.#complete()
    }
    this.#relay(chunk, offset)
    if (!isBuffered && this.#state === READING_BODY) request.exchange.flush()
  }

  #relay(chunk: Buffer, offset: number): void {
    const body = this.#responseBody as ResponseBody
    this.#timer.start(this.settings.readTimeoutMs)
    const result = offset < chunk.length ? body.push(chunk, offset) : 0
    if (result === BODY_DONE) return this.#complete()
    if (result === BODY_INVALID) {
      this.request.log(ERROR, "upstream sent invalid chunked response while reading upstream")
      return this.#cut()
    }
    this.request.exchange.flush()
    if (body.isBlocked && this.connection !== null) {
      this.connection.pause()
      this.#timer.stop()
    }
  }

  onClientDrain(): void {
    const body = this.#responseBody
    if (body === null || this.connection === null) return
    body.isBlocked = false
    this.#timer.start(this.settings.readTimeoutMs)
    this.connection.resume()
  }

  #complete(): void {
    const body = this.#responseBody as ResponseBody
    if (body.hasExcess && !(this.#head as ResponseHead).chunked)
      this.request.log(WARN, 'upstream sent more data than specified in "Content-Length" header while reading upstream')
    body.release()
    const head = this.#head as ResponseHead
    const isBodySent = this.#body === null || this.#body.isComplete
    const mayKeep = head.keepAlive && head.versionMinor === 1 && !body.hasExcess && !body.isUntilClose && isBodySent
    this.#settle("ok", mayKeep)
    this.request.exchange.end()
  }

  // --- ends

  onUpstreamEnd(): void {
    if (this.#state === OVER) return
    if (this.#state === READING_BODY) {
      const body = this.#responseBody as ResponseBody
      if (body.isUntilClose) return this.#complete()
      this.request.log(ERROR, "upstream prematurely closed connection while reading upstream")
      return this.#cut()
    }
    if (this.#retryFresh()) return
    this.request.log(ERROR, `upstream prematurely closed connection${this.#doing()}`)
    this.#fail("error", 502)
  }

  onUpstreamError(error: NodeJS.ErrnoException): void {
    if (this.#state === OVER) return
    const wasHandshaking =
      this.#state === CONNECTING && this.target.scheme === "https" && error.syscall !== "connect"
    if (this.#state !== READING_BODY && this.#retryFresh()) return
    const isOdd = this.#state === CONNECTING && error.code === "ENOENT"
    this.request.log(isOdd ? CRIT : ERROR, this.#errorText(error, wasHandshaking))
    if (this.#state === READING_BODY) this.#cut()
    else this.#fail("error", 502)
  }

  #errorText(error: NodeJS.ErrnoException, wasHandshaking: boolean): string {
    if (wasHandshaking)
      return (
        this.settings.tls?.handshakeError(error) ??
        `SSL_do_handshake() failed (${errnoText(error)}) while SSL handshaking to upstream`
      )
    const call = this.#state === CONNECTING ? "connect" : error.syscall === "write" ? "send" : "recv"
    const path = this.peer?.address.path ?? ""
    if (call === "connect" && path !== "") return `connect() to unix:${path} failed (${errnoText(error)})${this.#doing()}`
    return `${call}() failed (${errnoText(error)})${this.#doing()}`
  }

  onUpstreamClose(): void {
    this.onUpstreamEnd()
  }

  #doing(): string {
    if (this.#state === CONNECTING && this.connection?.handshaking)
      return " while SSL handshaking to upstream"
    return DOING[this.#state] as string
  }

  #onTimeout(): void {
    if (this.#state === OVER) return
    const waitsToSend = this.#state === READING_HEAD && this.connection?.socket.writableNeedDrain === true
    const doing = waitsToSend ? DOING[SENDING] : this.#doing()
    this.request.log(ERROR, `upstream timed out (110: Connection timed out)${doing}`)
    if (this.#state === READING_BODY) this.#cut()
    else this.#fail("timeout", 504)
  }

  onClientGone(): void {
    if (this.#state === OVER || this.settings.ignoreClientAbort) return
    const isWaiting = this.#state !== READING_BODY
    if (isWaiting)
      this.request.log(
        INFO,
        `client prematurely closed connection, so upstream connection is closed too${this.#doing()}`,
      )
    this.#settle("idle", false)
    this.request.response.status ||= 499
    this.request.exchange.abort()
  }

  /** A kept connection that the peer closed as we wrote to it: the same peer is asked again, on a new one. */
  #retryFresh(): boolean {
    if (!this.#isReused || this.#parser.hasBytes || this.#state === CONNECTING) return false
    if (this.#body !== null && !this.#body.isRepeatable) return false
    if (!isIdempotent(this.request.method) && (this.connection?.bytesReceived ?? 0) > 0) return false
    this.connection?.destroy()
    this.connection = null
    this.#connect(this.peer as Peer)
    return true
  }

  #mayTryNext(word: NextUpstreamWord): boolean {
    const { settings } = this
    if (this.#triesLeft <= 1 || !settings.nextUpstream.has(word)) return false
    if (
      this.#requestSent &&
      !isIdempotent(this.request.method) &&
      !settings.nextUpstream.has("non_idempotent")
    )
      return false
    if (this.#requestSent && this.#body !== null && !this.#body.isRepeatable) return false
    const limitMs = settings.nextUpstreamTimeoutMs
    return limitMs === 0 || settings.services.timers.nowMs - this.#startMs < limitMs
  }

  /** This attempt failed before an answer: the next peer, or the end with `status`. */
  #fail(word: NextUpstreamWord, status: number): void {
    ;(this.#attempt as UpstreamState).status ||= status
    if (this.#mayTryNext(word)) return this.#tryNext("failed")
    this.#settle("failed", false)
    this.#finish(status)
  }

  #tryNext(outcome: PeerOutcome): void {
    this.#settle(outcome, false)
    this.#triesLeft--
    this.#state = IDLE
    this.#parser = newParser(this.settings)
    this.#tryPeer()
  }

  /** The answer is not relayed: an error page or an internal redirect takes its place. */
  #leave(next: () => void): void {
    this.#settle("ok", false)
    next()
  }

  /** The answer broke off after its head went out: the client must see that. */
  #cut(): void {
    this.#responseBody?.release()
    this.#settle("failed", false)
    this.request.exchange.abort()
  }

  #finish(status: number): void {
    this.#settle("idle", false)
    finalize(this.request, status)
  }

  #upgrade(head: ResponseHead, chunk: Buffer, offset: number): void {
    if (this.request.head.upgrade === "" || this.#body?.isComplete === false) {
      this.request.log(
        ERROR,
        "upstream sent invalid header while reading response header from upstream (101 without an upgrade in the request)",
      )
      return this.#fail("invalid_header", 502)
    }
    const attempt = this.#attempt as UpstreamState
    attempt.status = 101
    attempt.headerMs = performance.now() - this.#attemptStartMs
    this.request.upstreamHeaders = head.headers
    this.#timer.stop()
    this.#state = OVER
    this.group.markAlive(this.peer as Peer)
    const early = offset < chunk.length ? chunk.subarray(offset) : null
    startTunnel(this, head, early, (outcome) => this.#settle(outcome, false))
  }

  /** Gives the connection and the peer back, once an attempt. */
  #settle(outcome: PeerOutcome, mayKeep: boolean): void {
    this.#state = OVER
    this.#timer.stop()
    this.#noteAttempt()
    const { connection, peer } = this
    this.connection = null
    this.peer = null
    if (connection !== null) {
      if (mayKeep) this.group.pool.put(connection, this.settings.services.nowMs())
      else connection.destroy()
    }
    if (peer === null) return
    this.group.release(peer, outcome, this.settings.services.nowMs())
    this.#parser.reset()
    if (this.settings.parsers.length < 64) this.settings.parsers.push(this.#parser)
  }

  #noteAttempt(): void {
    const attempt = this.#attempt
    if (attempt === null || attempt.responseMs !== -1) return
    attempt.responseMs = performance.now() - this.#attemptStartMs
    attempt.bytesReceived = this.connection?.bytesReceived ?? 0
    attempt.bytesSent = this.connection?.bytesSent ?? 0
    attempt.responseLength = this.#responseBody?.receivedBytes ?? 0
  }
}

/** POST, LOCK and PATCH are not: ngx_http_upstream_next. */
function isIdempotent(method: string): boolean {
  return method !== "POST" && method !== "LOCK" && method !== "PATCH"
}

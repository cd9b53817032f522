/**
 * One request on its way through an upstream: choosing a peer, connecting, sending, reading the answer, trying
 * the next peer. ngx_http_upstream.c. What comes after a 101 is the tunnel's.
 */
import { ERROR, INFO } from "../../base/logger.ts"
import type { Timer } from "../../base/timers.ts"
import { HEAD_COMPLETE, HEAD_INVALID } from "../../http/request-head.ts"
import { type ResponseHead, ResponseHeadParser } from "../../http/response-head.ts"
import type { ResponseProducer } from "../../runtime/exchange.ts"
import type { FailureCause } from "../../runtime/module.ts"
import { failRequest, finalize } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import { type FailableOwner, GuardedOwner } from "../../upstream/guarded-owner.ts"
import type { PeerOutcome } from "../../upstream/peer.ts"
import { CHOSEN, NONE_LIVE, type PeerChoice, WAITING } from "../../upstream/peer-wait.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { Answer, type AnswerOwner } from "./answer.ts"
import { separateAttempts } from "./attempt.ts"
import { certificateFault } from "./connect.ts"
import type { NextUpstreamWord } from "./directives.ts"
import { badHeadText, causeOf, logFailure } from "./failure-text.ts"
import { localAddressOf } from "./local-address.ts"
import { isIdempotent, TryBudget } from "./next-upstream.ts"
import { type GroupLookup, type LeaseOwner, PeerLease } from "./peer-lease.ts"
import { type OutgoingBody, type OutgoingBodyOwner, openRequestBody } from "./request-body.ts"
import type { ProxyTarget } from "./request-head.ts"
import { interceptsError, isRedirectedByUpstream } from "./response-fields.ts"
import { sendRequest } from "./send-request.ts"
import type { ProxySettings } from "./settings.ts"
import { AWAITING_PEER, CONNECTING, DOING, IDLE, OVER, READING_BODY, READING_HEAD, SENDING } from "./stage.ts"
import { startTunnel, upgradeFault } from "./start-tunnel.ts"

export class ProxiedRequest
  implements FailableOwner, ResponseProducer, OutgoingBodyOwner, LeaseOwner, AnswerOwner
{
  readonly request: Request
  readonly settings: ProxySettings
  readonly target: ProxyTarget
  readonly lease: PeerLease
  readonly #owner = new GuardedOwner(this)
  readonly #timer: Timer
  readonly #budget: TryBudget
  #state = IDLE
  #body: OutgoingBody | null = null
  readonly #parser: ResponseHeadParser
  #answer: Answer | null = null

  constructor(request: Request, settings: ProxySettings, target: ProxyTarget, group: Upstream | GroupLookup) {
    this.request = request
    this.settings = settings
    this.target = target
    this.lease = new PeerLease(request, settings, target, group, this)
    this.#timer = settings.services.timers.timer(() => this.#guarded(() => this.#onTimeout()))
    this.#budget = new TryBudget(settings)
    this.#parser = new ResponseHeadParser(settings.maxHeadBytes)
  }

  start(): void {
    this.#guarded(() => this.#start())
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.onUnhandled(error)
    }
  }

  #start(): void {
    separateAttempts(this.request)
    this.request.exchange.producer = this
    openRequestBody(this.request, this.settings, this)
  }

  // --- the client's body

  onBodyReady(body: OutgoingBody | null): void {
    if (this.#state !== IDLE) return
    this.#body = body
    localAddressOf(this.request, this.settings.bind)
    this.#tryPeer()
  }

  onBodyProgress(): void {
    if (this.lease.connection === null || this.#state < SENDING || this.#state === OVER) this.#body?.pause()
    else this.#sendMoreBody()
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
    // From here on a client that leaves, or a body that fails, finds a request that waits for its peer.
    this.#state = AWAITING_PEER
    this.#usePeer(this.lease.choose())
  }

  onPeerChoice(choice: PeerChoice): void {
    if (this.#state === AWAITING_PEER) this.#guarded(() => this.#usePeer(choice))
  }

  #usePeer(choice: PeerChoice): void {
    if (choice === WAITING) return
    if (choice !== CHOSEN) return this.#noPeer(choice)
    if (!this.#budget.hasBegun) this.#budget.begin(this.lease.group as Upstream)
    if (this.lease.takeKept(this.#owner)) this.#sendRequest()
    else this.#connect()
  }

  #noPeer(choice: PeerChoice): void {
    if (choice === NONE_LIVE) this.request.log(ERROR, "no live upstreams while connecting to upstream")
    this.lease.attempt?.failed(502, "no-live-upstreams")
    this.#finish(502)
  }

  #connect(): void {
    this.#state = CONNECTING
    this.#timer.start(this.settings.connectTimeoutMs)
    this.lease.connect(this.#owner)
  }

  onUpstreamConnect(): void {
    const { request, settings, target } = this
    const failure = certificateFault(request, settings, target, this.#connection)
    if (failure === undefined) return this.#sendRequest()
    request.log(ERROR, failure)
    this.#fail("error", 502, "tls-failed")
  }

  // --- sending

  #sendRequest(): void {
    const { settings, request, target } = this
    this.lease.attempt?.connected()
    this.#state = SENDING
    this.#budget.isRequestSent = true
    const body = this.#body
    const isFlushed = sendRequest(request, settings, target, body, this.#connection)
    if (body === null || body.isSent) return this.#awaitHead(isFlushed)
    this.#awaitBody(body, isFlushed)
  }

  #sendMoreBody(): void {
    const body = this.#body as OutgoingBody
    const piece = body.take()
    const isFlushed = piece === null || this.#connection.give(piece)
    if (body.isSent) {
      if (this.#state === SENDING) this.#awaitHead(isFlushed)
    } else this.#awaitBody(body, isFlushed)
  }

  /** More of the client's body is to come. Its pace is client_body_timeout's affair, not the upstream's. */
  #awaitBody(body: OutgoingBody, isFlushed: boolean): void {
    if (this.#state === SENDING) {
      if (isFlushed) this.#timer.stop()
      else this.#timer.start(this.settings.sendTimeoutMs)
    }
    if (isFlushed || this.#connection.hasRoom) body.resume()
    else body.pause()
  }

  onUpstreamDrain(): void {
    if (this.#body !== null && !this.#body.isSent) this.#awaitBody(this.#body, true)
    else if (this.#state === READING_HEAD) this.#timer.start(this.settings.readTimeoutMs)
  }

  #awaitHead(isFlushed: boolean): void {
    this.#state = READING_HEAD
    this.#timer.start(isFlushed ? this.settings.readTimeoutMs : this.settings.sendTimeoutMs)
  }

  // --- the answer

  onUpstreamData(chunk: Buffer): void {
    if (this.#state === READING_BODY) return this.#relay(this.#answer as Answer, chunk, 0)
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
    this.request.log(ERROR, badHeadText(this.#parser))
    this.#fail("invalid_header", 502, "invalid-header")
  }

  #onHead(head: ResponseHead, chunk: Buffer, offset: number): void {
    const { request, settings } = this
    this.lease.attempt?.answered(head.status)
    const word = `http_${head.status}` as NextUpstreamWord
    if (head.status >= 400 && this.#budget.allows(word, request, this.#body))
      return this.#tryNext(head.status === 403 || head.status === 404 ? "next" : "failed")
    request.upstreamHeaders = head.headers
    this.lease.answered()
    const next = interceptsError(request, settings, head) ?? isRedirectedByUpstream(request, settings, head)
    if (next !== undefined) return this.#leave(next)
    const answer = new Answer(request, settings, head, this.target.method === "HEAD", this)
    if (answer.refusal !== 0) return this.#leave(() => finalize(request, answer.refusal))
    this.#answer = answer
    this.#state = READING_BODY
    if (answer.body.isEmpty) {
      if (offset < chunk.length) answer.body.hasExcess = true
      return this.onAnswerWhole(answer)
    }
    this.#relay(answer, chunk, offset)
    if (!answer.isBuffered && this.#state === READING_BODY) request.exchange.flush()
  }

  #relay(answer: Answer, chunk: Buffer, offset: number): void {
    this.#timer.start(this.settings.readTimeoutMs)
    answer.take(chunk, offset)
  }

  onAnswerInvalid(): void {
    this.request.log(ERROR, "upstream sent invalid chunked response while reading upstream")
    this.#cut()
  }

  onAnswerWait(): void {
    this.lease.connection?.pause()
    this.#timer.stop()
  }

  onAnswerRoom(): void {
    if (this.lease.connection === null) return
    this.#timer.start(this.settings.readTimeoutMs)
    this.lease.connection.resume()
  }

  onClientDrain(): void {
    this.#answer?.onClientDrain()
  }

  onAnswerFailed(): void {
    this.#settle("idle", false)
    this.request.exchange.abort()
  }

  onAnswerWhole(answer: Answer): void {
    answer.release()
    this.#settle("ok", answer.leavesConnection && this.#body?.isSent !== false)
    answer.end()
  }

  // --- ends

  onUpstreamEnd(): void {
    if (this.#state === OVER) return
    if (this.#state === READING_BODY) {
      const answer = this.#answer as Answer
      if (answer.defersEnd()) return
      if (answer.body.isUntilClose) return this.onAnswerWhole(answer)
      this.request.log(ERROR, "upstream prematurely closed connection while reading upstream")
      return this.#cut()
    }
    if (this.#retryFresh()) return
    this.request.log(ERROR, `upstream prematurely closed connection${this.#doing()}`)
    this.#fail("error", 502, this.#state === CONNECTING ? "tls-failed" : "closed")
  }

  onUpstreamError(error: NodeJS.ErrnoException): void {
    if (this.#state === OVER) return
    if (this.#state !== READING_BODY && this.#retryFresh()) return
    logFailure(this, error, this.#state === CONNECTING, this.#doing())
    if (this.#state === READING_BODY) this.#cut()
    else if (error.syscall === "bind") this.#finish(500)
    else this.#fail("error", 502, causeOf(error, this.#state === CONNECTING))
  }

  onUpstreamClose(): void {
    this.onUpstreamEnd()
  }

  #doing(): string {
    if (this.#state === CONNECTING && this.lease.connection?.handshaking)
      return " while SSL handshaking to upstream"
    return DOING[this.#state] as string
  }

  #onTimeout(): void {
    if (this.#state === OVER) return
    const waitsToSend =
      this.#state === READING_HEAD && this.lease.connection?.socket.writableNeedDrain === true
    const doing = waitsToSend ? DOING[SENDING] : this.#doing()
    this.request.log(ERROR, `upstream timed out (110: Connection timed out)${doing}`)
    if (this.#state === READING_BODY) this.#cut()
    else this.#fail("timeout", 504, this.#state === CONNECTING ? "connect-timeout" : "answer-timeout")
  }

  onClientGone(): void {
    const isOver = this.#state === OVER && this.#answer?.isKept !== true
    if (isOver || this.settings.ignoreClientAbort) return
    this.#answer?.drop()
    const also = this.lease.connection === null ? "" : ", so upstream connection is closed too"
    // Of a stream of HTTP/2 it has been logged how it ended.
    if (this.#state < READING_BODY && !this.request.head.isHttp2)
      this.request.log(INFO, `client prematurely closed connection${also}${this.#doing()}`)
    this.#settle("idle", false)
    this.request.response.status ||= 499
    this.request.exchange.abort()
  }

  onUnhandled(error: unknown): void {
    this.release()
    failRequest(this.request, error)
  }

  release(): void {
    this.#answer?.drop()
    this.#settle("idle", false)
  }

  /** A kept connection that the peer closed as we wrote to it: the same peer is asked again, on a new one. */
  #retryFresh(): boolean {
    if (!this.lease.isReused || this.#parser.hasBytes || this.#state === CONNECTING) return false
    if (this.#body?.isRepeatable === false) return false
    if (!isIdempotent(this.request.method) && !this.settings.nextUpstream.has("non_idempotent")) return false
    this.#connect()
    return true
  }

  /** This attempt failed before an answer: the next peer, or the end with `status`. */
  #fail(word: NextUpstreamWord, status: number, cause: FailureCause): void {
    this.lease.attempt?.failed(status, cause)
    if (this.#budget.allows(word, this.request, this.#body)) return this.#tryNext("failed")
    this.#settle("failed", false)
    this.#finish(status)
  }

  #tryNext(outcome: PeerOutcome): void {
    this.#settle(outcome, false)
    this.#budget.spend()
    this.#state = IDLE
    this.#tryPeer()
  }

  /** The answer is not relayed: an error page or an internal redirect takes its place. */
  #leave(next: () => void): void {
    this.#settle("ok", false)
    next()
  }

  /** The answer broke off after its head went out: the client must see that. */
  #cut(): void {
    this.#settle("failed", false)
    this.#answer?.cut()
  }

  #finish(status: number): void {
    this.#settle("idle", false)
    finalize(this.request, status)
  }

  #upgrade(head: ResponseHead, chunk: Buffer, offset: number): void {
    const fault = upgradeFault(this.request, head, this.#body?.isSent !== false)
    if (fault !== undefined) {
      const words = "upstream sent invalid header while reading response header from upstream"
      this.request.log(ERROR, `${words} (${fault})`)
      return this.#fail("invalid_header", 502, "invalid-101")
    }
    this.lease.attempt?.answered(101)
    this.request.upstreamHeaders = head.headers
    this.#timer.stop()
    this.#state = OVER
    this.lease.markAlive()
    const early = offset < chunk.length ? chunk.subarray(offset) : null
    startTunnel(this, head, early)
  }

  /** Gives the connection and the peer back, once an attempt. */
  #settle(outcome: PeerOutcome, mayKeep: boolean): void {
    const doing = this.#doing()
    this.#state = OVER
    this.#timer.stop()
    this.#parser.reset()
    this.#answer?.stopReading()
    this.lease.giveBack(outcome, mayKeep, this.#answer?.body.receivedBytes ?? 0, doing)
  }

  get #connection(): UpstreamConnection {
    return this.lease.connection as UpstreamConnection
  }
}

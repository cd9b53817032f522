/** One health check of one peer: connects, asks, and looks at the answer. */
import { errnoText } from "../../base/errno.ts"
import { ERROR } from "../../base/logger.ts"
import type { Timer } from "../../base/timers.ts"
import { HEAD_COMPLETE, HEAD_INVALID } from "../../http/request-head.ts"
import { type ResponseHead, ResponseHeadParser } from "../../http/response-head.ts"
import type { Request } from "../../runtime/request.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import { type FailableOwner, GuardedOwner } from "../../upstream/guarded-owner.ts"
import type { Peer } from "../../upstream/peer.ts"
import { responseFault } from "../../websocket/handshake.ts"
import { Attempt } from "../proxy/attempt.ts"
import { certificateFault, connect } from "../proxy/connect.ts"
import { badHeadText, callFailure } from "../proxy/failure-text.ts"
import { buildRequestHead, NO_BODY } from "../proxy/request-head.ts"
import { BODY_DONE, BODY_INVALID, ResponseBody } from "../proxy/response-body.ts"
import { passesBody, passesHeaders, passesRequirements, passesStatus } from "./match.ts"
import type { CheckPlan } from "./plan.ts"
import { WebSocketCheck } from "./websocket-check.ts"

/** So much of a body is looked at. */
const MAX_BODY_BYTES = 256 * 1024

const CONNECTING = 0
const SENDING = 1
const READING_HEAD = 2
const READING_BODY = 3
const IN_WEBSOCKET = 4
const OVER = 5

const DOING = [
  " while connecting to upstream",
  " while sending request to upstream",
  " while reading response header from upstream",
  " while reading upstream",
]

const HANDSHAKING = " while SSL handshaking to upstream"

/** Told once, unless the attempt is cancelled. */
export interface AttemptOwner {
  /**
   * `doing` is nginx's " while …": what the check did last. `connection` is one that may serve the next check, the
   * owner's from then on; null where there is none.
   */
  onAttemptEnd(hasPassed: boolean, doing: string, connection: UpstreamConnection | null): void
  /** An error for the log. */
  onAttemptError(level: number, text: string): void
}

export class CheckAttempt implements FailableOwner {
  readonly #plan: CheckPlan
  readonly #peer: Peer
  readonly #owner: AttemptOwner
  readonly #guarded = new GuardedOwner(this)
  readonly #timer: Timer
  readonly #request: Request
  readonly #parser: ResponseHeadParser
  readonly #progress: Attempt
  #state = CONNECTING
  #connection: UpstreamConnection | null = null
  #isReused = false
  #head: ResponseHead | null = null
  #body: ResponseBody | null = null
  #isBodyWhole = false
  #pieces: Buffer[] = []
  #webSocket: WebSocketCheck | null = null
  /** The test that was made last. */
  #testing = ""

  constructor(plan: CheckPlan, peer: Peer, owner: AttemptOwner) {
    this.#plan = plan
    this.#peer = peer
    this.#owner = owner
    const { requests, options, settings } = plan
    this.#request = options.type === "websocket" ? requests.handshake() : requests.plain()
    this.#progress = new Attempt(this.#request, peer.address.name)
    this.#parser = new ResponseHeadParser(settings.maxHeadBytes)
    this.#timer = settings.services.timers.timer(() => this.#guard(() => this.#onTimeout()))
  }

  /** Begins, on a connection that an earlier check has left where there is one. */
  start(kept: UpstreamConnection | null): void {
    this.#guard(() => (kept === null ? this.#connect() : this.#reuse(kept)))
  }

  /** Ends it at once; nobody is told. */
  cancel(): void {
    this.#state = OVER
    this.#timer.stop()
    this.#connection?.destroy()
    this.#connection = null
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.onUnhandled(error)
    }
  }

  #connect(): void {
    const { settings, target, group } = this.#plan
    this.#state = CONNECTING
    this.#isReused = false
    this.#timer.start(settings.connectTimeoutMs)
    const { tlsSessions } = group
    this.#connection = connect(this.#request, settings, target, this.#peer, tlsSessions, this.#guarded)
  }

  #reuse(kept: UpstreamConnection): void {
    this.#isReused = true
    this.#connection = kept
    kept.owner = this.#guarded
    this.#send(kept)
  }

  onUpstreamConnect(): void {
    const { settings, target } = this.#plan
    const connection = this.#connection as UpstreamConnection
    const fault = certificateFault(this.#request, settings, target, connection)
    if (fault === undefined) this.#send(connection)
    else this.#fail(fault, HANDSHAKING)
  }

  #send(connection: UpstreamConnection): void {
    const { settings, target } = this.#plan
    this.#progress.connected()
    this.#state = SENDING
    const isFlushed = connection.write(buildRequestHead(this.#request, settings, target, NO_BODY))
    if (isFlushed) this.#awaitHead()
    else this.#timer.start(settings.sendTimeoutMs)
  }

  onUpstreamDrain(): void {
    if (this.#state === SENDING) this.#awaitHead()
  }

  #awaitHead(): void {
    this.#state = READING_HEAD
    this.#timer.start(this.#plan.settings.readTimeoutMs)
  }

  onUpstreamData(chunk: Buffer): void {
    if (this.#state === IN_WEBSOCKET) return this.#pushFrames(chunk, 0)
    if (this.#state === READING_BODY) return this.#pushBody(chunk, 0)
    if (this.#state !== SENDING && this.#state !== READING_HEAD) return
    let offset = 0
    do {
      offset = this.#parser.execute(chunk, offset)
      if (this.#parser.state === HEAD_INVALID) return this.#fail(badHeadText(this.#parser), this.#doing())
      if (this.#parser.state !== HEAD_COMPLETE) return this.#timer.start(this.#plan.settings.readTimeoutMs)
      const { head } = this.#parser
      this.#parser.reset()
      if (head.status === 101 || head.status >= 200) return this.#onHead(head, chunk, offset)
    } while (offset < chunk.length)
  }

  #onHead(head: ResponseHead, chunk: Buffer, offset: number): void {
    const { match, options } = this.#plan
    this.#head = head
    this.#progress.answered(head.status)
    this.#request.upstreamHeaders = head.headers
    if (!this.#passesHead(head)) return this.#end(false)
    if (options.type === "websocket") return this.#openWebSocket(head, chunk, offset)
    // The body is read where it is tested, and where the connection is to serve another check.
    if (match.bodies.length === 0 && options.keepaliveMs === 0) return this.#endWithRequirements()
    this.#body = new ResponseBody({ write: (piece) => this.#collect(piece) }, head, hasBody(head), 0)
    this.#state = READING_BODY
    this.#timer.start(this.#plan.settings.readTimeoutMs)
    this.#isBodyWhole = this.#body.isEmpty
    if (this.#isBodyWhole) this.#onBodyEnd()
    else if (offset < chunk.length) this.#pushBody(chunk, offset)
  }

  #passesHead(head: ResponseHead): boolean {
    const { match, options } = this.#plan
    // Without a match a WebSocket has its own status to answer with, which its handshake is judged by.
    if (match.statuses.length > 0 && (options.type === "http" || match.name !== "")) {
      this.#testing = " while checking status code"
      if (!passesStatus(match, head)) return false
    }
    if (match.headers.length > 0) {
      this.#testing = " while checking header"
      if (!passesHeaders(match, head)) return false
    }
    return true
  }

  // --- the body

  #collect(piece: Buffer): boolean {
    this.#pieces.push(piece)
    return true
  }

  #pushBody(chunk: Buffer, offset: number): void {
    const body = this.#body as ResponseBody
    const result = body.push(chunk, offset)
    if (result === BODY_INVALID) return this.#fail("upstream sent invalid chunked response", this.#doing())
    this.#isBodyWhole = result === BODY_DONE
    if (this.#isBodyWhole || body.receivedBytes >= MAX_BODY_BYTES) return this.#onBodyEnd()
    this.#timer.start(this.#plan.settings.readTimeoutMs)
  }

  #onBodyEnd(): void {
    const { match } = this.#plan
    if (match.bodies.length > 0) {
      this.#testing = " while checking body"
      const body = Buffer.concat(this.#pieces).toString("latin1", 0, MAX_BODY_BYTES)
      if (!passesBody(match, body)) return this.#end(false)
    }
    this.#endWithRequirements()
  }

  /** `require` comes last: its variables tell of the whole answer. */
  #endWithRequirements(): void {
    const { match } = this.#plan
    if (match.required.length === 0) return this.#end(true)
    this.#testing = " while checking required variables"
    this.#progress.finish(this.#connection, this.#body?.receivedBytes ?? 0)
    this.#end(passesRequirements(match, this.#request))
  }

  // --- the WebSocket

  #openWebSocket(head: ResponseHead, chunk: Buffer, offset: number): void {
    const { match, options, settings } = this.#plan
    this.#testing = " while checking WebSocket handshake"
    const key = this.#request.headers.get("sec-websocket-key") as string
    const fault = responseFault(head, key)
    if (fault !== undefined)
      return this.#fail(`upstream sent invalid WebSocket handshake (${fault})`, this.#testing)
    if (match.required.length > 0) {
      this.#testing = " while checking required variables"
      if (!passesRequirements(match, this.#request)) return this.#end(false)
      this.#testing = " while checking WebSocket handshake"
    }
    this.#webSocket = new WebSocketCheck(this.#connection as UpstreamConnection, options.pings)
    this.#state = IN_WEBSOCKET
    this.#timer.start(settings.readTimeoutMs)
    if (offset < chunk.length) this.#pushFrames(chunk, offset)
  }

  #pushFrames(chunk: Buffer, offset: number): void {
    const webSocket = this.#webSocket as WebSocketCheck
    const wasClosing = webSocket.isClosing
    const fault = webSocket.push(chunk, offset)
    if (fault !== undefined) return this.#fail(fault, webSocket.doing)
    if (webSocket.isClosed) return this.#end(true)
    // Only what is waited for counts: messages do not make up for a pong.
    if (!wasClosing && webSocket.isClosing) this.#timer.start(this.#plan.settings.readTimeoutMs)
  }

  // --- ends

  onUpstreamEnd(): void {
    if (this.#state === OVER) return
    if (this.#state === READING_BODY && this.#body?.isUntilClose === true) return this.#onBodyEnd()
    if (this.#webSocket?.isClosing === true) return this.#end(true)
    if (this.#retryFresh()) return
    this.#fail("upstream prematurely closed connection", this.#doing())
  }

  onUpstreamClose(): void {
    this.onUpstreamEnd()
  }

  onUpstreamError(error: NodeJS.ErrnoException): void {
    if (this.#state === OVER) return
    if (this.#webSocket?.isClosing === true) return this.#end(true)
    if (this.#retryFresh()) return
    const isConnecting = this.#state === CONNECTING
    const isHandshake = isConnecting && this.#plan.target.scheme === "https" && error.syscall !== "connect"
    if (!isHandshake) {
      const doing = this.#doing()
      return this.#fail(callFailure(error, isConnecting, this.#peer, ""), doing)
    }
    const own = this.#plan.settings.tls?.handshakeError(error)
    this.#fail(own ?? `SSL_do_handshake() failed (${errnoText(error)})`, HANDSHAKING)
  }

  /** A connection that the peer closed since the last check says nothing of the peer. */
  #retryFresh(): boolean {
    if (!this.#isReused || this.#state > READING_HEAD || this.#parser.hasBytes) return false
    this.#connection?.destroy()
    this.#connect()
    return true
  }

  #onTimeout(): void {
    if (this.#state !== OVER) this.#fail("upstream timed out (110: Connection timed out)", this.#doing())
  }

  onUnhandled(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    if (this.#state !== OVER) this.#fail(text, this.#doing())
  }

  #doing(): string {
    if (this.#webSocket !== null) return this.#webSocket.doing
    if (this.#state === CONNECTING && this.#connection?.handshaking === true) return HANDSHAKING
    return DOING[this.#state] as string
  }

  #fail(text: string, doing: string): void {
    // Words of TLS, and of bad heads, say it themselves.
    this.#owner.onAttemptError(ERROR, text.includes(doing) ? text : text + doing)
    this.#testing = doing
    this.#end(false)
  }

  #end(hasPassed: boolean): void {
    const kept = hasPassed ? this.#takeKept() : null
    this.cancel()
    this.#owner.onAttemptEnd(hasPassed, this.#testing, kept)
  }

  /** The connection, where another check may use it. */
  #takeKept(): UpstreamConnection | null {
    const connection = this.#connection
    const { options, settings } = this.#plan
    const ageMs = connection === null ? 0 : settings.services.nowMs() - connection.createdAtMs
    const isKept =
      options.keepaliveMs > ageMs &&
      this.#head?.keepAlive === true &&
      this.#isBodyWhole &&
      this.#body?.hasExcess === false &&
      connection?.isReusable === true
    if (!isKept) return null
    this.#connection = null
    return connection
  }
}

/** Whether an answer to a GET has a body. RFC 9112 §6.3. */
function hasBody({ status }: ResponseHead): boolean {
  return status !== 204 && status !== 304
}

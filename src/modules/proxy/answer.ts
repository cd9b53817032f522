import { WARN } from "../../base/logger.ts"
import { parseNumber } from "../../config/values.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import type { Request } from "../../runtime/request.ts"
import { sendHead } from "../../runtime/send-head.ts"
import { limitResponseRate } from "../limit-rate/limit-rate.ts"
import { collectTrailers } from "../trailers.ts"
import { type RatedReader, ReadRate, readRateOf } from "./read-rate.ts"
import { BODY_DONE, BODY_INVALID, BODY_MORE, ResponseBody } from "./response-body.ts"
import { takeResponseHead, takeTrailers } from "./response-fields.ts"
import type { ProxySettings } from "./settings.ts"
import { Spool, type SpoolOwner } from "./spool.ts"

const EXCESS = 'upstream sent more data than specified in "Content-Length" header while reading upstream'

/** Told how an answer gets on with what it was given. */
export interface AnswerOwner {
  /** The body is whole. */
  onAnswerWhole(answer: Answer): void
  /** The body's framing is broken. */
  onAnswerInvalid(): void
  /** Nothing more is to be read from the upstream, until `onAnswerRoom`. */
  onAnswerWait(): void
  onAnswerRoom(): void
  /** Now comes the end of the connection that `defersEnd` put off. */
  onUpstreamEnd(): void
  /** It cannot go on, and that is logged: the client must see that it is cut. */
  onAnswerFailed(): void
}

/** An upstream's answer that goes to the client: its head is taken over, its body relayed. */
export class Answer implements SpoolOwner, RatedReader {
  readonly body: ResponseBody
  readonly isBuffered: boolean
  /** The status to finish with in its place, where its head was not sent; 0 where it was. */
  readonly refusal: number
  /** proxy_limit_rate; null where there is none. */
  readonly #rate: ReadRate | null
  readonly #owner: AnswerOwner
  /** Null until the client falls behind. */
  #spool: Spool | null = null
  #isCut = false
  readonly #request: Request
  readonly #head: ResponseHead
  readonly #settings: ProxySettings

  /** Sends the head. `hasNoBody`: it answers a HEAD, whatever the client asked with. */
  constructor(
    request: Request,
    settings: ProxySettings,
    head: ResponseHead,
    hasNoBody: boolean,
    owner: AnswerOwner,
  ) {
    this.#request = request
    this.#owner = owner
    this.#head = head
    this.#settings = settings
    takeResponseHead(request, settings, head)
    const asked = request.note<string>("x-accel-buffering")
    this.isBuffered = settings.isBuffered ? asked !== "no" : asked === "yes"
    takeLimitRate(request, settings, head)
    const hasBody = !hasNoBody && head.status !== 204 && head.status !== 304
    if (settings.passTrailers && head.chunked) request.response.trailers = collectTrailers
    this.refusal = sendHead(request)
    this.body = new ResponseBody(request.exchange, head, hasBody, this.isBuffered ? settings.bufferBytes : 0)
    const rate = this.isBuffered && settings.limitRate !== null ? readRateOf(request, settings.limitRate) : 0
    this.#rate = rate === 0 ? null : new ReadRate(request, rate, settings.services, this)
  }

  /** Takes bytes of the body from `offset` on. */
  take(chunk: Buffer, offset: number): void {
    if (this.#rate === null) this.#pass(chunk, offset)
    else if (offset < chunk.length) this.#rate.take(offset === 0 ? chunk : chunk.subarray(offset))
  }

  #pass(chunk: Buffer, offset: number): void {
    const { body } = this
    const result = offset < chunk.length ? body.push(chunk, offset) : BODY_MORE
    if (result === BODY_DONE) return this.#owner.onAnswerWhole(this)
    if (result === BODY_INVALID) return this.#owner.onAnswerInvalid()
    this.#request.exchange.flush()
    if (body.isBlocked && !this.#keeps()) this.#owner.onAnswerWait()
  }

  /** The client falls behind: where the answer is buffered, what follows is kept, as much as may be. */
  #keeps(): boolean {
    if (this.#spool !== null || !this.isBuffered) return false
    this.#spool = new Spool(this.#request, this.#settings.spoolLimits, this)
    this.body.divert(this.#spool)
    return true
  }

  onRatedBytes(chunk: Buffer): void {
    this.#pass(chunk, 0)
  }

  onRateWait(): void {
    this.#owner.onAnswerWait()
  }

  onRateRoom(): void {
    if (this.#rate?.hasEnded === true) this.#owner.onUpstreamEnd()
    else if (!this.body.isBlocked) this.#owner.onAnswerRoom()
  }

  /** Whether the upstream has ended behind bytes that its rate holds back: the end comes after them. */
  defersEnd(): boolean {
    if (this.#rate?.isWaiting !== true) return false
    this.#rate.hasEnded = true
    return true
  }

  onClientDrain(): void {
    if (this.#spool !== null) this.#spool.onClientDrain()
    else if (this.body.isBlocked) this.onSpoolRoom()
  }

  onSpoolRoom(): void {
    this.body.isBlocked = false
    if (this.#rate?.isWaiting !== true) this.#owner.onAnswerRoom()
  }

  onSpoolEmpty(): void {
    this.#spool = null
    this.#finish()
  }

  onSpoolFailed(): void {
    this.#spool = null
    this.#owner.onAnswerFailed()
  }

  /** Whether the connection that it came on may serve another request. The body has been read to its end. */
  get leavesConnection(): boolean {
    const { keepAlive, versionMinor } = this.#head
    return keepAlive && versionMinor === 1 && !this.body.hasExcess && !this.body.isUntilClose
  }

  /** Hands the rest of the body on; `end` must follow. */
  release(): void {
    if (this.body.hasExcess && !this.#head.chunked) this.#request.log(WARN, EXCESS)
    this.body.release()
  }

  /** The body is whole: the client gets the end when it has taken what is kept. */
  end(): void {
    if (this.#settings.passTrailers) takeTrailers(this.#request, this.#settings, this.body.trailers)
    this.#finish()
  }

  /** The body broke off: the client sees that when it has taken what is kept. */
  cut(): void {
    this.body.release()
    this.#isCut = true
    this.#finish()
  }

  /** Nothing more is read from the upstream. */
  stopReading(): void {
    this.#rate?.stop()
  }

  /** What is kept for the client is given up. */
  drop(): void {
    this.#spool?.drop()
    this.#spool = null
  }

  /** Whether the client has still to be given a part of what the upstream has sent. */
  get isKept(): boolean {
    return this.#spool !== null
  }

  #finish(): void {
    const { exchange } = this.#request
    if (this.#spool !== null) this.#spool.drain()
    else if (this.#isCut) exchange.abort()
    else exchange.end()
  }
}

/** X-Accel-Limit-Rate: a number of bytes a second, in place of what `limit_rate` says. */
function takeLimitRate(request: Request, settings: ProxySettings, head: ResponseHead): void {
  const text = head.headers.get("x-accel-limit-rate")
  if (text === undefined || settings.ignored.has("x-accel-limit-rate")) return
  const rate = parseNumber(text)
  if (rate !== undefined) limitResponseRate(request, rate)
}

import type { Timer, TimerWheel } from "../../base/timers.ts"
import type { TakenConnection } from "../../runtime/exchange.ts"
import { ExchangeFilter } from "../../runtime/exchange-filter.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"

/** How fast a response may go, in bytes. */
export interface RateLimit {
  /** A second; 0 for no limit. */
  readonly rate: number
  /** What goes before the limit begins. */
  readonly after: number
}

/** Says how fast the response to `request` may go, when its head is about to leave. `ownRate`: its own, -1 for none. */
export type RateSource = (request: Request, ownRate: number) => RateLimit

const UNLIMITED: RateLimit = { rate: 0, after: 0 }

/** The clocks of a worker. */
export interface RateClocks {
  readonly timers: TimerWheel
  /** The wall clock in milliseconds. */
  nowMs(): number
}

/**
 * Stands before a request's exchange and lets no more of the response through than its rate allows, reckoned as
 * ngx_http_write_filter does: so many bytes for each second that has begun since the request did. What has to wait
 * is held here; the producer is told to wait meanwhile, so that is no more than it gives at once.
 */
export class RateLimitedExchange extends ExchangeFilter {
  readonly #clocks: RateClocks
  readonly #source: RateSource
  readonly #startSecond: number
  #timer: Timer | null = null
  #limit: RateLimit = UNLIMITED
  /** A rate that the request was given, which counts for more than the location's; -1 for none. */
  #ownRate = -1
  #queue: Buffer[] = []
  /** Nothing may go before the timer fires. */
  #isDelayed = false
  /** Nothing may go before the client has taken more. */
  #isBlocked = false
  #isEnding = false

  constructor(request: Request, clocks: RateClocks, source: RateSource) {
    super(request)
    this.#clocks = clocks
    this.#source = source
    this.#startSecond = Math.floor((clocks.nowMs() - (performance.now() - request.startMs)) / 1000)
  }

  /** $limit_rate: 0 before it is known. */
  get rate(): number {
    return this.#ownRate === -1 ? this.#limit.rate : this.#ownRate
  }

  /** Gives the response a rate of its own, whatever the location says. */
  set rate(bytesPerSecond: number) {
    this.#ownRate = bytesPerSecond
  }

  protected get isHolding(): boolean {
    return this.#queue.length > 0
  }

  // --- the response

  override sendHead(): void {
    this.#limit = this.#source(this.request, this.#ownRate)
    this.inner.sendHead()
  }

  override write(chunk: Buffer): boolean {
    if (this.#limit.rate === 0) return this.inner.write(chunk)
    if (chunk.length > 0) this.#queue.push(chunk)
    return this.#pump()
  }

  override end(): void {
    if (this.#queue.length === 0) return this.inner.end()
    this.#isEnding = true
    this.producer = null
  }

  override abort(): void {
    this.#drop()
    this.inner.abort()
  }

  /** Lets through what may go now; false where the producer is to wait. */
  #pump(): boolean {
    const inner = this.inner
    const queue = this.#queue
    const before = inner.bytesSent
    while (queue.length > 0 && !this.#isDelayed && !this.#isBlocked) {
      const allowed = this.#allowed(inner.bytesSent)
      if (allowed <= 0) this.#delay(this.#timeFor(before, inner.bytesSent, allowed))
      else {
        const chunk = queue[0] as Buffer
        const part = chunk.length <= allowed ? chunk : chunk.subarray(0, allowed)
        if (part === chunk) queue.shift()
        else queue[0] = chunk.subarray(allowed)
        this.#isBlocked = !inner.write(part)
      }
    }
    if (queue.length === 0) return !this.#isBlocked
    inner.producer = this
    inner.flush()
    return false
  }

  #allowed(sentBytes: number): number {
    const seconds = Math.floor(this.#clocks.nowMs() / 1000) - this.#startSecond + 1
    return this.#limit.rate * Math.max(seconds, 1) - (sentBytes - this.#limit.after)
  }

  /** Milliseconds to wait: the time that what was sent may take, or until as much is allowed as has gone already. */
  #timeFor(before: number, sentBytes: number, allowed: number): number {
    const { rate, after } = this.#limit
    const counted = Math.max(sentBytes - after, 0) - Math.max(before - after, 0)
    const ms = Math.floor((counted * 1000) / rate)
    return ms > 0 ? ms : Math.floor((-allowed * 1000) / rate) + 1
  }

  #delay(ms: number): void {
    this.#isDelayed = true
    this.#timer ??= this.#clocks.timers.timer(() => this.#onTime())
    this.#timer.start(ms)
  }

  #onTime(): void {
    this.#isDelayed = false
    try {
      this.#goOn()
    } catch (error) {
      failRequest(this.request, error)
    }
  }

  #goOn(): void {
    const mayTakeMore = this.#pump()
    if (this.#queue.length > 0) return
    if (this.#isEnding) return this.inner.end()
    this.inner.flush()
    this.watch()
    if (mayTakeMore) this.producer?.onClientDrain()
  }

  /** Nothing is held back any more. */
  #drop(): void {
    this.#timer?.stop()
    this.#isDelayed = false
    this.#isBlocked = false
    this.#queue = []
    this.#limit = UNLIMITED
  }

  // --- what the inner exchange tells

  override onClientDrain(): void {
    this.#isBlocked = false
    if (this.#queue.length === 0) this.producer?.onClientDrain()
    else if (!this.#isDelayed) this.#goOn()
  }

  override onClientGone(): void {
    this.#drop()
    super.onClientGone()
  }

  override release(): void {
    this.#drop()
    super.release()
  }

  override takeOver(head: string): TakenConnection {
    this.#drop()
    return super.takeOver(head)
  }
}

/**
 * What stands in front of a request's exchange and changes what goes through: a rate, a content coding. One that
 * changes nothing passes all on; those of a kind override what is theirs.
 */
import type { BodyConsumer, Exchange, ResponseProducer, TakenConnection } from "./exchange.ts"
import type { Request } from "./request.ts"

/** Towards the handlers an exchange, towards the exchange behind it a producer. */
export abstract class ExchangeFilter implements Exchange, ResponseProducer {
  protected readonly inner: Exchange
  protected readonly request: Request
  #producer: ResponseProducer | null

  /** Takes the place in front of the exchange that `request` has now; the caller puts it there. */
  constructor(request: Request) {
    this.inner = request.exchange
    this.request = request
    this.#producer = this.inner.producer
    if (this.#producer !== null) this.inner.producer = this
  }

  /** Whether something is held here, so that the client's events are wanted although nobody produces any more. */
  protected abstract get isHolding(): boolean

  get producer(): ResponseProducer | null {
    return this.#producer
  }

  set producer(producer: ResponseProducer | null) {
    this.#producer = producer
    this.watch()
  }

  /** Has the client's events told to this one as long as somebody wants them. */
  protected watch(): void {
    this.inner.producer = this.#producer === null && !this.isHolding ? null : this
  }

  // --- the response

  sendHead(): void {
    this.inner.sendHead()
  }

  write(chunk: Buffer): boolean {
    return this.inner.write(chunk)
  }

  flush(): void {
    this.inner.flush()
  }

  end(): void {
    this.inner.end()
  }

  abort(): void {
    this.inner.abort()
  }

  sendInformational(status: number, fields: string): void {
    this.inner.sendInformational(status, fields)
  }

  takeOver(head: string): TakenConnection {
    return this.inner.takeOver(head)
  }

  // --- what the inner exchange tells

  onClientDrain(): void {
    this.#producer?.onClientDrain()
  }

  onClientGone(): void {
    if (this.#producer === null) this.inner.abort()
    else this.#producer.onClientGone()
  }

  release(): void {
    this.#producer?.release()
  }

  // --- the request's body

  readBody(consumer: BodyConsumer): void {
    this.inner.readBody(consumer)
  }

  pauseBody(): void {
    this.inner.pauseBody()
  }

  resumeBody(): void {
    this.inner.resumeBody()
  }

  // --- how far it is

  get isHeadSent(): boolean {
    return this.inner.isHeadSent
  }

  get isComplete(): boolean {
    return this.inner.isComplete
  }

  get bodyBytesSent(): number {
    return this.inner.bodyBytesSent
  }

  get bytesSent(): number {
    return this.inner.bytesSent
  }

  get requestLength(): number {
    return this.inner.requestLength
  }

  /** The filter of this kind that is in front of the exchange of `request`; undefined where none is. */
  static find<T extends ExchangeFilter>(
    request: Request,
    kind: abstract new (...args: never[]) => T,
  ): T | undefined {
    let { exchange } = request
    while (exchange instanceof ExchangeFilter) {
      if (exchange instanceof kind) return exchange
      exchange = exchange.inner
    }
    return undefined
  }
}

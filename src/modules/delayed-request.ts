import { INFO } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { ResponseProducer } from "../runtime/exchange.ts"
import { failRequest, finalize } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"

/** A request that waits before it goes on. It is forgotten when the client leaves. ngx_http_limit_req_delay, ngx_http_core_auth_delay. */
export class DelayedRequest implements ResponseProducer {
  readonly #request: Request
  readonly #next: (request: Request) => void
  readonly #timer: Timer

  /** `next`: what comes of the request when its time has come. */
  constructor(request: Request, timers: TimerWheel, next: (request: Request) => void) {
    this.#request = request
    this.#next = next
    this.#timer = timers.timer(() => this.#goOn())
  }

  start(delayMs: number): void {
    this.#request.exchange.producer = this
    this.#timer.start(delayMs)
  }

  onClientDrain(): void {}

  /** ngx_http_test_reading */
  onClientGone(): void {
    this.release()
    this.#request.log(INFO, "client prematurely closed connection")
    finalize(this.#request, 499)
  }

  release(): void {
    this.#timer.stop()
  }

  #goOn(): void {
    const request = this.#request
    request.exchange.producer = null
    try {
      this.#next(request)
    } catch (error) {
      failRequest(request, error)
    }
  }
}

/** auth_delay: an answer of 401 waits, so that passwords are not tried out fast. ngx_http_core_auth_delay. */
import { INFO } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import { directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { milliseconds } from "../config/values.ts"
import type { ResponseProducer } from "../runtime/exchange.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { failRequest, finalize, type PhaseResult, WAIT } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"

const UNAUTHORIZED = 401

interface Delay {
  readonly delayMs: number
  readonly timers: TimerWheel
}

export const authDelay: Module<Delay, undefined> = defineModule({
  name: "auth_delay",
  directives: directives({
    auth_delay: {
      in: HTTP | SERVER | LOCATION,
      value: milliseconds,
      default: "0s",
      doc: "How long the answer waits where the access phase comes to 401.",
    },
  }),
  location: (conf, { services }): Delay | undefined =>
    conf.auth_delay === 0 ? undefined : { delayMs: conf.auth_delay, timers: services.timers },
})

/** What the access phase comes to with `status`: the status, or WAIT where it is a 401 that is to come later. */
export function afterAuthDelay(request: Request, status: number): PhaseResult {
  const delay = status === UNAUTHORIZED ? request.location.of(authDelay) : undefined
  if (delay === undefined) return status
  request.log(INFO, "delaying unauthorized request")
  return new DelayedAnswer(request, delay).start()
}

class DelayedAnswer implements ResponseProducer {
  readonly #request: Request
  readonly #delayMs: number
  readonly #timer: Timer

  constructor(request: Request, { delayMs, timers }: Delay) {
    this.#request = request
    this.#delayMs = delayMs
    this.#timer = timers.timer(() => this.#answer())
  }

  start(): PhaseResult {
    this.#request.exchange.producer = this
    this.#timer.start(this.#delayMs)
    return WAIT
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

  #answer(): void {
    const request = this.#request
    request.exchange.producer = null
    try {
      finalize(request, UNAUTHORIZED)
    } catch (error) {
      failRequest(request, error)
    }
  }
}

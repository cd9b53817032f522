/** auth_delay: an answer of 401 waits, so that passwords are not tried out fast. ngx_http_core_auth_delay. */
import { INFO } from "../base/logger.ts"
import type { TimerWheel } from "../base/timers.ts"
import { directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { milliseconds } from "../config/values.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { finalize, type PhaseResult, WAIT } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { DelayedRequest } from "./delayed-request.ts"

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
  new DelayedRequest(request, delay.timers, refuse).start(delay.delayMs)
  return WAIT
}

function refuse(request: Request): void {
  finalize(request, UNAUTHORIZED)
}

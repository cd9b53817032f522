/**
 * satisfy: whether all rules of the access phase must let a request in, or any of them. ngx_http_core_access_phase.
 *
 * The handlers of that phase say their verdict by `allowAccess` and `refuseAccess`. Under `any` a refusal is kept
 * until all have been asked: this module's own handler, which runs after theirs, answers with it.
 */
import { ERROR } from "../base/logger.ts"
import { directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { oneOf } from "../config/values.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { afterAuthDelay } from "./auth-delay.ts"

const FORBIDDEN = 403
const UNAUTHORIZED = 401
/** `accessCode` once one rule has let the request in: the others are not asked. */
const ACCESS_GRANTED = -1

export const FORBIDDEN_BY_RULE = "access forbidden by rule"

export const satisfy: Module<true, undefined> = defineModule({
  name: "satisfy",
  directives: directives({
    satisfy: {
      in: HTTP | SERVER | LOCATION,
      value: oneOf("all", "any"),
      default: "all",
      doc: "Whether access, auth_basic and auth_request must all let a request in, or any of them.",
    },
  }),
  location: (conf): true | undefined => (conf.satisfy === "any" ? true : undefined),
  phases: { access: decide },
})

/** Whether the location asks for one of its rules only. */
export function satisfiesAny(request: Request): boolean {
  return request.location.of(satisfy) === true
}

/** Whether another rule has let the request in, so that nobody else is asked. Subrequests are let in anyway. */
export function isAccessGranted(request: Request): boolean {
  return request.accessCode === ACCESS_GRANTED || request.parent !== null
}

/** The verdict of a rule that lets the request in. */
export function allowAccess(request: Request): PhaseResult {
  if (!satisfiesAny(request)) return NEXT
  request.accessCode = ACCESS_GRANTED
  // An earlier rule may have asked for a password.
  request.response.headers.remove("www-authenticate")
  return NEXT
}

/**
 * The verdict of a rule that refuses it, with 401 or 403. Of several under `any`, a 401 counts before a 403.
 * WAIT where auth_delay has taken the request over.
 */
export function refuseAccess(request: Request, status: number): PhaseResult {
  if (!satisfiesAny(request)) return afterAuthDelay(request, status)
  if (request.accessCode !== UNAUTHORIZED) request.accessCode = status
  return NEXT
}

function decide(request: Request): PhaseResult {
  const code = request.accessCode
  // The next location of an internal redirect decides anew.
  request.accessCode = 0
  if (code === 0 || code === ACCESS_GRANTED) return NEXT
  if (code === FORBIDDEN) request.log(ERROR, FORBIDDEN_BY_RULE)
  return afterAuthDelay(request, code)
}

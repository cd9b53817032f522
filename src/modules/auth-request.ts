/**
 * auth_request, auth_request_set: another location says whether a request may come in. ngx_http_auth_request_module.
 * A 2xx lets it in, 401 and 403 are passed on, all else is a 500.
 */
import { ERROR } from "../base/logger.ts"
import { directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import type { ResponseProducer } from "../runtime/exchange.ts"
import { defineModule } from "../runtime/module.ts"
import { DONE, failRequest, finalize, NEXT, type PhaseResult, resumePhases, WAIT } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { wireStatus } from "../runtime/special-response.ts"
import { type Subrequest, type SubrequestOwner, startSubrequest } from "../runtime/subrequest.ts"
import { type Template, template } from "../runtime/template.ts"
import type { VariableSetter } from "../runtime/variables.ts"
import { allowAccess, isAccessGranted, refuseAccess } from "./access-satisfy.ts"

const ALL = HTTP | SERVER | LOCATION
const UNAUTHORIZED = 401
const FORBIDDEN = 403
const INTERNAL_ERROR = 500

/** One `auth_request_set`. */
interface SetVariable {
  readonly name: string
  readonly value: Template
  readonly setter: VariableSetter | undefined
}

interface AuthRequest {
  readonly uri: string
  readonly variables: readonly SetVariable[]
}

export const authRequest = defineModule({
  name: "auth_request",
  directives: directives({
    auth_request: {
      in: ALL,
      value: (text: string) => text,
      syntax: "URI | off",
      differs: "Its subrequest never has the client's `Content-Length`, since it has no body.",
      doc: "The URI that a request is let in by: a 2xx of it does; `off` asks nobody.",
    },
    auth_request_set: {
      in: ALL,
      args: 2,
      list: parseSet,
      syntax: "$variable value",
      doc: "Gives a variable a value made of the answer to auth_request, such as `$upstream_http_x_user`.",
    },
  }),
  location: (conf): AuthRequest | undefined => {
    const uri = conf.auth_request
    if (uri === undefined || uri === "off" || uri === "") return undefined
    return { uri, variables: conf.auth_request_set }
  },
  phases: { access: askService },
})

function parseSet(args: readonly string[], context: ValueContext): SetVariable {
  const [written, value] = args as [string, string]
  const name = written.slice(1)
  if (!written.startsWith("$") || written === "$") context.fail(`invalid variable name "${written}"`)
  if (!context.variables.assign(name, unset)) context.fail(`the duplicate "${name}" variable`)
  const setter = context.variables.setterOf(name) as VariableSetter | undefined
  return { name, value: template(value, context), setter }
}

function unset(): undefined {
  return undefined
}

function askService(request: Request, conf: AuthRequest): PhaseResult {
  return isAccessGranted(request) ? NEXT : new Asking(request, conf).start()
}

/** One question of one request, until it is answered or the client has gone. */
class Asking implements SubrequestOwner, ResponseProducer {
  readonly #request: Request
  readonly #conf: AuthRequest
  #subrequest: Subrequest | null = null
  #isWaiting = false
  #verdict: PhaseResult | null = null

  constructor(request: Request, conf: AuthRequest) {
    this.#request = request
    this.#conf = conf
  }

  start(): PhaseResult {
    const request = this.#request
    const subrequest = startSubrequest(request, this.#conf.uri, this)
    if (this.#verdict !== null) return this.#verdict
    this.#subrequest = subrequest
    this.#isWaiting = true
    request.exchange.producer = this
    return WAIT
  }

  onSubrequestEnd(answered: Request): void {
    const request = this.#request
    // Before the verdict: auth_delay may put itself there.
    if (this.#isWaiting) request.exchange.producer = null
    const verdict = this.#safeVerdict(answered)
    this.#verdict = verdict
    if (!this.#isWaiting) return
    this.#isWaiting = false
    if (verdict === NEXT) resumePhases(request)
    else if (verdict !== DONE && verdict !== WAIT) finalize(request, verdict)
  }

  /** An error of our own must not leave the request waiting: it is its own, not the subrequest's. */
  #safeVerdict(answered: Request): PhaseResult {
    try {
      return this.#judge(answered)
    } catch (error) {
      failRequest(this.#request, error)
      return DONE
    }
  }

  #judge(answered: Request): PhaseResult {
    const request = this.#request
    for (const { name, value, setter } of this.#conf.variables) {
      const text = value.evaluate(answered)
      if (setter !== undefined) setter(request, text)
      else (request.namedCaptures as Map<string, string>).set(name, text)
    }
    const status = wireStatus(answered.response.status)
    if (status === FORBIDDEN) return refuseAccess(request, FORBIDDEN)
    if (status === UNAUTHORIZED) {
      passQuestions(answered, request)
      return refuseAccess(request, UNAUTHORIZED)
    }
    if (status >= 200 && status < 300) return allowAccess(request)
    const doing = answered.upstreamStates === null ? "" : " while sending to client"
    request.log(ERROR, `auth request unexpected status: ${status}${doing}`)
    return INTERNAL_ERROR
  }

  onClientDrain(): void {}

  onClientGone(): void {
    this.release()
    this.#request.response.status ||= 499
    this.#request.exchange.abort()
  }

  release(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#subrequest?.cancel()
  }
}

/** What the service asks of the client: its WWW-Authenticate fields. */
function passQuestions(answered: Request, request: Request): void {
  const { keys, names, values } = answered.response.headers
  for (let i = 0; i < keys.length; i++)
    if (keys[i] === "www-authenticate") request.response.headers.add(names[i] as string, values[i] as string)
}

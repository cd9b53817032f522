/**
 * mirror, mirror_request_body: copies of requests for other locations, whose answers nobody sees.
 * ngx_http_mirror_module.
 */
import { directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { flag } from "../config/values.ts"
import { type BodyListener, type BufferedBody, readRequestBody } from "../runtime/buffered-body.ts"
import type { ResponseProducer } from "../runtime/exchange.ts"
import { defineModule } from "../runtime/module.ts"
import { DONE, finalize, NEXT, type PhaseResult, resumePhases, WAIT } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type SubrequestOwner, startSubrequest } from "../runtime/subrequest.ts"

const ALL = HTTP | SERVER | LOCATION

const OFF = "off"

interface Mirrors {
  readonly uris: readonly string[]
  readonly hasBody: boolean
}

export const mirror = defineModule({
  name: "mirror",
  directives: directives({
    mirror: {
      in: ALL,
      args: 1,
      list: parseUri,
      syntax: "URI | off",
      doc: "The URI that a copy of each request goes to, in the background; may be repeated; `off` takes back what is inherited.",
    },
    mirror_request_body: {
      in: ALL,
      value: flag,
      default: "on",
      doc: "Whether copies have the request's body, which is read whole before the request goes on.",
    },
  }),
  location: (conf): Mirrors | undefined => {
    const uris = conf.mirror.filter((uri) => uri !== OFF)
    return uris.length === 0 ? undefined : { uris, hasBody: conf.mirror_request_body }
  },
  phases: { precontent: copyRequest },
})

/** `off` stands alone. ngx_http_mirror. */
function parseUri([uri]: readonly string[], context: ValueContext): string {
  const former = (context.scope.own.get("mirror")?.value ?? []) as readonly string[]
  if (former.length > 0 && (uri === OFF || former.includes(OFF))) context.failDirective("is duplicate")
  return uri as string
}

function copyRequest(request: Request, mirrors: Mirrors): PhaseResult {
  if (request.parent !== null) return NEXT
  if (mirrors.hasBody) return new BodyReader(request, mirrors).start()
  startCopies(request, mirrors, null)
  return NEXT
}

function startCopies(request: Request, { uris, hasBody }: Mirrors, body: BufferedBody | null): void {
  const options = { method: request.method, args: request.args, hasBody }
  for (const uri of uris) startSubrequest(request, uri, new Copy(body), options)
}

/** A copy on its way: it keeps the body until it is done, though the client's request may be over before. */
class Copy implements SubrequestOwner {
  readonly #body: BufferedBody | null

  constructor(body: BufferedBody | null) {
    this.#body = body
    body?.hold()
  }

  onSubrequestEnd(): void {
    this.#body?.release()
  }
}

/** Has the body read, which the copies and the request itself are sent with. */
class BodyReader implements BodyListener, ResponseProducer {
  readonly #request: Request
  readonly #mirrors: Mirrors
  #isWaiting = false
  #result: PhaseResult = WAIT

  constructor(request: Request, mirrors: Mirrors) {
    this.#request = request
    this.#mirrors = mirrors
  }

  start(): PhaseResult {
    const request = this.#request
    readRequestBody(request, this)
    if (this.#result !== WAIT) return this.#result
    this.#isWaiting = true
    request.exchange.producer = this
    return WAIT
  }

  onBodyRead(body: BufferedBody | null): void {
    startCopies(this.#request, this.#mirrors, body)
    this.#result = NEXT
    if (!this.#isWaiting) return
    this.#stopWaiting()
    resumePhases(this.#request)
  }

  onBodyFailed(status: number): void {
    const request = this.#request
    const wasWaiting = this.#isWaiting
    this.#stopWaiting()
    if (status !== 499 && status !== 408) {
      this.#result = status
      if (wasWaiting) finalize(request, status)
      return
    }
    // No answer goes out; the log has what nginx's has.
    request.response.status = status === 408 ? 408 : 400
    this.#result = DONE
    request.exchange.abort()
  }

  #stopWaiting(): void {
    if (this.#isWaiting) this.#request.exchange.producer = null
    this.#isWaiting = false
  }

  onClientDrain(): void {}

  onClientGone(): void {
    this.#isWaiting = false
    this.#request.response.status ||= 499
    this.#request.exchange.abort()
  }

  release(): void {
    this.#isWaiting = false
  }
}

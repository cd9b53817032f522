/**
 * Subrequests: a request of the server's own, on behalf of a client's, of whose answer only the head is wanted.
 * ngx_http_subrequest with header_only.
 *
 * It has the client's fields but no body of its own, goes through the phases but for access, and is not logged.
 */
import { RequestHead } from "../http/request-head.ts"
import type { BodyConsumer, Exchange, ResponseProducer, TakenConnection } from "./exchange.ts"
import { runLogHandlers, startPhases } from "./phases.ts"
import { Request } from "./request.ts"

/** Told once, when the answer has come or will not come: `request.response` is what there is of it. */
export interface SubrequestOwner {
  onSubrequestEnd(request: Request): void
}

export interface SubrequestOptions {
  readonly method: string
  readonly args: string
  /** The body of `parent`, which was read whole, is its own, too. */
  readonly hasBody: boolean
}

const GET_ALONE: SubrequestOptions = { method: "GET", args: "", hasBody: false }

/** Starts a request to `uri` for `parent`; without `options` a GET without arguments. It may end before this returns. */
export function startSubrequest(
  parent: Request,
  uri: string,
  owner: SubrequestOwner,
  options: SubrequestOptions = GET_ALONE,
): Subrequest {
  const subrequest = new Subrequest(parent, uri, owner, options)
  startPhases(subrequest.request)
  return subrequest
}

export class Subrequest {
  readonly request: Request
  readonly #exchange: HeadOnlyExchange

  /** Use `startSubrequest`. */
  constructor(parent: Request, uri: string, owner: SubrequestOwner, options: SubrequestOptions) {
    const exchange = new HeadOnlyExchange(owner)
    const target = {
      host: parent.sentHost,
      rawPath: parent.rawPath,
      uri,
      args: options.args,
      hasArgs: options.args !== "",
      complex: false,
      unparsedUri: parent.unparsedUri,
    }
    const request = new Request(
      parent.client,
      bodiless(parent.head),
      exchange,
      parent.server,
      target,
      parent.startMs,
    )
    request.parent = parent
    request.remote = parent.remote
    request.host = parent.host
    request.method = options.method
    request.isInternal = true
    request.isUriChanged = true
    request.isDiscardingBody = !options.hasBody
    // Variables belong to both: what one sets the other sees.
    parent.namedCaptures ??= new Map()
    request.namedCaptures = parent.namedCaptures
    exchange.request = request
    this.request = request
    this.#exchange = exchange
  }

  /** Nobody waits for it any more: what works for it is stopped, and its owner is not told. */
  cancel(): void {
    this.#exchange.cancel()
  }
}

/** The head of a request that has no body and asks for no upgrade; the fields are the same list. */
function bodiless(head: RequestHead): RequestHead {
  const own = new RequestHead(head.headers)
  own.method = head.method
  own.target = head.target
  own.requestLine = head.requestLine
  own.versionMinor = head.versionMinor
  own.host = head.host
  own.hostName = head.hostName
  return own
}

/** An answer that is no longer is read to its end, so that its connection can be kept; another is broken off. */
const MAX_READ_BYTES = 64 * 1024

/** Takes an answer of which nobody reads the body. */
class HeadOnlyExchange implements Exchange {
  request: Request | null = null
  isHeadSent = false
  isComplete = false
  producer: ResponseProducer | null = null
  bodyBytesSent = 0
  bytesSent = 0
  requestLength = 0
  #owner: SubrequestOwner | null
  #isOver = false

  constructor(owner: SubrequestOwner) {
    this.#owner = owner
  }

  sendHead(): void {
    this.isHeadSent = true
    const length = this.request?.response.contentLength ?? -1
    // What comes at once, an answer without a body among it, has come by then.
    if (length < 0 || length > MAX_READ_BYTES) process.nextTick(() => this.#breakOff())
  }

  /** The rest of the answer may be long in coming, or never end (a stream of events). */
  #breakOff(): void {
    if (this.#isOver) return
    this.isComplete = true
    this.producer?.release()
    this.#over()
  }

  write(): boolean {
    return true
  }

  flush(): void {}

  end(): void {
    this.isComplete = true
    this.#over()
  }

  abort(): void {
    this.#over()
  }

  cancel(): void {
    this.#owner = null
    this.producer?.onClientGone()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.request?.location.settings.logSubrequest) runLogHandlers(this.request)
    const owner = this.#owner
    this.#owner = null
    this.producer = null
    if (owner !== null && this.request !== null) owner.onSubrequestEnd(this.request)
  }

  sendInformational(): void {}

  readBody(consumer: BodyConsumer): void {
    consumer.onBodyEnd()
  }

  pauseBody(): void {}

  resumeBody(): void {}

  takeOver(): TakenConnection {
    throw new Error("a subrequest has no connection to give away")
  }
}

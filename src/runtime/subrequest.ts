/**
 * Subrequests: a request of the server's own, on behalf of a client's, of whose answer only the head is wanted.
 * ngx_http_subrequest with header_only.
 *
 * It has the client's fields, is sent by GET without a body, goes through the phases but for access, and is not logged.
 */
import { RequestHead } from "../http/request-head.ts"
import type { BodyConsumer, Exchange, ResponseProducer, TakenConnection } from "./exchange.ts"
import { startPhases } from "./phases.ts"
import { Request } from "./request.ts"

/** Told once, when the answer has come or will not come: `request.response` is what there is of it. */
export interface SubrequestOwner {
  onSubrequestEnd(request: Request): void
}

/** Starts a request to `uri` for `parent`. It may end before this returns. */
export function startSubrequest(parent: Request, uri: string, owner: SubrequestOwner): Subrequest {
  const subrequest = new Subrequest(parent, uri, owner)
  startPhases(subrequest.request)
  return subrequest
}

export class Subrequest {
  readonly request: Request
  readonly #exchange: HeadOnlyExchange

  /** Use `startSubrequest`. */
  constructor(parent: Request, uri: string, owner: SubrequestOwner) {
    const exchange = new HeadOnlyExchange(owner)
    const target = {
      host: parent.sentHost,
      rawPath: parent.rawPath,
      uri,
      args: "",
      hasArgs: false,
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
    request.method = "GET"
    request.isInternal = true
    request.isUriChanged = true
    request.isDiscardingBody = true
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

  constructor(owner: SubrequestOwner) {
    this.#owner = owner
  }

  sendHead(): void {
    this.isHeadSent = true
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

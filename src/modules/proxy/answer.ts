import { WARN } from "../../base/logger.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import type { Request } from "../../runtime/request.ts"
import { ResponseBody } from "./response-body.ts"
import { takeResponseHead } from "./response-fields.ts"
import type { ProxySettings } from "./settings.ts"
import { type BodyOutput, ThrottledOutput } from "./throttled-output.ts"

const EXCESS = 'upstream sent more data than specified in "Content-Length" header while reading upstream'

/** An upstream's answer that goes to the client: its head is taken over, its body relayed. */
export class Answer {
  readonly body: ResponseBody
  readonly isBuffered: boolean
  readonly #request: Request
  readonly #head: ResponseHead
  readonly #output: BodyOutput
  readonly #throttle: ThrottledOutput | null

  /** Sends the head. `onFree` is called when a body that had to wait for X-Accel-Limit-Rate may go on. */
  constructor(request: Request, settings: ProxySettings, head: ResponseHead, onFree: () => void) {
    this.#request = request
    this.#head = head
    takeResponseHead(request, settings, head)
    const asked = request.note<string>("x-accel-buffering")
    this.isBuffered = settings.isBuffered ? asked !== "no" : asked === "yes"
    this.#throttle = throttleOf(request, settings, head, onFree)
    this.#output = this.#throttle ?? request.exchange
    const hasBody = request.method !== "HEAD" && head.status !== 204 && head.status !== 304
    this.body = new ResponseBody(this.#output, head, hasBody, this.isBuffered ? settings.bufferBytes : 0)
    request.exchange.sendHead()
  }

  /** Whether the connection that it came on may serve another request. The body has been read to its end. */
  get leavesConnection(): boolean {
    const { keepAlive, versionMinor } = this.#head
    return keepAlive && versionMinor === 1 && !this.body.hasExcess && !this.body.isUntilClose
  }

  /** Hands the rest of the body on; `end` must follow. */
  release(): void {
    if (this.body.hasExcess && !this.#head.chunked) this.#request.log(WARN, EXCESS)
    this.body.release()
  }

  end(): void {
    this.#output.end()
  }

  /** The client has gone. True where the answer had come whole and was only held back by its rate. */
  stop(): boolean {
    this.#throttle?.stop()
    return this.#throttle !== null
  }
}

/** X-Accel-Limit-Rate; null where the answer names no rate. */
function throttleOf(
  request: Request,
  settings: ProxySettings,
  head: ResponseHead,
  onFree: () => void,
): ThrottledOutput | null {
  const rate = Number(head.headers.get("x-accel-limit-rate"))
  if (!(rate > 0) || settings.ignored.has("x-accel-limit-rate")) return null
  return new ThrottledOutput(request.exchange, rate, settings.services.timers, onFree)
}

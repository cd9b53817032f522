import { WARN } from "../../base/logger.ts"
import { parseNumber } from "../../config/values.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import type { Request } from "../../runtime/request.ts"
import { limitResponseRate } from "../limit-rate/limit-rate.ts"
import { ResponseBody } from "./response-body.ts"
import { takeResponseHead } from "./response-fields.ts"
import type { ProxySettings } from "./settings.ts"

const EXCESS = 'upstream sent more data than specified in "Content-Length" header while reading upstream'

/** An upstream's answer that goes to the client: its head is taken over, its body relayed. */
export class Answer {
  readonly body: ResponseBody
  readonly isBuffered: boolean
  readonly #request: Request
  readonly #head: ResponseHead

  /** Sends the head. `hasNoBody`: it answers a HEAD, whatever the client asked with. */
  constructor(request: Request, settings: ProxySettings, head: ResponseHead, hasNoBody: boolean) {
    this.#request = request
    this.#head = head
    takeResponseHead(request, settings, head)
    const asked = request.note<string>("x-accel-buffering")
    this.isBuffered = settings.isBuffered ? asked !== "no" : asked === "yes"
    takeLimitRate(request, settings, head)
    const hasBody = !hasNoBody && head.status !== 204 && head.status !== 304
    this.body = new ResponseBody(request.exchange, head, hasBody, this.isBuffered ? settings.bufferBytes : 0)
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
    this.#request.exchange.end()
  }
}

/** X-Accel-Limit-Rate: a number of bytes a second, in place of what `limit_rate` says. */
function takeLimitRate(request: Request, settings: ProxySettings, head: ResponseHead): void {
  const text = head.headers.get("x-accel-limit-rate")
  if (text === undefined || settings.ignored.has("x-accel-limit-rate")) return
  const rate = parseNumber(text)
  if (rate !== undefined) limitResponseRate(request, rate)
}

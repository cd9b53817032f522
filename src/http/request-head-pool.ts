import { type RequestHeadLimits, RequestHeadParser } from "./request-head.ts"

/** Parsers that wait for their next head; more than so many are let go. */
const MAX_IDLE = 64

/**
 * The head parsers of a thread. A connection takes one when the first octet of a head comes and gives it back when
 * the head is whole: connections that wait, and tunnels, have none.
 */
export class RequestHeadParsers {
  readonly #idle: RequestHeadParser[] = []

  take(limits: RequestHeadLimits): RequestHeadParser {
    const parser = this.#idle.pop()
    if (parser === undefined) return new RequestHeadParser(limits)
    parser.limits = limits
    return parser
  }

  /** `parser` has a whole head, which stays the caller's. */
  give(parser: RequestHeadParser): void {
    parser.reset()
    if (this.#idle.length < MAX_IDLE) this.#idle.push(parser)
  }
}

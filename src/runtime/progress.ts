import type { Client } from "./client.ts"
import type { UpstreamState } from "./request.ts"

/**
 * What of a request changes until its end: all that a tunnel keeps of the request that it began with. A `Request`
 * is one; what reads only this can be asked when the rest is gone.
 */
export interface Progress {
  readonly client: Client
  /** performance.now() when the request's first byte came. */
  readonly startMs: number
  readonly exchange: ExchangeProgress
  readonly upstreamStates: UpstreamState[] | null
}

/** The numbers of an exchange, in bytes. */
export interface ExchangeProgress {
  /** The response was sent whole: $request_completion. */
  readonly isComplete: boolean
  /** Bytes of the response's body, or of a tunnel, that went to the client. */
  readonly bodyBytesSent: number
  /** All bytes of the response, head and framing included. */
  readonly bytesSent: number
  /** Bytes of the request: head and body as received. */
  readonly requestLength: number
}

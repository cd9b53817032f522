import type { FailureCause } from "../../runtime/module.ts"
import type { Request, UpstreamState } from "../../runtime/request.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"

/** One attempt at a peer, as the `$upstream_…` variables tell it. Made when a peer is chosen. */
export class Attempt {
  readonly #state: UpstreamState
  readonly #startMs = performance.now()

  /** `queueMs`: how long the request has waited for a peer in the group's queue; -1 where it has not. */
  constructor(request: Request, peerName: string, queueMs = -1) {
    this.#state = unfinished(peerName)
    this.#state.queueMs = queueMs
    // Not pushed onto an empty array: that would make room for seventeen.
    if (request.upstreamStates === null) request.upstreamStates = [this.#state]
    else request.upstreamStates.push(this.#state)
  }

  /** Until the head of an answer, in milliseconds; -1 before it. */
  get headerMs(): number {
    return this.#state.headerMs
  }

  /** Until the end, in milliseconds; -1 before it. */
  get responseMs(): number {
    return this.#state.responseMs
  }

  connected(): void {
    this.#state.connectMs = performance.now() - this.#startMs
  }

  /** The head of an answer has come. */
  answered(status: number): void {
    this.#state.status = status
    this.#state.headerMs = performance.now() - this.#startMs
  }

  /** It failed before an answer, or by it: `status` is what the client would get for that. */
  failed(status: number, cause: FailureCause): void {
    this.#state.status ||= status
    this.#state.failure = cause
  }

  /** It is over; a second call changes nothing. */
  finish(connection: UpstreamConnection | null, responseBytes: number): void {
    const state = this.#state
    if (state.responseMs !== -1) return
    state.responseMs = performance.now() - this.#startMs
    state.bytesReceived = connection?.bytesReceived ?? 0
    state.bytesSent = connection?.bytesSent ?? 0
    state.responseLength = responseBytes
  }
}

/** $upstream_addr and the like tell the groups of an internal redirect apart: a state without peer stands between. */
export function separateAttempts(request: Request): void {
  if (request.upstreamStates !== null)
    request.upstreamStates.push({ ...unfinished(""), connectMs: 0, headerMs: 0, responseMs: 0 })
  request.upstreamUrl = ""
}

function unfinished(peer: string): UpstreamState {
  return {
    peer,
    status: 0,
    connectMs: -1,
    headerMs: -1,
    responseMs: -1,
    bytesReceived: 0,
    bytesSent: 0,
    responseLength: 0,
    failure: null,
    queueMs: -1,
  }
}

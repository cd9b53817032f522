/**
 * Sees to it that what a client sends is requests for the most part: frames that carry nothing (PING, SETTINGS,
 * PRIORITY, WINDOW_UPDATE, empty DATA) cost work and no memory, and come to an end. ngx_http_v2_read_handler.
 */
import type { Socket } from "node:net"
import type { Timer, TimerWheel } from "../base/timers.ts"

/** nginx's limit: eight bytes on the wire for each of payload, and 8 MB more. */
const BYTES_FOR_A_BYTE = 8
const FREE_BYTES = 1_048_576

/** A connection is looked at after this, and ever later while nothing comes. */
const MIN_CHECK_MS = 1000
const MAX_CHECK_MS = 16_000

export class Http2Flood {
  /** Octets of heads and bodies so far. */
  payloadBytes = 0
  readonly #socket: Socket
  readonly #timer: Timer
  readonly #onFlood: () => void
  #seenBytes = 0
  #intervalMs = MIN_CHECK_MS

  /** `onFlood` is called at most once. */
  constructor(socket: Socket, timers: TimerWheel, onFlood: () => void) {
    this.#socket = socket
    this.#onFlood = onFlood
    this.#timer = timers.timer(() => this.#check())
    this.#timer.start(this.#intervalMs)
  }

  stop(): void {
    this.#timer.stop()
  }

  #check(): void {
    const { bytesRead } = this.#socket
    if (bytesRead / BYTES_FOR_A_BYTE > this.payloadBytes + FREE_BYTES) return this.#onFlood()
    this.#intervalMs =
      bytesRead === this.#seenBytes ? Math.min(2 * this.#intervalMs, MAX_CHECK_MS) : MIN_CHECK_MS
    this.#seenBytes = bytesRead
    this.#timer.start(this.#intervalMs)
  }
}

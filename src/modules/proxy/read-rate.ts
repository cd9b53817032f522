/** proxy_limit_rate: how fast an answer is read from its upstream. ngx_event_pipe_read_upstream. */
import { ERROR } from "../../base/logger.ts"
import type { Timer, TimerWheel } from "../../base/timers.ts"
import { parseSize } from "../../config/values.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { Template } from "../../runtime/template.ts"

/** The clocks of a worker. */
export interface RateClocks {
  readonly timers: TimerWheel
  /** The wall clock in milliseconds. */
  nowMs(): number
}

export interface RatedReader {
  /** Bytes that may be had by now. */
  onRatedBytes(chunk: Buffer): void
  /** Nothing more is to be read until `onRateRoom`. */
  onRateWait(): void
  onRateRoom(): void
}

/** Bytes a second; 0 for no limit. */
export function readRateOf(request: Request, value: Template): number {
  const text = value.evaluate(request)
  const rate = parseSize(text)
  if (rate === undefined) request.log(ERROR, `invalid size "${text}"`)
  return rate ?? 0
}

/**
 * Lets so many bytes through for each second that has begun since the answer did. What came with them in one read waits
 * here, and nothing is read meanwhile.
 */
export class ReadRate {
  readonly #request: Request
  readonly #bytesPerSecond: number
  readonly #clocks: RateClocks
  readonly #reader: RatedReader
  readonly #startSecond: number
  readonly #timer: Timer
  #waiting: Buffer | null = null
  #readBytes = 0
  /** The upstream has ended behind what waits. */
  hasEnded = false

  constructor(request: Request, bytesPerSecond: number, clocks: RateClocks, reader: RatedReader) {
    this.#request = request
    this.#bytesPerSecond = bytesPerSecond
    this.#clocks = clocks
    this.#reader = reader
    this.#startSecond = Math.floor(clocks.nowMs() / 1000)
    this.#timer = clocks.timers.timer(() => this.#onTime())
  }

  get isWaiting(): boolean {
    return this.#waiting !== null
  }

  take(chunk: Buffer): void {
    this.#waiting = this.#waiting === null ? chunk : Buffer.concat([this.#waiting, chunk])
    if (!this.#timer.isRunning) this.#goOn()
  }

  /** Forgets what waits. */
  stop(): void {
    this.#waiting = null
    this.#timer.stop()
  }

  #goOn(): void {
    while (this.#waiting !== null) {
      const seconds = Math.floor(this.#clocks.nowMs() / 1000) - this.#startSecond + 1
      const allowed = this.#bytesPerSecond * seconds - this.#readBytes
      if (allowed <= 0) {
        this.#timer.start(Math.floor((-allowed * 1000) / this.#bytesPerSecond) + 1)
        return this.#reader.onRateWait()
      }
      const chunk: Buffer = this.#waiting
      const part = chunk.length <= allowed ? chunk : chunk.subarray(0, allowed)
      this.#waiting = part === chunk ? null : chunk.subarray(allowed)
      this.#readBytes += part.length
      this.#reader.onRatedBytes(part)
    }
  }

  #onTime(): void {
    try {
      this.#goOn()
      if (this.#waiting === null) this.#reader.onRateRoom()
    } catch (error) {
      failRequest(this.#request, error)
    }
  }
}

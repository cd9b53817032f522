import type { Timer, TimerWheel } from "../../base/timers.ts"

/** Where a response's body goes: the exchange, or something in front of it. */
export interface BodyOutput {
  /** Takes a piece; false when the producer should wait. */
  write(piece: Buffer): boolean
  flush(): void
  end(): void
}

/**
 * X-Accel-Limit-Rate: gives the client no more than so many bytes a second, reckoned from the start as
 * ngx_http_write_filter does: one second's worth at once, then as time goes by. Holds what has to wait; the
 * producer is told to wait meanwhile, so that is no more than one piece.
 */
export class ThrottledOutput implements BodyOutput {
  readonly #exchange: BodyOutput
  readonly #bytesPerSecond: number
  readonly #timers: TimerWheel
  readonly #timer: Timer
  readonly #startMs: number
  readonly #onFree: () => void
  #queue: Buffer[] = []
  #sentBytes = 0
  #isEnding = false

  /** `onFree` is called when all that waited has gone out and more can be taken. */
  constructor(exchange: BodyOutput, bytesPerSecond: number, timers: TimerWheel, onFree: () => void) {
    this.#exchange = exchange
    this.#bytesPerSecond = bytesPerSecond
    this.#timers = timers
    this.#timer = timers.timer(() => this.#resume())
    this.#startMs = timers.nowMs
    this.#onFree = onFree
  }

  write(piece: Buffer): boolean {
    this.#queue.push(piece)
    return this.#pump()
  }

  flush(): void {
    this.#exchange.flush()
  }

  /** Ends the exchange once all has gone out. */
  end(): void {
    this.#isEnding = true
    if (this.#queue.length === 0) this.#exchange.end()
  }

  /** Forgets what waits: the client has gone. */
  stop(): void {
    this.#queue = []
    this.#timer.stop()
  }

  /** Sends what may go now; false when some has to wait. */
  #pump(): boolean {
    const elapsedMs = this.#timers.nowMs - this.#startMs
    let allowed = Math.floor(this.#bytesPerSecond * (elapsedMs / 1000 + 1)) - this.#sentBytes
    while (this.#queue.length > 0 && allowed > 0) {
      const piece = this.#queue[0] as Buffer
      const part = piece.length <= allowed ? piece : piece.subarray(0, allowed)
      if (part === piece) this.#queue.shift()
      else this.#queue[0] = piece.subarray(allowed)
      allowed -= part.length
      this.#sentBytes += part.length
      this.#exchange.write(part)
    }
    if (this.#queue.length === 0) return true
    this.#timer.start(Math.max(1, (1 - allowed) * 1000) / this.#bytesPerSecond)
    return false
  }

  #resume(): void {
    const isEmpty = this.#pump()
    this.#exchange.flush()
    if (!isEmpty) return
    if (this.#isEnding) this.#exchange.end()
    else this.#onFree()
  }
}

/** `queue`: requests for which no peer could be chosen at once. ngx_http_upstream_module, after its documentation. */
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { PeerQueue, PeerWait, PeerWaiter } from "./peer-wait.ts"

export interface QueueOptions {
  /** Most requests that wait at a time, in one worker. */
  readonly limit: number
  /** How long one waits. */
  readonly timeoutMs: number
}

/**
 * How often waiting requests look for a peer. What becomes free in this worker is told by `wake`; this is for what
 * tunnels and other workers give back, for peers that become healthy, and for `fail_timeout`.
 */
const LOOK_MS = 50

/** The queue of one group in one worker: first come, first served. */
export class RequestQueue implements PeerQueue {
  readonly #options: QueueOptions
  readonly #timers: TimerWheel
  readonly #timer: Timer
  /** In the order in which they came. */
  readonly #waiting = new Set<Place>()
  readonly #serve: () => void
  #isWoken = false

  constructor(options: QueueOptions, timers: TimerWheel) {
    this.#options = options
    this.#timers = timers
    this.#timer = timers.timer(() => this.#look())
    this.#serve = () => this.#look()
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  enqueue(waiter: PeerWaiter): PeerWait | null {
    const { limit, timeoutMs } = this.#options
    if (this.#waiting.size >= limit) return null
    const place = new Place(waiter, this.#timers.nowMs + timeoutMs, this.#waiting)
    this.#waiting.add(place)
    if (!this.#timer.isRunning) this.#timer.start(LOOK_MS)
    return place
  }

  wake(): void {
    if (this.#isWoken || this.#waiting.size === 0) return
    this.#isWoken = true
    setImmediate(this.#serve)
  }

  /** Each is asked: one may be bound to a peer that is busy while another's is free. */
  #look(): void {
    this.#isWoken = false
    // First of all: whatever comes of one request, the others are looked after.
    this.#timer.start(LOOK_MS)
    const nowMs = this.#timers.nowMs
    for (const place of [...this.#waiting]) {
      // Whoever was served or gave up may have ended the wait of another.
      if (!this.#waiting.has(place)) continue
      if (place.waiter.tryAgain()) this.#waiting.delete(place)
      else if (nowMs >= place.deadlineMs) {
        this.#waiting.delete(place)
        place.waiter.giveUp()
      }
    }
    if (this.#waiting.size === 0) this.#timer.stop()
  }
}

class Place implements PeerWait {
  readonly waiter: PeerWaiter
  /** By the timers' clock. */
  readonly deadlineMs: number
  readonly #waiting: Set<Place>

  constructor(waiter: PeerWaiter, deadlineMs: number, waiting: Set<Place>) {
    this.waiter = waiter
    this.deadlineMs = deadlineMs
    this.#waiting = waiting
  }

  cancel(): void {
    this.#waiting.delete(this)
  }
}

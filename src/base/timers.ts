/**
 * Coarse timers. A proxy starts a timer for each read and write and nearly none of them fires; so starting
 * and moving one is a few stores, and one interval looks after all of them.
 */

const SLOTS = 512

/** A timer that fires once at its deadline or up to one tick later. Owned by whoever made it. */
export class Timer {
  readonly #wheel: TimerWheel
  /** @internal When it fires, in milliseconds of the wheel's clock; 0 while stopped. */
  deadline = 0
  /** @internal The slot that holds it, -1 for none, and when the hand comes by. */
  slot = -1
  visitMs = 0
  /** @internal Neighbours in the slot. */
  next: Timer | null = null
  previous: Timer | null = null
  readonly #onFire: () => void

  constructor(wheel: TimerWheel, onFire: () => void) {
    this.#wheel = wheel
    this.#onFire = onFire
  }

  /** Starts the timer, or moves it: it fires `delayMs` from now. */
  start(delayMs: number): void {
    this.deadline = this.#wheel.nowMs + delayMs
    // In a slot that comes soon enough it may stay: it is looked at there and put further on.
    if (this.slot !== -1 && this.visitMs <= this.deadline) return
    this.#wheel.insert(this)
  }

  /** Stops it; it can be started again. The wheel lets go of it, and so of what it would have called. */
  stop(): void {
    this.deadline = 0
    if (this.slot !== -1) this.#wheel.remove(this)
  }

  get isRunning(): boolean {
    return this.deadline !== 0
  }

  /** @internal */
  fire(): void {
    this.deadline = 0
    this.#onFire()
  }
}

/**
 * A hashed wheel: a timer lies in the slot of some tick at or before its deadline, and is looked at again when
 * the hand comes by. Moving a deadline later does not touch the wheel.
 */
export class TimerWheel {
  /** The clock of all timers: milliseconds, as of the last tick. Monotonic. */
  nowMs: number
  readonly #tickMs: number
  readonly #slots: (Timer | null)[] = new Array(SLOTS).fill(null)
  #hand = 0
  #handMs: number
  readonly #interval: NodeJS.Timeout

  /** The interval does not keep the process alive. */
  constructor(tickMs = 50) {
    this.#tickMs = tickMs
    this.nowMs = performance.now()
    this.#handMs = this.nowMs
    this.#interval = setInterval(() => this.#tick(), tickMs)
    this.#interval.unref()
  }

  timer(onFire: () => void): Timer {
    return new Timer(this, onFire)
  }

  /** Stops the wheel; no timer fires afterwards. */
  close(): void {
    clearInterval(this.#interval)
  }

  /** @internal Puts a timer where its deadline belongs. */
  insert(timer: Timer): void {
    if (timer.slot !== -1) this.remove(timer)
    const wanted = Math.ceil((timer.deadline - this.#handMs) / this.#tickMs)
    const ticks = Math.min(Math.max(wanted, 1), SLOTS - 1)
    const slot = (this.#hand + ticks) % SLOTS
    const first = this.#slots[slot] as Timer | null
    timer.slot = slot
    timer.visitMs = this.#handMs + ticks * this.#tickMs
    timer.previous = null
    timer.next = first
    if (first !== null) first.previous = timer
    this.#slots[slot] = timer
  }

  /** @internal */
  remove(timer: Timer): void {
    if (timer.previous === null) this.#slots[timer.slot] = timer.next
    else timer.previous.next = timer.next
    if (timer.next !== null) timer.next.previous = timer.previous
    timer.slot = -1
    timer.next = null
    timer.previous = null
  }

  #tick(): void {
    this.nowMs = performance.now()
    while (this.#handMs + this.#tickMs <= this.nowMs) {
      this.#handMs += this.#tickMs
      this.#hand = (this.#hand + 1) % SLOTS
      this.#sweep(this.#hand)
    }
  }

  #sweep(slot: number): void {
    const due: Timer[] = []
    let timer = this.#slots[slot] as Timer | null
    while (timer !== null) {
      const next: Timer | null = timer.next
      this.remove(timer)
      if (timer.deadline <= this.nowMs) due.push(timer)
      else this.insert(timer)
      timer = next
    }
    // A timer that fires may stop or move others that are due: each is asked again.
    for (const late of due)
      if (late.deadline !== 0 && late.deadline <= this.nowMs && late.slot === -1) fire(late)
  }
}

/** An error of one timer must not cost the others their turn: it is thrown where nobody is in the way. */
function fire(timer: Timer): void {
  try {
    timer.fire()
  } catch (error) {
    setImmediate(() => {
      throw error
    })
  }
}

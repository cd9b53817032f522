/** A lock in memory that threads share. */
import { threadId } from "node:worker_threads"

const UNLOCKED = 0
/** Times to look at a taken lock before the thread lets others run. */
const SPINS = 200
/** How long a thread that waits for the lock sleeps at most before it looks again, in milliseconds. */
const NAP_MS = 1

/** One word of `words`, zero while nobody has it; otherwise it names the thread that does. */
export class SharedLock {
  readonly #words: Int32Array
  readonly #at: number
  readonly #owner: number

  constructor(words: Int32Array, at: number) {
    this.#words = words
    this.#at = at
    // The first thread has the number 0, as a lock has that nobody holds.
    this.#owner = threadId + 1
  }

  /** Takes the lock. It is held for a few dozen instructions and is not reentrant; nothing may throw meanwhile. */
  lock(): void {
    if (Atomics.compareExchange(this.#words, this.#at, UNLOCKED, this.#owner) !== UNLOCKED)
      this.#wait(Number.POSITIVE_INFINITY)
  }

  /** Takes the lock unless it stays taken for about `naps` milliseconds. Returns whether it did. */
  lockWithin(naps: number): boolean {
    return this.#wait(naps)
  }

  unlock(): void {
    Atomics.store(this.#words, this.#at, UNLOCKED)
  }

  /**
   * Gives the lock to this thread where `deadThreadId` held it as it died. Returns whether it did: what it guards
   * is half-changed then.
   */
  takeFromDead(deadThreadId: number): boolean {
    const dead = deadThreadId + 1
    return Atomics.compareExchange(this.#words, this.#at, dead, this.#owner) === dead
  }

  #wait(naps: number): boolean {
    const words = this.#words
    for (let turn = 1; ; turn++) {
      const holder = Atomics.compareExchange(words, this.#at, UNLOCKED, this.#owner)
      if (holder === UNLOCKED) return true
      if (turn % SPINS !== 0) continue
      if (turn / SPINS > naps) return false
      // The holder may be off the CPU: give it ours. Nobody notifies, so that unlock() stays one store.
      Atomics.wait(words, this.#at, holder, NAP_MS)
    }
  }
}

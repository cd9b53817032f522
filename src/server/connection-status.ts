import { WAITING } from "../observe/counters.ts"
import type { Counters } from "../runtime/module.ts"

const GONE = -1

/** Where a connection counts in stub_status: reading, writing or waiting. */
export class ConnectionStatus {
  readonly #counters: Counters
  #counter = WAITING

  constructor(counters: Counters) {
    this.#counters = counters
    counters.add(WAITING, 1)
  }

  /** Moves it to READING, WRITING or WAITING. */
  become(counter: number): void {
    if (this.#counter === counter || this.#counter === GONE) return
    this.#counters.add(this.#counter, -1)
    this.#counters.add(counter, 1)
    this.#counter = counter
  }

  /** It is closed, and counts nowhere any more. */
  leave(): void {
    if (this.#counter === GONE) return
    this.#counters.add(this.#counter, -1)
    this.#counter = GONE
  }
}

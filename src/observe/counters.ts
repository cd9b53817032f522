/** The numbers of stub_status, shared by all workers: a row of memory for each, so that none waits for another. */
import type { Counters } from "../runtime/module.ts"

/** Connections accepted since the start, and those of them that were taken on. */
export const ACCEPTED = 0
export const HANDLED = 1
/** Requests since the start. */
export const REQUESTS = 2
/** Connections that are open now, tunnels among them. */
export const ACTIVE = 3
/** Of these: reading a request's head, reading a body or answering, idle between requests. */
export const READING = 4
export const WRITING = 5
export const WAITING = 6

/** Eight numbers of eight bytes make a row one cache line long: workers do not slow each other down. */
const ROW_LENGTH = 8

/**
 * One worker's view of the table. A worker writes its own row only; a total reads all of them.
 * The numbers are Float64: exact to 2^53, and an aligned one is read and written whole on 64-bit machines.
 */
export class CounterTable implements Counters {
  /** To be handed to the other threads. */
  readonly memory: SharedArrayBuffer
  readonly #numbers: Float64Array
  readonly #base: number

  /** Bytes for `workers` rows. */
  static bytes(workers: number): number {
    return workers * ROW_LENGTH * Float64Array.BYTES_PER_ELEMENT
  }

  /** `memory` is of `CounterTable.bytes(workers)` zeroed bytes; `worker` is the row to write, from 0. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.memory = memory
    this.#numbers = new Float64Array(memory)
    this.#base = worker * ROW_LENGTH
  }

  /** Adds to this worker's own number. */
  add(counter: number, delta: number): void {
    this.#numbers[this.#base + counter] += delta
  }

  /** The number of worker `worker`. */
  of(worker: number, counter: number): number {
    return this.#numbers[worker * ROW_LENGTH + counter]
  }

  /** The sum over all workers. */
  total(counter: number): number {
    const numbers = this.#numbers
    let sum = 0
    for (let at = counter; at < numbers.length; at += ROW_LENGTH) sum += numbers[at]
    return sum
  }

  /**
   * After worker `worker` has died: its connections are gone. What it had accepted and answered still counts.
   * Not to be called while it runs.
   */
  clearRow(worker: number): void {
    const base = worker * ROW_LENGTH
    this.#numbers.fill(0, base + ACTIVE, base + WAITING + 1)
  }
}

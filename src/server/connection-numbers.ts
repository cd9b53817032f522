/** Numbers of connections, counted over all workers: ngx_connection_counter. */
export class ConnectionNumbers {
  static readonly bytes = BigInt64Array.BYTES_PER_ELEMENT
  readonly #counter: BigInt64Array

  /** `memory`: `ConnectionNumbers.bytes` zeroed bytes, the same for all workers. */
  constructor(memory: SharedArrayBuffer) {
    this.#counter = new BigInt64Array(memory)
  }

  /** The next number, from 1; no other worker gets it. */
  next(): number {
    return Number(Atomics.add(this.#counter, 0, 1n)) + 1
  }
}

/** Where a thread's connections to upstreams read to. What came is copied out before the next read. */

/** What one read may bring. */
const READ_BYTES = 64 * 1024
/** Copies of this length and more are cut from slabs of our own; smaller ones from Node's pool. */
const LARGE_BYTES = 8 * 1024
/**
 * An ArrayBuffer of its own for each large read keeps the garbage collector busy: it counts the memory outside of its
 * heap. A copy that is held for long holds its slab, at most sixteen times its own length.
 */
const SLAB_BYTES = 128 * 1024

export class ReadBuffer {
  /** One for all reads of the thread. */
  readonly bytes = new Uint8Array(READ_BYTES)
  #slab: Buffer | null = null
  #used = 0

  /** A copy of the first `length` bytes, the caller's to keep. */
  copy(length: number): Buffer {
    const { bytes } = this
    const copy = length < LARGE_BYTES ? Buffer.allocUnsafe(length) : this.#cut(length)
    copy.set(length === READ_BYTES ? bytes : bytes.subarray(0, length))
    return copy
  }

  /** As `copy`, of memory that a large read has to itself: for who frees it by hand (`give`). */
  own(length: number): Buffer {
    if (length < LARGE_BYTES) return this.copy(length)
    const copy = Buffer.allocUnsafeSlow(length)
    copy.set(this.bytes.subarray(0, length))
    return copy
  }

  #cut(length: number): Buffer {
    if (this.#slab === null || this.#used + length > SLAB_BYTES) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    const start = this.#used
    this.#used = start + length
    return this.#slab.subarray(start, start + length)
  }
}

/** Octets of a head that came in pieces, side by side. Empty and without memory while heads come whole. */
export class HeadBuffer {
  bytes: Buffer
  length: number

  constructor() {
    this.bytes = EMPTY
    this.length = 0
  }

  /** Copies `chunk` from `start` to `end` behind what is there; the caller bounds the total. */
  append(chunk: Buffer, start: number, end: number): void {
    const needed = this.length + end - start
    if (needed > this.bytes.length) {
      // Not from Node's shared pool: a head that trickles in would hold the whole slab.
      const grown = Buffer.allocUnsafeSlow(Math.max(512, needed, this.bytes.length * 2))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    chunk.copy(this.bytes, this.length, start, end)
    this.length = needed
  }

  /** Forgets the octets and gives their memory back. */
  clear(): void {
    this.bytes = EMPTY
    this.length = 0
  }
}

const EMPTY: Buffer = Buffer.alloc(0)

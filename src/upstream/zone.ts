import { threadId } from "node:worker_threads"

// Header, as 32-bit words: who holds the lock, whether the rows are filled in, how many rows there are.
const LOCK = 0
const READY = 1
const COUNT = 2
const HEADER_BYTES = 16

/** Bytes of one peer's row: four 32-bit columns, then two 64-bit ones. */
const ROW_BYTES = 32

/** Columns of a row, as offsets into `ints` from `intRow(index)`. */
export const CURRENT_WEIGHT = 0
export const EFFECTIVE_WEIGHT = 1
export const FAILS = 2
export const CONNECTIONS = 3

/** Columns of a row, as offsets into `floats` from `floatRow(index)`; milliseconds, 0 for never. */
export const ACCESSED = 0
export const CHECKED = 1

const UNLOCKED = 0
/** Times to look at a taken lock before the thread lets others run. */
const SPINS = 200
/** How long a thread that waits for the lock sleeps at most before it looks again, in milliseconds. */
const NAP_MS = 1

/** The size in bytes of the memory that `peerCount` peers need: `new SharedArrayBuffer(zoneBytes(n))`. */
export function zoneBytes(peerCount: number): number {
  return HEADER_BYTES + peerCount * ROW_BYTES
}

/**
 * Gives the lock of `zone` back when `deadThreadId` (a `worker_threads` thread id) held it as it died, so that
 * the other workers go on: ngx_shmtx_force_unlock. Returns whether it held it.
 */
export function forceUnlock(zone: SharedArrayBuffer, deadThreadId: number): boolean {
  const words = new Int32Array(zone, 0, HEADER_BYTES / 4)
  const owner = deadThreadId + 1
  return Atomics.compareExchange(words, LOCK, owner, UNLOCKED) === owner
}

/**
 * The memory in which the state of a group's peers lives, one row of columns a peer: ngx_http_upstream_zone_module.
 * In a `SharedArrayBuffer` all workers see one truth and every change is made between `lock()` and `unlock()`;
 * in local memory both do nothing.
 */
export class PeerZone {
  readonly shared: boolean
  readonly ints: Int32Array
  readonly floats: Float64Array
  private readonly owner: number

  /** Throws a RangeError when `memory` is too small for `peerCount` peers. */
  constructor(peerCount: number, memory: SharedArrayBuffer | undefined) {
    const bytes = zoneBytes(peerCount)
    if (memory !== undefined && memory.byteLength < bytes)
      throw new RangeError(
        `zone of ${memory.byteLength} bytes is too small for ${peerCount} peers: ${bytes} needed`,
      )
    const buffer = memory ?? new ArrayBuffer(bytes)
    this.shared = memory !== undefined
    this.ints = new Int32Array(buffer, 0, bytes / 4)
    this.floats = new Float64Array(buffer, 0, bytes / 8)
    this.owner = threadId + 1
  }

  /** Where the 32-bit columns of the peer at `index` begin in `ints`. */
  intRow(index: number): number {
    return (HEADER_BYTES + index * ROW_BYTES) / 4
  }

  /** Where the 64-bit columns of the peer at `index` begin in `floats`. */
  floatRow(index: number): number {
    return (HEADER_BYTES + index * ROW_BYTES) / 8 + 2
  }

  /**
   * Gives every peer its starting state: effective weight as configured, all else zero. Who comes second to a
   * shared zone finds it filled in and changes nothing, so that counts outlive a worker and a reload.
   * Throws an Error when the zone was made for another number of peers.
   */
  fill(weights: readonly number[]): void {
    this.lock()
    try {
      if (this.ints[READY] === 0) {
        this.ints[COUNT] = weights.length
        for (let i = 0; i < weights.length; i++) this.ints[this.intRow(i) + EFFECTIVE_WEIGHT] = weights[i]
        this.ints[READY] = 1
      } else if (this.ints[COUNT] !== weights.length) {
        throw new Error(`zone holds ${this.ints[COUNT]} peers, not ${weights.length}`)
      }
    } finally {
      this.unlock()
    }
  }

  /** Takes the lock. It is held for a few dozen instructions and is not reentrant; nothing may throw meanwhile. */
  lock(): void {
    if (this.shared && Atomics.compareExchange(this.ints, LOCK, UNLOCKED, this.owner) !== UNLOCKED)
      this.spin()
  }

  unlock(): void {
    if (this.shared) Atomics.store(this.ints, LOCK, UNLOCKED)
  }

  private spin(): void {
    for (let turn = 1; ; turn++) {
      const holder = Atomics.compareExchange(this.ints, LOCK, UNLOCKED, this.owner)
      if (holder === UNLOCKED) return
      // The holder may be off the CPU: give it ours. Nobody notifies, so that unlock() stays one store.
      if (turn % SPINS === 0) Atomics.wait(this.ints, LOCK, holder, NAP_MS)
    }
  }
}

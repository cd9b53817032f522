/** Signs of life: each worker counts in shared memory, and the supervisor sees whether it still does. */

/** How often a worker counts, in milliseconds. */
export const BEAT_MS = 100
/** How long a worker may be busy with a new configuration, or with its start, before it counts as stalled. */
export const BUILD_LIMIT_MS = 60_000

/** Words of a worker: how often it has counted, and whether it builds a generation. */
const BEATS = 0
const BUILDING = 1
const WORDS = 2

/** The words of one worker. */
export class Heartbeat {
  readonly #words: Int32Array

  /** Bytes for `workers` workers. */
  static bytes(workers: number): number {
    return workers * WORDS * Int32Array.BYTES_PER_ELEMENT
  }

  /** `memory` is of `Heartbeat.bytes(n)` zeroed bytes; `worker` counts from 0. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(memory, worker * WORDS * Int32Array.BYTES_PER_ELEMENT, WORDS)
  }

  beat(): void {
    Atomics.add(this.#words, BEATS, 1)
  }

  /** Tells that the thread is busy for a good reason, or no longer. */
  set isBuilding(isBuilding: boolean) {
    Atomics.store(this.#words, BUILDING, isBuilding ? 1 : 0)
  }

  get isBuilding(): boolean {
    return Atomics.load(this.#words, BUILDING) === 1
  }

  get beats(): number {
    return Atomics.load(this.#words, BEATS)
  }
}

/** The supervisor's eye on one worker. */
export class StallWatch {
  readonly #heartbeat: Heartbeat
  #seenBeats: number
  /** How long the worker has not counted, in milliseconds. */
  silentMs = 0

  constructor(heartbeat: Heartbeat) {
    this.#heartbeat = heartbeat
    this.#seenBeats = heartbeat.beats
  }

  /**
   * To be called every BEAT_MS; `elapsedMs`: since the last call. Where that is more than it should be, the
   * supervisor was late itself (a suspended machine, no CPU for any of us), and the worker is not to blame: only
   * the part that it saw counts.
   */
  tick(elapsedMs: number): void {
    const { beats } = this.#heartbeat
    if (beats !== this.#seenBeats) {
      this.#seenBeats = beats
      this.silentMs = 0
    } else this.silentMs += Math.min(elapsedMs, 2 * BEAT_MS)
  }

  /** Whether the worker has been silent for longer than it may: `limitMs`, 0 for no limit. */
  isStalled(limitMs: number): boolean {
    if (limitMs === 0) return false
    return this.silentMs > (this.#heartbeat.isBuilding ? Math.max(limitMs, BUILD_LIMIT_MS) : limitMs)
  }
}

/** One timer for all the steps of an attempt: a peer that sends a byte now and then gains no time by it. */
export class Deadline {
  readonly startedMs: number
  readonly endMs: number
  readonly limitMs: number

  constructor(limitMs: number, nowMs: number = performance.now()) {
    this.startedMs = nowMs
    this.limitMs = limitMs
    this.endMs = nowMs + limitMs
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs
  }

  /** Milliseconds that are left, at least 0. */
  get leftMs(): number {
    return Math.max(this.endMs - performance.now(), 0)
  }

  /** Calls `expire` when the time is up. The function returned takes that back. */
  arm(expire: () => void): () => void {
    const timer = setTimeout(expire, this.leftMs)
    return () => clearTimeout(timer)
  }
}

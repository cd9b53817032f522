/** The two ends of a tunnel as its frames see them. Behind the end of our side what comes for it is dropped. */
import type { Duplex } from "node:stream"
import { give } from "../base/free-memory.ts"
import type { TimerWheel } from "../base/timers.ts"
import type { UpstreamConnection } from "../upstream/connection.ts"
import type { FrameSink } from "./frame-gate.ts"

/** Both tell when bytes last went through: frames of ours, and their answers, keep no tunnel from being idle. */
export class ClientSink implements FrameSink {
  readonly #client: Duplex
  readonly #timers: TimerWheel
  sentBytes = 0
  lastRelayMs: number

  constructor(client: Duplex, timers: TimerWheel) {
    this.#client = client
    this.#timers = timers
    this.lastRelayMs = timers.nowMs
  }

  write(data: Buffer): boolean {
    return this.#isOpenFor(data) ? this.#client.write(data) : true
  }

  give(chunk: Buffer): boolean {
    return this.#isOpenFor(chunk) ? give(this.#client, chunk) : true
  }

  #isOpenFor(data: Buffer): boolean {
    if (this.#client.writableEnded) return false
    this.lastRelayMs = this.#timers.nowMs
    this.sentBytes += data.length
    return true
  }

  insert(frame: Buffer): void {
    if (this.#client.writableEnded) return
    this.sentBytes += frame.length
    this.#client.write(frame)
  }
}

export class UpstreamSink implements FrameSink {
  readonly #upstream: UpstreamConnection
  readonly #timers: TimerWheel
  lastRelayMs: number

  constructor(upstream: UpstreamConnection, timers: TimerWheel) {
    this.#upstream = upstream
    this.#timers = timers
    this.lastRelayMs = timers.nowMs
  }

  write(data: Buffer): boolean {
    return this.#isOpen() ? this.#upstream.write(data) : true
  }

  give(chunk: Buffer): boolean {
    return this.#isOpen() ? this.#upstream.give(chunk) : true
  }

  #isOpen(): boolean {
    if (this.#upstream.socket.writableEnded) return false
    this.lastRelayMs = this.#timers.nowMs
    return true
  }

  insert(frame: Buffer): void {
    if (!this.#upstream.socket.writableEnded) this.#upstream.write(frame)
  }
}

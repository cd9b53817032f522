/** Pings of our own to one or both ends of an idle WebSocket. RFC 6455 §5.5.2. */
import { randomBytes } from "node:crypto"
import type { Timer, TimerWheel } from "../base/timers.ts"

/** `websocket_ping`. */
export interface PingSettings {
  /** Nothing in either direction for this long: a ping. */
  readonly intervalMs: number
  /** Nothing from its receiver for this long after it: the receiver is gone. */
  readonly timeoutMs: number
  readonly toClient: boolean
  readonly toUpstream: boolean
}

export interface PingHost {
  /** When bytes last came from either side, by the wheel's clock. */
  readonly lastClientMs: number
  readonly lastUpstreamMs: number
  /** Sends a ping; false where the stream stands inside a frame, or does not take more. */
  pingClient(payload: Buffer): boolean
  pingUpstream(payload: Buffer): boolean
  onClientSilent(): void
  onUpstreamSilent(): void
}

/** Of a payload: random bytes by which our own pongs are known, and a number that tells pings apart. */
const MARK_BYTES = 6
const PAYLOAD_BYTES = 8

export class Pings {
  readonly #settings: PingSettings
  readonly #host: PingHost
  readonly #timers: TimerWheel
  readonly #timer: Timer
  /** Made for the first ping: many tunnels are never idle. */
  #payload: Buffer | null = null
  #sentMs = 0
  #isClientAsked = false
  #isUpstreamAsked = false

  constructor(settings: PingSettings, host: PingHost, timers: TimerWheel) {
    this.#settings = settings
    this.#host = host
    this.#timers = timers
    this.#timer = timers.timer(() => this.#onTimer())
  }

  start(): void {
    this.#timer.start(this.#settings.intervalMs)
  }

  stop(): void {
    this.#timer.stop()
  }

  /** Whether a pong answers a ping of ours, this one or an earlier one. */
  isAnswer(payload: Buffer, length: number): boolean {
    const own = this.#payload
    return (
      own !== null && length === PAYLOAD_BYTES && own.compare(payload, 0, MARK_BYTES, 0, MARK_BYTES) === 0
    )
  }

  #onTimer(): void {
    const host = this.#host
    const { intervalMs, timeoutMs } = this.#settings
    const { nowMs } = this.#timers
    // Whatever came since is a sign of life.
    if (host.lastClientMs >= this.#sentMs) this.#isClientAsked = false
    if (host.lastUpstreamMs >= this.#sentMs) this.#isUpstreamAsked = false
    if (!this.#isClientAsked && !this.#isUpstreamAsked) {
      const lastMs = Math.max(host.lastClientMs, host.lastUpstreamMs, this.#sentMs)
      const restMs = lastMs + intervalMs - nowMs
      return restMs > 0 ? this.#timer.start(restMs) : this.#ping()
    }
    const restMs = this.#sentMs + timeoutMs - nowMs
    if (restMs > 0) this.#timer.start(Math.min(restMs, intervalMs))
    else if (this.#isClientAsked) host.onClientSilent()
    else host.onUpstreamSilent()
  }

  #ping(): void {
    const { toClient, toUpstream, timeoutMs, intervalMs } = this.#settings
    this.#payload ??= randomBytes(PAYLOAD_BYTES)
    const payload = this.#payload
    payload.writeUInt16BE((payload.readUInt16BE(MARK_BYTES) + 1) & 0xffff, MARK_BYTES)
    this.#isClientAsked = toClient && this.#host.pingClient(payload)
    this.#isUpstreamAsked = toUpstream && this.#host.pingUpstream(payload)
    this.#sentMs = this.#timers.nowMs
    this.#timer.start(Math.min(timeoutMs, intervalMs))
  }
}

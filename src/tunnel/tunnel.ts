/**
 * What follows a 101: bytes both ways until both sides have ended. Half-close is passed on; an error on one side
 * ends the other; what one side cannot take pauses the other. ngx_http_upstream_process_upgraded.
 */
import type { Duplex } from "node:stream"
import { errnoText } from "../base/errno.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { UpstreamConnection } from "../upstream/connection.ts"
import { type FailableOwner, GuardedOwner } from "../upstream/guarded-owner.ts"

/** Why a tunnel ended. */
export interface TunnelEnd {
  /** For the error log; "" when both sides ended as they should. */
  readonly reason: string
  /** The upstream failed or timed out; a client that just left is no failure. */
  readonly isFailure: boolean
}

export interface TunnelOptions {
  readonly client: Duplex
  readonly upstream: UpstreamConnection
  readonly timers: TimerWheel
  /** No byte in either direction for this long ends the tunnel: proxy_read_timeout. */
  readonly readTimeoutMs: number
  /** Bytes that the upstream does not take for this long end it: proxy_send_timeout. */
  readonly sendTimeoutMs: number
  /** The same for the client: send_timeout. */
  readonly clientSendTimeoutMs: number
  /** Called once; both connections are closed by then. */
  readonly onEnd: (end: TunnelEnd) => void
}

const CLEAN: TunnelEnd = { reason: "", isFailure: false }

/** Owns both connections from its making to its end. */
export class Tunnel implements FailableOwner {
  readonly #options: TunnelOptions
  readonly #client: Duplex
  readonly #upstream: UpstreamConnection
  readonly #idle: Timer
  readonly #blocked: Timer
  #clientEnded = false
  #upstreamEnded = false
  #isFinishing = false
  #isOver = false
  /** Bytes from the client, and from the upstream. */
  clientBytes = 0
  upstreamBytes = 0

  constructor(options: TunnelOptions) {
    this.#options = options
    this.#client = options.client
    this.#upstream = options.upstream
    this.#idle = options.timers.timer(() =>
      this.#end({ reason: "upstream timed out (110: Connection timed out)", isFailure: true }),
    )
    this.#blocked = options.timers.timer(() => this.#onBlocked())
  }

  /** Begins; `fromClient` and `fromUpstream` are bytes that came behind the heads. */
  start(fromClient: Buffer | null, fromUpstream: Buffer | null): void {
    const client = this.#client
    this.#upstream.owner = new GuardedOwner(this)
    client.on("data", (chunk: Buffer) => this.#onClientData(chunk))
    client.on("end", () => this.#onClientEnd())
    client.on("drain", () => this.#onClientDrain())
    client.on("error", (error: NodeJS.ErrnoException) =>
      this.#end({ reason: `client connection failed (${errnoText(error)})`, isFailure: false }),
    )
    // A client that ended as it should may be gone before the upstream has taken all of its bytes.
    client.on("close", () => (this.#clientEnded ? this.#finish() : this.#end(CLEAN)))
    this.#idle.start(this.#options.readTimeoutMs)
    if (fromUpstream !== null) this.onUpstreamData(fromUpstream)
    if (fromClient !== null) this.#onClientData(fromClient)
    client.resume()
    this.#upstream.resume()
    // The client may have left while the upstream was asked.
    if (client.destroyed) this.#end(CLEAN)
    else if (client.readableEnded) this.#onClientEnd()
  }

  #onClientData(chunk: Buffer): void {
    if (this.#isOver) return
    this.clientBytes += chunk.length
    this.#idle.start(this.#options.readTimeoutMs)
    if (this.#upstream.write(chunk)) return
    this.#client.pause()
    this.#blocked.start(this.#options.sendTimeoutMs)
  }

  onUpstreamData(chunk: Buffer): void {
    if (this.#isOver) return
    this.upstreamBytes += chunk.length
    this.#idle.start(this.#options.readTimeoutMs)
    if (this.#client.write(chunk)) return
    this.#upstream.pause()
    this.#blocked.start(this.#options.clientSendTimeoutMs)
  }

  onUpstreamDrain(): void {
    this.#client.resume()
    this.#unblock()
  }

  #onClientDrain(): void {
    this.#upstream.resume()
    this.#unblock()
  }

  /** Some progress was made: the side that is still blocked gets its time anew. */
  #unblock(): void {
    this.#idle.start(this.#options.readTimeoutMs)
    if (this.#client.writableNeedDrain) this.#blocked.start(this.#options.clientSendTimeoutMs)
    else if (this.#upstream.socket.writableNeedDrain) this.#blocked.start(this.#options.sendTimeoutMs)
    else this.#blocked.stop()
  }

  #onBlocked(): void {
    if (this.#client.writableNeedDrain)
      return this.#end({ reason: "client timed out (110: Connection timed out)", isFailure: false })
    this.#end({ reason: "upstream timed out (110: Connection timed out)", isFailure: true })
  }

  #onClientEnd(): void {
    this.#clientEnded = true
    if (this.#upstreamEnded) return this.#finish()
    this.#upstream.end()
  }

  onUpstreamEnd(): void {
    this.#upstreamEnded = true
    if (this.#clientEnded) return this.#finish()
    this.#client.end()
  }

  /** Both sides have ended: what is still unsent, in either direction, goes out, then both close. */
  #finish(): void {
    const upstream = this.#upstream.socket
    if (this.#client.writableFinished && upstream.writableFinished) return this.#end(CLEAN)
    if (!this.#isFinishing) {
      this.#isFinishing = true
      this.#client.once("finish", () => this.#finish())
      upstream.once("finish", () => this.#finish())
    }
    this.#client.end()
    this.#upstream.end()
  }

  onUpstreamConnect(): void {}

  onUnhandled(error: unknown): void {
    this.#end({ reason: `unhandled error: ${String(error)}`, isFailure: true })
  }

  onUpstreamError(error: NodeJS.ErrnoException): void {
    const call = error.syscall === "write" ? "send" : "recv"
    this.#end({ reason: `${call}() failed (${errnoText(error)})`, isFailure: true })
  }

  onUpstreamClose(): void {
    if (!this.#upstreamEnded) this.onUpstreamEnd()
  }

  /** Ends at once, whatever is unsent. */
  destroy(reason: string): void {
    this.#end({ reason, isFailure: false })
  }

  #end(end: TunnelEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#idle.stop()
    this.#blocked.stop()
    this.#upstream.owner = null
    this.#client.destroy()
    this.#options.onEnd(end)
  }
}

/**
 * What follows a 101: bytes both ways until both sides have ended. Half-close is passed on; an error on one side
 * ends the other; what one side cannot take pauses the other. ngx_http_upstream_process_upgraded. In a WebSocket
 * the frames are followed, too: that is the session's part.
 */
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { errnoText } from "../base/errno.ts"
import { INFO } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { OpenTunnel } from "../runtime/open-tunnel.ts"
import type { UpstreamConnection } from "../upstream/connection.ts"
import { type FailableOwner, GuardedOwner } from "../upstream/guarded-owner.ts"
import { ClientSink, UpstreamSink } from "./sinks.ts"
import { type SessionHost, type WebSocketOptions, WebSocketSession } from "./websocket-session.ts"

export interface TunnelOptions {
  readonly client: Duplex
  readonly upstream: UpstreamConnection
  readonly timers: TimerWheel
  /** `Peer.key`, and the peer's `drainMs`. */
  readonly peerKey: string
  readonly drainMs: number | null
  /** No byte in either direction for this long ends the tunnel: proxy_read_timeout. */
  readonly readTimeoutMs: number
  /** Bytes that the upstream does not take for this long end it: proxy_send_timeout. */
  readonly sendTimeoutMs: number
  /** The same for the client: send_timeout. */
  readonly clientSendTimeoutMs: number
  /** Null: the protocol is none that is known here, and bytes are all that there is. */
  readonly webSocket: WebSocketOptions | null
  /** Reserved bits that the negotiated extensions may set: as for FrameScanner. */
  readonly rsv: number
}

/** Whoever is told what becomes of a tunnel. */
export interface TunnelOwner {
  log(level: number, message: string): void
  /** Called once; the upstream's connection is closed by then. The client's is to be closed now. */
  onTunnelEnd(): void
}

/** Owns both connections from its making to its end. */
export class Tunnel implements FailableOwner, OpenTunnel, SessionHost {
  readonly peerKey: string
  readonly drainMs: number | null
  readonly toClient: ClientSink
  readonly toUpstream: UpstreamSink
  // Not the options themselves: there are many tunnels, and each would keep all of them.
  readonly #timers: TimerWheel
  readonly #readTimeoutMs: number
  readonly #sendTimeoutMs: number
  readonly #clientSendTimeoutMs: number
  readonly #owner: TunnelOwner
  readonly #client: Duplex
  readonly #upstream: UpstreamConnection
  readonly #session: WebSocketSession | null
  readonly #idle: Timer
  /** Made when a side first wants no more: most tunnels never have one. */
  #blocked: Timer | null = null
  #clientEnded = false
  #upstreamEnded = false
  #isFinishing = false
  #isOver = false
  lastClientMs: number
  lastUpstreamMs: number

  constructor(options: TunnelOptions, owner: TunnelOwner) {
    const { client, upstream, timers } = options
    this.#timers = timers
    this.#readTimeoutMs = options.readTimeoutMs
    this.#sendTimeoutMs = options.sendTimeoutMs
    this.#clientSendTimeoutMs = options.clientSendTimeoutMs
    this.#owner = owner
    this.#client = client
    this.#upstream = upstream
    this.peerKey = options.peerKey
    this.drainMs = options.drainMs
    this.toUpstream = new UpstreamSink(upstream, timers)
    this.toClient = new ClientSink(client, timers)
    this.#session =
      options.webSocket === null ? null : new WebSocketSession(options.webSocket, options.rsv, this, timers)
    this.#idle = timers.timer(() => this.#onIdle())
    this.lastClientMs = timers.nowMs
    this.lastUpstreamMs = timers.nowMs
  }

  /** Bytes that went to the client. */
  get sentBytes(): number {
    return this.toClient.sentBytes
  }

  /** Begins; `fromClient` and `fromUpstream` are bytes that came behind the heads. */
  start(fromClient: Buffer | null, fromUpstream: Buffer | null): void {
    const client = this.#client
    this.#upstream.owner = new GuardedOwner(this)
    client.on("data", (chunk: Buffer) => this.#onClientChunk(chunk))
    client.on("end", () => this.#onClientEnd())
    client.on("drain", () => this.#onClientDrain())
    client.on("error", (error: NodeJS.ErrnoException) => {
      if (this.#session?.onClientGone() !== true)
        this.#fail(INFO, `client connection failed (${errnoText(error)})`)
    })
    client.on("close", () => this.#onClientClose())
    this.#idle.start(this.#readTimeoutMs)
    this.#session?.start()
    // First, since what the other side cannot take pauses them.
    client.resume()
    this.#upstream.resume()
    if (fromUpstream !== null) this.onUpstreamData(fromUpstream)
    if (fromClient !== null) this.#onClientData(fromClient)
    // The client may have left while the upstream was asked.
    if (client.destroyed) this.cut()
    else if (client.readableEnded) this.#onClientEnd()
  }

  /** An error of our own code costs this tunnel, and nothing else. */
  #onClientChunk(chunk: Buffer): void {
    try {
      this.#onClientData(chunk)
    } catch (error) {
      this.onUnhandled(error)
    }
  }

  #onClientData(chunk: Buffer): void {
    if (this.#isOver) return
    this.lastClientMs = this.#timers.nowMs
    const session = this.#session
    const canTakeMore = session === null ? this.toUpstream.give(chunk) : session.fromClient.push(chunk)
    if (canTakeMore) return
    this.#client.pause()
    this.#block(this.#sendTimeoutMs)
  }

  onUpstreamData(chunk: Buffer): void {
    if (this.#isOver) return
    this.lastUpstreamMs = this.#timers.nowMs
    const session = this.#session
    const canTakeMore = session === null ? this.toClient.give(chunk) : session.fromUpstream.push(chunk)
    if (canTakeMore) return
    this.#upstream.pause()
    this.#block(this.#clientSendTimeoutMs)
  }

  onUpstreamDrain(): void {
    this.toUpstream.lastRelayMs = this.#timers.nowMs
    this.#client.resume()
    this.#unblock()
  }

  #onClientDrain(): void {
    this.toClient.lastRelayMs = this.#timers.nowMs
    this.#upstream.resume()
    this.#unblock()
  }

  /** Some progress was made: the side that is still blocked gets its time anew. */
  #unblock(): void {
    if (this.isClientBlocked) this.#block(this.#clientSendTimeoutMs)
    else if (this.isUpstreamBlocked) this.#block(this.#sendTimeoutMs)
    else this.#blocked?.stop()
  }

  #block(limitMs: number): void {
    this.#blocked ??= this.#timers.timer(() => this.#onBlocked())
    this.#blocked.start(limitMs)
  }

  get isClientBlocked(): boolean {
    return this.#client.writableNeedDrain
  }

  get isUpstreamBlocked(): boolean {
    return this.#upstream.socket.writableNeedDrain
  }

  #onBlocked(): void {
    const side = this.isClientBlocked ? "client" : "upstream"
    this.#fail(INFO, `${side} timed out (110: Connection timed out)`)
  }

  /** The timer is not moved for each chunk: it looks here what has come meanwhile. A session that ends has its own. */
  #onIdle(): void {
    if (this.#session?.isOpen === false) return
    const lastRelayMs = Math.max(this.toClient.lastRelayMs, this.toUpstream.lastRelayMs)
    const restMs = lastRelayMs + this.#readTimeoutMs - this.#timers.nowMs
    if (restMs > 0) this.#idle.start(restMs)
    else this.#fail(INFO, "upstream timed out (110: Connection timed out)")
  }

  #onClientEnd(): void {
    this.#clientEnded = true
    this.#session?.onClientEnd()
    if (this.#upstreamEnded) return this.#finish()
    this.#upstream.end()
  }

  #onClientClose(): void {
    // In a closing handshake the upstream has its turn yet; its time is the session's to limit.
    if (!this.#upstreamEnded && this.#session?.onClientGone() === true) return
    // A client that ended as it should may be gone before the upstream has taken all of its bytes.
    if (this.#clientEnded) this.#finish()
    else this.cut()
  }

  onUpstreamEnd(): void {
    this.#upstreamEnded = true
    this.#session?.onUpstreamEnd()
    if (this.#clientEnded || this.#client.destroyed) return this.#finish()
    this.#client.end()
  }

  endClient(): void {
    this.#client.end()
    this.dropFromUpstream()
  }

  endUpstream(): void {
    this.#upstream.end()
    this.dropFromClient()
  }

  dropFromClient(): void {
    this.#client.resume()
    this.#unblock()
  }

  dropFromUpstream(): void {
    this.#upstream.resume()
    this.#unblock()
  }

  /** Both sides have ended: what is still unsent, in either direction, goes out, then both close. */
  #finish(): void {
    if (this.#isOver) return
    const upstream = this.#upstream.socket
    if (isSaid(this.#client) && isSaid(upstream)) return this.cut()
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
    this.#fail(INFO, `unhandled error: ${String(error)}`)
  }

  onUpstreamError(error: NodeJS.ErrnoException): void {
    const call = error.syscall === "write" ? "send" : "recv"
    this.#fail(INFO, `${call}() failed (${errnoText(error)})`)
  }

  onUpstreamClose(): void {
    if (!this.#upstreamEnded) this.onUpstreamEnd()
  }

  // --- OpenTunnel

  sayGoodbye(): void {
    this.#session?.sayGoodbye()
  }

  destroy(reason: string): void {
    this.#fail(INFO, reason)
  }

  log(level: number, message: string): void {
    this.#owner.log(level, `${message} while proxying upgraded connection`)
  }

  #fail(level: number, reason: string): void {
    if (this.#isOver) return
    this.log(level, reason)
    this.cut()
  }

  cut(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#idle.stop()
    this.#blocked?.stop()
    this.#session?.stop()
    this.#upstream.owner = null
    this.#upstream.destroy()
    this.#owner.onTunnelEnd()
  }
}

/**
 * Whether a side has been told all, so that its connection may be closed. Where the system has every byte closing says
 * the same as a FIN before it; TLS has an alert to send first, a stream of HTTP/2 its last frame.
 */
function isSaid(socket: Duplex): boolean {
  if (socket.destroyed || socket.writableFinished) return true
  return socket.writableLength === 0 && socket instanceof Socket && !(socket instanceof TLSSocket)
}

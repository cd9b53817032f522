import net from "node:net"
import tls from "node:tls"
import { give } from "../base/free-memory.ts"
import type { ReadBuffer } from "../base/read-buffer.ts"
import type { Peer } from "./peer.ts"
import type { TlsSessions } from "./tls-sessions.ts"

/**
 * Who uses a connection now. Calls come from the event loop, never from within a call to the connection.
 * `onUpstreamError` and `onUpstreamClose` end the connection, only one of the two comes and nothing after it;
 * after the owner's own `destroy()` nothing comes.
 */
export interface UpstreamOwner {
  /** The connection is ready for the request: connected and, with TLS, the handshake done. */
  onUpstreamConnect(): void
  /** Bytes from the peer. The chunk is the owner's from here on. */
  onUpstreamData(chunk: Buffer): void
  /** The peer has ended its side (FIN, with TLS close_notify); ours stays open until `end()` or `destroy()`. */
  onUpstreamEnd(): void
  /** All that was written has been handed to the system, after a `write` that returned false. */
  onUpstreamDrain(): void
  onUpstreamError(error: NodeJS.ErrnoException): void
  onUpstreamClose(): void
}

/** What may wait in memory, of one connection, for a peer that takes it more slowly than it comes. */
const MAX_UNSENT_BYTES = 128 * 1024

/** Where a connection is made from. */
export interface LocalAddress {
  /** As the configuration has it. */
  readonly name: string
  readonly address: string
  /** 0: the system's choice. */
  readonly port: number
}

export interface ConnectOptions {
  peer: Peer
  /** What must be equal for a request to reuse the connection: peer address, TLS parameters, `local` scope. */
  key: string
  /** What `proxy_ssl_*` says; undefined for plain TCP. Where to connect to comes from `peer`. */
  tls: tls.ConnectionOptions | undefined
  /** proxy_bind; where the system refuses it the connection fails with the error of `bind`. Left out: its choice. */
  local?: LocalAddress | null
  /** proxy_socket_keepalive: SO_KEEPALIVE, with the system's times. */
  keepaliveProbe: boolean
  /** TCP_NODELAY */
  tcpNodelay: boolean
  /** proxy_ssl_session_reuse: the latest session under `key` is taken from there, and the next ones go there. */
  tlsSessions?: TlsSessions | undefined
  /**
   * Memory to read into, one for all the connections of a thread (64 KiB is right); what was read is copied out
   * before the owner sees it. It saves the allocation of 64 KiB that a read costs otherwise.
   */
  readBuffer?: ReadBuffer
  /** When the connection is made, by the clock of the pool; `Date.now()` where left out. */
  nowMs?: number
}

/**
 * One connection to a peer. Its listeners are installed once and speak to whoever owns it at the time. They hold
 * nothing of the request that it was made for: a connection outlives it, in the pool or in a tunnel.
 */
export class UpstreamConnection {
  readonly peer: Peer
  readonly key: string
  readonly socket: net.Socket | tls.TLSSocket
  readonly createdAtMs: number
  /** Who is told; null for a moment when it is taken from the pool, and once it has ended. */
  owner: UpstreamOwner | null
  /** Requests that the connection has been used for, the present one included: 2 or more on a reused one. */
  requestCount: number
  /** Ready for requests (with TLS: the handshake is done). */
  connected: boolean
  /** TCP is connected, TLS not yet: nginx's "while SSL handshaking to upstream". */
  handshaking: boolean
  /** The peer has ended its side. */
  ended: boolean
  /** Bytes from and to the peer within the present request, TLS not counted; sent: accepted by `write`. */
  bytesReceived: number
  bytesSent: number
  /** When the pool got it, in milliseconds. */
  idleSinceMs: number
  /** Of two that are idle the one with the lower number is so for longer: the pool's clock is coarse. */
  idleOrder: number
  /** The pool's own owner of it, kept so that each return to the pool makes no new one. */
  idleOwner: UpstreamOwner | null
  private isDetached: boolean

  /** Begins to connect. Use `openConnection`. */
  constructor(options: ConnectOptions, owner: UpstreamOwner) {
    this.peer = options.peer
    this.key = options.key
    this.createdAtMs = options.nowMs ?? Date.now()
    this.owner = owner
    this.requestCount = 1
    this.connected = false
    this.handshaking = false
    this.ended = false
    this.bytesReceived = 0
    this.bytesSent = 0
    this.idleSinceMs = 0
    this.idleOrder = 0
    this.idleOwner = null
    this.isDetached = false
    this.socket = this.connect(options)
    this.listen(options)
  }

  /** Whether more may be written although `write` returned false: so little waits in memory to be sent. */
  get hasRoom(): boolean {
    return this.socket.writableLength < MAX_UNSENT_BYTES
  }

  get localAddress(): string | undefined {
    return this.socket.localAddress
  }

  get localPort(): number | undefined {
    return this.socket.localPort
  }

  /** Whether the pool may keep it: alive in both directions, nothing unsent or unread. */
  get isReusable(): boolean {
    const socket = this.socket
    return (
      this.connected &&
      !this.ended &&
      !socket.destroyed &&
      socket.writable &&
      socket.writableLength === 0 &&
      socket.readableLength === 0
    )
  }

  /** Sends bytes; a string is latin1. Takes `data` over. False: wait for `onUpstreamDrain` before more. */
  write(data: Buffer | string): boolean {
    this.bytesSent += data.length
    return typeof data === "string" ? this.socket.write(data, "latin1") : this.socket.write(data)
  }

  /** As `write`, of bytes that nobody else looks at: their memory is freed when the system has them. */
  give(chunk: Buffer): boolean {
    this.bytesSent += chunk.length
    return give(this.socket, chunk)
  }

  /** Stops reading: nothing more comes, the end of the peer's side included, until `resume()`. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Ends our side (FIN) once all is written; the peer may go on. */
  end(): void {
    // Node makes an Error, stack and all, of a second call.
    if (!this.socket.writableEnded) this.socket.end()
  }

  /** Ends the connection at once. The owner hears nothing more. */
  destroy(): void {
    this.owner = null
    this.connected = false
    this.socket.destroy()
  }

  /**
   * Forgets the pool that it came from and the sessions of its group, which the owner may well outlive. What comes
   * from then on is the owner's to free: it passes it on with `give`.
   */
  detach(): void {
    this.isDetached = true
    this.idleOwner = null
    this.socket.removeAllListeners("session")
  }

  private connect(options: ConnectOptions): net.Socket | tls.TLSSocket {
    const address = options.peer.address
    const to =
      address.path === ""
        ? { host: address.host, port: address.port }
        : // The system wants the bytes of the path; Node writes a string as UTF-8.
          { path: Buffer.from(address.path, "latin1").toString("utf8") }
    const onread =
      options.readBuffer === undefined
        ? {}
        : {
            onread: {
              buffer: options.readBuffer.bytes,
              callback: this.onRead.bind(this, options.readBuffer),
            },
          }
    // As an option it is set once the connection is there; `setNoDelay` would do so now and again then.
    const local =
      options.local === undefined || options.local === null
        ? {}
        : { localAddress: options.local.address, localPort: options.local.port }
    const common = { ...to, ...local, ...onread, allowHalfOpen: true, noDelay: options.tcpNodelay }
    if (options.tls === undefined) return net.connect(common)

    const session = options.tlsSessions?.get(options.key)
    const tlsOptions: tls.ConnectionOptions & net.SocketConstructorOpts = {
      ...options.tls,
      ...(session === undefined ? {} : { session }),
      ...common,
    }
    const socket = tls.connect(tlsOptions)
    socket.on("secureConnect", () => this.onReady())
    if (options.tlsSessions !== undefined) keepSessions(socket, options.key, options.tlsSessions)
    return socket
  }

  private listen(options: ConnectOptions): void {
    const socket = this.socket
    // Not `options` itself: the listeners live as long as the connection, and would keep all of it.
    const { keepaliveProbe } = options
    const isTls = options.tls !== undefined
    socket.on("connect", () => {
      if (keepaliveProbe) socket.setKeepAlive(true)
      if (isTls) this.handshaking = true
      else this.onReady()
    })
    if (options.readBuffer === undefined) socket.on("data", (chunk: Buffer) => this.onData(chunk))
    socket.on("end", () => {
      this.ended = true
      if (this.owner !== null) this.owner.onUpstreamEnd()
    })
    socket.on("drain", () => {
      if (this.owner !== null) this.owner.onUpstreamDrain()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const owner = this.release()
      if (owner !== null) owner.onUpstreamError(error)
    })
    socket.on("close", () => {
      const owner = this.release()
      if (owner !== null) owner.onUpstreamClose()
      // Node's handle keeps the socket until the next full collection: what hangs on it need not wait for that.
      socket.removeAllListeners()
    })
  }

  private onReady(): void {
    this.connected = true
    this.handshaking = false
    if (this.owner !== null) this.owner.onUpstreamConnect()
  }

  private onRead(buffer: ReadBuffer, length: number): boolean {
    this.onData(this.isDetached ? buffer.own(length) : buffer.copy(length))
    return true
  }

  private onData(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    if (this.owner !== null) this.owner.onUpstreamData(chunk)
  }

  /** The owner for its last word; nobody owns an ended connection. */
  private release(): UpstreamOwner | null {
    const owner = this.owner
    this.owner = null
    this.connected = false
    this.handshaking = false
    return owner
  }
}

/** In a function of its own: what its listener holds goes with the listener. */
function keepSessions(socket: tls.TLSSocket, key: string, sessions: TlsSessions): void {
  socket.on("session", (latest: Buffer) => sessions.set(key, latest))
}

/**
 * Opens a connection to `options.peer`. `owner` is told, later, that it is ready or that it failed; it has no
 * time limit of its own. The caller owns it until it is destroyed, put into a pool, or has ended.
 */
export function openConnection(options: ConnectOptions, owner: UpstreamOwner): UpstreamConnection {
  return new UpstreamConnection(options, owner)
}

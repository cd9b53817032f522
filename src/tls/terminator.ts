/** From a TCP connection on a TLS port to a TLS socket. ngx_http_ssl_handshake. */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { errnoText } from "../base/errno.ts"
import { CRIT, ERROR, INFO } from "../base/logger.ts"
import { beginsTls, HELLO_INCOMPLETE, helloState, serverNameOf } from "./client-hello.ts"
import type { HandshakeListener } from "./handshake-server.ts"
import { type FailureLevel, levelOf, openSslText } from "./openssl-error.ts"
import type { ServerTls } from "./server-context.ts"

/** The listener that a terminator works for. For each accepted socket one of the three `on…` is called, once. */
export interface TerminatorHost {
  /**
   * The settings of the server that is named, among those of the address; undefined where there is none with TLS.
   * `serverName` is in lower case; undefined asks for the default server.
   */
  find(serverName: string | undefined): ServerTls | undefined
  /** Whether that server speaks HTTP/2. */
  offersHttp2(serverName: string | undefined): boolean
  /** The handshake is done; no data flows yet. The socket is the host's. `raw` is the one that was accepted. */
  onSecure(socket: TLSSocket, raw: Socket): void
  /** The first byte is not TLS: all bytes are back in the socket, which is the host's again. nginx answers 497. */
  onPlainHttp(socket: Socket): void
  /** It failed; the socket is being closed. `reason` is the line for the error log, in nginx's words. */
  onFailed(socket: Socket, level: FailureLevel, reason: string): void
}

const WHILE = "while SSL handshaking"
/** Fatal alert "unrecognized_name" in a record of its own. RFC 8446 §6, RFC 6066 §3. */
const UNRECOGNIZED_NAME = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70]
/** Fatal alert "internal_error": what OpenSSL says where its certificate callback fails. */
const INTERNAL_ERROR = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50]

/** One for each TLS address that is listened on. */
export class TlsTerminator {
  readonly #host: TerminatorHost

  constructor(host: TerminatorHost) {
    this.#host = host
  }

  /** Takes over a socket that was just accepted, until the host is told. */
  accept(socket: Socket): Handshake {
    return new Handshake(this.#host, socket)
  }
}

/** One connection until its handshake is done. Holds nothing afterwards. */
export class Handshake implements HandshakeListener {
  #host: TerminatorHost | null
  readonly #socket: Socket
  readonly #allowHalfOpen: boolean
  offersHttp2 = false
  #received: Buffer | null = null
  readonly #onReadable = () => this.#read()
  readonly #onEnd = () => this.#gone("")
  readonly #onError = (error: NodeJS.ErrnoException) => this.#gone(` (${errnoText(error)})`)

  /** Use `TlsTerminator.accept`. */
  constructor(host: TerminatorHost, socket: Socket) {
    this.#host = host
    this.#socket = socket
    this.#allowHalfOpen = socket.allowHalfOpen
    // A client that ends its side within the handshake is gone: Node must not wait for our end.
    socket.allowHalfOpen = false
    socket.on("readable", this.#onReadable)
    socket.on("end", this.#onEnd)
    socket.on("close", this.#onEnd)
    socket.on("error", this.#onError)
  }

  /** Ends the connection without a word to the host: its time is up, or the program stops. */
  cancel(): void {
    if (this.#settle() !== null) this.#socket.destroy()
  }

  onSecure(socket: TLSSocket): void {
    const host = this.#settle()
    if (host === null) {
      socket.destroy()
      return
    }
    socket.allowHalfOpen = this.#allowHalfOpen
    host.onSecure(socket, this.#socket)
  }

  onTlsError(error: NodeJS.ErrnoException): void {
    // "socket hang up": Node's words for a client that left in the handshake.
    if (error.code === "ECONNRESET") this.#gone(error.syscall === undefined ? "" : ` (${errnoText(error)})`)
    else this.#fail(levelOf(error), `SSL_do_handshake() failed (SSL: ${openSslText(error)}) ${WHILE}`)
  }

  #read(): void {
    const chunk: Buffer | null = this.#socket.read()
    if (chunk === null) return
    const received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk])
    this.#received = received
    if (!beginsTls(received[0] as number)) this.#plain(received)
    else if (helloState(received) !== HELLO_INCOMPLETE) this.#begin(received)
  }

  #plain(received: Buffer): void {
    const host = this.#settle()
    if (host === null) return
    this.#socket.allowHalfOpen = this.#allowHalfOpen
    this.#socket.unshift(received)
    host.onPlainHttp(this.#socket)
  }

  #begin(received: Buffer): void {
    const host = this.#host
    if (host === null) return
    const serverName = serverNameOf(received)
    const serverTls = findServer(host, serverName)
    if (serverTls === undefined) return this.#fail(CRIT, `no "ssl_certificate" is defined ${WHILE}`)
    const socket = this.#socket
    if (serverTls.rejectHandshake) {
      return this.#alert(host, UNRECOGNIZED_NAME, INFO, `handshake rejected ${WHILE}`)
    }
    const server = serverTls.serverFor(socket, serverName)
    if (typeof server === "string") return this.#alert(host, INTERNAL_ERROR, ERROR, `${server} ${WHILE}`)
    this.#received = null
    this.offersHttp2 = host.offersHttp2(serverName)
    socket.off("readable", this.#onReadable)
    socket.off("end", this.#onEnd)
    socket.unshift(received)
    server.begin(socket, this)
  }

  /** Ends it with an alert of our own. */
  #alert(host: TerminatorHost, alert: readonly number[], level: FailureLevel, reason: string): void {
    this.#settle()
    // First, and taken by the system at once: the host may destroy the socket.
    this.#socket.write(Buffer.from(alert))
    host.onFailed(this.#socket, level, reason)
    this.#socket.destroySoon()
  }

  /** The client has gone before the handshake was done. `cause` is the system's error, if there was one. */
  #gone(cause: string): void {
    const isSilent = this.#received === null && this.#socket.bytesRead === 0
    if (!isSilent) return this.#fail(INFO, `peer closed connection in SSL handshake${cause} ${WHILE}`)
    this.#fail(INFO, cause === "" ? `client closed connection ${WHILE}` : `recv() failed${cause} ${WHILE}`)
  }

  #fail(level: FailureLevel, reason: string): void {
    const host = this.#settle()
    if (host === null) return
    this.#socket.destroy()
    host.onFailed(this.#socket, level, reason)
  }

  /** Lets go of the socket; the host, or null where all is over already. */
  #settle(): TerminatorHost | null {
    const host = this.#host
    if (host === null) return null
    this.#host = null
    this.#received = null
    const socket = this.#socket
    // Late errors of a socket that nobody looks at any more must not end the process.
    socket.on("error", ignore)
    socket.off("readable", this.#onReadable)
    socket.off("end", this.#onEnd)
    socket.off("close", this.#onEnd)
    socket.off("error", this.#onError)
    return host
  }
}

/** A name that no server with TLS has gets the default server, as do clients that send none. */
function findServer(host: TerminatorHost, name: string | undefined): ServerTls | undefined {
  return (name === undefined ? undefined : host.find(name)) ?? host.find(undefined)
}

function ignore(): void {}

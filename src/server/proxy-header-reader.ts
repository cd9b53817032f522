/** Reads the PROXY protocol's header off a connection that was just accepted. ngx_http_wait_request_handler. */
import type { Socket } from "node:net"
import { errnoText } from "../base/errno.ts"
import { ERROR, INFO } from "../base/logger.ts"
import { brokenHeader, type ProxyHeader, parseProxyHeader } from "../http/proxy-protocol.ts"

/** The listener that a reader works for. One of the two `on…` is called, once, unless it is cancelled. */
export interface ProxyHeaderHost {
  /** What came behind the header is back in the socket, which is the host's again. */
  onProxyHeader(socket: Socket, header: ProxyHeader | null): void
  /** `reason` is the line for the error log, in nginx's words; "" where nginx has none. The socket is closed. */
  onProxyHeaderFailed(socket: Socket, level: number, reason: string): void
}

export class ProxyHeaderReader {
  #host: ProxyHeaderHost | null
  readonly #socket: Socket
  readonly #allowHalfOpen: boolean
  #received: Buffer | null = null
  readonly #onReadable = (): void => this.#read()
  readonly #onEnd = (): void => this.#gone()
  /** Without an end or an error before it, it was closed by us: its time was up, or the program stops. */
  readonly #onClose = (): void => {
    this.#settle()
  }
  readonly #onError = (error: NodeJS.ErrnoException): void =>
    this.#fail(INFO, `recv() failed (${errnoText(error)})`)

  /** Takes `socket` over until `host` is told. */
  constructor(host: ProxyHeaderHost, socket: Socket) {
    this.#host = host
    this.#socket = socket
    this.#allowHalfOpen = socket.allowHalfOpen
    // A client that ends its side within the header is gone: Node must not wait for our end.
    socket.allowHalfOpen = false
    socket.on("readable", this.#onReadable)
    socket.on("end", this.#onEnd)
    socket.on("close", this.#onClose)
    socket.on("error", this.#onError)
  }

  #read(): void {
    const chunk: Buffer | null = this.#socket.read()
    if (chunk === null) return
    const received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk])
    this.#received = received
    const parsed = parseProxyHeader(received)
    if (parsed === undefined) return
    if ("reason" in parsed) return this.#fail(ERROR, parsed.reason)
    const host = this.#settle()
    if (host === null) return
    this.#socket.allowHalfOpen = this.#allowHalfOpen
    if (parsed.bytes < received.length) this.#socket.unshift(received.subarray(parsed.bytes))
    host.onProxyHeader(this.#socket, parsed.header)
  }

  #gone(): void {
    if (this.#received === null) this.#fail(INFO, "client closed connection")
    else this.#fail(ERROR, brokenHeader(this.#received).reason)
  }

  #fail(level: number, reason: string): void {
    const host = this.#settle()
    if (host === null) return
    // First: a socket that is destroyed has forgotten its addresses.
    host.onProxyHeaderFailed(this.#socket, level, reason)
    this.#socket.destroy()
  }

  /** Lets go of the socket; the host, or null where all is over already. */
  #settle(): ProxyHeaderHost | null {
    const host = this.#host
    this.#host = null
    this.#received = null
    const socket = this.#socket
    // Late errors of a socket that nobody looks at any more must not end the process.
    if (host !== null) socket.on("error", ignore)
    socket.off("readable", this.#onReadable)
    socket.off("end", this.#onEnd)
    socket.off("close", this.#onClose)
    socket.off("error", this.#onError)
    return host
  }
}

function ignore(): void {}

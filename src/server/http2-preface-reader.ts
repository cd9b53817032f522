/** Tells HTTP/2 from HTTP/1.1 on a plain connection by its first octets (RFC 9113 §3.4). ngx_http_wait_request_handler. */
import type { Socket } from "node:net"
import type { Timer } from "../base/timers.ts"
import { WAITING } from "../observe/counters.ts"
import type { ConnectionEnds, ConnectionHost, HttpConnection } from "./connection-host.ts"
import { ConnectionStatus } from "./connection-status.ts"

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")

/** Called once where the connection lives on; what has been read is back in `socket`, which is the host's again. */
export type WhenKnown = (socket: Socket, ends: ConnectionEnds, isHttp2: boolean) => void

/** A connection of which no protocol is known yet: it waits for its first request as any other does. */
export class Http2PrefaceReader implements HttpConnection {
  readonly number: number
  readonly address: string
  readonly requests = 0
  readonly isIdle = true
  readonly isTunnel = false
  readonly #host: ConnectionHost
  readonly #socket: Socket
  readonly #ends: ConnectionEnds
  readonly #whenKnown: WhenKnown
  readonly #timer: Timer
  readonly #status: ConnectionStatus
  readonly #onReadable = (): void => this.#read()
  readonly #onClose = (): void => this.#closed()
  #received: Buffer | null = null

  /** Takes `socket` over until `whenKnown`. */
  constructor(
    host: ConnectionHost,
    socket: Socket,
    ends: ConnectionEnds,
    number: number,
    whenKnown: WhenKnown,
  ) {
    this.#host = host
    this.#socket = socket
    this.#ends = ends
    this.number = number
    this.address = ends.address
    this.#whenKnown = whenKnown
    this.#status = new ConnectionStatus(host.services.counters)
    this.#status.become(WAITING)
    this.#timer = host.services.timers.timer(() => this.destroy())
    this.#timer.start(host.names().default.clientHeaderTimeoutMs)
    socket.on("readable", this.#onReadable)
    socket.on("end", this.#onReadable)
    socket.on("error", ignore)
    socket.on("close", this.#onClose)
  }

  #read(): void {
    const chunk: Buffer | null = this.#socket.read()
    if (chunk !== null) {
      this.#received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk])
      const { length } = this.#received
      if (!beginsPreface(this.#received)) this.#settle(false)
      else if (length >= PREFACE.length) this.#settle(true)
    } else if (this.#socket.readableEnded) this.destroy()
  }

  #settle(isHttp2: boolean): void {
    const socket = this.#socket
    const received = this.#received
    this.#leave()
    if (received !== null) socket.unshift(received)
    this.#host.onClosed(this)
    this.#whenKnown(socket, this.#ends, isHttp2)
  }

  #leave(): void {
    const socket = this.#socket
    this.#received = null
    this.#timer.stop()
    this.#status.leave()
    socket.off("readable", this.#onReadable)
    socket.off("end", this.#onReadable)
    socket.off("close", this.#onClose)
  }

  #closed(): void {
    this.#leave()
    this.#host.onClosed(this)
  }

  endKept(): void {}

  closeIfIdle(): void {
    this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function beginsPreface(received: Buffer): boolean {
  const length = Math.min(received.length, PREFACE.length)
  return received.compare(PREFACE, 0, length, 0, length) === 0
}

function ignore(): void {}

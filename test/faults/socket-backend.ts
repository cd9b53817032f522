import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"
import { httpAnswer } from "../support/raw-backend.ts"

/** A server whose connections the test itself holds: no script, nothing is read unless the test reads. */
export class SocketBackend {
  /** All connections so far, those that are gone included. */
  readonly sockets: Socket[] = []
  readonly #server: Server
  #waiting: ((socket: Socket) => void)[] = []
  #unclaimed: Socket[] = []

  constructor(tls?: TlsOptions) {
    const accept = (socket: Socket): void => this.#accept(socket)
    this.#server =
      tls === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, accept)
        : createTlsServer({ ...tls, allowHalfOpen: true }, accept)
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()))
  }

  /** The next connection, each one once, in the order of arrival. */
  next(): Promise<Socket> {
    const socket = this.#unclaimed.shift()
    if (socket !== undefined) return Promise.resolve(socket)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Stops listening and cuts all connections. */
  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #accept(socket: Socket): void {
    // Broken connections are part of what is tested.
    socket.on("error", () => {})
    this.sockets.push(socket)
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#unclaimed.push(socket)
    else waiting(socket)
  }
}

export async function startSocketBackend(tls?: TlsOptions): Promise<SocketBackend> {
  const backend = new SocketBackend(tls)
  await backend.listen()
  return backend
}

/** An answer of the smallest kind, for the request that shows that all is well again. */
export const SMALL_ANSWER = httpAnswer("fine\n")

/** A backend's answer to an upgrade. */
export const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"

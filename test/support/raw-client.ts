import { connect as connectTcp, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { type ConnectionOptions, connect as connectTls } from "node:tls"
import { parseMessage, type RawMessage } from "./message-reader.ts"

/** Where to connect: TCP (host 127.0.0.1 unless given) or a unix socket; `tls` for TLS over it. */
export interface RawTarget {
  readonly port?: number
  readonly host?: string
  /** A unix socket's path. */
  readonly path?: string
  /** The client's own address, such as 127.0.0.7. */
  readonly localAddress?: string
  /** Options of tls.connect. Certificates are verified only if `rejectUnauthorized` is true. */
  readonly tls?: ConnectionOptions
}

/** A final response, with the interim (1xx) ones that came before it. */
export interface RawResponse extends RawMessage {
  readonly versionMinor: number
  readonly status: number
  readonly reason: string
  readonly interim: readonly RawMessage[]
}

const DEFAULT_DEADLINE_MS = 10_000

// Long enough for the peer to read a piece by itself. A socket gives no event for "the peer has read it".
const PIECE_PAUSE_MS = 4

/** A client that sends bytes as they are given and reads HTTP answers from what comes back. */
export class RawClient {
  readonly socket: Socket
  readonly #deadlineMs: number
  /** What came and was not yet read, latin1. */
  #unread = ""
  #received = ""
  #ended = false
  #error: Error | undefined = undefined
  #wake: (() => void) | undefined = undefined

  /** Takes over `socket`, which must be connected. Use `RawClient.connect` otherwise. */
  constructor(socket: Socket, deadlineMs = DEFAULT_DEADLINE_MS) {
    this.socket = socket
    this.#deadlineMs = deadlineMs
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1")
      this.#unread += text
      this.#received += text
      this.#wake?.()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on("end", end)
    socket.on("close", end)
    socket.on("error", (error: Error) => {
      this.#error = error
      end()
    })
  }

  /** Connects; rejects when that fails. `allowHalfOpen`: the peer's end does not end this side. */
  static connect(target: RawTarget, deadlineMs = DEFAULT_DEADLINE_MS): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = open(target)
      const fail = (error: Error): void => {
        clearTimeout(deadline)
        socket.destroy()
        reject(error)
      }
      const failClosed = (): void => fail(new Error("closed before it was connected"))
      const deadline = setTimeout(() => fail(new Error("no connection in time")), deadlineMs)
      socket.once("error", fail)
      socket.once("close", failClosed)
      socket.once(target.tls === undefined ? "connect" : "secureConnect", () => {
        clearTimeout(deadline)
        socket.off("error", fail)
        socket.off("close", failClosed)
        resolve(new RawClient(socket, deadlineMs))
      })
    })
  }

  /** All that came on this connection, latin1. */
  get received(): string {
    return this.#received
  }

  /** What came and was not read by one of the read methods, latin1. */
  get unread(): string {
    return this.#unread
  }

  /** Whether the peer has ended the connection. */
  get ended(): boolean {
    return this.#ended
  }

  /** The socket's error (such as ECONNRESET), if there was one. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Writes; text as latin1. Resolves when it has been handed to the system, also when the peer is gone. */
  send(data: string | Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed || this.socket.writableEnded) resolve()
      else this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data, () => resolve())
    })
  }

  /** Writes the pieces one by one, so that the peer reads them one by one. */
  async sendPieces(pieces: ReadonlyArray<string | Buffer>): Promise<void> {
    for (const piece of pieces) {
      await this.send(piece)
      await pause(PIECE_PAUSE_MS)
    }
  }

  /** Ends this side of the connection (FIN, or close_notify) and goes on reading. */
  halfClose(): void {
    this.socket.end()
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy()
  }

  /** Closes with a RST where the system has that. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /**
   * Reads the next answer, past the interim ones. `method` is the request's, as HEAD has no body.
   * Rejects when the connection ends before a head, or when the deadline passes.
   */
  async readResponse(method = "GET"): Promise<RawResponse> {
    const interim: RawMessage[] = []
    for (;;) {
      const message = await this.#readMessage(method)
      const status = Number(message.startLine.split(" ")[1])
      if (status >= 100 && status < 200 && status !== 101) interim.push(message)
      else return toResponse(message, interim)
    }
  }

  /** Reads exactly `count` bytes, latin1. */
  async readBytes(count: number): Promise<string> {
    await this.#until(`${count} bytes`, () => this.#unread.length >= count || this.#ended)
    if (this.#unread.length < count) throw this.#failure(`the end came before ${count} bytes`)
    return this.#take(count)
  }

  /** Reads up to and with `mark`. */
  async readUntil(mark: string): Promise<string> {
    await this.#until(JSON.stringify(mark), () => this.#unread.includes(mark) || this.#ended)
    const index = this.#unread.indexOf(mark)
    if (index < 0) throw this.#failure(`the end came before ${JSON.stringify(mark)}`)
    return this.#take(index + mark.length)
  }

  /** Reads until the peer ends the connection and returns what was unread, latin1. */
  async readToEnd(): Promise<string> {
    await this.#until("the connection's end", () => this.#ended)
    return this.#take(this.#unread.length)
  }

  /** Waits until there is something to read, or the end; tells which. */
  async waitForBytesOrEnd(): Promise<"bytes" | "end"> {
    await this.#until("bytes or the end", () => this.#unread.length > 0 || this.#ended)
    return this.#unread.length > 0 ? "bytes" : "end"
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  async #readMessage(method: string): Promise<RawMessage> {
    for (;;) {
      const status = Number(/^HTTP\/1\.\d (\d\d\d)/.exec(this.#unread)?.[1] ?? 0)
      const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304
      const parsed = parseMessage(this.#unread, { bodiless, untilClose: true, ended: this.#ended })
      if (parsed !== undefined) {
        if (!parsed.message.startLine.startsWith("HTTP/1.")) throw this.#failure("this is no HTTP answer")
        this.#take(parsed.length)
        return parsed.message
      }
      if (this.#ended) throw this.#failure("the connection ended before an answer")
      const length = this.#unread.length
      await this.#until("an answer", () => this.#ended || this.#unread.length > length)
    }
  }

  #take(count: number): string {
    const text = this.#unread.slice(0, count)
    this.#unread = this.#unread.slice(count)
    return text
  }

  #until(what: string, ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#wake = undefined
        reject(this.#failure(`${what} did not come in time`))
      }, this.#deadlineMs)
      this.#wake = () => {
        if (!ready()) return
        clearTimeout(deadline)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #failure(why: string): Error {
    const rest = JSON.stringify(this.#unread.slice(0, 500))
    return new Error(`${why}; unread: ${rest}${this.#error === undefined ? "" : ` (${this.#error.message})`}`)
  }
}

function open(target: RawTarget): Socket {
  const { port = 0, host = "127.0.0.1", path, localAddress, tls } = target
  if (tls !== undefined) {
    // Over a socket that is connected first, as tls.connect has no option for the local address.
    return connectTls({ rejectUnauthorized: false, ...tls, socket: open({ ...target, tls: undefined }) })
  }
  if (path !== undefined) return connectTcp({ path, allowHalfOpen: true })
  return connectTcp({ port, host, localAddress, allowHalfOpen: true })
}

/** Connects, sends `request`, reads one answer and closes. The method is taken from the request. */
export async function exchange(target: RawTarget, request: string): Promise<RawResponse> {
  const client = await RawClient.connect(target)
  try {
    await client.send(request)
    return await client.readResponse(request.slice(0, request.indexOf(" ")))
  } finally {
    client.destroy()
  }
}

/** Connects, sends `request`, reads until the peer closes, and returns all bytes as latin1. */
export async function exchangeToEnd(target: RawTarget, request: string): Promise<string> {
  const client = await RawClient.connect(target)
  try {
    await client.send(request)
    return await client.readToEnd()
  } finally {
    client.destroy()
  }
}

function toResponse(message: RawMessage, interim: readonly RawMessage[]): RawResponse {
  const [, minor, status, reason] = /^HTTP\/1\.(\d) (\d\d\d) ?(.*)$/.exec(message.startLine) ?? []
  return { ...message, versionMinor: Number(minor), status: Number(status), reason: reason ?? "", interim }
}

import { createServer, type Server, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"
import { parseMessage, type RawMessage } from "./message-reader.ts"

/** A request as a backend read it. */
export interface BackendRequest extends RawMessage {
  readonly method: string
  readonly target: string
  /** Counts from 0 over all connections of the backend. */
  readonly index: number
}

/** What a backend does with a connection or a request. */
export interface BackendAnswer {
  /** When it acts: as soon as it is connected, after the request's head, or after the whole request. */
  readonly on?: "connect" | "head" | "request"
  /** The bytes that it sends (latin1); several are sent one by one. Nothing when left out. */
  readonly send?: string | Buffer | ReadonlyArray<string | Buffer>
  /**
   * What it does then: goes on reading requests ("keep"), ends its side ("end"), closes with a RST
   * ("reset"), or sends back all that comes ("echo": what came after the head too).
   */
  readonly after?: "keep" | "end" | "reset" | "echo"
}

/** A script: bytes for each request, an answer, or a function of the request that gives one of them. */
export type BackendScript =
  | string
  | BackendAnswer
  | ((request: BackendRequest) => string | BackendAnswer | Promise<string | BackendAnswer>)

export interface BackendOptions {
  readonly host?: string
  readonly port?: number
  /** A unix socket's path, in place of an address. */
  readonly path?: string
  /** Makes it a TLS server. */
  readonly tls?: TlsOptions
}

const PIECE_PAUSE_MS = 4

/** One connection that a backend has accepted. */
export class BackendConnection {
  readonly socket: Socket
  /** Exactly the bytes that came, latin1. */
  received = ""
  /** Whether the peer has ended its side. */
  ended = false
  /** Resolves when the connection is gone altogether. */
  readonly closed: Promise<void>

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()))
  }
}

/** A TCP (or unix, or TLS) server that records what it gets and answers by a script. */
export class RawBackend {
  readonly connections: BackendConnection[] = []
  readonly requests: BackendRequest[] = []
  /** The bytes of all connections in order of arrival, latin1. */
  received = ""
  readonly #server: Server
  readonly #script: BackendScript
  readonly #sockets = new Set<Socket>()
  #waiters: Array<() => void> = []

  constructor(script: BackendScript, options: BackendOptions = {}) {
    this.#script = script
    const accept = (socket: Socket): void => this.#accept(socket)
    this.#server =
      options.tls === undefined
        ? createServer({ allowHalfOpen: true, noDelay: true }, accept)
        : createTlsServer({ ...options.tls, allowHalfOpen: true, noDelay: true }, accept)
    // Of a TLS server these are the sockets below TLS, which are there before the handshake is done.
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
    })
    // A client that breaks off the TLS handshake is a case under test, not a failure of this server.
    this.#server.on("tlsClientError", () => {})
  }

  /** The port that it listens on. */
  get port(): number {
    const address = this.#server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  /** How many requests it has read. */
  get requestCount(): number {
    return this.requests.length
  }

  listen(options: BackendOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      const place =
        options.path === undefined
          ? { port: options.port ?? 0, host: options.host ?? "127.0.0.1" }
          : { path: options.path }
      this.#server.listen(place, () => resolve())
    })
  }

  /** Resolves when `ready` holds; asked again after each event on any of the connections. */
  until(ready: (backend: RawBackend) => boolean): Promise<void> {
    if (ready(this)) return Promise.resolve()
    return new Promise((resolve) => {
      const check = (): void => {
        if (ready(this)) resolve()
        else this.#waiters.push(check)
      }
      this.#waiters.push(check)
    })
  }

  /** Stops listening and closes all connections. */
  close(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy()
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #accept(socket: Socket): void {
    const connection = new BackendConnection(socket)
    this.connections.push(connection)
    const session = new Session(connection, this.#script, (request) => {
      this.requests.push(request)
      return this.requests.length - 1
    })
    const wake = (): void => this.#wake()
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1")
      connection.received += text
      this.received += text
      session.advance()
      wake()
    })
    socket.on("end", () => {
      connection.ended = true
      session.end()
      wake()
    })
    socket.on("close", wake)
    socket.on("drain", wake)
    // Broken connections are part of what is tested; "close" follows.
    socket.on("error", () => {})
    session.begin()
    wake()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }
}

/** Starts a backend that answers by `script`, on a free port of 127.0.0.1 unless `options` say otherwise. */
export async function startRawBackend(
  script: BackendScript,
  options: BackendOptions = {},
): Promise<RawBackend> {
  const backend = new RawBackend(script, options)
  await backend.listen(options)
  return backend
}

/** Reads the requests of one connection and runs the script on each, in order. */
class Session {
  readonly #connection: BackendConnection
  readonly #script: BackendScript
  readonly #record: (request: BackendRequest) => number
  /** How many of the received characters were read as requests, or echoed. */
  #offset = 0
  #busy = false
  #done = false
  #echo = false

  constructor(
    connection: BackendConnection,
    script: BackendScript,
    record: (request: BackendRequest) => number,
  ) {
    this.#connection = connection
    this.#script = script
    this.#record = record
  }

  begin(): void {
    if (isAnswer(this.#script) && this.#script.on === "connect") void this.#run(this.#script)
  }

  advance(): void {
    if (this.#echo) this.#echoRest()
    if (this.#busy || this.#done) return
    const onHead = isAnswer(this.#script) && this.#script.on === "head"
    const text = this.#connection.received.slice(this.#offset)
    // An upgrade request ends with its head; what follows belongs to the tunnel.
    const parsed = parseMessage(text, { bodiless: onHead, untilClose: false, ended: false })
    if (parsed === undefined) return
    this.#offset += parsed.length
    const [method = "", target = ""] = parsed.message.startLine.split(" ")
    const request = { ...parsed.message, method, target, index: 0 }
    request.index = this.#record(request)
    if (isAnswer(this.#script) && this.#script.on === "connect") return
    void this.#answer(request)
  }

  end(): void {
    if (!this.#busy) this.#connection.socket.end()
  }

  async #answer(request: BackendRequest): Promise<void> {
    this.#busy = true
    const script = this.#script
    const answer = typeof script === "function" ? await script(request) : script
    await this.#run(typeof answer === "string" ? { send: answer } : answer)
    this.#busy = false
    if (this.#connection.ended) this.#connection.socket.end()
    else this.advance()
  }

  async #run(answer: BackendAnswer): Promise<void> {
    const { socket } = this.#connection
    const pieces = answer.send === undefined ? [] : [answer.send].flat()
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await pause(PIECE_PAUSE_MS)
      await new Promise<void>((resolve) => {
        if (socket.destroyed) resolve()
        else socket.write(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece, () => resolve())
      })
    }
    if (answer.after === "end") socket.end()
    if (answer.after === "reset") socket.resetAndDestroy()
    if (answer.after === "end" || answer.after === "reset") this.#done = true
    if (answer.after === "echo") {
      this.#done = true
      this.#echo = true
      this.#echoRest()
    }
  }

  #echoRest(): void {
    const rest = this.#connection.received.slice(this.#offset)
    this.#offset += rest.length
    if (rest !== "") this.#connection.socket.write(Buffer.from(rest, "latin1"))
  }
}

function isAnswer(script: BackendScript): script is BackendAnswer {
  return typeof script === "object"
}

/** A whole answer with Content-Length; more header lines as "Name: value\r\n…". */
export function httpAnswer(body: string, headers = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`
}

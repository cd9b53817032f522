import { type ConnectionOptions, TLSSocket } from "node:tls"
import { headerOf, parseMessage } from "../support/message-reader.ts"
import type { RawBackend } from "../support/raw-backend.ts"
import { RawClient, type RawResponse } from "../support/raw-client.ts"
import type { ClientEvent } from "./case.ts"
import { describeResponse, type Names } from "./normalise.ts"

/** A client's part in a case, when it is more than requests and their answers. */
export type ClientScript = (wire: Wire) => Promise<void>

export interface WireTarget {
  /** Which of the case's listening ports: 1 for `{port}`, 2 for `{port2}`… */
  readonly port?: number
  readonly host?: string
  /** A unix socket below the prefix, may have `{id}` in it. */
  readonly path?: string
  /** The client's own address. */
  readonly from?: string
  readonly tls?: ConnectionOptions
}

/** A byte with which no request begins: a connection that is still served answers it with 400 at once. */
const PROBE = "\x01\r\n\r\n"

const DEADLINE_MS = 6000

/** The client side of a case: one connection at a time, and notes of all that it sees. */
export class Wire {
  readonly events: ClientEvent[] = []
  readonly statuses: number[] = []
  readonly #names: Names
  readonly #backend: (name: string) => RawBackend | undefined
  #client: RawClient | undefined = undefined
  /** The last answer said that it is the connection's last. */
  #closing = false

  constructor(names: Names, backend: (name: string) => RawBackend | undefined) {
    this.#names = names
    this.#backend = backend
  }

  /** Opens the connection that the following calls use; the one before is closed. */
  async connect(target: WireTarget = {}): Promise<RawClient> {
    this.#client?.destroy()
    this.#closing = false
    const place =
      target.path === undefined
        ? { port: this.#names.ports[(target.port ?? 1) - 1], host: target.host }
        : { path: `${this.#names.prefix}/${this.expand(target.path)}` }
    this.#client = await RawClient.connect(
      { ...place, localAddress: target.from, tls: target.tls },
      DEADLINE_MS,
    )
    return this.#client
  }

  /** Replaces the case's placeholders. */
  expand(text: string): string {
    return this.#names.expand(text)
  }

  /** The connection that is open now, or a new one. */
  async client(): Promise<RawClient> {
    if (this.#closing) await this.#client?.readToEnd()
    return this.#client === undefined || this.#client.ended ? this.connect() : this.#client
  }

  async send(bytes: string): Promise<void> {
    await (await this.client()).send(this.expand(bytes))
  }

  /** Sends the pieces one by one. */
  async sendPieces(pieces: readonly string[]): Promise<void> {
    await (await this.client()).sendPieces(pieces.map((piece) => this.expand(piece)))
  }

  /** Sends a request and notes its answer. */
  async exchange(request: string): Promise<void> {
    await this.send(request)
    await this.response(request.slice(0, request.indexOf(" ")))
  }

  /** Reads and notes one answer; an end of the connection in its place is noted too. */
  async response(method = "GET"): Promise<RawResponse | undefined> {
    const client = await this.#current()
    if ((await client.waitForBytesOrEnd()) === "end") {
      this.note("closed without an answer")
      this.statuses.push(0)
      return undefined
    }
    const response = await client.readResponse(method)
    this.statuses.push(response.status)
    this.#closing = headerOf(response, "connection") === "close"
    this.events.push(describeResponse(response, this.#names))
    return response
  }

  /**
   * Sends a request whose answer is cut off, and notes that. How much of it goes out before the edge knows
   * is a matter of its buffers: nginx may have sent nothing at all.
   */
  async exchangeCutOff(request: string): Promise<void> {
    await this.send(request)
    const text = await (await this.#current()).readToEnd()
    const answer = parseMessage(text, { bodiless: false, untilClose: false, ended: true })
    this.note(answer?.message.complete ? "a whole answer" : "cut off")
  }

  /** Sends a request and notes the first line of all that comes until the end. */
  async exchangeFirstLine(request: string): Promise<void> {
    await this.send(request)
    const text = await (await this.#current()).readToEnd()
    this.note(text.split(/\r?\n/)[0] ?? "")
  }

  /** Reads and notes `count` bytes. */
  async bytes(count: number): Promise<void> {
    this.note(`bytes: ${await (await this.#current()).readBytes(count)}`)
  }

  /** Reads and notes all until the peer ends. */
  async toEnd(): Promise<void> {
    this.note(`to the end: ${await (await this.#current()).readToEnd()}`)
  }

  /** Notes what the TLS handshake has led to. */
  async noteTls(): Promise<void> {
    const { socket } = await this.#current()
    if (!(socket instanceof TLSSocket)) throw new Error("this connection has no TLS")
    const names = socket.getPeerCertificate().subjectaltname
    const key = socket.getPeerCertificate().asn1Curve ?? "RSA"
    this.note(
      `${socket.getProtocol()} ${socket.getCipher().name} ${names} ${key} alpn=${socket.alpnProtocol}`,
    )
  }

  note(text: string): void {
    this.events.push(this.#names.normalise(text))
  }

  /** Waits until a backend has read so many requests. */
  async backendHas(backend: string, requests: number): Promise<void> {
    await this.#backend(backend)?.until(({ requestCount }) => requestCount >= requests)
  }

  /** Waits until a backend has got this text, be its request whole or not. */
  async backendGets(backend: string, text: string): Promise<void> {
    await this.#backend(backend)?.until(({ received }) => received.includes(text))
  }

  /** Waits until the system has taken so many bytes of a backend's answer, and all that it has to send. */
  async backendSent(backend: string, bytes: number): Promise<void> {
    await this.#backend(backend)?.until(({ connections }) =>
      connections.some(({ socket }) => socket.bytesWritten >= bytes && socket.writableLength === 0),
    )
  }

  /** Notes whether the connection is still served or was closed. */
  async probe(): Promise<void> {
    const client = await this.#current()
    await client.send(PROBE)
    this.note((await client.waitForBytesOrEnd()) === "end" ? "then closed" : "then kept")
  }

  close(): void {
    this.#client?.destroy()
  }

  async #current(): Promise<RawClient> {
    return this.#client ?? this.connect()
  }
}

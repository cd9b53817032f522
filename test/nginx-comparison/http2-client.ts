/** The client's side of cases over HTTP/2: node:http2, and notes of what it sees. */

import { createHash } from "node:crypto"
import { once } from "node:events"
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2"
import { connect as connectTcp } from "node:net"
import type { Wire } from "./client-script.ts"

/** Fields are sent as often as a case wants them. */
const LAX = { strictSingleValueFields: false }

export interface Http2Request {
  readonly headers?: OutgoingHttpHeaders
  /** Left out: the stream ends with its head. */
  readonly body?: string
  /** The stream's end is not sent. */
  readonly isOpen?: boolean
}

export interface Http2Place {
  readonly port?: number
  /** The server's name, over TLS; left out: prior knowledge on a plain port. */
  readonly tlsName?: string
  /** Bytes that come before the connection's preface. */
  readonly before?: string
}

/** One connection and what it has told. */
export class Http2Client {
  readonly session: ClientHttp2Session
  readonly #wire: Wire
  readonly closed: Promise<void>

  private constructor(wire: Wire, session: ClientHttp2Session) {
    this.#wire = wire
    this.session = session
    session.on("error", () => {})
    this.closed = new Promise((resolve) => session.once("close", () => resolve()))
  }

  /** Resolves when the server's settings are there. */
  static async open(wire: Wire, place: Http2Place = {}): Promise<Http2Client> {
    const port = wire.expand(`{port${place.port ?? ""}}`)
    const socket = connectTcp({ port: Number(port), host: "127.0.0.1" })
    if (place.before !== undefined) socket.write(place.before)
    const isSecure = place.tlsName !== undefined
    if (isSecure) socket.destroy()
    const session = isSecure
      ? connect(`https://127.0.0.1:${port}`, { ...LAX, servername: place.tlsName, rejectUnauthorized: false })
      : connect(`http://127.0.0.1:${port}`, { ...LAX, createConnection: () => socket })
    const client = new Http2Client(wire, session)
    await once(session, "remoteSettings")
    return client
  }

  /** How the server announces the end of the connection. */
  goaway(): Promise<string> {
    return new Promise((resolve) => {
      this.session.once("goaway", (code, lastStream) => resolve(`GOAWAY ${code} last=${lastStream}`))
    })
  }

  begin(request: Http2Request): ClientHttp2Stream {
    const { headers = {}, body, isOpen } = request
    const stream = this.session.request(
      { ":authority": "a.test", ":path": "/", ":scheme": "http", ...headers },
      { endStream: body === undefined && isOpen !== true },
    )
    stream.on("error", () => {})
    if (body !== undefined) stream.write(Buffer.from(body, "latin1"))
    if (!isOpen && body !== undefined) stream.end()
    return stream
  }

  /** Sends a request and notes its answer, or how the stream ended. */
  async exchange(request: Http2Request): Promise<void> {
    await this.note(this.begin(request))
  }

  async note(stream: ClientHttp2Stream): Promise<void> {
    let head: IncomingHttpHeaders | undefined
    let trailers: IncomingHttpHeaders | undefined
    const chunks: Buffer[] = []
    stream.on("response", (fields) => {
      head = fields
    })
    stream.on("trailers", (fields) => {
      trailers = fields
    })
    stream.on("data", (chunk: Buffer) => chunks.push(chunk))
    if (!stream.closed) await once(stream, "close").catch(() => {})
    const status = head === undefined ? 0 : Number(head[":status"])
    this.#wire.statuses.push(status)
    const body = Buffer.concat(chunks).toString("latin1")
    const lines = head === undefined ? ["no answer"] : describe(head, body)
    if (trailers !== undefined) lines.push(`trailers ${JSON.stringify(trailers)}`)
    this.#wire.note([...lines, `code ${stream.rstCode}`, shorten(body)].join("\n"))
  }

  close(): void {
    this.session.close()
    this.session.destroy()
  }
}

function describe(head: IncomingHttpHeaders, body: string): string[] {
  const lines: string[] = []
  for (const [name, value] of Object.entries(head)) {
    if (name === "date") continue
    // The length of a page follows from the program's name in it.
    const isPage = name === "content-length" && /<center>(nginx|holdfast)/.test(body)
    if (isPage) lines.push(`${name}: ${Number(value) === body.length ? "that of the page" : value}`)
    else if (name === "server")
      lines.push(`server: ${String(value).replace(/^(nginx|holdfast)\/[\d.]+$/, "{server}")}`)
    else lines.push(`${name}: ${String(value)}`)
  }
  return lines.sort()
}

function shorten(text: string): string {
  if (text.length < 1000) return text
  return `${text.length} bytes, ${createHash("sha256").update(text, "latin1").digest("hex")}`
}

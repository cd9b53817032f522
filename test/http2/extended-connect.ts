/** WebSockets over HTTP/2 (RFC 8441) for tests: node:http2 as the client, a socket as the backend. */
import assert from "node:assert/strict"
import { once } from "node:events"
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2"
import type { Socket } from "node:net"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { receiveHead } from "../faults/byte-streams.ts"
import { type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { FrameSocket } from "../websocket/frame-socket.ts"

/** What people write for WebSockets, whatever protocol the client speaks. */
export const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade"; proxy_set_header Host $host;`

export interface Http2ProxyOptions {
  readonly main?: string
  readonly http?: string
  readonly server?: string
  readonly location?: string
  readonly listen?: string
}

/** Holdfast with `http2 on`, a plain port and one backend. */
export class Http2Proxy {
  readonly edge: Edge
  readonly backend: SocketBackend
  readonly port: number
  readonly #options: Http2ProxyOptions
  readonly #sessions: ClientHttp2Session[] = []

  constructor(edge: Edge, backend: SocketBackend, port: number, options: Http2ProxyOptions) {
    this.edge = edge
    this.backend = backend
    this.port = port
    this.#options = options
  }

  static async start(options: Http2ProxyOptions = {}): Promise<Http2Proxy> {
    const backend = await startSocketBackend()
    const port = await freePort()
    const edge = await startHoldfast(configuration(options, port, backend.port))
    return new Http2Proxy(edge, backend, port, options)
  }

  /** The configuration with other options, for a reload. */
  configuration(options: Http2ProxyOptions = this.#options): string {
    return configuration(options, this.port, this.backend.port)
  }

  /** A session; its settings have come. */
  async session(): Promise<ClientHttp2Session> {
    const session = connect(`http://127.0.0.1:${this.port}`)
    session.on("error", () => {})
    this.#sessions.push(session)
    await once(session, "remoteSettings")
    return session
  }

  /** Asks for a WebSocket; what the backend gets is the caller's to answer. */
  async ask(session: ClientHttp2Session, fields: OutgoingHttpHeaders = {}): Promise<Asked> {
    const stream = connectStream(session, fields)
    const answer = answerOf(stream)
    const peer = await this.backend.next()
    return { stream, answer, peer, head: await receiveHead(peer) }
  }

  /** A WebSocket that is open from end to end. `more`: fields of the backend's 101. */
  async open(session: ClientHttp2Session, more = ""): Promise<OpenWebSocket> {
    const { stream, answer, peer, head } = await this.ask(session)
    peer.write(switching(head, more), "latin1")
    const fields = await answer
    assert.equal(fields?.[":status"], 200)
    return {
      stream,
      peer,
      client: new FrameSocket(stream as unknown as Socket, true, Buffer.alloc(0)),
      backend: new FrameSocket(peer, false, Buffer.alloc(0)),
      fields: fields as IncomingHttpHeaders,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    await this.backend.close()
    await this.edge.stop()
  }
}

export interface Asked {
  readonly stream: ClientHttp2Stream
  /** Undefined where the stream ended without one. */
  readonly answer: Promise<IncomingHttpHeaders | undefined>
  readonly peer: Socket
  /** The head that the backend got. */
  readonly head: string
}

export interface OpenWebSocket {
  readonly stream: ClientHttp2Stream
  readonly peer: Socket
  readonly client: FrameSocket
  readonly backend: FrameSocket
  readonly fields: IncomingHttpHeaders
}

function configuration(options: Http2ProxyOptions, port: number, backendPort: number): string {
  return `${options.main ?? ""} events { } http { ${options.http ?? ""}
    server { listen 127.0.0.1:${port} ${options.listen ?? ""}; http2 on; ${options.server ?? ""}
    location / { ${options.location ?? UPGRADE} proxy_pass http://127.0.0.1:${backendPort}; } } }`
}

export function connectStream(
  session: ClientHttp2Session,
  fields: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "http",
    ":path": "/chat?room=1",
    ":authority": "a.test",
    "sec-websocket-version": "13",
    ...fields,
  })
  stream.on("error", () => {})
  return stream
}

export function answerOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders | undefined> {
  return new Promise((resolve) => {
    stream.once("response", resolve)
    stream.once("close", () => resolve(undefined))
  })
}

/** A backend's 101 to the handshake in `head`. */
export function switching(head: string, more = ""): string {
  const key = /^Sec-WebSocket-Key: (\S+)\r$/m.exec(head)?.[1] ?? ""
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n${more}\r\n`
}

export function closed(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve(stream.rstCode)
    else stream.once("close", () => resolve(stream.rstCode))
  })
}

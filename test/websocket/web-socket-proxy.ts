/** Holdfast in front of one backend, and both ends of WebSockets through it in the test's own hands. */
import type { Socket } from "node:net"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { receiveHead } from "../faults/byte-streams.ts"
import { type ProxySetup, ProxyUnderTest, proxyConfig } from "../faults/proxy-under-test.ts"
import { type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { FrameSocket } from "./frame-socket.ts"

export interface WebSocketEnds {
  readonly client: FrameSocket
  readonly backend: FrameSocket
  /** The heads as backend and client got them. */
  readonly requestHead: string
  readonly responseHead: string
}

export interface OpenOptions {
  /** Fields of the request and of the answer, each with its CRLF. */
  readonly requestFields?: string
  readonly answerFields?: string
  readonly path?: string
}

export class WebSocketProxy {
  readonly proxy: ProxyUnderTest
  readonly backend: SocketBackend

  constructor(proxy: ProxyUnderTest, backend: SocketBackend) {
    this.proxy = proxy
    this.backend = backend
  }

  async open(options: OpenOptions = {}): Promise<WebSocketEnds> {
    const key = Buffer.from("sixteen-byte-key").toString("base64")
    const client = await this.proxy.connectSocket()
    client.write(
      `GET ${options.path ?? "/"} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${options.requestFields ?? ""}\r\n`,
    )
    const peer = await this.backend.next()
    const requestHead = await receiveHead(peer)
    peer.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n${options.answerFields ?? ""}\r\n`,
    )
    const responseHead = await receiveHead(client)
    return { client: ended(client, true), backend: ended(peer, false), requestHead, responseHead }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.edge.stop()
    await this.backend.close()
  }
}

function ended(socket: Socket, isClient: boolean): FrameSocket {
  return new FrameSocket(socket, isClient, Buffer.alloc(0))
}

/** `setup`: as for the proxies of the fault tests; `location` goes beside the lines that forward an upgrade. */
export async function startWebSocketProxy(
  setup: Omit<ProxySetup, "backendPort"> = {},
): Promise<WebSocketProxy> {
  const backend = await startSocketBackend()
  const [port, statusPort] = [await freePort(), await freePort()]
  const config = await proxyConfig({ ...setup, backendPort: backend.port }, port, statusPort)
  const edge = await startHoldfast(config)
  return new WebSocketProxy(new ProxyUnderTest(edge, port, statusPort, setup.isTls === true), backend)
}

/** Resolves when the proxy's process has ended. */
export async function processEnd(proxy: WebSocketProxy): Promise<void> {
  await proxy.proxy.edge.exit
}

/** Ends the test's side of both connections once the proxy has ended its own. */
export function endWithPeer(...sockets: readonly FrameSocket[]): void {
  for (const { socket } of sockets) socket.once("end", () => socket.end())
}

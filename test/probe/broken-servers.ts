/** Servers and things on the way that do one thing wrong, and the edges in front of them. */
import { createServer as createHttpServer } from "node:http"
import { connect, createServer, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"
import { Receiver, Sender } from "ws"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { startHaproxy } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"

/** What a server does after its 101, in place of what it should. */
export interface Behaviour {
  readonly open?: (socket: Socket, sender: Sender) => void
  /** In place of sending the message back. */
  readonly message?: (data: Buffer, sender: Sender, socket: Socket) => void
  /** In place of a pong. */
  readonly ping?: () => void
  /** In place of answering a Close and ending the connection. */
  readonly close?: (sender: Sender, socket: Socket) => void
}

/** An echo server with the behaviour; returns its port. */
export async function startServer(t: TestContext, behaviour: Behaviour): Promise<number> {
  const http = createHttpServer((_request, response) => response.writeHead(426).end())
  http.on("upgrade", (request, socket: Socket) => {
    socket.setNoDelay(true).on("error", () => {})
    const accept = acceptKey(request.headers["sec-websocket-key"] ?? "")
    const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
    converse(socket, behaviour)
  })
  return listen(t, http)
}

function converse(socket: Socket, behaviour: Behaviour): void {
  const sender = new Sender(socket)
  const receiver = new Receiver({ isServer: true })
  receiver
    .on("message", (data: Buffer, binary: boolean) => {
      if (behaviour.message !== undefined) behaviour.message(data, sender, socket)
      else sender.send(data, { binary, compress: false, fin: true, mask: false })
    })
    .on("ping", (data: Buffer) =>
      behaviour.ping === undefined ? sender.pong(data, false) : behaviour.ping(),
    )
    .on("conclude", (code: number) => {
      if (behaviour.close !== undefined) return behaviour.close(sender, socket)
      if (socket.writable) sender.close(code === 1005 ? undefined : code, "", false)
      socket.end()
    })
    .on("error", () => socket.destroy())
  socket.on("data", (chunk: Buffer) => {
    if (receiver.writable) receiver.write(chunk)
  })
  behaviour.open?.(socket, sender)
}

/** A plain text frame of a server. */
export function sendText(sender: Sender, text: string | Buffer): void {
  sender.send(Buffer.from(text), { binary: false, compress: false, fin: true, mask: false })
}

/** What something on the way makes of the bytes of one direction: what it passes on of a chunk now. */
export type Passing = (chunk: Buffer) => Buffer

/**
 * A hop of TCP in front of `port`, which passes on what `upward` (from the client) and `downward` let through; from the
 * server's second piece on, `delayMs` later.
 */
export async function startHop(
  t: TestContext,
  port: number,
  ways: { readonly upward?: () => Passing; readonly downward?: () => Passing; readonly delayMs?: number },
): Promise<number> {
  const server = createServer((client) => {
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true })
    client.setNoDelay(true)
    relay(client, upstream, ways.upward?.())
    relay(upstream, client, ways.downward?.(), ways.delayMs)
  })
  return listen(t, server)
}

function relay(from: Socket, to: Socket, pass: Passing = (chunk) => chunk, delayMs = 0): void {
  let waitMs = 0
  from.on("data", (chunk: Buffer) => {
    const passed = pass(chunk)
    const send = (): void => {
      if (passed.length > 0 && to.writable) to.write(passed)
    }
    if (waitMs === 0) send()
    else setTimeout(send, waitMs)
    waitMs = delayMs
  })
  // Behind all that is delayed.
  const end = (): void => void setTimeout(() => to.destroy(), waitMs)
  from.on("error", end).on("close", end)
}

/** Holds everything behind the first `free` bytes back until `size` bytes are there. */
export function holdingBack(free: number, size: number): () => Passing {
  return () => {
    let passed = 0
    let held: Buffer[] = []
    return (chunk) => {
      if (passed < free) {
        passed += chunk.length
        return chunk
      }
      held.push(chunk)
      const all = Buffer.concat(held)
      if (all.length < size) return Buffer.alloc(0)
      held = []
      return all
    }
  }
}

/** Loses what comes in one piece of more than `size` bytes, and all that is behind it: TCP would only wait. */
export function losing(size: number): () => Passing {
  return () => {
    let isLost = false
    return (chunk) => {
      isLost ||= chunk.length > size
      return isLost ? Buffer.alloc(0) : chunk
    }
  }
}

/** Listens on a free port until the test is over; returns the port. */
export async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => {}).on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const UPGRADE =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

/** nginx in front of `port`, with `more` in the location; returns the URL. */
export async function behindNginx(t: TestContext, port: number, more = ""): Promise<string> {
  const edge = await freePort()
  const nginx = await startNginx(`events {}
http { server { listen 127.0.0.1:${edge};
  location / { proxy_pass http://127.0.0.1:${port}; ${UPGRADE} ${more} } } }`)
  t.after(() => nginx.stop())
  return `ws://127.0.0.1:${edge}/`
}

/** Holdfast in front of `port`, as `behindNginx`. */
export async function behindHoldfast(t: TestContext, port: number, more = ""): Promise<string> {
  const edge = await freePort()
  const holdfast = await startHoldfast(`events {}
http { server { listen 127.0.0.1:${edge};
  location / { proxy_pass http://127.0.0.1:${port}; websocket on; ${more} } } }`)
  t.after(() => holdfast.stop())
  return `ws://127.0.0.1:${edge}/`
}

/** HAProxy in front of `port`, with `more` as lines of its frontend, and `tunnel` as its timeout tunnel. */
export async function behindHaproxy(t: TestContext, port: number, more = "", tunnel = "1h"): Promise<string> {
  const edge = await freePort()
  const haproxy = await startHaproxy(
    `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel ${tunnel}
frontend edge
  bind 127.0.0.1:${edge}
  ${more}
  default_backend sockets
backend sockets
  server one 127.0.0.1:${port}
`,
    edge,
  )
  t.after(() => haproxy.stop())
  return `ws://127.0.0.1:${edge}/`
}

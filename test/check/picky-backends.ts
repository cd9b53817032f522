/** Backends that do what some in the field do: refuse handshakes, or upgrade to HTTP/2. */
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2"
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net"
import { WebSocketServer } from "ws"
import type { OwnBackend } from "./proof.ts"

/** Echoes WebSockets whose handshake `accepts` takes, and answers others with `status`. */
export async function startPickyBackend(
  accepts: (request: IncomingMessage) => boolean,
  status: number,
): Promise<OwnBackend> {
  const server = createServer((_, response) => response.end("plain\n"))
  const webSockets = new WebSocketServer({
    server,
    verifyClient: ({ req }, done) => done(accepts(req), status),
  })
  webSockets.on("connection", (webSocket) => {
    webSocket.on("message", (data) => webSocket.send(data))
    webSocket.on("error", () => {})
  })
  const port = await listen(server)
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const client of webSockets.clients) client.terminate()
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  }
}

/** Takes `Upgrade: h2c` (RFC 7540 §3.2) and answers every HTTP/2 request with 200 and its path; plain ones with 400. */
export async function startH2cBackend(): Promise<OwnBackend> {
  const http2 = createHttp2Server((request, response) => response.end(`backend ${request.url}\n`))
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("data", (head: Buffer) => {
      if (!/^upgrade: h2c\r$/im.test(head.toString("latin1"))) {
        socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
      }
      socket.pause()
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
      http2.emit("connection", socket)
    })
  })
  const port = await listen(server)
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

/** Asks for h2c at `path`, and through the tunnel for `wanted`: what came of both. */
export async function askThroughH2c(port: number, path: string, wanted: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  await once(socket, "connect")
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
  )
  const head = await receiveHead(socket)
  const status = head.slice(9, 12)
  if (status !== "101") {
    socket.destroy()
    return `refused with ${status}`
  }
  const session = connectHttp2("http://a", { createConnection: () => socket })
  session.on("error", () => {})
  const stream = session.request({ ":path": wanted })
  let body = ""
  stream.setEncoding("utf8").on("data", (text: string) => {
    body += text
  })
  await once(stream, "end")
  session.destroy()
  return `tunnel: ${body.trim()}`
}

/** The head of an answer; what follows it stays in the socket. */
async function receiveHead(socket: Socket): Promise<string> {
  let text = ""
  while (!text.includes("\r\n\r\n")) {
    const byte: Buffer | null = socket.read(1)
    if (byte === null) await once(socket, "readable")
    else text += byte.toString("latin1")
  }
  return text
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

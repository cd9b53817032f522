import { createServer, type Server } from "node:http"
import { WebSocketServer } from "ws"
import { demoPage } from "./page.ts"

/** A server of the demo on a port of 127.0.0.1 that the system chose. Owns its listener and connections. */
export interface DemoBackend {
  /** `host:port`. */
  readonly address: string
  close(): Promise<void>
}

/** An application server: answers `/` with the demo's page, all else with 404; both say `name`. */
export async function startAppBackend(name: string): Promise<DemoBackend> {
  const server = createServer((request, response) => {
    const isPage = request.url === "/"
    response.writeHead(isPage ? 200 : 404, {
      "Content-Type": isPage ? "text/html; charset=utf-8" : "text/plain",
      "Cache-Control": "no-store",
      "X-Backend": name,
    })
    response.end(isPage ? demoPage(name) : `${name}: nothing at ${request.url}\n`)
  })
  return listen(server, () => {})
}

/** A WebSocket server: greets with its name, then says each message again, texts after its name. */
export async function startWebSocketBackend(name: string): Promise<DemoBackend> {
  const server = createServer((_request, response) => {
    response.writeHead(426, { "Content-Type": "text/plain", Upgrade: "websocket", "X-Backend": name })
    response.end(`${name}: this is a WebSocket server\n`)
  })
  const webSockets = new WebSocketServer({ server })
  webSockets.on("headers", (headers: string[]) => headers.push(`X-Backend: ${name}`))
  webSockets.on("connection", (webSocket) => {
    // A client that breaks off is no news to the demo.
    webSocket.on("error", () => {})
    webSocket.on("message", (data: Buffer, isBinary) => {
      webSocket.send(isBinary ? data : `${name}: ${data.toString("utf8")}`, { binary: isBinary })
    })
    webSocket.send(`${name}: hello`)
  })
  return listen(server, () => {
    for (const webSocket of webSockets.clients) webSocket.terminate()
    webSockets.close()
  })
}

function listen(server: Server, beforeClose: () => void): Promise<DemoBackend> {
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      beforeClose()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resolve({ address: `127.0.0.1:${port}`, close })
    })
  })
}

/** Applications made with `ws` that do not take every handshake. */
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { WebSocketServer } from "ws"
import type { Certificate } from "../support/certificates.ts"

/** undefined: the handshake is accepted; a number: answered with that status. */
export type Decide = (request: IncomingMessage) => number | "reset" | undefined

export interface ChoosyOptions {
  readonly decide?: Decide
  /** Speaks TLS. */
  readonly certificate?: Certificate
  /** The one subprotocol that it knows. */
  readonly subprotocol?: string
  /** A field more in every 101. */
  readonly field?: string
}

export interface ChoosyBackend {
  readonly port: number
  close(): Promise<void>
}

/** Echoes what it accepts; answers 404 to plain requests for other paths than /ws/. */
export async function startChoosyBackend(options: ChoosyOptions = {}): Promise<ChoosyBackend> {
  const { decide = () => undefined, certificate, subprotocol, field } = options
  const server: Server =
    certificate === undefined
      ? createServer()
      : createSecureServer({ cert: certificate.certificate, key: certificate.key })
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) =>
      subprotocol !== undefined && offered.has(subprotocol) ? subprotocol : false,
  })
  sockets.on("headers", (headers: string[]) => void (field === undefined ? 0 : headers.push(field)))
  server.on("request", (request, response) => {
    const isThere = request.url === "/ws/"
    response
      .writeHead(isThere ? 200 : 404, { "Content-Type": "text/plain" })
      .end(isThere ? "a page\n" : "Not here\n")
  })
  server.on("upgrade", (request, socket, head) => {
    const answer = decide(request)
    if (answer === "reset") return (socket as Socket).resetAndDestroy()
    if (answer !== undefined) return refuse(socket as Socket, answer)
    sockets.handleUpgrade(request, socket as Socket, head, (webSocket) => {
      webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }))
      // Broken connections are part of what is tested.
      webSocket.on("error", () => {})
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const client of sockets.clients) client.terminate()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, close }
}

function refuse(socket: Socket, status: number): void {
  const body = `${STATUS_CODES[status]}\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  )
}

/** What many frameworks do against other sites' pages: Origin's host must be that of Host. */
export function refuseOtherOrigins({ headers }: IncomingMessage): number | undefined {
  if (headers.origin === undefined) return undefined
  return URL.parse(headers.origin)?.host === headers.host ? undefined : 403
}

/** The application behind every configuration: it tells what it was asked, over HTTP and over WebSockets. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { type WebSocket, WebSocketServer } from "ws"

/** What a backend saw of a request: the JSON body of its answers, and the first message of its WebSockets. */
export interface Seen {
  readonly backend: string
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Where a backend listens. */
export type BackendAddress = { readonly port: number } | { readonly path: string }

export interface BackendOptions {
  /** Answers a request itself and returns true; false leaves it to the backend. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean
}

/**
 * Answers each request with `Seen` as JSON and `X-Backend`; `?status=NNN` chooses the status, `?type=` the
 * Content-Type, `?bytes=N` makes the body longer; /sse is an event stream of three events. A WebSocket gets `Seen` as
 * its first message, then its own messages back; the first subprotocol that is offered is taken.
 */
export class Backend {
  readonly name: string
  readonly #server: Server
  readonly #webSockets: WebSocketServer

  constructor(name: string, options: BackendOptions = {}) {
    this.name = name
    this.#server = createServer((request, response) => {
      if (options.answer?.(request, response) !== true) void this.#answer(request, response)
    })
    this.#webSockets = new WebSocketServer({ server: this.#server })
    this.#webSockets.on("connection", (webSocket, request) => this.#converse(webSocket, request))
  }

  listen(address: BackendAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen({ ...address, ...("port" in address && { host: "127.0.0.1" }) }, resolve)
    })
  }

  close(): Promise<void> {
    for (const client of this.#webSockets.clients) client.terminate()
    return new Promise((resolve) => {
      this.#webSockets.close()
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? "/", "http://backend").searchParams
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // The edge gave the request up.
    }
    response.setHeader("X-Backend", this.name)
    if (request.url?.startsWith("/sse") || request.url?.endsWith("/sse")) return sendEvents(response)
    const text = JSON.stringify(this.#seen(request, Buffer.concat(chunks)))
    response.statusCode = Number(query.get("status") ?? 200)
    response.setHeader("Content-Type", query.get("type") ?? "application/json")
    response.end(text.padEnd(Number(query.get("bytes") ?? 0)))
  }

  #converse(webSocket: WebSocket, request: IncomingMessage): void {
    webSocket.on("error", () => {})
    webSocket.send(JSON.stringify(this.#seen(request, Buffer.alloc(0))))
    webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }))
  }

  #seen(request: IncomingMessage, body: Buffer): Seen {
    const { method = "", url = "", httpVersion } = request
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    )
    return { backend: this.name, method, url, httpVersion, headers, body: body.toString("latin1") }
  }
}

function sendEvents(response: ServerResponse): void {
  response.setHeader("Content-Type", "text/event-stream")
  for (const event of ["one", "two", "three"]) response.write(`data: ${event}\n\n`)
  response.end()
}

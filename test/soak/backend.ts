/**
 * The backends of a soak, a program of its own: `backend.ts <ports> <bytes of a message>`. Each port is a `ws` server
 * that sends every message back and, while told to, pushes numbered messages of its own.
 */
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import { answerParent } from "./child.ts"
import { ECHOED, faultOf, Pacer, PUSHED, writeMessage } from "./messages.ts"

export type BackendCommand =
  | { readonly type: "listen" }
  | { readonly type: "push"; readonly perSecond: number }
  | { readonly type: "stop" }
  | { readonly type: "state" }

/** One connection as the backend saw it. */
export interface BackendTunnel {
  readonly id: number
  /** The number of the client's last message, all before it having come in order. */
  readonly received: number
  /** The number of its own last message. */
  readonly pushed: number
}

export interface BackendState {
  readonly tunnels: readonly BackendTunnel[]
  readonly faults: readonly string[]
  readonly open: number
}

const MAX_FAULTS = 20
/** The code with which clients end a tunnel, and nobody else does. */
const CLIENT_IS_DONE = 1000
const [portCount = 0, messageBytes = 0] = process.argv.slice(2).map(Number)

class Connection {
  readonly id: number
  readonly #webSocket: WebSocket
  received = 0
  pushed = 0

  constructor(id: number, webSocket: WebSocket) {
    this.id = id
    this.#webSocket = webSocket
    webSocket.on("message", (data: Buffer) => this.#receive(data))
    webSocket.on("close", (code) => {
      connections.splice(connections.indexOf(this), 1)
      if (code !== CLIENT_IS_DONE) fault(`tunnel ${id} ended at the backend with ${code}`)
    })
    webSocket.on("error", (error) => fault(`tunnel ${id} at the backend: ${error.message}`))
  }

  #receive(data: Buffer): void {
    this.received++
    const expected = { kind: ECHOED, tunnel: this.id, number: this.received, bytes: messageBytes }
    const why = faultOf(data, expected)
    if (why !== "") fault(`tunnel ${this.id}, client to backend: ${why}`)
    this.#webSocket.send(data)
  }

  push(): void {
    // Between its Close and its end it may not send.
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    const payload = Buffer.allocUnsafe(messageBytes)
    writeMessage(payload, PUSHED, this.id, ++this.pushed)
    this.#webSocket.send(payload)
  }
}

const all: Connection[] = []
const connections: Connection[] = []
const faults: string[] = []
const run = { pacer: null as Pacer | null }

function fault(text: string): void {
  if (faults.length < MAX_FAULTS) faults.push(text)
}

async function listen(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, backlog: 1024 })
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.on("headers", (headers: string[]) => headers.push(`X-Backend: ${port}`))
  server.on("connection", (webSocket, request) => {
    const connection = new Connection(Number(request.url?.slice("/ws/".length)), webSocket)
    all.push(connection)
    connections.push(connection)
  })
  return port
}

answerParent(async (command: BackendCommand) => {
  switch (command.type) {
    case "listen":
      return Promise.all(Array.from({ length: portCount }, listen))
    case "push":
      run.pacer = new Pacer(
        command.perSecond,
        () => connections.length,
        (index) => connections[index]?.push(),
      )
      return undefined
    case "stop":
      return run.pacer?.stop()
    case "state": {
      const tunnels = all.map(({ id, received, pushed }) => ({ id, received, pushed }))
      return { tunnels, faults, open: connections.length } satisfies BackendState
    }
  }
})

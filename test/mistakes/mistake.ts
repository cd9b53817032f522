import { once } from "node:events"
import { WebSocket } from "ws"
import { startEdgeUnderTest } from "../guide/guide.ts"
import type { Edge } from "../support/edge.ts"
import { freePort } from "../support/ports.ts"

/** The guide's three directives without which no upgrade goes through, but for the version. */
export const UPGRADE_HEADERS = `proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";
proxy_set_header Host $host;`

/** A configuration with a mistake in it, running; it listens on 127.0.0.1. Owns the edge. */
export class Mistake {
  readonly edge: Edge
  readonly port: number

  constructor(edge: Edge, port: number) {
    this.edge = edge
    this.port = port
  }

  /** Opens a WebSocket; rejects with the client's words when the handshake fails. */
  async connect(path = "/ws/", headers: Record<string, string> = {}): Promise<WebSocket> {
    const webSocket = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, { headers })
    await new Promise<void>((resolve, reject) => {
      webSocket.once("open", () => resolve())
      webSocket.once("error", reject)
    })
    return webSocket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge.stop()
  }
}

/** Runs one server: `server` is what stands in its block after "listen", `http` what stands beside it. */
export async function startMistake(server: string, http = ""): Promise<Mistake> {
  const port = await freePort()
  const config = `events {}\nhttp {\n${http}\nserver {\nlisten 127.0.0.1:${port};\n${server}\n}\n}\n`
  return new Mistake(await startEdgeUnderTest(config), port)
}

/** Sends a text and waits for the answer. */
export async function ask(webSocket: WebSocket, text: string): Promise<string> {
  const answer = once(webSocket, "message")
  webSocket.send(text)
  return String((await answer)[0])
}

/** Closes with 1000 and waits for the other side. */
export async function hangUp(webSocket: WebSocket): Promise<void> {
  const closed = once(webSocket, "close")
  webSocket.close(1000)
  await closed
}

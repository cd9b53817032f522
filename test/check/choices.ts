/** Which backends clients meet: what the proofs of rules about balancing look at. */
import { connect } from "node:net"
import { WebSocket } from "ws"

/** Opens `count` WebSockets one after the other, and says which backends answered: "a b a b". */
export async function backendsMet(port: number, count: number): Promise<string> {
  const names: string[] = []
  for (let i = 0; i < count; i++) names.push(await askName(port))
  return names.join(" ")
}

function askName(port: number): Promise<string> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/ws/`)
  return new Promise((resolve, reject) => {
    webSocket.on("open", () => webSocket.send("whoami"))
    webSocket.on("message", (data) => {
      webSocket.close()
      webSocket.once("close", () => resolve(data.toString()))
    })
    webSocket.on("error", reject)
  })
}

export interface Handshake {
  /** What goes out before the request: a PROXY protocol header. */
  readonly preface?: string
  /** More lines of the request's head. */
  readonly fields?: string
  readonly localAddress?: string
}

/** Shakes hands once for each, one after the other, and says which backends answered, each once: "a" or "a b". */
export async function backendsOf(port: number, handshakes: readonly Handshake[]): Promise<string> {
  const names = new Set<string>()
  for (const handshake of handshakes) names.add(await shakeHands(port, handshake))
  return [...names].sort().join(" ")
}

function shakeHands(port: number, { preface = "", fields = "", localAddress }: Handshake): Promise<string> {
  const options = { port, host: "127.0.0.1", ...(localAddress === undefined ? {} : { localAddress }) }
  const socket = connect(options, () =>
    socket.write(
      `${preface}GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${fields}\r\n`,
    ),
  )
  return new Promise((resolve, reject) => {
    let head = ""
    socket.on("error", reject)
    socket.on("close", () => reject(new Error(`no whole answer: ${head}`)))
    socket.on("data", (chunk: Buffer) => {
      head += chunk.toString("latin1")
      if (!head.includes("\r\n\r\n")) return
      resolve(/^X-Backend: (\w+)/im.exec(head)?.[1] ?? head)
      socket.destroy()
    })
  })
}

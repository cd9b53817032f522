import { connector, fail, obey, readOptions } from "./protocol.ts"

// Load by handshakes: "run <milliseconds>" opens WebSockets, `connections` at a time, leaves each as soon as
// its 101 is there, and prints how many there were.

export interface HandshakeLoadOptions {
  readonly port: number
  readonly tls: boolean
  readonly connections: number
}

const HANDSHAKE =
  "GET /ws/32 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
// What a client sends that closes properly: 1000, masked by zeros.
const CLOSE = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])

const options = readOptions<HandshakeLoadOptions>()
const connections = connector(options.port, options.tls, () => undefined)
const state = { running: false, opened: 0, busy: 0, finish: (): void => {} }

function open(): void {
  let head = ""
  let isOpen = false
  const socket = connections.open(
    () => socket.write(HANDSHAKE),
    (chunk) => {
      if (isOpen) return
      head += chunk.toString("latin1")
      if (!head.includes("\r\n\r\n")) return
      if (!head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${head.split("\r\n")[0]}`)
      isOpen = true
      state.opened++
      socket.end(CLOSE)
      goOn()
    },
  )
  socket.on("error", (error) => {
    if (!isOpen) fail(error)
  })
  socket.on("close", () => {
    if (!isOpen) fail("closed before the 101")
  })
}

function goOn(): void {
  if (state.running) {
    open()
    return
  }
  state.busy--
  if (state.busy === 0) state.finish()
}

function run(durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    state.opened = 0
    state.running = true
    state.busy = options.connections
    state.finish = () => resolve(state.opened)
    setTimeout(() => {
      state.running = false
    }, durationMs)
    for (let index = 0; index < options.connections; index++) open()
  })
}

console.log("open")
obey(async ([, duration]) => await run(Number(duration)))

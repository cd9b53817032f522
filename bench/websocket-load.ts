import { connect, type Socket } from "node:net"
import { buildClientFrame, serverFrameBytes } from "./frames.ts"

// The load generator for tunnels, a program of its own: `websocket-load.ts <port> <tunnels> <bytes> <kind>`.
// It opens the tunnels, prints "open", and then obeys lines on standard input: "run <milliseconds>" sends one
// message on each tunnel, and the next as soon as the answer is whole; it prints how many answers came.

const [port = 0, tunnels = 0, messageBytes = 0] = process.argv.slice(2).map(Number)
// Without a key it is no handshake of RFC 6455: the proxy relays bytes.
const key = process.argv[5] === "bytes" ? "" : "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
const frame = buildClientFrame(messageBytes)
const answerBytes = serverFrameBytes(messageBytes)
const handshake =
  `GET /ws/${messageBytes} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Version: 13\r\n${key}\r\n`

const sockets: Socket[] = []
const run = { running: false, answers: 0, inFlight: 0, finish: (): void => {} }

function send(socket: Socket): void {
  run.inFlight++
  socket.write(frame)
}

function fail(why: string): void {
  console.error(`websocket-load: ${why}`)
  process.exit(1)
}

/** Opens one tunnel; calls `opened` at its 101. From then on only bytes are counted. */
function open(opened: () => void): void {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  let received = 0
  const count = (chunk: Buffer): void => {
    received += chunk.length
    while (received >= answerBytes) {
      received -= answerBytes
      run.answers++
      run.inFlight--
      if (run.running) send(socket)
      else if (run.inFlight === 0) run.finish()
    }
  }
  let head = ""
  const readHead = (chunk: Buffer): void => {
    head += chunk.toString("latin1")
    if (!head.includes("\r\n\r\n")) return
    if (!head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${head.split("\r\n")[0]}`)
    socket.off("data", readHead)
    socket.on("data", count)
    sockets.push(socket)
    opened()
  }
  socket.on("data", readHead)
  socket.on("error", (error) => fail(error.message))
  socket.on("close", () => fail("a tunnel was closed"))
  socket.write(handshake)
}

/** Runs for `durationMs` and until the last answers are there; gives how many answers came in all. */
function measure(durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    run.answers = 0
    run.running = true
    run.finish = () => resolve(run.answers)
    setTimeout(() => {
      run.running = false
    }, durationMs)
    for (const socket of sockets) send(socket)
  })
}

for (let index = 0; index < tunnels; index++) await new Promise<void>((resolve) => open(resolve))
console.log("open")
process.stdin.setEncoding("latin1").on("data", async (line: string) => {
  const [command, duration] = line.trim().split(" ")
  if (command === "run") console.log(await measure(Number(duration)))
})
process.stdin.on("end", () => process.exit(0))

import { createServer, type Socket } from "node:net"
import { buildServerFrame, clientFrameBytes } from "./frames.ts"

// The backend of all measurements, a program of its own, as lean as Node can be: a fixed answer to every
// request, and after an upgrade of /ws/<bytes> one message of <bytes> for each one that came. It prints its port.

const ANSWER = Buffer.from(
  "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n",
  "latin1",
)
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

/** Answers plain requests; all that a request without a body consists of is its head. */
function serve(socket: Socket): void {
  let rest = ""
  const read = (chunk: Buffer): void => {
    rest += chunk.toString("latin1")
    for (;;) {
      const end = rest.indexOf("\r\n\r\n")
      if (end < 0) return
      const head = rest.slice(0, end)
      rest = rest.slice(end + 4)
      if (!/^upgrade: *websocket/im.test(head)) {
        socket.write(ANSWER)
        continue
      }
      socket.off("data", read)
      const messageBytes = Number(/^GET \/ws\/(\d+)/.exec(head)?.[1] ?? 0)
      relay(socket, messageBytes, rest.length)
      return
    }
  }
  socket.on("data", read)
}

/** Answers each whole frame by one frame of the same payload length. Only lengths are looked at. */
function relay(socket: Socket, messageBytes: number, alreadyRead: number): void {
  const answer = buildServerFrame(messageBytes)
  const frameBytes = clientFrameBytes(messageBytes)
  let received = alreadyRead
  const advance = (): void => {
    for (; received >= frameBytes; received -= frameBytes) socket.write(answer)
  }
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length
    advance()
  })
  socket.write(SWITCHING)
  advance()
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {})
  serve(socket)
})
server.listen(0, "127.0.0.1", 1024, () => {
  const address = server.address()
  if (typeof address === "object" && address !== null) console.log(address.port)
})
// The parent is gone when its end of this pipe is.
process.stdin.resume().on("end", () => process.exit(0))

import { createHash } from "node:crypto"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { buildServerFrame, clientFrameBytes } from "./frames.ts"
import { fail, loopbackAddress, obey, readOptions } from "./protocol.ts"

// The backend of all measurements, a program of its own, as lean as Node can be:
//   GET /           13 bytes                 GET /64k   64 KiB
//   POST /upload    13 bytes, once the body of Content-Length bytes is there
//   GET /ws/<n>     upgrade; for each message of n bytes that came, one of n bytes
//   GET /push/<n>   upgrade; gets a message of n bytes whenever "push" says so
// It listens on one port, at the first `addresses` loopback addresses, prints the port, and obeys "push <milliseconds> <interval>": at each interval one message to each tunnel
// that has taken the one before; the answer is how many were sent.

const RFC6455_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
const CLOSE_OPCODE = 0x88
const CLOSE_FRAME = Buffer.from([CLOSE_OPCODE, 2, 0x03, 0xe8])
const SMALL = answer(Buffer.from("Hello, world\n"))
const LARGE = answer(Buffer.alloc(65536, 0x61))
const MAX_KNOWN_HEADS = 4096
const BACKLOG = 4096

/** What is to be done for a head, found once for all that read the same. */
interface Action {
  readonly kind: "answer" | "echo" | "push"
  readonly answer: Buffer
  readonly bodyBytes: number
  readonly messageBytes: number
}

const knownHeads = new Map<string, Action>()
const receivers = new Set<Socket>()

function answer(body: Buffer): Buffer {
  const head = `HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), body])
}

function actionFor(head: string): Action {
  const known = knownHeads.get(head)
  if (known !== undefined) return known
  const action = readHead(head)
  if (knownHeads.size < MAX_KNOWN_HEADS) knownHeads.set(head, action)
  return action
}

function readHead(head: string): Action {
  const path = /^[A-Z]+ (\S+)/.exec(head)?.[1] ?? "/"
  const messageBytes = Number(/^\/(?:ws|push)\/(\d+)/.exec(path)?.[1] ?? 0)
  if (/^upgrade: *websocket/im.test(head)) {
    const kind = path.startsWith("/push/") ? "push" : "echo"
    return { kind, answer: switching(head), bodyBytes: 0, messageBytes }
  }
  const bodyBytes = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
  return { kind: "answer", answer: path === "/64k" ? LARGE : SMALL, bodyBytes, messageBytes }
}

/** The 101 for a handshake; without a key it is none of RFC 6455, and there is nothing to accept. */
function switching(head: string): Buffer {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1]
  const accept =
    key === undefined
      ? ""
      : `Sec-WebSocket-Accept: ${createHash("sha1")
          .update(key + RFC6455_GUID, "latin1")
          .digest("base64")}\r\n`
  const text = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${accept}\r\n`
  return Buffer.from(text, "latin1")
}

function serve(socket: Socket): void {
  let rest = ""
  let bodyBytes = 0
  let whenWhole = SMALL
  const read = (chunk: Buffer): void => {
    let at = 0
    if (bodyBytes > 0) {
      at = Math.min(bodyBytes, chunk.length)
      bodyBytes -= at
      if (bodyBytes > 0) return
      socket.write(whenWhole)
      if (at === chunk.length) return
    }
    rest += chunk.toString("latin1", at)
    for (let end = rest.indexOf("\r\n\r\n"); end >= 0; end = rest.indexOf("\r\n\r\n")) {
      const action = actionFor(rest.slice(0, end))
      rest = rest.slice(end + 4)
      if (action.kind !== "answer") {
        socket.off("data", read)
        relay(socket, action, rest.length)
        return
      }
      const taken = Math.min(action.bodyBytes, rest.length)
      bodyBytes = action.bodyBytes - taken
      whenWhole = action.answer
      rest = rest.slice(taken)
      if (bodyBytes === 0) socket.write(action.answer)
    }
  }
  socket.on("data", read)
}

/** Answers each whole frame by one frame of the same payload length. Only lengths are looked at. */
function relay(socket: Socket, { kind, answer: head, messageBytes }: Action, alreadyRead: number): void {
  socket.write(head)
  if (kind === "push") {
    receivers.add(socket)
    socket.once("close", () => receivers.delete(socket))
  }
  const message = buildServerFrame(messageBytes)
  const frameBytes = clientFrameBytes(messageBytes)
  let received = alreadyRead
  const advance = (): void => {
    for (; received >= frameBytes; received -= frameBytes) socket.write(message)
  }
  socket.on("data", (chunk: Buffer) => {
    if (received === 0 && chunk[0] === CLOSE_OPCODE) {
      socket.end(CLOSE_FRAME)
      return
    }
    received += chunk.length
    advance()
  })
  advance()
}

function push(durationMs: number, intervalMs: number, messageBytes: number): Promise<number> {
  const message = buildServerFrame(messageBytes)
  const until = performance.now() + durationMs
  let sent = 0
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (performance.now() >= until) {
        clearInterval(timer)
        resolve(sent)
        return
      }
      for (const socket of receivers) {
        if (socket.writableLength > 0) continue
        socket.write(message)
        sent++
      }
    }, intervalMs)
  })
}

/** Listens; gives the port, which is a free one where `port` is 0. */
function listen(address: string, port: number): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy())
    serve(socket)
  })
  server.on("error", fail)
  return new Promise((resolve) => {
    server.listen(port, address, BACKLOG, () => resolve((server.address() as AddressInfo).port))
  })
}

const { addresses = 1 } = readOptions<{ addresses?: number }>()
const port = await listen(loopbackAddress(0), 0)
for (let index = 1; index < addresses; index++) await listen(loopbackAddress(index), port)
console.log(port)
// The parent is gone when its end of this pipe is.
obey(async ([, duration, interval, bytes]) => await push(Number(duration), Number(interval), Number(bytes)))

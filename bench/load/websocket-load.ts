import type { Socket } from "node:net"
import { buildClientFrame, serverFrameBytes } from "./frames.ts"
import { connector, fail, obey, readOptions } from "./protocol.ts"

// Load on tunnels. It prints "open" once `tunnels` of them are, and obeys:
//   run <milliseconds>  a message on each tunnel, or on `inFlight` of them; as soon as an answer is whole the next
//                       on the tunnel that has been quiet the longest; prints the answers
//   count               prints how many messages have come in all, since the start
//   add <n>             opens n more, and exchanges one message on each; prints how many there are

export interface WebSocketLoadOptions {
  readonly port: number
  readonly tls: boolean
  readonly tunnels: number
  readonly messageBytes: number
  /** Messages that are on their way at any time, each on another tunnel: all that there are, if not less. */
  readonly inFlight?: number
  /** `bytes`: the handshake is none of RFC 6455, so that no frames are looked for. `push`: the backend speaks. */
  readonly kind: "websocket" | "bytes" | "push"
}

const OPEN_AT_ONCE = 32
const options = readOptions<WebSocketLoadOptions>()
const { messageBytes, kind } = options
const frame = buildClientFrame(messageBytes)
const answerBytes = serverFrameBytes(messageBytes)
const key = kind === "bytes" ? "" : "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
const handshake =
  `GET /${kind === "push" ? "push" : "ws"}/${messageBytes} HTTP/1.1\r\nHost: localhost\r\n` +
  `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n${key}\r\n`

const connections = connector(options.port, options.tls, () => undefined)
const sockets: Socket[] = []
/** The tunnels that are quiet while others are busy: a ring, `longestQuiet` where the next one is taken from. */
let quiet: Socket[] = []
let longestQuiet = 0
const state = { running: false, answers: 0, inFlight: 0, finish: (): void => {} }

function send(socket: Socket): void {
  state.inFlight++
  socket.write(frame)
}

/** Opens one tunnel; calls `opened` at its 101. From then on only bytes are counted. */
function open(opened: () => void): void {
  let head = ""
  let isOpen = false
  let received = 0
  const socket = connections.open(
    () => socket.write(handshake),
    (chunk) => {
      if (isOpen) received += chunk.length
      else {
        head += chunk.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end < 0) return
        if (!head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${head.split("\r\n")[0]}`)
        isOpen = true
        received = head.length - end - 4
        sockets.push(socket)
        opened()
      }
      for (; received >= answerBytes; received -= answerBytes) countAnswer(socket)
    },
  )
  socket.on("error", fail)
  socket.on("close", () => fail("a tunnel was closed"))
}

function countAnswer(socket: Socket): void {
  state.answers++
  if (kind === "push") return
  state.inFlight--
  if (state.running) send(relieve(socket))
  else if (state.inFlight === 0) state.finish()
}

/** The tunnel that has been quiet the longest, in whose place this one becomes quiet. */
function relieve(socket: Socket): Socket {
  if (quiet.length === 0) return socket
  const next = quiet[longestQuiet]
  quiet[longestQuiet] = socket
  longestQuiet = (longestQuiet + 1) % quiet.length
  return next
}

/** Opens `count` tunnels, some at once. */
async function openMany(count: number): Promise<void> {
  let left = count
  const openInTurn = async (): Promise<void> => {
    while (left > 0) {
      left--
      await new Promise<void>((resolve) => open(resolve))
    }
  }
  await Promise.all(Array.from({ length: OPEN_AT_ONCE }, openInTurn))
}

/** Runs for `durationMs` and until the last answers are there; gives how many answers came in all. */
function measure(durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    state.answers = 0
    state.running = true
    state.finish = () => resolve(state.answers)
    setTimeout(() => {
      state.running = false
    }, durationMs)
    const busy = Math.min(options.inFlight ?? sockets.length, sockets.length)
    quiet = sockets.slice(busy)
    longestQuiet = 0
    for (const socket of sockets.slice(0, busy)) send(socket)
  })
}

/** One message there and back on each of the tunnels from `first` on. */
function exchangeOnce(first: number): Promise<void> {
  return new Promise((resolve) => {
    state.running = false
    state.finish = resolve
    for (const socket of sockets.slice(first)) send(socket)
  })
}

await openMany(options.tunnels)
console.log("open")
obey(async ([command, argument]) => {
  if (command === "run") return await measure(Number(argument))
  if (command === "count") return state.answers
  const first = sockets.length
  await openMany(Number(argument))
  await exchangeOnce(first)
  return sockets.length
})

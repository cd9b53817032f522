import type { Socket } from "node:net"
import { buildClientFrame, serverFrameBytes } from "./frames.ts"
import { connector, fail, obey, readOptions } from "./protocol.ts"
import { ResponseReader } from "./response-reader.ts"

// Load at a fixed rate, whatever the answers do (open loop): "run <milliseconds> <per second>" prints as JSON the
// latencies in microseconds. What falls due while all connections are busy waits here, and its time runs: a
// peer that stops for a while pays for all that came due meanwhile.

export interface LatencyLoadOptions {
  readonly port: number
  readonly tls: boolean
  readonly connections: number
  readonly kind: "get" | "message"
}

/** What a run gives. Microseconds. */
export interface Latencies {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** How late this program itself was with what fell due, 99 of 100: not in the figures above. */
  readonly lateP99: number
}

const TICK_MS = 1
const DRAIN_MS = 5000
const MESSAGE_BYTES = 32
const GET = Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "latin1")
const HANDSHAKE =
  `GET /ws/${MESSAGE_BYTES} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

const options = readOptions<LatencyLoadOptions>()
const connections = connector(options.port, options.tls, () => undefined)
const frame = buildClientFrame(MESSAGE_BYTES)
const answerBytes = serverFrameBytes(MESSAGE_BYTES)
const lanes: Lane[] = []
const free: Lane[] = []
/** When what waits for a free connection fell due. */
const waiting: number[] = []
let latencies: number[] = []

/** One connection, with the times at which what is in flight on it fell due. */
interface Lane {
  readonly socket: Socket
  readonly due: number[]
}

function finish(lane: Lane, count: number): void {
  const now = performance.now()
  for (let i = 0; i < count; i++) {
    const due = lane.due.shift()
    if (due !== undefined) latencies.push((now - due) * 1000)
  }
  if (options.kind === "message") return
  const due = waiting.shift()
  if (due === undefined) free.push(lane)
  else send(lane, due)
}

function send(lane: Lane, due: number): void {
  lane.due.push(due)
  lane.socket.write(options.kind === "get" ? GET : frame)
}

function openLane(ready: () => void): void {
  const reader = new ResponseReader()
  const isMessage = options.kind === "message"
  let head = ""
  let isOpen = !isMessage
  let received = 0
  const socket = connections.open(
    () => {
      if (isMessage) socket.write(HANDSHAKE)
      else ready()
    },
    (chunk) => {
      if (!isMessage) {
        const answers = reader.read(chunk)
        if (answers > 0) finish(lane, answers)
        return
      }
      if (!isOpen) {
        head += chunk.toString("latin1")
        if (!head.endsWith("\r\n\r\n")) return
        if (!head.startsWith("HTTP/1.1 101 ")) fail(`no 101 but ${head.split("\r\n")[0]}`)
        isOpen = true
        ready()
        return
      }
      received += chunk.length
      const answers = Math.floor(received / answerBytes)
      received -= answers * answerBytes
      if (answers > 0) finish(lane, answers)
    },
  )
  const lane: Lane = { socket, due: [] }
  lanes.push(lane)
  if (!isMessage) free.push(lane)
  socket.on("error", fail)
  socket.on("close", () => fail("a connection was closed"))
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

async function run(durationMs: number, perSecond: number): Promise<string> {
  latencies = []
  const late: number[] = []
  const start = performance.now()
  let sent = 0
  let turn = 0
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const now = performance.now()
      if (now - start >= durationMs) {
        resolve()
        return
      }
      const target = Math.floor(((now - start) * perSecond) / 1000)
      for (; sent < target; sent++) {
        late.push((now - start - ((sent + 1) * 1000) / perSecond) * 1000)
        const lane = options.kind === "message" ? lanes[turn++ % lanes.length] : free.pop()
        if (lane === undefined) waiting.push(now)
        else send(lane, now)
      }
      setTimeout(tick, TICK_MS)
    }
    tick()
  })
  const deadline = performance.now() + DRAIN_MS
  while (latencies.length < sent && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5))
  if (latencies.length < sent) fail(`${sent - latencies.length} of ${sent} answers did not come`)
  latencies.sort((a, b) => a - b)
  late.sort((a, b) => a - b)
  const result: Latencies = {
    count: sent,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    max: latencies.at(-1) ?? 0,
    lateP99: percentile(late, 0.99),
  }
  return JSON.stringify(result)
}

for (let index = 0; index < options.connections; index++)
  await new Promise<void>((resolve) => openLane(resolve))
console.log("open")
obey(async ([, duration, perSecond]) => await run(Number(duration), Number(perSecond)))

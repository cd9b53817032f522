/**
 * The clients of a soak, a program of its own: `client.ts <port> <bytes of a message> <ca file, or "" for plain>`.
 * Holds all tunnels as bare sockets with their own frames, since thousands of library objects would cost more than
 * the proxy that is looked at.
 */
import { readFileSync } from "node:fs"
import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls"
import { answerParent } from "./child.ts"
import { BINARY, buildFrame, CLOSE, closeCodeOf, closePayload, FrameParser, PING, PONG } from "./frames.ts"
import { ECHOED, faultOf, kindOf, Pacer, PUSHED, writeMessage } from "./messages.ts"

export type ClientCommand =
  | { readonly type: "open"; readonly count: number }
  /** Opens one, and ends the oldest of those beyond the first `keep`: the number of tunnels stays. */
  | { readonly type: "replace"; readonly keep: number }
  | { readonly type: "send"; readonly perSecond: number }
  | { readonly type: "stop" }
  | { readonly type: "state" }
  /** Round trips are measured anew. */
  | { readonly type: "forget" }
  /** Ends all tunnels as RFC 6455 §7 wants it; the answer comes when all connections are gone. */
  | { readonly type: "close" }

/** What a handshake told. */
export interface Opened {
  readonly id: number
  /** SHA-256 of the server's certificate; "" over plain TCP. */
  readonly fingerprint: string
  /** The port of the backend, as its own header says. */
  readonly backend: number
}

/** One tunnel as its client saw it. */
export interface ClientTunnel {
  readonly id: number
  readonly sent: number
  /** The number of the last message that came back, all before it having come in order. */
  readonly echoed: number
  /** The number of the last message that the backend pushed. */
  readonly pushed: number
}

export interface ClientState {
  readonly tunnels: readonly ClientTunnel[]
  readonly faults: readonly string[]
  readonly open: number
  /** From a message's sending to its echo, milliseconds. */
  readonly roundTrip: { readonly median: number; readonly p99: number; readonly max: number }
}

const MAX_FAULTS = 20
const OPENING_AT_ONCE = 32
const CLOSE_DEADLINE_MS = 15_000
/** So many round trips are kept, the latest. */
const SAMPLES = 100_000

const [portText = "", bytesText = "", caFile = ""] = process.argv.slice(2)
const port = Number(portText)
const messageBytes = Number(bytesText)
const secureContext = caFile === "" ? null : createSecureContext({ ca: readFileSync(caFile) })

const tunnels: Tunnel[] = []
/** Those that are connected, and those of them that go on sending. */
const open: Tunnel[] = []
const sending: Tunnel[] = []
const faults: string[] = []
const trips = { samples: new Float64Array(SAMPLES), count: 0 }
const run = { pacer: null as Pacer | null, onAllClosed: () => {} }

function fault(text: string): void {
  if (faults.length < MAX_FAULTS) faults.push(text)
}

class Tunnel {
  readonly id: number
  readonly #socket: Socket
  readonly #payload = Buffer.allocUnsafe(messageBytes)
  readonly #parser = new FrameParser(false, (opcode, payload, isFinal) =>
    this.#take(opcode, payload, isFinal),
  )
  #sentAt = 0
  #isClosing = false
  #gotClose = false
  sent = 0
  echoed = 0
  pushed = 0

  constructor(id: number, socket: Socket) {
    this.id = id
    this.#socket = socket
    socket.on("data", (chunk: Buffer) => this.receive(chunk))
    socket.on("error", (error) => fault(`tunnel ${id} at the client: ${error.message}`))
    socket.on("close", () => this.#onClose())
  }

  receive(chunk: Buffer): void {
    try {
      this.#parser.push(chunk)
    } catch (error) {
      fault(`tunnel ${this.id} at the client: ${(error as Error).message}`)
      this.#socket.destroy()
    }
  }

  #take(opcode: number, payload: Buffer, isFinal: boolean): void {
    if (opcode === PING) return void this.#socket.write(buildFrame(PONG, payload, { mask: this.id }))
    if (opcode === CLOSE) {
      this.#gotClose = true
      if (!this.#isClosing) fault(`tunnel ${this.id} got Close ${closeCodeOf(payload)}`)
      return
    }
    if (opcode !== BINARY || !isFinal) return fault(`tunnel ${this.id}: a frame with opcode ${opcode}`)
    const isPush = kindOf(payload) === PUSHED
    const number = isPush ? ++this.pushed : ++this.echoed
    const kind = isPush ? PUSHED : ECHOED
    const why = faultOf(payload, { kind, tunnel: this.id, number, bytes: messageBytes })
    if (why !== "") fault(`tunnel ${this.id}, backend to client: ${why}`)
    if (!isPush && number === this.sent) {
      trips.samples[trips.count % SAMPLES] = performance.now() - this.#sentAt
      trips.count++
    }
  }

  send(): void {
    writeMessage(this.#payload, ECHOED, this.id, ++this.sent)
    this.#sentAt = performance.now()
    this.#socket.write(buildFrame(BINARY, this.#payload, { mask: this.sent * 0x9e3779b1 }))
  }

  close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    // No message may follow its Close.
    sending.splice(sending.indexOf(this), 1)
    this.#socket.write(buildFrame(CLOSE, closePayload(1000), { mask: this.id }))
  }

  #onClose(): void {
    open.splice(open.indexOf(this), 1)
    if (!this.#isClosing) sending.splice(sending.indexOf(this), 1)
    if (!this.#isClosing) fault(`tunnel ${this.id} was closed`)
    else if (!this.#gotClose) fault(`tunnel ${this.id} ended without the answer to its Close`)
    if (open.length === 0) run.onAllClosed()
  }
}

function connect(): Socket {
  const tcp = connectTcp({ port, host: "127.0.0.1", noDelay: true })
  if (secureContext === null) return tcp
  return connectTls({ socket: tcp, secureContext, servername: "soak.test" })
}

function openTunnel(id: number): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const socket = connect()
    let head = ""
    const fail = (error?: Error): void =>
      reject(error ?? new Error(`tunnel ${id} was closed as it was opened`))
    const read = (chunk: Buffer): void => {
      head += chunk.toString("latin1")
      const end = head.indexOf("\r\n\r\n")
      if (end === -1) return
      if (!head.startsWith("HTTP/1.1 101 ")) return fail(new Error(`no 101 but ${head.split("\r\n")[0]}`))
      socket.off("data", read).off("error", fail).off("close", fail)
      const tunnel = new Tunnel(id, socket)
      tunnels.push(tunnel)
      open.push(tunnel)
      sending.push(tunnel)
      if (head.length > end + 4) tunnel.receive(Buffer.from(head.slice(end + 4), "latin1"))
      const fingerprint = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : ""
      resolve({ id, fingerprint, backend: Number(/\r\nX-Backend: (\d+)/i.exec(head)?.[1] ?? 0) })
    }
    socket.on("data", read).once("error", fail).once("close", fail)
    socket.write(
      `GET /ws/${id} HTTP/1.1\r\nHost: soak.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
  })
}

async function openMany(count: number): Promise<Opened[]> {
  const opened: Opened[] = []
  const first = tunnels.length + 1
  let next = first
  const work = async (): Promise<void> => {
    while (next < first + count) opened.push(await openTunnel(next++))
  }
  await Promise.all(Array.from({ length: Math.min(count, OPENING_AT_ONCE) }, work))
  return opened
}

async function replace(keep: number): Promise<Opened> {
  const opened = await openTunnel(tunnels.length + 1)
  sending.find((tunnel) => tunnel.id > keep)?.close()
  return opened
}

function closeAll(): Promise<number> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => resolve(open.length), CLOSE_DEADLINE_MS)
    run.onAllClosed = () => {
      clearTimeout(deadline)
      resolve(0)
    }
    if (open.length === 0) run.onAllClosed()
    for (const tunnel of [...open]) tunnel.close()
  })
}

function roundTrip(): ClientState["roundTrip"] {
  const sorted = trips.samples.slice(0, Math.min(trips.count, SAMPLES)).sort()
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { median: at(0.5), p99: at(0.99), max: at(1) }
}

answerParent((command: ClientCommand) => {
  switch (command.type) {
    case "open":
      return openMany(command.count)
    case "replace":
      return replace(command.keep)
    case "forget":
      trips.count = 0
      return undefined
    case "send":
      run.pacer = new Pacer(
        command.perSecond,
        () => sending.length,
        (index) => sending[index]?.send(),
      )
      return undefined
    case "stop":
      return run.pacer?.stop()
    case "close":
      return closeAll()
    case "state": {
      const all = tunnels.map(({ id, sent, echoed, pushed }) => ({ id, sent, echoed, pushed }))
      return { tunnels: all, faults, open: open.length, roundTrip: roundTrip() } satisfies ClientState
    }
  }
})

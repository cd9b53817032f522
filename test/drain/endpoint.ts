/** The two ends of a tunnel, both in the hands of the test, both strict about every frame. */
import type { Socket } from "node:net"
import {
  BINARY,
  buildFrame,
  CLOSE,
  CONTINUATION,
  closeCodeOf,
  FrameParser,
  PING,
  PONG,
} from "../soak/frames.ts"

const FRAGMENT_BYTES = 64 * 1024
const FRAGMENTS = 16
const MASK = 0x5a31c07e
/** A fragment leaves in two parts, this far apart, so that a goodbye often finds it half sent. */
const HALF_PAUSE_MS = 20
const FRAGMENT_PAUSE_MS = 40

/** What one end of a tunnel saw of the end. */
export interface Farewell {
  /** The code of the Close frame that came; 0 where none came. */
  readonly code: number
  /** When it came, milliseconds of `performance.now()`. */
  readonly atMs: number
  /** Whether it came between two fragments of a message. */
  readonly isInMessage: boolean
  /** How many messages of 1 MiB had come whole. */
  readonly largeMessages: number
  /** What was not as RFC 6455 §7 wants it; "" for a clean end. */
  readonly fault: string
}

/** The bytes that a role sends: made once, as masking costs. */
export interface Frames {
  readonly small: Buffer
  /** The fragments of a message of 1 MiB. */
  readonly fragments: readonly Buffer[]
}

const PAYLOAD = Buffer.alloc(FRAGMENT_BYTES, "0123456789abcdefghijklmnopqrstuvwxyz")

export function makeFrames(isClient: boolean): Frames {
  const mask = isClient ? { mask: MASK } : {}
  return {
    small: buildFrame(BINARY, PAYLOAD.subarray(0, 36), mask),
    fragments: Array.from({ length: FRAGMENTS }, (_unused, at) =>
      buildFrame(at === 0 ? BINARY : CONTINUATION, PAYLOAD, { ...mask, isFragment: at < FRAGMENTS - 1 }),
    ),
  }
}

/** One end of a tunnel after its 101. It answers a Close as RFC 6455 §5.5.1 wants it. Owns the socket. */
export class Endpoint {
  readonly #socket: Socket
  readonly #isClient: boolean
  readonly #frames: Frames
  readonly #parser: FrameParser
  readonly #resolve: (farewell: Farewell) => void
  /** Resolves when the first frame with data has come. */
  readonly firstData: Promise<void>
  readonly #onData: () => void
  /** Resolves when the connection is gone. */
  readonly farewell: Promise<Farewell>
  #code = 0
  #atMs = 0
  #fault = ""
  #gotFin = false
  #isMidFrame = false
  #streaming: NodeJS.Timeout | undefined = undefined
  #nextFragment = 0
  #largeMessages = 0

  constructor(socket: Socket, isClient: boolean, frames: Frames) {
    this.#socket = socket
    this.#isClient = isClient
    this.#frames = frames
    this.#parser = new FrameParser(!isClient, (opcode, payload, isFinal) =>
      this.#take(opcode, payload, isFinal),
    )
    const { promise, resolve } = Promise.withResolvers<Farewell>()
    const first = Promise.withResolvers<void>()
    this.firstData = first.promise
    this.#onData = first.resolve
    this.farewell = promise
    this.#resolve = resolve
    socket.on("data", (chunk: Buffer) => this.receive(chunk))
    socket.on("end", () => this.#onEnd())
    socket.on("error", (error: NodeJS.ErrnoException) => this.#blame(error.code ?? error.message))
    socket.on("close", () => this.#onClose())
  }

  get isOpen(): boolean {
    return this.#code === 0 && !this.#socket.destroyed
  }

  receive(chunk: Buffer): void {
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#blame((error as Error).message)
      this.#socket.destroy()
    }
  }

  sendSmall(): void {
    if (this.isOpen && this.#streaming === undefined) this.#socket.write(this.#frames.small)
  }

  /** Sends messages of 1 MiB in fragments from now on, each fragment in two parts. */
  stream(): void {
    const frame = this.#frames.fragments[this.#nextFragment++ % FRAGMENTS] as Buffer
    const half = frame.length >> 1
    this.#socket.write(frame.subarray(0, half))
    this.#isMidFrame = true
    this.#streaming = setTimeout(() => {
      this.#isMidFrame = false
      this.#socket.write(frame.subarray(half))
      if (this.#code !== 0) return this.#answerClose()
      this.#streaming = setTimeout(() => this.stream(), FRAGMENT_PAUSE_MS)
    }, HALF_PAUSE_MS)
  }

  #take(opcode: number, payload: Buffer, isFinal: boolean): void {
    const mask = this.#isClient ? { mask: MASK } : {}
    if (opcode === PING) {
      if (!this.#isMidFrame) this.#socket.write(buildFrame(PONG, payload, mask))
    } else if (opcode === CLOSE) {
      this.#code = closeCodeOf(payload)
      this.#atMs = performance.now()
      if (!this.#isMidFrame) this.#answerClose()
    } else if (opcode !== PONG) {
      if (!payload.equals(PAYLOAD.subarray(0, payload.length))) this.#blame("a payload was altered")
      if (opcode === CONTINUATION && isFinal) this.#largeMessages++
      this.#onData()
    }
  }

  /** Within a frame of our own the answer waits for its end; a message in fragments may stay unfinished. */
  #answerClose(): void {
    clearTimeout(this.#streaming)
    const code = Buffer.alloc(2)
    code.writeUInt16BE(this.#code)
    this.#socket.write(buildFrame(CLOSE, code, this.#isClient ? { mask: MASK } : {}))
    // RFC 6455 §7.1.1: the server's side closes first.
    if (!this.#isClient) this.#socket.end()
  }

  #onEnd(): void {
    clearTimeout(this.#streaming)
    this.#gotFin = true
    if (this.#code === 0) this.#blame("FIN without a Close frame")
    if (this.#parser.pendingBytes > 0) this.#blame("FIN within a frame")
    this.#socket.end()
  }

  #onClose(): void {
    clearTimeout(this.#streaming)
    if (!this.#gotFin) this.#blame("no FIN")
    this.#onData()
    this.#resolve({
      code: this.#code,
      atMs: this.#atMs,
      isInMessage: this.#parser.isInMessage,
      largeMessages: this.#largeMessages,
      fault: this.#fault,
    })
  }

  #blame(fault: string): void {
    this.#fault = this.#fault === "" ? fault : `${this.#fault}, ${fault}`
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** One end of a WebSocket that says and hears random things, and remembers both. */
import { createHash } from "node:crypto"
import type { Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import {
  BINARY,
  CLOSE,
  closePayload,
  type Frame,
  type FrameSocket,
  type FrameToSend,
  frameBytes,
  PING,
  PONG,
  TEXT,
} from "./frame-socket.ts"

/** A stream of numbers in [0, 1) that a seed decides: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** What a ping of the proxy's own carries: the ends themselves never send so many bytes in a control frame. */
const PROXY_PING_BYTES = 8
const LENGTHS = [0, 1, 2, 124, 125, 126, 127, 1000, 4096, 65_535, 65_536, 150_000]
const NOISE = Buffer.from(Array.from({ length: 150_000 }, (_unused, at) => (at * 167 + (at >> 8)) & 0xff))

export class RandomEnd {
  /** One word for each frame but the Close. */
  readonly sent: string[] = []
  readonly received: string[] = []
  /** Codes of the Closes that came and went; frames that came behind a Close. */
  readonly closesReceived: number[] = []
  closeSent = 0
  framesBehindClose = 0
  /** Pings of the proxy's own, and its pongs that should not have come here. */
  proxyPings = 0
  leakedPongs = 0
  /** Connection and all ended; how, is in `end.ending`. */
  readonly over: Promise<void>
  readonly end: FrameSocket
  readonly #isClient: boolean
  readonly #random: () => number
  #isMessageOpen = false
  #mustStop = false
  #isClosing = false
  #wake: (() => void) | null = null
  /** The other end's Close has come, or its FIN. */
  readonly #farewell: Promise<void>
  #onFarewell = (): void => {}
  #pongs: Buffer[] = []

  constructor(end: FrameSocket, isClient: boolean, seed: number) {
    this.end = end
    this.#isClient = isClient
    this.#random = randomFrom(seed)
    const { socket } = end
    socket.once("close", () => this.#stop())
    this.#farewell = new Promise((resolve) => {
      this.#onFarewell = resolve
    })
    this.over = Promise.all([this.#live(), this.#dawdle()]).then(() => {})
  }

  /** Says its own goodbye at the end of the frame at hand. */
  close(): void {
    this.#stop()
  }

  #stop(): void {
    this.#mustStop = true
    this.#wake?.()
  }

  /** A server ends TCP when both have said Close, a client after it. RFC 6455 §7.1.1. */
  async #live(): Promise<void> {
    const heard = this.#hear()
    await this.#speak()
    await (this.#isClient ? heard : this.#farewell)
    this.end.socket.end()
    await heard
  }

  // --- what it hears

  async #hear(): Promise<void> {
    for (let frame = await this.end.next(); frame !== undefined; frame = await this.end.next())
      this.#take(frame)
    this.#stop()
    this.#onFarewell()
  }

  #take(frame: Frame): void {
    const { opcode, payload } = frame
    if (this.closesReceived.length > 0) this.framesBehindClose++
    if (opcode === CLOSE) {
      this.closesReceived.push(payload.length < 2 ? 1005 : payload.readUInt16BE())
      this.#onFarewell()
      return this.#stop()
    }
    if (opcode === PING && payload.length === PROXY_PING_BYTES) {
      this.proxyPings++
      this.#pongs.push(payload)
      return
    }
    if (opcode === PONG && payload.length === PROXY_PING_BYTES) this.leakedPongs++
    else this.received.push(wordOf(frame.opcode, frame.isFinal, frame.rsv, payload))
  }

  /** Stops reading for a moment, now and then. */
  async #dawdle(): Promise<void> {
    const { socket } = this.end
    while (!socket.destroyed && this.end.ending === "") {
      await this.#rest(this.#random() * 100)
      if (this.#random() > 0.3 || this.#isClosing) continue
      socket.pause()
      await this.#rest(this.#random() * 120)
      socket.resume()
    }
  }

  /** Up to `ms`, less where it must stop. */
  async #rest(ms: number): Promise<void> {
    await pause(this.#mustStop ? Math.min(ms, 5) : ms)
  }

  // --- what it says

  async #speak(): Promise<void> {
    while (!this.#mustStop) {
      await this.#write(this.#someFrames())
      if (this.#random() < 0.5) await this.#idle(this.#random() * 250)
    }
    this.#isClosing = true
    if (this.end.socket.destroyed || this.end.socket.writableEnded) return
    this.closeSent = this.closesReceived[0] ?? (this.#isClient ? 4001 : 4002)
    await this.#write(this.#bytes({ opcode: CLOSE, payload: closePayload(this.closeSent) }))
  }

  async #idle(ms: number): Promise<void> {
    if (this.#mustStop) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = null
  }

  /** In random pieces, some of them a while after the one before. */
  async #write(bytes: Buffer): Promise<void> {
    const { socket } = this.end
    for (let at = 0; at < bytes.length; ) {
      const length = this.#random() < 0.5 ? bytes.length - at : 1 + Math.floor(this.#random() * 3000)
      const canTakeMore = socket.write(bytes.subarray(at, at + length))
      at += length
      if (socket.destroyed) return
      if (!canTakeMore) await drained(socket)
      else if (this.#random() < 0.2) await this.#rest(this.#random() * 30)
    }
  }

  #someFrames(): Buffer {
    const pieces: Buffer[] = []
    for (const payload of this.#pongs.splice(0)) pieces.push(this.#bytes({ opcode: PONG, payload }))
    const count = 1 + Math.floor(this.#random() * 6)
    for (let at = 0; at < count; at++) pieces.push(this.#one())
    return Buffer.concat(pieces)
  }

  #one(): Buffer {
    if (this.#random() < 0.25) {
      const length = Math.floor(this.#random() * 126)
      const payload = this.#payload(length === PROXY_PING_BYTES ? 7 : length)
      return this.#remembered({ opcode: this.#random() < 0.5 ? PING : PONG, payload })
    }
    const isFirst = !this.#isMessageOpen
    const isFinal = this.#random() < 0.6
    this.#isMessageOpen = !isFinal
    const at = Math.floor(this.#random() ** 3 * LENGTHS.length)
    return this.#remembered({
      opcode: isFirst ? (this.#random() < 0.5 ? TEXT : BINARY) : 0,
      isFinal,
      rsv: isFirst && this.#random() < 0.5 ? 0x40 : 0,
      payload: this.#payload(LENGTHS[at] as number),
    })
  }

  #payload(length: number): Buffer {
    const from = Math.floor(this.#random() * (NOISE.length - length))
    return NOISE.subarray(from, from + length)
  }

  #remembered(frame: FrameToSend & { readonly payload: Buffer }): Buffer {
    this.sent.push(wordOf(frame.opcode, frame.isFinal !== false, frame.rsv ?? 0, frame.payload))
    return this.#bytes(frame)
  }

  #bytes(frame: FrameToSend): Buffer {
    return frameBytes(frame, this.#isClient)
  }
}

/** Resolves when `socket` takes more again, or nothing any more. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done)
      socket.off("close", done)
      resolve()
    }
    socket.on("drain", done)
    socket.on("close", done)
  })
}

/** All that makes a frame, in a word. */
function wordOf(opcode: number, isFinal: boolean, rsv: number, payload: Buffer): string {
  return `${opcode}${isFinal ? "F" : "-"}${rsv} ${payload.length} ${createHash("sha1").update(payload).digest("hex")}`
}

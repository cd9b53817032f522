/** One end of a WebSocket at the level of frames: what a test sends and sees is exactly what is on the wire. */
import type { Socket } from "node:net"

export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

export interface Frame {
  readonly opcode: number
  readonly isFinal: boolean
  readonly isMasked: boolean
  /** RSV1, RSV2 and RSV3 as they stand in the first byte. */
  readonly rsv: number
  /** Unmasked. */
  readonly payload: Buffer
}

export interface FrameToSend {
  readonly opcode: number
  readonly payload?: Buffer | string
  readonly isFinal?: boolean
  readonly rsv?: number
}

/** The bytes of a frame, with the shortest form of its length; clients mask. RFC 6455 §5.2. */
export function frameBytes(frame: FrameToSend, isMasked: boolean): Buffer {
  const payload = Buffer.from(frame.payload ?? "")
  const length = payload.length
  const form = length < 126 ? length : length < 65_536 ? 126 : 127
  const head = [
    (frame.isFinal === false ? 0 : 0x80) | (frame.rsv ?? 0) | frame.opcode,
    (isMasked ? 0x80 : 0) | form,
  ]
  const more = Buffer.alloc(form === 126 ? 2 : form === 127 ? 8 : 0)
  if (form === 126) more.writeUInt16BE(length)
  if (form === 127) more.writeBigUInt64BE(BigInt(length))
  if (!isMasked) return Buffer.concat([Buffer.from(head), more, payload])
  const key = Buffer.from([0x11, 0x22, 0x33, 0x44])
  const masked = payload.map((byte, at) => byte ^ (key[at & 3] as number))
  return Buffer.concat([Buffer.from(head), more, key, masked])
}

export function closePayload(code: number): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return payload
}

/** A socket past its handshake. Frames are handed out one by one, in their order. */
export class FrameSocket {
  readonly socket: Socket
  /** Whether what it sends is masked: a client's end. */
  readonly #isClient: boolean
  #bytes: Buffer
  #frames: Frame[] = []
  #waiting: ((frame: Frame | undefined) => void)[] = []
  #hasEnded = false
  /** What ended the connection: "end" (FIN), an error's code, or "" while it is open. */
  ending = ""

  constructor(socket: Socket, isClient: boolean, early: Buffer) {
    this.socket = socket
    this.#isClient = isClient
    this.#bytes = early
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#take()
    })
    socket.on("end", () => this.#end("end"))
    socket.on("error", (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message))
    socket.on("close", () => this.#end("closed"))
    this.#take()
    socket.resume()
  }

  send(frame: FrameToSend): void {
    this.socket.write(frameBytes(frame, this.#isClient))
  }

  sendClose(code: number): void {
    this.send({ opcode: CLOSE, payload: closePayload(code) })
  }

  /** The next frame; undefined when the connection ended before one. */
  next(): Promise<Frame | undefined> {
    const frame = this.#frames.shift()
    if (frame !== undefined || this.#hasEnded) return Promise.resolve(frame)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The next frame, which must be a Close: its code. */
  async nextCloseCode(): Promise<number> {
    const frame = await this.next()
    if (frame?.opcode !== CLOSE) throw new Error(`not a Close: ${JSON.stringify(frame)} (${this.ending})`)
    return frame.payload.length === 0 ? 1005 : frame.payload.readUInt16BE()
  }

  async nextText(): Promise<string> {
    const frame = await this.next()
    if (frame?.opcode !== TEXT) throw new Error(`not a text: ${JSON.stringify(frame)} (${this.ending})`)
    return frame.payload.toString()
  }

  /** Resolves when no frame is left and the connection has ended, with what ended it. Frames are an error. */
  async ended(): Promise<string> {
    const frame = await this.next()
    if (frame !== undefined) throw new Error(`one more frame: ${JSON.stringify(frame)}`)
    return this.ending
  }

  /** Bytes of a frame that never became whole. */
  get partialBytes(): number {
    return this.#bytes.length
  }

  #end(how: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.ending = how
    for (const waiting of this.#waiting.splice(0)) waiting(undefined)
  }

  #take(): void {
    for (;;) {
      const frame = this.#parse()
      if (frame === undefined) return
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#frames.push(frame)
      else waiting(frame)
    }
  }

  #parse(): Frame | undefined {
    const bytes = this.#bytes
    if (bytes.length < 2) return undefined
    const [first, second] = bytes as unknown as [number, number]
    const isMasked = (second & 0x80) !== 0
    const form = second & 0x7f
    const lengthEnd = form === 126 ? 4 : form === 127 ? 10 : 2
    const start = lengthEnd + (isMasked ? 4 : 0)
    if (bytes.length < start) return undefined
    const length =
      form === 126 ? bytes.readUInt16BE(2) : form === 127 ? Number(bytes.readBigUInt64BE(2)) : form
    if (bytes.length < start + length) return undefined
    const key = bytes.subarray(lengthEnd, start)
    const raw = bytes.subarray(start, start + length)
    const payload = isMasked
      ? Buffer.from(raw.map((byte, at) => byte ^ (key[at & 3] as number)))
      : Buffer.from(raw)
    this.#bytes = bytes.subarray(start + length)
    return { opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, rsv: first & 0x70, isMasked, payload }
  }
}

/** HTTP/2 at the level of frames: what a test sends is exactly what is on the wire. RFC 9113 §4, RFC 7541. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

export const DATA = 0x0
export const HEADERS = 0x1
export const PRIORITY = 0x2
export const RST_STREAM = 0x3
export const SETTINGS = 0x4
export const PING = 0x6
export const GOAWAY = 0x7
export const WINDOW_UPDATE = 0x8
export const CONTINUATION = 0x9

export const ACK = 0x1
export const END_STREAM = 0x1
export const END_HEADERS = 0x4

export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

const FRAME_HEADER_BYTES = 9

export interface Http2Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ""): Buffer {
  const bytes = Buffer.from(payload as string, "latin1")
  const head = Buffer.alloc(FRAME_HEADER_BYTES)
  head.writeUIntBE(bytes.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

/** A field as a literal that is never indexed, without Huffman's code. RFC 7541 §6.2.3. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x10]), text(name), text(value)])
}

/** As `literal`, but put into the dynamic table. RFC 7541 §6.2.1. */
export function indexed(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1")
  return Buffer.concat([integer(bytes.length, 7), bytes])
}

/** RFC 7541 §5.1, with a prefix of `bits`. */
function integer(value: number, bits: number): Buffer {
  const most = 2 ** bits - 1
  if (value < most) return Buffer.from([value])
  const bytes = [most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

export function fields(list: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(list).map(([name, value]) => literal(name, value)))
}

export const GET = fields({ ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "a.test" })

export function resetFrame(stream: number, code: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame(RST_STREAM, 0, stream, payload)
}

/** A plain connection of which each frame is handed out once, in order. */
export class FrameClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  #bytes: Buffer = Buffer.alloc(0)
  #frames: Http2Frame[] = []
  #waiting: (() => void) | null = null
  #isClosed = false

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" })
    this.socket.on("error", () => {})
    this.socket.on("data", (chunk: Buffer) => this.#take(chunk))
    this.closed = new Promise((resolve) => {
      this.socket.once("close", () => {
        this.#isClosed = true
        this.#waiting?.()
        resolve()
      })
    })
  }

  /** Past the preface; `settings`: its payload. */
  static async open(port: number, settings: Buffer | string = ""): Promise<FrameClient> {
    const client = new FrameClient(port)
    await once(client.socket, "connect")
    client.send(Buffer.from(PREFACE, "latin1"), frame(SETTINGS, 0, 0, settings))
    await client.until(SETTINGS)
    client.send(frame(SETTINGS, ACK, 0))
    return client
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames))
  }

  /** The next frame of `type`; those before it are dropped. Undefined when the connection is closed first. */
  async until(type: number, stream?: number): Promise<Http2Frame | undefined> {
    for (;;) {
      const next = await this.next()
      if (next === undefined || (next.type === type && (stream === undefined || next.stream === stream)))
        return next
    }
  }

  async next(): Promise<Http2Frame | undefined> {
    while (this.#frames.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    return this.#frames.shift()
  }

  /** The code of the GOAWAY, or undefined where the connection ends without one. */
  async goawayCode(): Promise<number | undefined> {
    return (await this.until(GOAWAY))?.payload.readUInt32BE(4)
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    let at = 0
    while (this.#bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = this.#bytes.readUIntBE(at, 3)
      const end = at + FRAME_HEADER_BYTES + length
      if (this.#bytes.length < end) break
      this.#frames.push({
        type: this.#bytes[at + 3] as number,
        flags: this.#bytes[at + 4] as number,
        stream: this.#bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: this.#bytes.subarray(at + FRAME_HEADER_BYTES, end),
      })
      at = end
    }
    this.#bytes = this.#bytes.subarray(at)
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.()
  }
}

/** RFC 6455 §5.2: frames as bytes. The parser is strict, so that whatever is not a whole, valid frame is found. */

export const CONTINUATION = 0x0
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

const FIN = 0x80
const MASKED = 0x80
const MASK_BYTES = 4
const MAX_CONTROL_BYTES = 125

export interface FrameOptions {
  /** Masked with this key, as clients do; unmasked where it is left out. */
  readonly mask?: number
  /** More frames of the same message follow. */
  readonly isFragment?: boolean
}

/** Builds one whole frame; `payload` is copied. */
export function buildFrame(opcode: number, payload: Uint8Array, options: FrameOptions = {}): Buffer {
  const { mask, isFragment = false } = options
  const length = payload.length
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8
  const start = 2 + lengthBytes + (mask === undefined ? 0 : MASK_BYTES)
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = (isFragment ? 0 : FIN) | opcode
  const maskBit = mask === undefined ? 0 : MASKED
  frame[1] = maskBit | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2)
  else if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(payload, start)
  if (mask !== undefined) {
    frame.writeInt32BE(mask | 0, start - MASK_BYTES)
    applyMask(frame, start, frame.length, start - MASK_BYTES)
  }
  return frame
}

/** The payload of a Close frame. RFC 6455 §5.5.1. */
export function closePayload(code: number): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return payload
}

/** The code of a Close frame; 1005 where it has none. RFC 6455 §7.4.1. */
export function closeCodeOf(payload: Buffer): number {
  return payload.length < 2 ? 1005 : payload.readUInt16BE(0)
}

function applyMask(bytes: Buffer, from: number, to: number, keyAt: number): void {
  for (let i = from; i < to; i++)
    bytes[i] = (bytes[i] as number) ^ (bytes[keyAt + ((i - from) & 3)] as number)
}

/** Takes each whole frame; `payload` is unmasked and valid during the call alone. */
export type FrameTaker = (opcode: number, payload: Buffer, isFinal: boolean) => void

/** Parses the frames of one direction. Throws an Error at the first byte that RFC 6455 forbids. */
export class FrameParser {
  readonly #isMasked: boolean
  readonly #take: FrameTaker
  #rest: Buffer[] = []
  #restBytes = 0
  /** Bytes that must be there before it is worth to look again. */
  #wanted = 2
  #inMessage = false
  #closed = false

  /** `isMasked`: frames come from a client. */
  constructor(isMasked: boolean, take: FrameTaker) {
    this.#isMasked = isMasked
    this.#take = take
  }

  /** Bytes of a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#restBytes
  }

  /** Between two fragments of a message. */
  get isInMessage(): boolean {
    return this.#inMessage
  }

  push(chunk: Buffer): void {
    this.#rest.push(chunk)
    this.#restBytes += chunk.length
    if (this.#restBytes < this.#wanted) return
    const bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest, this.#restBytes)
    let at = 0
    for (;;) {
      const taken = this.#parse(bytes, at)
      if (taken === 0) break
      at += taken
    }
    this.#restBytes = bytes.length - at
    this.#rest = this.#restBytes === 0 ? [] : [bytes.subarray(at)]
  }

  /** The length of the frame at `at`, which was taken; 0 when it is not whole yet. */
  #parse(bytes: Buffer, at: number): number {
    const available = bytes.length - at
    this.#wanted = 2
    if (available < 2) return 0
    const first = bytes[at] as number
    const second = bytes[at + 1] as number
    const short = second & 0x7f
    this.#check(first, second, short)
    const header = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (this.#isMasked ? MASK_BYTES : 0)
    this.#wanted = header
    if (available < header) return 0
    const length = readLength(bytes, at + 2, short)
    this.#wanted = header + length
    if (available < header + length) return 0
    this.#wanted = 2
    let payload = bytes.subarray(at + header, at + header + length)
    if (this.#isMasked) {
      // A copy: the bytes may belong to somebody else.
      const whole = Buffer.from(bytes.subarray(at + header - MASK_BYTES, at + header + length))
      applyMask(whole, MASK_BYTES, whole.length, 0)
      payload = whole.subarray(MASK_BYTES)
    }
    const opcode = first & 0x0f
    if (opcode < CLOSE) this.#inMessage = (first & FIN) === 0
    if (opcode === CLOSE) this.#closed = true
    this.#take(opcode, payload, (first & FIN) !== 0)
    return header + length
  }

  #check(first: number, second: number, short: number): void {
    const opcode = first & 0x0f
    if (this.#closed) throw new Error("bytes after a Close frame")
    if ((first & 0x70) !== 0) throw new Error(`reserved bits in byte ${first}`)
    if (((second & MASKED) !== 0) !== this.#isMasked) throw new Error("a mask where none belongs, or none")
    if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) throw new Error(`opcode ${opcode}`)
    if (opcode >= CLOSE) {
      if ((first & FIN) === 0) throw new Error("a control frame in fragments")
      if (short > MAX_CONTROL_BYTES) throw new Error("a long control frame")
    } else if ((opcode === CONTINUATION) !== this.#inMessage) {
      throw new Error(`opcode ${opcode} ${this.#inMessage ? "within" : "outside of"} a message`)
    }
  }
}

function readLength(bytes: Buffer, at: number, short: number): number {
  const length =
    short === 126 ? bytes.readUInt16BE(at) : short === 127 ? Number(bytes.readBigUInt64BE(at)) : short
  if ((short === 126 && length < 126) || (short === 127 && length < 65536))
    throw new Error(`length ${length} in too many bytes`)
  return length
}

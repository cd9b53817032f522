/**
 * Follows one direction of a relayed WebSocket (RFC 6455 §5): where frames begin and end, which of them are control
 * frames, and what breaks the protocol. Payload of data frames is neither copied nor unmasked nor looked at; the
 * bytes are relayed by the caller as they came.
 */
import {
  isSendableCloseCode,
  MAX_CONTROL_PAYLOAD_BYTES,
  NO_STATUS,
  OPCODE_BINARY,
  OPCODE_CLOSE,
  OPCODE_CONTINUATION,
  OPCODE_PONG,
} from "./frames.ts"

/** The end of the chunk is reached. */
export const ALL_READ = 0
/** A control frame is complete. */
export const CONTROL = 1
/** A boundary of the kind that `wantsBoundary` names is reached: the scanner stands before the next frame. */
export const BOUNDARY = 2
/** The protocol is broken: `fault` says how. Nothing is read from here on. */
export const VIOLATION = 3

export const NO_BOUNDARY = 0
/** Where a control frame may be put in: between two frames. */
export const FRAME_BOUNDARY = 1
/** Where a data frame may be put in: between two frames, and no message is under way. */
export const MESSAGE_BOUNDARY = 2

export const RSV_NONE = 0
/** The bit that permessage-deflate sets on the first frame of a compressed message. RFC 7692 §6. */
export const RSV1 = 0x40
/** An extension that is not known: any reserved bit anywhere, and reserved opcodes. */
export const RSV_ANY = 0xff

const FIN = 0x80
const RSV_BITS = 0x70
const OPCODE_BITS = 0x0f
const CONTROL_BIT = 0x08
const MASK_BIT = 0x80
const LENGTH_BITS = 0x7f
const LENGTH_16 = 126
const LENGTH_64 = 127
const MASK_KEY_BYTES = 4
const MIN_HEADER_BYTES = 2

/** The most bytes that are held back: a masked control frame, until it is complete or refused. */
export const MAX_RETAINED_BYTES = MIN_HEADER_BYTES + MASK_KEY_BYTES + MAX_CONTROL_PAYLOAD_BYTES
/** Stands for a number of bytes. */
const REFUSED = 0

/** Stands for buffers that most scanners never need. */
const NO_BYTES = Buffer.alloc(0)

export interface FrameScannerOptions {
  /** Frames must be masked: those of a client. Else they must not be: those of a server. RFC 6455 §5.1. */
  readonly isMasked: boolean
  /** The reserved bits that the first frame of a message may have: RSV_NONE, RSV1 or RSV_ANY. */
  readonly rsv: number
}

/**
 * An incomplete header and an incomplete control frame are held back, so that what has passed ends inside the
 * payload of a data frame or on a frame boundary, never inside a header. So a violation, which shows in a header or
 * in a control frame, is always found on a boundary, and a control frame can be taken out.
 *
 * After each `execute` two things may pass, in this order:
 * - `held`, where `heldLength > 0`: what began in an earlier chunk and is now known: the header of a data frame, or a
 *   whole control frame. A buffer of its own, the caller's to keep. This comes from a chunk's first call only.
 * - `chunk[passFrom, passEnd)`.
 *
 * ```ts
 * let next = scanner.execute(chunk, 0)
 * if (scanner.event === ALL_READ && scanner.heldLength === 0 &&
 *     scanner.passFrom === 0 && scanner.passEnd === chunk.length)
 *   return write(chunk) // the usual case
 * for (;;) {
 *   const isFrameHeld = scanner.event === CONTROL && scanner.frameStart < 0
 *   if (scanner.heldLength > 0 && !isFrameHeld) write(scanner.held)
 *   write(chunk.subarray(scanner.passFrom, scanner.passEnd))
 *   if (scanner.event === ALL_READ) return
 *   if (scanner.event === VIOLATION) return fail(scanner.fault)
 *   if (scanner.event === BOUNDARY) write(ours)
 *   else if (isToPass(scanner)) write(isFrameHeld ? scanner.held : chunk.subarray(scanner.frameStart, next))
 *   next = scanner.execute(chunk, next)
 * }
 * ```
 */
export class FrameScanner {
  readonly #maskBit: number
  readonly #maskKeyBytes: number
  readonly #rsv: number
  /** The header of a data frame has passed, and its payload has not yet passed whole. */
  #isInFrame = false
  /** Bytes of that payload that are still to come. */
  #left = 0
  /** That frame is the last of its message. */
  #isFinal = false
  /** A message has begun, and its last frame has not. */
  #isFragmented = false
  /** Holds what is held back; made when it is first needed. */
  #store: Buffer = NO_BYTES

  /** Why `execute` came back: ALL_READ, CONTROL, BOUNDARY or VIOLATION. */
  event = ALL_READ
  /** The caller's wish to be stopped at a boundary; it is NO_BOUNDARY again once BOUNDARY was reported. */
  wantsBoundary = NO_BOUNDARY
  /** The part of the chunk that may pass. */
  passFrom = 0
  passEnd = 0
  /** What may pass before it; `heldLength` is its length. */
  held: Buffer = NO_BYTES
  heldLength = 0
  /** How many bytes of an incomplete header or control frame are held back; at most MAX_RETAINED_BYTES. */
  retainedLength = 0

  /** After CONTROL: where the frame begins in the chunk; it ends at the offset returned. -1: it is `held`, whole. */
  frameStart = -1
  /** After CONTROL: OPCODE_PING, OPCODE_PONG or OPCODE_CLOSE, or with RSV_ANY a reserved one. */
  opcode = 0
  /** After CONTROL: the first `payloadLength` bytes are the payload, unmasked. Valid until the next `execute`. */
  payload: Buffer = NO_BYTES
  payloadLength = 0
  /** After CONTROL with OPCODE_CLOSE: its code; NO_STATUS where it had none. */
  closeCode = NO_STATUS

  /** After VIOLATION: what is wrong, in plain words. */
  fault = ""
  /** How many data messages are complete. */
  messages = 0
  /** A Close frame has come. What follows passes and is not looked at (RFC 6455 §1.4). */
  isClosed = false

  constructor(options: FrameScannerOptions) {
    this.#maskBit = options.isMasked ? MASK_BIT : 0
    this.#maskKeyBytes = options.isMasked ? MASK_KEY_BYTES : 0
    this.#rsv = options.rsv
  }

  /**
   * Nothing of an incomplete frame has passed: a control frame of ours may be put in, once all that may pass is
   * written. Never after a Close.
   */
  get isAtBoundary(): boolean {
    return !this.#isInFrame && !this.isClosed
  }

  /** A message is under way: inside one of its frames, or between two of them. */
  get isInMessage(): boolean {
    return this.#isInFrame || this.#isFragmented
  }

  /**
   * Reads `chunk` from `offset` on and returns the offset after what was read: `chunk.length` on ALL_READ, where
   * `chunk[passEnd, chunk.length)` is held back (a copy of it: the chunk is not kept); the end of the frame on
   * CONTROL; `passEnd` on BOUNDARY. To be called again with that offset until the event is ALL_READ or VIOLATION:
   * a boundary may be due at the end of the chunk.
   */
  execute(chunk: Buffer, offset: number): number {
    this.passFrom = offset
    if (this.heldLength > 0) {
      this.heldLength = 0
      this.held = NO_BYTES
    }
    if (this.isClosed) return this.#stop(ALL_READ, chunk.length)
    if (this.fault !== "") return this.#stop(VIOLATION, offset)
    if (this.retainedLength > 0) return this.#resume(chunk, offset)
    return this.#readFrames(chunk, offset)
  }

  /**
   * Takes what is held back out of the scanner, for a caller that looks at frames no longer: the stream has ended, or
   * a violation is to be relayed. It comes after what the last `execute` let pass and before the rest of the chunk.
   */
  takeRetained(): Buffer | null {
    if (this.retainedLength === 0) return null
    const taken = Buffer.from(this.#store.subarray(0, this.retainedLength))
    this.retainedLength = 0
    return taken
  }

  /** Reads on where nothing is held back. */
  #readFrames(chunk: Buffer, start: number): number {
    const end = chunk.length
    let at = start
    for (;;) {
      if (this.#isInFrame) {
        const left = this.#left
        if (left > end - at) {
          this.#left = left - (end - at)
          return this.#stop(ALL_READ, end)
        }
        at += left
        this.#endDataFrame()
      }
      if (this.wantsBoundary !== NO_BOUNDARY && this.#isWantedBoundary()) return this.#stopAtBoundary(at)
      const available = end - at
      if (available === 0) return this.#stop(ALL_READ, end)
      const needed = this.#neededBytes(chunk, at, available)
      if (needed === REFUSED) return this.#stop(VIOLATION, at)
      if (needed > available) {
        this.#retain(chunk, at, end)
        this.#stop(ALL_READ, at)
        return end
      }
      if ((chunk[at] & CONTROL_BIT) !== 0) {
        this.#readControlFrame(chunk, at, needed)
        this.frameStart = at
        this.#stop(CONTROL, at)
        return at + needed
      }
      this.#beginDataFrame(chunk, at)
      at += needed
    }
  }

  /** Reads on where the beginning of a frame is held back. */
  #resume(chunk: Buffer, offset: number): number {
    if (this.wantsBoundary !== NO_BOUNDARY && this.#isWantedBoundary()) return this.#stopAtBoundary(offset)
    const store = this.#store
    let at = offset
    let needed = this.#neededBytes(store, 0, this.retainedLength)
    while (needed > this.retainedLength && at < chunk.length) {
      const end = Math.min(chunk.length, at + needed - this.retainedLength)
      this.#retain(chunk, at, end)
      at = end
      needed = this.#neededBytes(store, 0, this.retainedLength)
    }
    this.passFrom = at
    if (needed === REFUSED) return this.#stop(VIOLATION, at)
    if (needed > this.retainedLength) return this.#stop(ALL_READ, at)
    this.held = Buffer.from(store.subarray(0, needed))
    this.heldLength = needed
    this.retainedLength = 0
    if ((store[0] & CONTROL_BIT) !== 0) {
      this.#readControlFrame(store, 0, needed)
      this.frameStart = -1
      return this.#stop(CONTROL, at)
    }
    this.#beginDataFrame(store, 0)
    return this.#readFrames(chunk, at)
  }

  #stop(event: number, passEnd: number): number {
    this.event = event
    this.passEnd = passEnd
    return passEnd
  }

  #stopAtBoundary(at: number): number {
    this.wantsBoundary = NO_BOUNDARY
    return this.#stop(BOUNDARY, at)
  }

  /** Whether the boundary at hand is of the kind that the caller waits for. */
  #isWantedBoundary(): boolean {
    return this.wantsBoundary === FRAME_BOUNDARY || !this.#isFragmented
  }

  /** Adds `chunk[start, end)` to what is held back. */
  #retain(chunk: Buffer, start: number, end: number): void {
    if (this.#store === NO_BYTES) this.#store = Buffer.allocUnsafeSlow(MAX_RETAINED_BYTES)
    chunk.copy(this.#store, this.retainedLength, start, end)
    this.retainedLength += end - start
  }

  /**
   * How many bytes of the frame at `at` must be there before it is known: the header of a data frame, the whole of a
   * control frame; REFUSED where the `available` ones, one at least, already break the protocol. The answer is
   * final when it is not greater than `available`.
   */
  #neededBytes(bytes: Buffer, at: number, available: number): number {
    const first = bytes[at]
    if (!this.#isFirstByteValid(first)) return REFUSED
    if (available === 1) return MIN_HEADER_BYTES
    const second = bytes[at + 1]
    if ((second & MASK_BIT) !== this.#maskBit)
      return this.#refuse(
        this.#maskBit === 0 ? "masked frame from the server" : "unmasked frame from the client",
      )
    const length = second & LENGTH_BITS
    const shortHeader = MIN_HEADER_BYTES + this.#maskKeyBytes
    if ((first & CONTROL_BIT) !== 0) {
      if (length > MAX_CONTROL_PAYLOAD_BYTES) return this.#refuse("control frame of more than 125 bytes")
      if ((first & (RSV_BITS | OPCODE_BITS)) !== OPCODE_CLOSE) return shortHeader + length
      return this.#neededBytesOfClose(bytes, at, available, shortHeader, length)
    }
    if (length < LENGTH_16) return shortHeader
    if (length === LENGTH_16) return shortHeader + 2
    if (available > MIN_HEADER_BYTES && bytes[at + MIN_HEADER_BYTES] > 0x7f)
      return this.#refuse("frame length of 2^63 bytes or more")
    return shortHeader + 8
  }

  /** The same for a Close whose payload has `length` bytes: RFC 6455 §5.5.1, §7.4. */
  #neededBytesOfClose(bytes: Buffer, at: number, available: number, header: number, length: number): number {
    if (length === 1) return this.#refuse("close frame of 1 byte")
    if (length > 1 && available >= header + 2) {
      const code = this.#closeCodeOf(bytes, at + header)
      if (!isSendableCloseCode(code)) return this.#refuse(`invalid close code ${code}`)
    }
    return header + length
  }

  /** RFC 6455 §5.2, §5.4, §5.5. */
  #isFirstByteValid(first: number): boolean {
    const opcode = first & OPCODE_BITS
    const isAnyAllowed = this.#rsv === RSV_ANY
    let reserved = first & RSV_BITS
    if (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) {
      if (!isAnyAllowed) return this.#refuseFirst(`reserved opcode ${opcode}`)
    } else if (opcode >= OPCODE_CLOSE) {
      if (opcode > OPCODE_PONG && !isAnyAllowed) return this.#refuseFirst(`reserved opcode ${opcode}`)
      if ((first & FIN) === 0) return this.#refuseFirst("fragmented control frame")
    } else if (opcode === OPCODE_CONTINUATION) {
      if (!this.#isFragmented) return this.#refuseFirst("continuation without a message")
    } else {
      if (this.#isFragmented) return this.#refuseFirst("new message inside a fragmented one")
      reserved &= ~this.#rsv
    }
    return reserved === 0 || isAnyAllowed || this.#refuseFirst("reserved bits set")
  }

  #refuseFirst(fault: string): false {
    this.fault = fault
    return false
  }

  #refuse(fault: string): typeof REFUSED {
    this.fault = fault
    return REFUSED
  }

  /** The frame's header, at `at`, is complete. */
  #beginDataFrame(bytes: Buffer, at: number): void {
    const first = bytes[at]
    let length = bytes[at + 1] & LENGTH_BITS
    if (length === LENGTH_16) length = bytes.readUInt16BE(at + 2)
    else if (length === LENGTH_64)
      length = bytes.readUInt32BE(at + 2) * 0x1_0000_0000 + bytes.readUInt32BE(at + 6)
    this.#left = length
    this.#isInFrame = true
    // A frame of an unknown kind inside a message does not end it.
    this.#isFinal = (first & FIN) !== 0 && !(this.#isFragmented && (first & OPCODE_BITS) > OPCODE_BINARY)
  }

  #endDataFrame(): void {
    this.#left = 0
    this.#isInFrame = false
    this.#isFragmented = !this.#isFinal
    if (this.#isFinal) this.messages++
  }

  /** The frame at `at`, of `length` bytes, is complete. */
  #readControlFrame(bytes: Buffer, at: number, length: number): void {
    const first = bytes[at]
    const start = at + MIN_HEADER_BYTES + this.#maskKeyBytes
    const payloadLength = at + length - start
    this.opcode = first & OPCODE_BITS
    this.payloadLength = payloadLength
    if (payloadLength > 0) {
      if (this.payload === NO_BYTES) this.payload = Buffer.allocUnsafeSlow(MAX_CONTROL_PAYLOAD_BYTES)
      const payload = this.payload
      if (this.#maskBit === 0) bytes.copy(payload, 0, start, start + payloadLength)
      else
        for (let i = 0; i < payloadLength; i++)
          payload[i] = bytes[start + i] ^ bytes[start - MASK_KEY_BYTES + (i & 3)]
    }
    if (this.opcode !== OPCODE_CLOSE) return
    this.isClosed = true
    // Where an extension has changed the payload it is no code.
    if (payloadLength > 1 && (first & RSV_BITS) === 0) this.closeCode = this.#closeCodeOf(bytes, start)
  }

  #closeCodeOf(bytes: Buffer, start: number): number {
    const code = bytes.readUInt16BE(start)
    return this.#maskBit === 0 ? code : code ^ bytes.readUInt16BE(start - MASK_KEY_BYTES)
  }
}

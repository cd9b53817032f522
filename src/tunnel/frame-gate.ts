/** One direction of a WebSocket tunnel: frames pass as they came, and frames of ours go in between them. */
import {
  ALL_READ,
  BOUNDARY,
  CONTROL,
  FRAME_BOUNDARY,
  FrameScanner,
  MESSAGE_BOUNDARY,
  NO_BOUNDARY,
  VIOLATION,
} from "../websocket/frame-scanner.ts"
import { OPCODE_CLOSE } from "../websocket/frames.ts"

/** Takes what a gate lets pass; false: it wants no more for now. */
export interface FrameSink {
  /** What came from the other side, or a part of it. */
  write(data: Buffer): boolean
  /** All of a chunk that came from the other side, whose memory is freed as soon as it can be. */
  give(chunk: Buffer): boolean
  /** A frame of ours. */
  insert(frame: Buffer): void
}

export interface GateOwner {
  /**
   * A ping, pong or Close is whole (`gate.scanner` tells which). What is returned goes out in its place, null lets
   * it pass. In place of a Close goes another Close, or nothing, and the gate is shut.
   */
  onControl(gate: FrameGate): Buffer | null
  /** A Close of the sender's own was let pass, and is written with all that came before it. */
  onClosePassed(gate: FrameGate): void
  /** The Close that was asked for is out: nothing passes any more. */
  onShut(gate: FrameGate): void
  /** Returns whether to relay on without looking, in place of letting nothing pass any more. */
  onViolation(gate: FrameGate): boolean
}

/** In place of a frame that goes no further. */
export const NOTHING = Buffer.alloc(0)

export class FrameGate {
  readonly scanner: FrameScanner
  /** A Close of ours has gone out in this direction: what comes is read, and thrown away. */
  isShut = false
  readonly #sink: FrameSink
  readonly #owner: GateOwner
  /** A Close of ours that waits for a boundary. */
  #close: Buffer | null = null
  #isBlind = false

  /** `isMasked`, `rsv`: as for FrameScanner. */
  constructor(isMasked: boolean, rsv: number, sink: FrameSink, owner: GateOwner) {
    this.scanner = new FrameScanner({ isMasked, rsv })
    this.#sink = sink
    this.#owner = owner
  }

  /** Lets pass what may; false when the other side wants no more for now. */
  push(chunk: Buffer): boolean {
    if (this.#isBlind) return this.#sink.give(chunk)
    const { scanner } = this
    const next = scanner.execute(chunk, 0)
    if (
      scanner.event === ALL_READ &&
      scanner.heldLength === 0 &&
      scanner.passFrom === 0 &&
      scanner.passEnd === chunk.length &&
      !this.isShut
    )
      return this.#sink.give(chunk)
    return this.#pushPieces(chunk, next)
  }

  /** The way of a chunk that does not pass whole. */
  #pushPieces(chunk: Buffer, first: number): boolean {
    const { scanner } = this
    let next = first
    // Bytes before it complete what was held, or are dropped with it.
    let from = scanner.passFrom
    let canTakeMore = true
    for (;;) {
      const { event } = scanner
      const instead = event === CONTROL ? this.#owner.onControl(this) : null
      const isTakenOut = instead !== null
      if (scanner.heldLength > 0 && !(isTakenOut && scanner.frameStart === -1))
        canTakeMore = this.#write(scanner.held)
      // A control frame that passes is part of what follows it.
      if (event !== CONTROL || isTakenOut) {
        const end = isTakenOut ? Math.max(scanner.frameStart, from) : scanner.passEnd
        if (end > from) canTakeMore = this.#write(chunk.subarray(from, end))
        from = next
      }
      if (instead !== null) this.#replace(instead)
      else if (event === CONTROL && scanner.opcode === OPCODE_CLOSE) {
        // Whoever is told may end the connection: nothing of this may still be unwritten.
        if (next > from) canTakeMore = this.#write(chunk.subarray(from, next))
        from = next
        this.#owner.onClosePassed(this)
      }
      // What is thrown away is never too much.
      if (event === ALL_READ) return canTakeMore || this.isShut
      if (event === VIOLATION) return this.#violated(chunk, next)
      if (event === BOUNDARY) this.#shut()
      next = scanner.execute(chunk, next)
    }
  }

  #replace(frame: Buffer): void {
    if (frame.length > 0 && !this.isShut) this.#sink.insert(frame)
    if (this.scanner.opcode !== OPCODE_CLOSE || this.isShut) return
    this.isShut = true
    this.#owner.onShut(this)
  }

  #violated(chunk: Buffer, from: number): boolean {
    if (this.isShut || !this.#owner.onViolation(this)) return true
    this.goBlind()
    return this.#sink.write(chunk.subarray(from))
  }

  #write(data: Buffer): boolean {
    return this.isShut ? true : this.#sink.write(data)
  }

  /** From here on whatever comes passes unseen; what was held back goes first. */
  goBlind(): void {
    if (this.#isBlind) return
    this.#isBlind = true
    const retained = this.scanner.takeRetained()
    if (retained !== null) this.#sink.write(retained)
  }

  /** The sender has ended: a frame that was held back will never be whole, and passes as it is. */
  end(): void {
    this.press()
    const retained = this.#isBlind ? null : this.scanner.takeRetained()
    if (retained !== null) this.#write(retained)
  }

  /** Puts `frame` in where the stream stands at a frame's boundary; false where it does not, or may not. */
  insert(frame: Buffer): boolean {
    if (this.isShut || this.#isBlind || !this.scanner.isAtBoundary) return false
    this.#sink.insert(frame)
    return true
  }

  /**
   * Puts `frame`, a Close, in at the next boundary of the kind, FRAME_BOUNDARY or MESSAGE_BOUNDARY, and lets nothing
   * pass behind it. Where a Close has passed already nothing is done.
   */
  close(frame: Buffer, boundary: number): void {
    if (this.isShut || this.#isBlind || this.scanner.isClosed) return
    this.#close = frame
    this.#shutIfPossible(boundary)
  }

  /** Lets nothing pass any more, without a Close. */
  discard(): void {
    this.isShut = true
    this.#close = null
  }

  /** The Close that waits for the end of a message goes out at the end of a frame. */
  press(): void {
    if (this.#close !== null) this.#shutIfPossible(FRAME_BOUNDARY)
  }

  #shutIfPossible(boundary: number): void {
    const { scanner } = this
    const isThere = scanner.isAtBoundary && (boundary !== MESSAGE_BOUNDARY || !scanner.isInMessage)
    if (!isThere) {
      scanner.wantsBoundary = boundary
      return
    }
    scanner.wantsBoundary = NO_BOUNDARY
    this.#shut()
  }

  #shut(): void {
    const frame = this.#close
    if (frame === null) return
    this.#close = null
    this.#sink.insert(frame)
    this.isShut = true
    this.#owner.onShut(this)
  }
}

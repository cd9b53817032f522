/**
 * Streams of WebSocket frames with what is known of them, made without the scanner, and a relay that drives a scanner
 * as a tunnel does. For tests of whatever follows frames.
 */
import assert from "node:assert/strict"
import {
  ALL_READ,
  BOUNDARY,
  CONTROL,
  FrameScanner,
  MAX_RETAINED_BYTES,
  RSV_ANY,
  RSV_NONE,
  RSV1,
  VIOLATION,
} from "./frame-scanner.ts"

/** How the length is written: in 7, 16 or 64 bits. */
export type LengthForm = 7 | 16 | 64

export interface FrameSpec {
  readonly opcode: number
  /** False: more frames of the message follow. Default true. */
  readonly fin?: boolean
  /** Reserved bits, as they stand in the first byte. Default none. */
  readonly rsv?: number
  /** Octets as latin1, or how many of them. Default none. */
  readonly payload?: string | number
  /** Default: the shortest. */
  readonly form?: LengthForm
}

export interface SeenControl {
  readonly opcode: number
  readonly payload: string
  readonly closeCode: number
  /** Where the frame lies in the stream. */
  readonly start: number
  readonly end: number
}

export interface FrameStream {
  readonly name: string
  readonly isMasked: boolean
  readonly rsv: number
  readonly bytes: Buffer
  /** Where frames end, and whether a message is under way there; 0 is the first; none from a Close on. */
  readonly boundaries: ReadonlyMap<number, boolean>
  /** What must pass whole or not at all: [start, end) of headers of data frames and of control frames. */
  readonly wholes: readonly (readonly [number, number])[]
  readonly controls: readonly SeenControl[]
  /** Where the messages end. */
  readonly messageEnds: readonly number[]
}

const MASK_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** RFC 6455 §5.2. Returns the frame and the length of its header. */
export function encodeFrame(spec: FrameSpec, isMasked: boolean): { frame: Buffer; headerLength: number } {
  const payload = payloadOf(spec)
  const form = spec.form ?? (payload.length < 126 ? 7 : payload.length < 65536 ? 16 : 64)
  const lengthAt = 2
  const maskAt = lengthAt + (form === 7 ? 0 : form / 8)
  const headerLength = maskAt + (isMasked ? 4 : 0)
  const frame = Buffer.alloc(headerLength + payload.length)
  frame[0] = (spec.fin === false ? 0 : 0x80) | (spec.rsv ?? 0) | spec.opcode
  frame[1] = (isMasked ? 0x80 : 0) | (form === 7 ? payload.length : form === 16 ? 126 : 127)
  if (form === 16) frame.writeUInt16BE(payload.length, lengthAt)
  if (form === 64) frame.writeBigUInt64BE(BigInt(payload.length), lengthAt)
  if (isMasked) MASK_KEY.copy(frame, maskAt)
  for (let i = 0; i < payload.length; i++)
    frame[headerLength + i] = payload[i] ^ (isMasked ? MASK_KEY[i & 3] : 0)
  return { frame, headerLength }
}

function payloadOf(spec: FrameSpec): Buffer {
  if (typeof spec.payload !== "number") return Buffer.from(spec.payload ?? "", "latin1")
  return Buffer.from(Array.from({ length: spec.payload }, (_, i) => (i * 7 + 1) & 0xff))
}

/** A Close's payload: its code and reason. */
export function closePayload(code: number, reason = ""): string {
  return String.fromCharCode(code >> 8, code & 0xff) + reason
}

/** `trailing` bytes follow the last frame, which must be a Close then. */
export function frameStream(
  name: string,
  isMasked: boolean,
  rsv: number,
  specs: readonly FrameSpec[],
  trailing = "",
): FrameStream {
  const boundaries = new Map([[0, false]])
  const wholes: [number, number][] = []
  const controls: SeenControl[] = []
  const messageEnds: number[] = []
  const frames: Buffer[] = []
  let at = 0
  let isFragmented = false
  for (const spec of specs) {
    const { frame, headerLength } = encodeFrame(spec, isMasked)
    const start = at
    at += frame.length
    frames.push(frame)
    const isControl = spec.opcode > 7
    wholes.push([start, isControl ? at : start + headerLength])
    if (isControl) {
      const payload = payloadOf(spec)
      const hasCode = spec.opcode === 8 && payload.length > 1
      const closeCode = hasCode ? payload.readUInt16BE(0) : 1005
      controls.push({ opcode: spec.opcode, payload: payload.toString("latin1"), closeCode, start, end: at })
      if (spec.opcode === 8) break
    } else {
      isFragmented = spec.fin === false
      if (!isFragmented) messageEnds.push(at)
    }
    boundaries.set(at, isFragmented)
  }
  const bytes = Buffer.concat([...frames, Buffer.from(trailing, "latin1")])
  return { name, isMasked, rsv, bytes, boundaries, wholes, controls, messageEnds }
}

const TEXT = 1
const BINARY = 2
const CONTINUATION = 0
const CLOSE = 8
const PING = 9
const PONG = 10

type Row = readonly [name: string, rsv: number, specs: readonly FrameSpec[], trailing?: string]

const ROWS: readonly Row[] = [
  ["nothing", RSV_NONE, []],
  [
    "every opcode",
    RSV_NONE,
    [
      { opcode: TEXT, payload: "hi" },
      { opcode: PING },
      { opcode: BINARY, payload: "\0\xff\x81" },
      { opcode: PING, payload: "p" },
      { opcode: PONG, payload: "qqq" },
      { opcode: TEXT },
      { opcode: CLOSE, payload: closePayload(1000, "bye") },
    ],
  ],
  [
    "fragments with control frames between",
    RSV_NONE,
    [
      { opcode: TEXT, fin: false, payload: "a" },
      { opcode: PING, payload: "1" },
      { opcode: CONTINUATION, fin: false },
      { opcode: PONG },
      { opcode: PONG, payload: "22" },
      { opcode: CONTINUATION, payload: "b" },
      { opcode: BINARY, fin: false },
      { opcode: CONTINUATION },
      { opcode: TEXT, fin: false, payload: "c" },
      { opcode: CLOSE },
    ],
  ],
  [
    "compressed",
    RSV1,
    [
      { opcode: TEXT, rsv: RSV1, payload: "\xaaV\0" },
      { opcode: BINARY, rsv: RSV1, fin: false, payload: "x" },
      { opcode: PING, payload: "p" },
      { opcode: CONTINUATION, fin: false, payload: "yy" },
      { opcode: CONTINUATION, payload: "z" },
      { opcode: TEXT, payload: "plain" },
    ],
  ],
  [
    "lengths that are longer than they need be",
    RSV_NONE,
    [
      { opcode: TEXT, form: 16 },
      { opcode: TEXT, form: 64 },
      { opcode: BINARY, payload: 5, form: 16 },
      { opcode: BINARY, payload: 5, form: 64 },
      { opcode: PONG },
    ],
  ],
  [
    "back to back",
    RSV_NONE,
    Array.from({ length: 24 }, (_, i) => ({ opcode: i % 3 === 2 ? PING : 1 + (i % 2), payload: i % 4 })),
  ],
  [
    "an unknown extension",
    RSV_ANY,
    [
      ...[3, 4, 5, 6, 7].map((opcode) => ({ opcode, rsv: opcode << 4, payload: "r" })),
      ...[11, 12, 13, 14, 15].map((opcode) => ({ opcode, rsv: 0x30, payload: "c" })),
      { opcode: TEXT, rsv: 0x70, fin: false },
      { opcode: CONTINUATION, rsv: 0x70 },
    ],
  ],
  [
    "a Close, and what does not belong there",
    RSV_NONE,
    [{ opcode: TEXT, payload: "t" }, { opcode: CLOSE }],
    "\xff\x00\x83",
  ],
  [
    "long control frames",
    RSV_NONE,
    [
      { opcode: PING, payload: 125 },
      { opcode: TEXT, payload: "t" },
      { opcode: PONG, payload: 125 },
      { opcode: CLOSE, payload: closePayload(4999, "r".repeat(123)) },
    ],
  ],
  [
    "lengths about 126",
    RSV_NONE,
    [
      ...[0, 1, 125, 126, 127].map((payload) => ({ opcode: BINARY, payload })),
      { opcode: BINARY, payload: 126, form: 64 as const },
    ],
  ],
  [
    "lengths about 65536",
    RSV_NONE,
    [
      { opcode: BINARY, payload: 65535 },
      { opcode: BINARY, payload: 65536, fin: false },
      { opcode: PING, payload: "p" },
      { opcode: CONTINUATION, payload: 65535, form: 64 },
    ],
  ],
]

/** Every row as a client and as a server sends it. */
export const FRAME_CORPUS: readonly FrameStream[] = ROWS.flatMap(([name, rsv, specs, trailing]) =>
  [true, false].map((isMasked) =>
    frameStream(`${name}, ${isMasked ? "masked" : "unmasked"}`, isMasked, rsv, specs, trailing),
  ),
)

/** Drives a scanner as a tunnel does, and checks at every step what its contract promises. */
export class FrameRelay {
  readonly scanner: FrameScanner
  readonly controls: SeenControl[] = []
  /** Offsets in the stream where BOUNDARY came. */
  readonly stops: number[] = []
  readonly #isTakenOut: (scanner: FrameScanner) => boolean
  readonly #out: Buffer[] = []
  /** Bytes of the stream that were pushed; that were read; that have passed or were taken out. */
  pushed = 0
  read = 0
  passed = 0

  constructor(
    options: { readonly isMasked: boolean; readonly rsv: number },
    isTakenOut: (scanner: FrameScanner) => boolean = () => false,
  ) {
    this.scanner = new FrameScanner(options)
    this.#isTakenOut = isTakenOut
  }

  get output(): Buffer {
    return Buffer.concat(this.#out)
  }

  /** Relays a piece of the stream; the memory that it was in is overwritten afterwards. */
  push(piece: Buffer): void {
    const chunk = Buffer.from(piece)
    const scanner = this.scanner
    this.pushed += chunk.length
    let offset = 0
    for (;;) {
      const next = scanner.execute(chunk, offset)
      assert.ok(next > offset || scanner.event !== CONTROL)
      assert.ok(offset === 0 || scanner.heldLength === 0, "held bytes come from the first call only")
      assert.equal(scanner.held.length, scanner.heldLength)
      assert.ok(offset <= scanner.passFrom && scanner.passFrom <= scanner.passEnd && scanner.passEnd <= next)
      assert.ok(scanner.heldLength > 0 || scanner.event !== BOUNDARY || scanner.passFrom === offset)
      this.read += next - offset
      this.#take(chunk, next)
      assert.ok(scanner.retainedLength <= MAX_RETAINED_BYTES)
      assert.equal(this.passed + scanner.retainedLength, this.read)
      if (scanner.event === VIOLATION) break
      if (scanner.event === ALL_READ) {
        assert.equal(next, chunk.length)
        break
      }
      offset = next
    }
    chunk.fill(0)
  }

  #take(chunk: Buffer, next: number): void {
    const scanner = this.scanner
    const isControl = scanner.event === CONTROL
    const isFrameHeld = isControl && scanner.frameStart < 0
    if (scanner.heldLength > 0 && !isFrameHeld) this.#pass(scanner.held)
    this.#pass(chunk.subarray(scanner.passFrom, scanner.passEnd))
    if (scanner.event === BOUNDARY) {
      assert.equal(scanner.passEnd, next)
      assert.ok(scanner.isAtBoundary)
      this.stops.push(this.passed)
    }
    if (!isControl) return
    if (isFrameHeld) assert.equal(scanner.passFrom, next)
    else assert.equal(scanner.frameStart, scanner.passEnd)
    const frame = isFrameHeld ? scanner.held : chunk.subarray(scanner.frameStart, next)
    const start = this.passed
    if (this.#isTakenOut(scanner)) this.passed += frame.length
    else this.#pass(frame)
    this.controls.push({
      opcode: scanner.opcode,
      payload: scanner.payload.toString("latin1", 0, scanner.payloadLength),
      closeCode: scanner.closeCode,
      start,
      end: this.passed,
    })
  }

  #pass(bytes: Buffer): void {
    this.passed += bytes.length
    // A copy, and only of what comes out of the chunk: what was held is the caller's to keep.
    if (bytes.length > 0) this.#out.push(bytes === this.scanner.held ? bytes : Buffer.from(bytes))
  }
}

import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { FRAME_BOUNDARY, FrameScanner, MESSAGE_BOUNDARY, RSV_NONE } from "../websocket/frame-scanner.ts"
import { closeFrame, OPCODE_PING, OPCODE_PONG, pingFrame } from "../websocket/frames.ts"
import { FrameGate, type GateOwner, NOTHING } from "./frame-gate.ts"

const OURS = Buffer.from("ours-ours")
const CLOSE = closeFrame(1001, "", null)

interface SentFrame {
  readonly bytes: Buffer
  readonly isOurPong: boolean
  /** The end of a message, or a control frame outside of one. */
  readonly endsMessage: boolean
}

/** A server's frame; payloads are short, but for some that span chunks. */
function frame(opcode: number, isFinal: boolean, payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.from([(isFinal ? 0x80 : 0) | opcode, payload.length])
      : Buffer.from([(isFinal ? 0x80 : 0) | opcode, 126, payload.length >> 8, payload.length & 0xff])
  return Buffer.concat([head, payload])
}

type Step = "text" | "fragment" | "end" | "ping" | "pong" | "ours"

/** Lawful frames of the steps: what cannot stand where it is asked for becomes what can. */
function frames(steps: readonly { readonly kind: Step; readonly size: number }[]): SentFrame[] {
  let isInside = false
  const sent: SentFrame[] = []
  for (const [at, { kind, size }] of steps.entries()) {
    const payload = Buffer.alloc(size, at & 0xff)
    const control = payload.subarray(0, Math.min(size, 125))
    if (kind === "ping")
      sent.push({ bytes: frame(9, true, control), isOurPong: false, endsMessage: !isInside })
    else if (kind === "pong")
      sent.push({ bytes: frame(10, true, control), isOurPong: false, endsMessage: !isInside })
    else if (kind === "ours")
      sent.push({ bytes: frame(10, true, OURS), isOurPong: true, endsMessage: !isInside })
    else {
      const isFinal: boolean = kind === "end" || (kind === "text" && !isInside)
      sent.push({ bytes: frame(isInside ? 0 : 1, isFinal, payload), isOurPong: false, endsMessage: isFinal })
      isInside = !isFinal
    }
  }
  return sent
}

/** Takes our own pongs out, as a session does. */
class Owner implements GateOwner {
  shuts = 0
  violations = 0

  onControl({ scanner }: FrameGate): Buffer | null {
    const isOurs =
      scanner.opcode === OPCODE_PONG && scanner.payload.subarray(0, scanner.payloadLength).equals(OURS)
    return isOurs ? NOTHING : null
  }

  onClosePassed(): void {}

  onShut(): void {
    this.shuts++
  }

  onViolation(): boolean {
    this.violations++
    return false
  }
}

class Collector {
  readonly pieces: Buffer[] = []

  write(data: Buffer): boolean {
    this.pieces.push(Buffer.from(data))
    return true
  }

  give(chunk: Buffer): boolean {
    return this.write(chunk)
  }

  insert(data: Buffer): void {
    this.write(data)
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((at) => at % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...points].map((from, at) => bytes.subarray(from, points[at] ?? bytes.length))
}

const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom<Step>("text", "fragment", "end", "ping", "pong", "ours"),
    size: fc.oneof(fc.nat(20), fc.constantFrom(125, 126, 300, 2000)),
  }),
  { minLength: 1, maxLength: 20 },
)
const CUTS = fc.array(fc.nat(6000), { maxLength: 12 })

test("all passes but our own pongs, however the bytes are cut", () => {
  fc.assert(
    fc.property(STEPS, CUTS, (steps, cuts) => {
      const sent = frames(steps)
      const out = new Collector()
      const gate = new FrameGate(false, RSV_NONE, out, new Owner())
      for (const chunk of cut(Buffer.concat(sent.map(({ bytes }) => bytes)), cuts)) gate.push(chunk)
      const wanted = sent.filter(({ isOurPong }) => !isOurPong).map(({ bytes }) => bytes)
      assert.deepEqual(out.bytes, Buffer.concat(wanted))
    }),
    { numRuns: 300 },
  )
})

test("a chunk in which nothing is to be done passes as the object that it is", () => {
  const passed: Buffer[] = []
  const take = (data: Buffer): boolean => passed.push(data) > 0
  const sink = { write: take, give: take, insert: () => {} }
  const gate = new FrameGate(false, RSV_NONE, sink, new Owner())
  const chunk = Buffer.concat([frame(1, true, Buffer.from("a")), frame(1, true, Buffer.alloc(200))])
  gate.push(chunk)
  assert.equal(passed[0], chunk)
})

for (const [name, boundary] of [
  ["frame", FRAME_BOUNDARY],
  ["message", MESSAGE_BOUNDARY],
] as const)
  test(`a Close goes in at the first end of a ${name} after it was asked for, and nothing behind it`, () => {
    fc.assert(
      fc.property(STEPS, CUTS, fc.nat(), (steps, cuts, when) => {
        const sent = frames(steps)
        const chunks = cut(Buffer.concat(sent.map(({ bytes }) => bytes)), cuts)
        const asked = when % (chunks.length + 1)
        const out = new Collector()
        const owner = new Owner()
        const gate = new FrameGate(false, RSV_NONE, out, owner)
        let readBytes = 0
        chunks.forEach((chunk, at) => {
          if (at === asked) gate.close(CLOSE, boundary)
          if (at < asked) readBytes += chunk.length
          gate.push(chunk)
        })
        if (asked === chunks.length) gate.close(CLOSE, boundary)
        // Frames that had begun to pass, and what its message needs.
        const wanted: Buffer[] = []
        let position = 0
        let isThere: boolean = true
        let isDone = false
        for (const { bytes, isOurPong, endsMessage } of sent) {
          const hasPassedSome = position < readBytes && !isHeldBack(bytes, readBytes - position)
          if (!hasPassedSome && isThere && position >= 0) {
            isDone = true
            break
          }
          if (!isOurPong) wanted.push(bytes)
          position += bytes.length
          isThere = boundary === FRAME_BOUNDARY || endsMessage
        }
        isDone ||= isThere
        assert.deepEqual(out.bytes, Buffer.concat(isDone ? [...wanted, CLOSE] : wanted))
        assert.equal(owner.shuts, isDone ? 1 : 0)
      }),
      { numRuns: 500 },
    )
  })

/** Whether the first `length` bytes of a frame are too few to be let pass: of a header, or of a control frame. */
function isHeldBack(bytes: Buffer, length: number): boolean {
  if (length >= bytes.length) return false
  const isControl = ((bytes[0] as number) & 0x08) !== 0
  return isControl || length < ((bytes[1] as number) < 126 ? 2 : 4)
}

test("pings go in between frames only, and the stream stays lawful", () => {
  fc.assert(
    fc.property(STEPS, CUTS, (steps, cuts) => {
      const sent = frames(steps).filter(({ isOurPong }) => !isOurPong)
      const out = new Collector()
      const gate = new FrameGate(false, RSV_NONE, out, new Owner())
      let pings = 0
      for (const chunk of cut(Buffer.concat(sent.map(({ bytes }) => bytes)), cuts)) {
        if (gate.insert(pingFrame(OURS, null))) pings++
        gate.push(chunk)
      }
      assert.ok(pings >= 1)
      const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
      const { bytes } = out
      let seen = 0
      for (let at = 0; at < bytes.length; ) {
        at = scanner.execute(bytes, at)
        assert.notEqual(scanner.event, 3, scanner.fault)
        if (scanner.opcode === OPCODE_PING && scanner.payload.subarray(0, scanner.payloadLength).equals(OURS))
          seen++
        if (scanner.event === 0) break
      }
      assert.ok(seen >= pings)
    }),
    { numRuns: 200 },
  )
})

test("what the sender never finished passes at its end, unless a Close is out", () => {
  const out = new Collector()
  const gate = new FrameGate(false, RSV_NONE, out, new Owner())
  gate.push(Buffer.from([0x81]))
  assert.equal(out.bytes.length, 0)
  gate.end()
  assert.deepEqual(out.bytes, Buffer.from([0x81]))
  const closed = new Collector()
  const other = new FrameGate(false, RSV_NONE, closed, new Owner())
  other.push(Buffer.from([0x81]))
  other.close(CLOSE, MESSAGE_BOUNDARY)
  other.end()
  assert.deepEqual(closed.bytes, CLOSE)
})

test("a Close that waits for a message's end comes at a frame's end when it is pressed for", () => {
  const out = new Collector()
  const owner = new Owner()
  const gate = new FrameGate(false, RSV_NONE, out, owner)
  const first = frame(1, false, Buffer.from("one"))
  gate.push(first)
  gate.close(CLOSE, MESSAGE_BOUNDARY)
  assert.equal(owner.shuts, 0)
  gate.press()
  assert.equal(owner.shuts, 1)
  gate.push(frame(0, true, Buffer.from("two")))
  assert.deepEqual(out.bytes, Buffer.concat([first, CLOSE]))
})

test("blind, everything passes, what was held back first", () => {
  const out = new Collector()
  const gate = new FrameGate(false, RSV_NONE, out, new Owner())
  gate.push(Buffer.from([0x89]))
  gate.goBlind()
  gate.push(Buffer.from([0xff, 0xff]))
  assert.deepEqual(out.bytes, Buffer.from([0x89, 0xff, 0xff]))
  assert.equal(gate.insert(CLOSE), false)
})

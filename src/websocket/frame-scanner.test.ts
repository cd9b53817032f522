import assert from "node:assert/strict"
import { test } from "node:test"
import {
  closePayload,
  encodeFrame,
  FRAME_CORPUS,
  FrameRelay,
  type FrameStream,
  frameStream,
} from "./frame-corpus.ts"
import {
  ALL_READ,
  BOUNDARY,
  CONTROL,
  FRAME_BOUNDARY,
  FrameScanner,
  MESSAGE_BOUNDARY,
  NO_BOUNDARY,
  RSV_ANY,
  RSV_NONE,
} from "./frame-scanner.ts"

const SHORT_BYTES = 200

/** How much of the first `read` bytes of `stream` may pass. */
function passable(stream: FrameStream, read: number): number {
  for (const [start, end] of stream.wholes) if (start < read && read < end) return start
  return read
}

/** Every offset of a short stream; of a long one those near the ends of frames and some between. */
function offsets(stream: FrameStream): number[] {
  const all = Array.from({ length: stream.bytes.length + 1 }, (_, i) => i)
  if (all.length < 2000) return all
  const ends = [...stream.boundaries.keys()]
  return all.filter((at) => at % 997 === 0 || ends.some((end) => Math.abs(at - end) < 20))
}

function checkState(relay: FrameRelay, stream: FrameStream): void {
  const scanner = relay.scanner
  const passed = passable(stream, relay.read)
  assert.equal(relay.passed, passed)
  assert.equal(scanner.isAtBoundary, stream.boundaries.has(passed))
  if (!scanner.isClosed) assert.equal(scanner.isInMessage, stream.boundaries.get(passed) ?? true)
  assert.equal(scanner.messages, stream.messageEnds.filter((end) => end <= passed).length)
}

function relayCut(stream: FrameStream, cuts: readonly number[]): void {
  const relay = new FrameRelay(stream)
  let from = 0
  for (const cut of [...cuts, stream.bytes.length]) {
    relay.push(stream.bytes.subarray(from, cut))
    checkState(relay, stream)
    from = cut
  }
  assert.equal(relay.output.compare(stream.bytes), 0)
  assert.deepEqual(relay.controls, stream.controls)
}

for (const stream of FRAME_CORPUS) {
  test(`every cut: ${stream.name}`, () => {
    relayCut(stream, [])
    relayCut(
      stream,
      Array.from({ length: stream.bytes.length }, (_, i) => i),
    )
    for (const cut of offsets(stream)) relayCut(stream, [cut])
    if (stream.bytes.length > SHORT_BYTES) return
    for (let a = 0; a <= stream.bytes.length; a++)
      for (let b = a; b <= stream.bytes.length; b++) relayCut(stream, [a, b])
  })

  test(`control frames are taken out: ${stream.name}`, () => {
    let from = 0
    const left: Buffer[] = []
    for (const control of stream.controls) {
      left.push(stream.bytes.subarray(from, control.start))
      from = control.end
    }
    const expected = Buffer.concat([...left, stream.bytes.subarray(from)])
    for (const cut of offsets(stream)) {
      const relay = new FrameRelay(stream, () => true)
      relay.push(stream.bytes.subarray(0, cut))
      relay.push(stream.bytes.subarray(cut))
      assert.equal(relay.output.compare(expected), 0)
    }
  })

  test(`the next boundary of the kind wanted: ${stream.name}`, () => {
    const frameEnds = [...stream.boundaries.keys()]
    const messageEnds = frameEnds.filter((end) => stream.boundaries.get(end) === false)
    for (const [wish, ends] of [
      [FRAME_BOUNDARY, frameEnds],
      [MESSAGE_BOUNDARY, messageEnds],
    ] as const) {
      for (const cut of offsets(stream)) {
        const relay = new FrameRelay(stream)
        relay.push(stream.bytes.subarray(0, cut))
        const expected = relay.scanner.isClosed ? undefined : ends.find((end) => end >= relay.passed)
        relay.scanner.wantsBoundary = wish
        relay.push(stream.bytes.subarray(cut))
        assert.deepEqual(relay.stops, expected === undefined ? [] : [expected])
        assert.equal(relay.scanner.wantsBoundary, expected === undefined ? wish : NO_BOUNDARY)
        assert.equal(relay.output.compare(stream.bytes), 0)
        assert.deepEqual(relay.controls, stream.controls)
      }
    }
  })
}

test("one chunk of whole frames is one run", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  const chunk = Buffer.from("\x81\x02hi\x82\x00\x01\x01a", "latin1")
  assert.equal(scanner.execute(chunk, 0), chunk.length)
  assert.equal(scanner.event, ALL_READ)
  assert.deepEqual([scanner.passFrom, scanner.passEnd, scanner.heldLength], [0, chunk.length, 0])
  assert.equal(scanner.messages, 2)
  assert.equal(scanner.isInMessage, true)
  assert.equal(scanner.isAtBoundary, true)
})

test("a control frame stands behind what may pass", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  const chunk = Buffer.from("\x81\x02hi\x89\x01p\x81\x00", "latin1")
  assert.equal(scanner.execute(chunk, 0), 7)
  assert.deepEqual([scanner.event, scanner.passFrom, scanner.passEnd, scanner.frameStart], [CONTROL, 0, 4, 4])
  assert.equal(scanner.payload.toString("latin1", 0, scanner.payloadLength), "p")
  assert.equal(scanner.execute(chunk, 7), 9)
  assert.deepEqual([scanner.event, scanner.passFrom, scanner.passEnd], [ALL_READ, 7, 9])
})

test("a header that was held and a control frame behind it come together", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  assert.equal(scanner.execute(Buffer.from("\x81", "latin1"), 0), 1)
  assert.deepEqual([scanner.event, scanner.passEnd, scanner.retainedLength], [ALL_READ, 0, 1])
  const chunk = Buffer.from("\x02hi\x8a\x00", "latin1")
  assert.equal(scanner.execute(chunk, 0), 5)
  assert.equal(scanner.held.toString("latin1"), "\x81\x02")
  assert.deepEqual([scanner.event, scanner.passFrom, scanner.passEnd, scanner.frameStart], [CONTROL, 1, 3, 3])
  assert.equal(scanner.execute(chunk, 5), 5)
  assert.deepEqual([scanner.event, scanner.heldLength, scanner.held.length], [ALL_READ, 0, 0])
})

test("held bytes are the caller's to keep", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  scanner.execute(Buffer.from("\x89", "latin1"), 0)
  scanner.execute(Buffer.from("\x01a", "latin1"), 0)
  const first = scanner.held
  assert.equal(scanner.frameStart, -1)
  scanner.execute(Buffer.from("\x8a", "latin1"), 0)
  scanner.execute(Buffer.from("\x01b", "latin1"), 0)
  assert.equal(first.toString("latin1"), "\x89\x01a")
  assert.equal(scanner.held.toString("latin1"), "\x8a\x01b")
})

test("a boundary comes at once where the scanner stands on one", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  scanner.wantsBoundary = FRAME_BOUNDARY
  assert.equal(scanner.execute(Buffer.alloc(0), 0), 0)
  assert.equal(scanner.event, BOUNDARY)
  // An incomplete frame of which nothing has passed is no hindrance.
  const chunk = Buffer.from("\x89", "latin1")
  scanner.execute(chunk, 0)
  scanner.wantsBoundary = MESSAGE_BOUNDARY
  assert.equal(scanner.execute(Buffer.from("\x00", "latin1"), 0), 0)
  assert.deepEqual([scanner.event, scanner.retainedLength, scanner.heldLength], [BOUNDARY, 1, 0])
  assert.equal(scanner.execute(Buffer.from("\x00", "latin1"), 0), 1)
  assert.deepEqual([scanner.event, scanner.held.toString("latin1")], [CONTROL, "\x89\x00"])
})

test("what is held back can be taken out", () => {
  const scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  assert.equal(scanner.takeRetained(), null)
  scanner.execute(Buffer.from("\x81\x00\x8a\x05ab", "latin1"), 0)
  assert.equal(scanner.passEnd, 2)
  assert.equal(scanner.takeRetained()?.toString("latin1"), "\x8a\x05ab")
  assert.equal(scanner.takeRetained(), null)
  assert.equal(scanner.retainedLength, 0)
})

test("a frame of an unknown kind inside a message does not end it", () => {
  const isMasked = false
  const relay = new FrameRelay({ isMasked, rsv: RSV_ANY })
  for (const spec of [
    { opcode: 1, fin: false, payload: "a" },
    { opcode: 3, payload: "other" },
  ])
    relay.push(encodeFrame(spec, isMasked).frame)
  assert.equal(relay.scanner.isInMessage, true)
  relay.push(encodeFrame({ opcode: 0, payload: "b" }, isMasked).frame)
  assert.deepEqual([relay.scanner.isInMessage, relay.scanner.messages], [false, 1])
})

test("the code of a Close whose payload an extension has changed is not read", () => {
  const stream = frameStream("", true, RSV_ANY, [{ opcode: 8, rsv: 0x40, payload: closePayload(7) }])
  const relay = new FrameRelay(stream)
  relay.push(stream.bytes)
  assert.equal(relay.controls[0].closeCode, 1005)
  assert.equal(relay.scanner.isClosed, true)
})

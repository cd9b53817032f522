import assert from "node:assert/strict"
import { test } from "node:test"
import { closePayload, encodeFrame, FrameRelay, type FrameSpec } from "./frame-corpus.ts"
import {
  ALL_READ,
  FRAME_BOUNDARY,
  FrameScanner,
  RSV_ANY,
  RSV_NONE,
  RSV1,
  VIOLATION,
} from "./frame-scanner.ts"

const CLIENT = { isMasked: true, rsv: RSV_NONE }
const SERVER = { isMasked: false, rsv: RSV_NONE }

/** A scanner before a frame: nothing has come, or the first frame of a message has. */
function relayBefore(options: { isMasked: boolean; rsv: number }, isInMessage: boolean): FrameRelay {
  const relay = new FrameRelay(options)
  const first = { opcode: 1, fin: !isInMessage, payload: "good" }
  relay.push(encodeFrame(first, options.isMasked).frame)
  return relay
}

/** `bytes` are refused with their last byte, not before, and what came before the bad frame has passed. */
function assertRefused(
  options: { isMasked: boolean; rsv: number },
  isInMessage: boolean,
  bytes: string,
): string {
  const frame = Buffer.from(bytes, "latin1")
  const inOne = relayBefore(options, isInMessage)
  const good = inOne.passed
  inOne.push(Buffer.concat([frame, Buffer.alloc(20)]))
  assert.equal(inOne.scanner.event, VIOLATION)
  const byByte = relayBefore(options, isInMessage)
  for (let i = 0; i < frame.length; i++) {
    assert.equal(byByte.scanner.event, ALL_READ)
    byByte.push(frame.subarray(i, i + 1))
  }
  assert.equal(byByte.scanner.event, VIOLATION, `${bytes} is refused with its last byte`)
  assert.equal(byByte.scanner.fault, inOne.scanner.fault)
  for (const { scanner, passed, output } of [inOne, byByte]) {
    assert.deepEqual([passed, output.length, scanner.isAtBoundary], [good, good, true])
    assert.notEqual(scanner.fault, "")
  }
  return inOne.scanner.fault
}

/** RFC 6455 §5.2 to §5.5 and RFC 7692 §6, in the order of the RFC. */
function firstByteFault(first: number, isInMessage: boolean, isCompressing: boolean): string {
  const opcode = first % 16
  const isFirst = opcode === 1 || opcode === 2
  if ([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].includes(opcode)) return `reserved opcode ${opcode}`
  if (opcode > 7 && first < 0x80) return "fragmented control frame"
  if (opcode === 0 && !isInMessage) return "continuation without a message"
  if (isFirst && isInMessage) return "new message inside a fragmented one"
  const reserved = (first >> 4) & 7
  return reserved === 0 || (reserved === 4 && isFirst && isCompressing) ? "" : "reserved bits set"
}

test("every first byte", () => {
  for (const isMasked of [true, false]) {
    for (const rsv of [RSV_NONE, RSV1]) {
      for (const isInMessage of [true, false]) {
        for (let first = 0; first < 256; first++) {
          const options = { isMasked, rsv }
          const fault = firstByteFault(first, isInMessage, rsv === RSV1)
          const bytes = String.fromCharCode(first)
          if (fault !== "") {
            assert.equal(assertRefused(options, isInMessage, bytes), fault)
            continue
          }
          const relay = relayBefore(options, isInMessage)
          relay.push(Buffer.from(bytes, "latin1"))
          assert.deepEqual([relay.scanner.event, relay.scanner.retainedLength], [ALL_READ, 1])
        }
      }
    }
  }
})

test("every second byte", () => {
  for (const isMasked of [true, false]) {
    const options = { isMasked, rsv: RSV_NONE }
    for (const opcode of [0, 1, 2, 8, 9, 10]) {
      const isInMessage = opcode === 0
      for (let second = 0; second < 256; second++) {
        const bytes = String.fromCharCode(0x80 | opcode, second)
        const length = second & 0x7f
        if (second > 0x7f !== isMasked)
          assert.match(assertRefused(options, isInMessage, bytes), isMasked ? /^unmasked/ : /^masked/)
        else if (opcode > 7 && length > 125)
          assert.equal(assertRefused(options, isInMessage, bytes), "control frame of more than 125 bytes")
        else if (opcode === 8 && length === 1)
          assert.equal(assertRefused(options, isInMessage, bytes), "close frame of 1 byte")
        else {
          const relay = relayBefore(options, isInMessage)
          relay.push(Buffer.from(bytes, "latin1"))
          assert.notEqual(relay.scanner.event, VIOLATION)
        }
      }
    }
  }
})

test("whose mask is wrong is said", () => {
  assert.equal(assertRefused(CLIENT, false, "\x81\x00"), "unmasked frame from the client")
  assert.equal(assertRefused(SERVER, false, "\x81\x80"), "masked frame from the server")
})

test("a length of 2^63 bytes or more is refused with its first byte", () => {
  for (const first of ["\x80", "\xff"]) {
    assert.equal(assertRefused(CLIENT, false, `\x82\xff${first}`), "frame length of 2^63 bytes or more")
    assert.equal(assertRefused(SERVER, true, `\x80\x7f${first}`), "frame length of 2^63 bytes or more")
  }
})

test("a close code that may not be sent is refused as soon as it is there", () => {
  for (const isMasked of [true, false]) {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
      const spec: FrameSpec = { opcode: 8, payload: closePayload(code, "a reason") }
      const { frame, headerLength } = encodeFrame(spec, isMasked)
      const bytes = frame.toString("latin1", 0, headerLength + 2)
      assert.equal(assertRefused({ isMasked, rsv: RSV_NONE }, false, bytes), `invalid close code ${code}`)
    }
  }
})

test("a Close of full length that was held when its code was refused is given back whole", () => {
  const { frame } = encodeFrame({ opcode: 8, payload: closePayload(1005, "r".repeat(123)) }, true)
  const relay = new FrameRelay(CLIENT)
  relay.push(frame.subarray(0, 1))
  relay.push(frame.subarray(1))
  assert.deepEqual([relay.scanner.event, relay.passed], [VIOLATION, 0])
  assert.ok(relay.scanner.takeRetained()?.equals(frame))
})

test("a frame without an end passes for ever, and holds nothing", () => {
  const relay = new FrameRelay(SERVER)
  relay.push(Buffer.from("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "latin1"))
  for (let i = 0; i < 20; i++) {
    relay.scanner.wantsBoundary = FRAME_BOUNDARY
    relay.push(Buffer.alloc(65536, 0xff))
    assert.deepEqual([relay.scanner.event, relay.scanner.retainedLength], [ALL_READ, 0])
    assert.deepEqual([relay.scanner.isAtBoundary, relay.scanner.isInMessage], [false, true])
  }
  assert.equal(relay.passed, 10 + 20 * 65536)
})

test("lengths beyond what 31 and 32 bits hold are exact", () => {
  for (const length of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1]) {
    const scanner = new FrameScanner(SERVER)
    const header = Buffer.from("\x82\x7f--------", "latin1")
    header.writeBigUInt64BE(BigInt(length), 2)
    scanner.execute(header, 0)
    const chunk = Buffer.alloc(2 ** 26)
    for (let left = length; left > 0; left -= chunk.length) {
      assert.equal(scanner.isAtBoundary, false)
      const piece = chunk.subarray(0, left)
      assert.equal(scanner.execute(piece, 0), piece.length)
      assert.equal(scanner.passEnd, piece.length)
    }
    assert.deepEqual([scanner.isAtBoundary, scanner.messages], [true, 1])
  }
})

test("a message of endless empty fragments is no end of a message", () => {
  const relay = new FrameRelay(SERVER)
  relay.push(Buffer.from("\x01\x00", "latin1"))
  for (let i = 0; i < 1000; i++) relay.push(Buffer.from("\x00\x00", "latin1"))
  assert.deepEqual(
    [relay.scanner.messages, relay.scanner.isInMessage, relay.scanner.isAtBoundary],
    [0, true, true],
  )
})

test("chunks without bytes change nothing", () => {
  const relay = new FrameRelay(CLIENT)
  const { frame } = encodeFrame({ opcode: 9, payload: "ping" }, true)
  for (const byte of frame) {
    relay.push(Buffer.alloc(0))
    relay.push(Buffer.from([byte]))
    relay.push(Buffer.alloc(0))
  }
  assert.equal(relay.controls.length, 1)
  assert.equal(relay.output.compare(frame), 0)
})

test("a scanner that has refused reads nothing more, and gives back what it held", () => {
  for (const cut of [0, 1, 2]) {
    const bad = Buffer.from("\x89\x80rest", "latin1")
    const scanner = new FrameScanner(SERVER)
    const first = Buffer.from(`\x81\x01a${bad.toString("latin1", 0, cut)}`, "latin1")
    let next = scanner.execute(first, 0)
    assert.equal(scanner.passEnd, 3)
    let rest = first.subarray(next)
    if (scanner.event === ALL_READ) {
      const second = bad.subarray(cut)
      next = scanner.execute(second, 0)
      assert.deepEqual([scanner.passFrom, scanner.passEnd, scanner.heldLength], [next, next, 0])
      rest = Buffer.concat([scanner.takeRetained() ?? Buffer.alloc(0), second.subarray(next)])
    } else rest = Buffer.concat([rest, bad.subarray(cut)])
    assert.equal(scanner.event, VIOLATION)
    assert.equal(rest.toString("latin1"), bad.toString("latin1"))
    assert.equal(scanner.execute(Buffer.from("\x81\x00", "latin1"), 0), 0)
    assert.deepEqual([scanner.event, scanner.passFrom, scanner.passEnd], [VIOLATION, 0, 0])
  }
})

test("an unknown extension may use every bit, but control frames stay short and whole", () => {
  const options = { isMasked: false, rsv: RSV_ANY }
  assert.equal(assertRefused(options, false, "\x79"), "fragmented control frame")
  assert.equal(assertRefused(options, false, "\xff\x7e"), "control frame of more than 125 bytes")
  assert.equal(assertRefused(options, false, "\xf1\x80"), "masked frame from the server")
  assert.equal(assertRefused(options, false, "\xf0"), "continuation without a message")
})

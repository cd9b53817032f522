import assert from "node:assert/strict"
import { createRequire } from "node:module"
import { test } from "node:test"
import fc from "fast-check"
import { FrameRelay } from "./frame-corpus.ts"
import { RSV_NONE, VIOLATION } from "./frame-scanner.ts"
import {
  closeFrame,
  GOING_AWAY,
  isSendableCloseCode,
  NO_STATUS,
  pingFrame,
  SERVICE_RESTART,
} from "./frames.ts"

const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

test("frames toward a client", () => {
  assert.equal(closeFrame(GOING_AWAY, "", null).toString("latin1"), "\x88\x02\x03\xe9")
  assert.equal(closeFrame(SERVICE_RESTART, "bye", null).toString("latin1"), "\x88\x05\x03\xf4bye")
  assert.equal(closeFrame(NO_STATUS, "not sent", null).toString("latin1"), "\x88\x00")
  assert.equal(pingFrame(Buffer.alloc(0), null).toString("latin1"), "\x89\x00")
  assert.equal(pingFrame(Buffer.from("Hello"), null).toString("latin1"), "\x89\x05Hello")
})

test("frames toward a server are masked", () => {
  // RFC 6455 §5.7 has this key and text.
  assert.equal(
    pingFrame(Buffer.from("Hello"), KEY).toString("latin1"),
    "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
  )
  assert.equal(closeFrame(GOING_AWAY, "", KEY).toString("latin1"), "\x88\x82\x37\xfa\x21\x3d\x34\x13")
  assert.equal(closeFrame(NO_STATUS, "", KEY).toString("latin1"), "\x88\x80\x37\xfa\x21\x3d")
})

test("a reason is cut on a character boundary", () => {
  for (const [reason, expected] of [
    ["x".repeat(123), "x".repeat(123)],
    ["x".repeat(124), "x".repeat(123)],
    [`${"x".repeat(122)}é`, "x".repeat(122)],
    [`${"x".repeat(121)}é`, `${"x".repeat(121)}é`],
    [`${"x".repeat(120)}😀`, "x".repeat(120)],
    ["€".repeat(42), "€".repeat(41)],
  ])
    assert.equal(closeFrame(GOING_AWAY, reason, null).toString("utf8", 4), expected)
})

test("payloads and keys that do not fit are refused", () => {
  assert.equal(pingFrame(Buffer.alloc(125), KEY).length, 131)
  assert.throws(() => pingFrame(Buffer.alloc(126), null), RangeError)
  assert.throws(() => pingFrame(Buffer.alloc(1), Buffer.alloc(3)), RangeError)
})

test("close codes are those that ws takes", () => {
  const validation: unknown = createRequire(import.meta.url)("../../node_modules/ws/lib/validation.js")
  const { isValidStatusCode } = validation as { isValidStatusCode(code: number): boolean }
  for (let code = 0; code <= 0xffff; code++) assert.equal(isSendableCloseCode(code), isValidStatusCode(code))
})

test("the scanner reads what is made here", () => {
  const key = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }).map(Buffer.from), { nil: null })
  const code = fc.integer({ min: 1000, max: 4999 }).filter((c) => isSendableCloseCode(c) || c === NO_STATUS)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 125 }),
      fc.string({ unit: "grapheme" }),
      code,
      key,
      (payload, reason, code, key) => {
        const relay = new FrameRelay({ isMasked: key !== null, rsv: RSV_NONE })
        relay.push(pingFrame(Buffer.from(payload), key))
        relay.push(closeFrame(code, reason.repeat(9), key))
        assert.notEqual(relay.scanner.event, VIOLATION)
        const [ping, close] = relay.controls
        assert.deepEqual([ping.opcode, ping.payload], [9, Buffer.from(payload).toString("latin1")])
        assert.deepEqual([close.opcode, close.closeCode], [8, code])
        const sent = Buffer.from(close.payload.slice(2), "latin1").toString("utf8")
        assert.ok(reason.repeat(9).toWellFormed().startsWith(sent))
      },
    ),
  )
})

import assert from "node:assert/strict"
import { describe, it } from "node:test"
import {
  BINARY,
  buildFrame,
  CLOSE,
  CONTINUATION,
  closeCodeOf,
  closePayload,
  FrameParser,
  PING,
  TEXT,
} from "./frames.ts"
import { ECHOED, faultOf, PUSHED, writeMessage } from "./messages.ts"
import { parseOptions } from "./options.ts"

/** Opcode, length and whether final of each frame in `pieces`. */
function parse(pieces: readonly Buffer[], isMasked: boolean): string[] {
  const found: string[] = []
  const parser = new FrameParser(isMasked, (opcode, payload, isFinal) =>
    found.push(`${opcode} ${payload.length} ${isFinal} ${payload.every((byte, at) => byte === (at & 0xff))}`),
  )
  for (const piece of pieces) parser.push(piece)
  if (parser.pendingBytes > 0) found.push(`${parser.pendingBytes} bytes of a frame`)
  return found
}

function counting(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_unused, at) => at & 0xff))
}

describe("the strict frame parser", () => {
  for (const mask of [undefined, 0x1badcafe]) {
    const option = mask === undefined ? {} : { mask }
    it(`reads ${mask === undefined ? "unmasked" : "masked"} frames at every split`, () => {
      const stream = Buffer.concat([
        buildFrame(TEXT, counting(3), { ...option, isFragment: true }),
        buildFrame(PING, counting(125), option),
        buildFrame(CONTINUATION, counting(0), { ...option, isFragment: true }),
        buildFrame(CONTINUATION, counting(300), option),
        buildFrame(CLOSE, counting(2), option),
      ])
      const expected = [
        "1 3 false true",
        "9 125 true true",
        "0 0 false true",
        "0 300 true true",
        "8 2 true true",
      ]
      for (let at = 0; at <= stream.length; at++)
        assert.deepEqual(parse([stream.subarray(0, at), stream.subarray(at)], mask !== undefined), expected)
      const bytes = Array.from(stream, (_byte, at) => stream.subarray(at, at + 1))
      assert.deepEqual(parse(bytes, mask !== undefined), expected)
      const long = buildFrame(BINARY, counting(70_000), option)
      assert.deepEqual(parse([long.subarray(0, 9), long.subarray(9)], mask !== undefined), [
        "2 70000 true true",
      ])
      assert.deepEqual(parse([long.subarray(0, 5)], mask !== undefined), ["5 bytes of a frame"])
    })
  }

  const close = buildFrame(CLOSE, closePayload(1001))
  const wrong: readonly [string, Buffer, RegExp][] = [
    ["a mask from a server", buildFrame(TEXT, counting(1), { mask: 1 }), /mask/],
    ["reserved bits", Buffer.from([0xc1, 0]), /reserved/],
    ["an unknown opcode", Buffer.from([0x83, 0]), /opcode 3/],
    ["a continuation of nothing", buildFrame(CONTINUATION, counting(1)), /outside of/],
    ["a message within a message", Buffer.from([0x01, 0, 0x81, 0]), /within/],
    ["a control frame in fragments", Buffer.from([0x09, 0]), /fragments/],
    ["a long control frame", Buffer.from([0x89, 126, 0, 126]), /long/],
    ["a length in too many bytes", Buffer.from([0x82, 126, 0, 5]), /too many/],
    ["anything after a Close", Buffer.concat([close, close]), /after a Close/],
  ]
  for (const [name, bytes, message] of wrong)
    it(`refuses ${name}`, () => assert.throws(() => parse([bytes], false), message))

  it("knows the code of a Close", () => {
    assert.equal(closeCodeOf(closePayload(1012)), 1012)
    assert.equal(closeCodeOf(Buffer.alloc(0)), 1005)
  })
})

describe("the check of a message", () => {
  const payload = Buffer.alloc(64)
  writeMessage(payload, PUSHED, 70_000, 300)
  const expected = { kind: PUSHED, tunnel: 70_000, number: 300, bytes: 64 }

  it("takes the one that is due", () => assert.equal(faultOf(payload, expected), ""))

  it("finds each other one", () => {
    assert.match(faultOf(payload, { ...expected, number: 299 }), /number 300 instead of 299/)
    assert.match(faultOf(payload, { ...expected, tunnel: 1 }), /of tunnel 70000/)
    assert.match(faultOf(payload, { ...expected, kind: ECHOED }), /kind/)
    assert.match(faultOf(payload.subarray(1), expected), /63 bytes/)
    for (let at = 0; at < payload.length; at++) {
      const altered = Buffer.from(payload)
      altered[at] = (altered[at] as number) ^ 1
      assert.notEqual(faultOf(altered, expected), "", `byte ${at}`)
    }
  })
})

describe("the soak's command line", () => {
  it("reads what it is told", () => {
    const args = ["--tunnels", "5", "--interval", "2s", "--no-tls", "--json", "--message-bytes=128"]
    const { options, isJson } = parseOptions(args)
    assert.deepEqual(
      [options.tunnels, options.intervalMs, options.tls, options.messageBytes],
      [5, 2000, false, 128],
    )
    assert.ok(isJson)
    assert.equal(parseOptions(["--interval=100ms", "--tls"]).options.intervalMs, 100)
  })

  for (const args of [
    ["--tunnels", "0"],
    ["--interval", "fast"],
    ["--reloads=1", "--broken=2"],
    ["--nonsense"],
  ])
    it(`refuses ${args.join(" ")}`, () => assert.throws(() => parseOptions(args)))
})

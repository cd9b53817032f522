import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import {
  beginsTls,
  HELLO_COMPLETE,
  HELLO_INCOMPLETE,
  helloState,
  MAX_HELLO_BYTES,
  serverNameOf,
} from "./client-hello.ts"

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255)
}

/** A ClientHello with `name` as its server name, between two other extensions. */
function messageWith(name: string): Buffer {
  const host = Buffer.from(name, "latin1")
  const list = Buffer.concat([Buffer.of(0), uint16(host.length), host])
  const extensions = Buffer.concat([
    ...[uint16(10), uint16(2), uint16(0)],
    ...[uint16(0), uint16(list.length + 2), uint16(list.length), list],
    ...[uint16(43), uint16(0)],
  ])
  const body = Buffer.concat([
    ...[uint16(0x0303), Buffer.alloc(32, 1)],
    ...[Buffer.of(32), Buffer.alloc(32, 2)],
    ...[uint16(4), Buffer.alloc(4, 3)],
    ...[Buffer.of(1, 0)],
    ...[uint16(extensions.length), extensions],
  ])
  return Buffer.concat([Buffer.of(1, 0), uint16(body.length), body])
}

function recordsOf(message: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    records.push(Buffer.of(22, 3, 1), uint16(part.length), part)
  }
  return Buffer.concat(records)
}

test("the name, complete at the last byte and not before, in one record or in many", () => {
  const message = messageWith("www.one.test")
  for (const size of [message.length, 100, 50, 4]) {
    const hello = recordsOf(message, size)
    for (let length = 0; length < hello.length; length++)
      assert.equal(helloState(hello.subarray(0, length)), HELLO_INCOMPLETE, `${length} of records of ${size}`)
    assert.equal(helloState(hello), HELLO_COMPLETE)
    assert.equal(serverNameOf(hello), "www.one.test")
  }
})

test("names are normalised, and what is no name counts as none", () => {
  const nameOf = (name: string) => serverNameOf(recordsOf(messageWith(name), 16_000))
  assert.equal(nameOf("WWW.One.TEST."), "www.one.test")
  assert.equal(nameOf("x_y-1.test"), "x_y-1.test")
  for (const bad of ["", ".", "a..b", "a/b", "a:1", "a b", "a\0"]) assert.equal(nameOf(bad), undefined, bad)
})

test("what is no ClientHello is left to OpenSSL at once", () => {
  assert.equal(beginsTls(22), true)
  assert.equal(beginsTls(0x80), true)
  assert.equal(beginsTls("G".charCodeAt(0)), false)
  for (const bytes of ["160301000502000001", "1603010000", "1603010003010000", "8046010301"]) {
    const received = Buffer.from(bytes, "hex")
    assert.equal(helloState(received), HELLO_COMPLETE, bytes)
    assert.equal(serverNameOf(received), undefined)
  }
  assert.equal(helloState(Buffer.alloc(MAX_HELLO_BYTES, 22)), HELLO_COMPLETE)
})

test("no bytes make it fail", () => {
  const hello = recordsOf(messageWith("www.one.test"), 16_000)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(hello.length),
      (changes, end) => {
        const bytes = Buffer.from(hello)
        for (const [at, value] of changes) bytes[at] = value
        const received = bytes.subarray(0, end)
        helloState(received)
        serverNameOf(received)
      },
    ),
    { numRuns: 2000 },
  )
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { ResponseReader } from "./response-reader.ts"

const SMALL = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 5\r\n\r\nhello"
const LARGE = `HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${"a".repeat(5000)}`

test("answers are counted wherever the bytes are cut", () => {
  const all = Buffer.from(SMALL + LARGE + SMALL, "latin1")
  for (let at = 0; at <= all.length; at++) {
    const reader = new ResponseReader()
    assert.equal(reader.read(all.subarray(0, at)) + reader.read(all.subarray(at)), 3, `cut at ${at}`)
  }
})

test("an answer byte by byte is one answer, at its last byte", () => {
  const reader = new ResponseReader()
  const all = Buffer.from(SMALL, "latin1")
  const counts = Array.from(all, (byte) => reader.read(Buffer.from([byte])))
  assert.deepEqual(counts.slice(0, -1), new Array(all.length - 1).fill(0))
  assert.equal(counts.at(-1), 1)
})

test("another status, or an answer without a length, is refused", () => {
  const read = (text: string) => () => new ResponseReader().read(Buffer.from(text, "latin1"))
  assert.throws(read("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), /no 200 but HTTP\/1.1 502/)
  assert.throws(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), /without Content-Length/)
})

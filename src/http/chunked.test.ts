import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { ChunkedDecoder, chunkHeader, LAST_CHUNK, lastChunk } from "./chunked.ts"
import { HeaderList } from "./header-list.ts"

interface Decoded {
  payload: string
  done: boolean
  failed: boolean
  trailers: [string, string][] | null
  rest: string
}

function decode(bytes: Buffer, cuts: readonly number[]): Decoded {
  const decoder = new ChunkedDecoder()
  let payload = ""
  let rest = ""
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, cut))
    from = cut
    let offset = 0
    while (offset < piece.length && !decoder.done && !decoder.failed) {
      const next = decoder.execute(piece, offset)
      assert.ok(next > offset || decoder.failed)
      assert.ok(decoder.dataStart >= offset && decoder.dataEnd <= next)
      payload += piece.toString("latin1", decoder.dataStart, decoder.dataEnd)
      offset = next
    }
    rest += piece.toString("latin1", offset)
    piece.fill(0)
  }
  const trailers = decoder.trailers
  return {
    payload,
    done: decoder.done,
    failed: decoder.failed,
    trailers: trailers === null ? null : trailers.names.map((name, i) => [name, trailers.values[i]]),
    rest: decoder.failed ? "" : rest,
  }
}

test("every cut of a body with extensions and trailers", () => {
  const bytes = Buffer.from(
    '5;a="b\\"";c=d\r\nhello\r\n00B;e\r\n, octets \xff!\r\n0\r\nX-Sum: 1 \r\nY:\r\n\r\nrest',
    "latin1",
  )
  const expected: Decoded = {
    payload: "hello, octets \xff!",
    done: true,
    failed: false,
    trailers: [
      ["X-Sum", "1"],
      ["Y", ""],
    ],
    rest: "rest",
  }
  assert.deepEqual(decode(bytes, []), expected)
  for (let a = 0; a <= bytes.length; a++)
    for (let b = a; b <= bytes.length; b += 3) assert.deepEqual(decode(bytes, [a, b]), expected)
})

test("one piece of payload is one range of the chunk", () => {
  const decoder = new ChunkedDecoder()
  const bytes = Buffer.from("4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n")
  assert.equal(decoder.execute(bytes, 0), 7)
  assert.deepEqual([decoder.dataStart, decoder.dataEnd], [3, 7])
  assert.equal(decoder.execute(bytes, 7), 14)
  assert.deepEqual([decoder.dataStart, decoder.dataEnd], [12, 14])
  assert.equal(decoder.execute(bytes, 14), bytes.length)
  assert.equal(decoder.dataStart, decoder.dataEnd)
  assert.equal(decoder.done, true)
  decoder.reset()
  decoder.execute(bytes, 0)
  assert.deepEqual([decoder.done, decoder.dataEnd], [false, 7])
})

test("a decoder that is done or failed takes nothing more", () => {
  for (const text of [LAST_CHUNK, "x"]) {
    const decoder = new ChunkedDecoder()
    decoder.execute(Buffer.from(text), 0)
    assert.equal(decoder.execute(Buffer.from("5\r\nhello"), 0), 0)
    assert.equal(decoder.dataStart, decoder.dataEnd)
  }
})

test("the largest size, and one more", () => {
  const largest = new ChunkedDecoder()
  largest.execute(Buffer.from("1fffffffffffff\r\nx"), 0)
  assert.deepEqual([largest.failed, largest.dataEnd - largest.dataStart], [false, 1])
  assert.equal(decode(Buffer.from("20000000000000\r\n"), []).failed, true)
})

test("trailers have a limit", () => {
  assert.equal(decode(Buffer.from(`0\r\nX: ${"a".repeat(9000)}`), []).failed, true)
  assert.equal(decode(Buffer.from(`0\r\n${"X: a\r\n".repeat(1400)}`), [100, 5000]).failed, true)
})

test("property: what is chunked comes back, cut anywhere", () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 10 }),
      fc.array(fc.nat(500), { maxLength: 8 }),
      (chunks, cuts) => {
        const coded = chunks
          .map((c) => `${chunkHeader(c.length)}${Buffer.from(c).toString("latin1")}\r\n`)
          .join("")
        const bytes = Buffer.from(`${coded}${LAST_CHUNK}GET`, "latin1")
        const places = cuts.map((c) => c % bytes.length).sort((a, b) => a - b)
        const payload = chunks.map((c) => Buffer.from(c).toString("latin1")).join("")
        assert.deepEqual(decode(bytes, places), {
          payload,
          done: true,
          failed: false,
          trailers: null,
          rest: "GET",
        })
      },
    ),
  )
})

test("property: random bytes never throw, and the verdict does not hang on the cuts", () => {
  const piece = fc.oneof(
    fc.constantFrom("5\r\nhello\r\n", "0\r\n", "\r\n", ";a=b", '"', "X: y\r\n", "1", "f", "\n", "\r"),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(""), "latin1")
      const each = Array.from({ length: bytes.length }, (_, i) => i)
      assert.deepEqual(decode(bytes, each), decode(bytes, []))
    }),
    { numRuns: 2000 },
  )
})

test("the last chunk with trailers is read back as they were", () => {
  const section = new HeaderList()
  assert.equal(lastChunk(section), LAST_CHUNK)
  section.add("X-Sum", "42")
  section.add("x-sum", "a b")
  const { trailers, done, rest } = decode(Buffer.from(`1\r\nx\r\n${lastChunk(section)}rest`), [])
  assert.deepEqual([done, rest], [true, "rest"])
  assert.deepEqual(trailers, [
    ["X-Sum", "42"],
    ["x-sum", "a b"],
  ])
})

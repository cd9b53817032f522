import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { contentRange, multipart, onePart, parseRange, UNSATISFIABLE, WHOLE_BODY } from "./ranges.ts"

const MANY = 2 ** 31 - 1

describe("Range", () => {
  const cases: readonly [field: string, length: number, expected: ReturnType<typeof parseRange>][] = [
    ["bytes=0-0", 10, [{ start: 0, end: 1 }]],
    ["bytes=2-", 10, [{ start: 2, end: 10 }]],
    ["bytes=2-99", 10, [{ start: 2, end: 10 }]],
    ["bytes=-3", 10, [{ start: 7, end: 10 }]],
    ["bytes=-30", 10, [{ start: 0, end: 10 }]],
    ["bytes=-0", 10, UNSATISFIABLE],
    ["bytes=10-", 10, UNSATISFIABLE],
    ["bytes=0-1,20-30", 10, [{ start: 0, end: 2 }]],
    [
      "bytes=-1,0-0",
      10,
      [
        { start: 9, end: 10 },
        { start: 0, end: 1 },
      ],
    ],
    ["bytes=0-9,0-0", 10, WHOLE_BODY],
    ["bytes=0-", 0, WHOLE_BODY],
    ["bytes=1-", 0, UNSATISFIABLE],
    ["bytes=", 10, WHOLE_BODY],
    ["bytes=1-2,", 10, UNSATISFIABLE],
    ["items=0-1", 10, WHOLE_BODY],
    ["bytes=9223372036854775808-", 10, UNSATISFIABLE],
  ]
  for (const [field, length, expected] of cases)
    it(`${field} of ${length}`, () => assert.deepEqual(parseRange(field, length, MANY), expected))

  it("takes as many as are allowed", () => {
    assert.equal((parseRange("bytes=0-0,2-2", 10, 2) as readonly unknown[]).length, 2)
    assert.equal(parseRange("bytes=0-0,2-2,4-4", 10, 2), WHOLE_BODY)
  })

  it("gives ranges that are in the body, and no more than it, or says why not", () => {
    const word = fc.string({ unit: fc.constantFrom(..."0123456789-, b") })
    fc.assert(
      fc.property(word, fc.nat(1000), fc.nat(5), (text, length, maxRanges) => {
        const found = parseRange(`bytes=${text}`, length, maxRanges)
        if (found === WHOLE_BODY || found === UNSATISFIABLE) return
        assert.ok(found.length >= 1 && found.length <= maxRanges)
        let bytes = 0
        for (const { start, end } of found) {
          assert.ok(start >= 0 && start < end && end <= length)
          bytes += end - start
        }
        assert.ok(bytes <= length)
      }),
    )
  })
})

describe("parts of a body", () => {
  it("one has no text around it", () => {
    const range = { start: 2, end: 5 }
    assert.deepEqual(onePart(range), { ranges: [range], partHeads: null, tail: "", length: 3 })
    assert.equal(contentRange(range, 10), "bytes 2-4/10")
  })

  it("several have a head each, and their length is that of all of it", () => {
    const ranges = [
      { start: 0, end: 1 },
      { start: 7, end: 10 },
    ]
    const { partHeads, tail, length } = multipart(ranges, 10, "text/plain", "B")
    assert.deepEqual(partHeads, [
      "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n",
      "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n",
    ])
    assert.equal(tail, "\r\n--B--\r\n")
    assert.equal(length, (partHeads ?? []).join("").length + tail.length + 4)
  })
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { crc32 } from "node:zlib"
import fc from "fast-check"
import { CRC_START, finalCrc, updateCrc, updateCrcWord } from "./crc32.ts"

test("the check value of the standard", () => {
  assert.equal(finalCrc(updateCrc(CRC_START, "123456789")), 0xcbf43926)
  assert.equal(finalCrc(CRC_START), 0)
})

test("property: as zlib has it, for bytes in one piece and in two", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (head, tail) => {
      const [first, second] = [head, tail].map((bytes) => Buffer.from(bytes).toString("latin1"))
      const expected = crc32(Buffer.concat([head, tail]))
      assert.equal(finalCrc(updateCrc(CRC_START, first + second)), expected)
      assert.equal(finalCrc(updateCrc(updateCrc(CRC_START, first), second)), expected)
    }),
  )
})

test("property: a word is its four bytes, the lowest first", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (word) => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32LE(word)
      assert.equal(finalCrc(updateCrcWord(CRC_START, word)), crc32(bytes))
    }),
  )
})

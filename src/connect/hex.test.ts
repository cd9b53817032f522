import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { describe, test } from "node:test"
import { dump, parseHex } from "./hex.ts"

const HEXDUMP = "/usr/bin/hexdump"

describe("bytes as hexadecimal digits", () => {
  test("are read with blanks, in either case, with 0x", () => {
    for (const text of ["00ff 7F", "0x00FF7f", " 0 0 f f 7 f "])
      assert.deepEqual(parseHex(text), Buffer.from([0, 255, 127]))
    assert.equal(parseHex("").length, 0)
  })

  test("are refused where they are none", () => {
    assert.throws(() => parseHex("0g"), /"g" is no hexadecimal digit/)
    assert.throws(() => parseHex("abc"), /odd number/)
  })

  const skip = existsSync(HEXDUMP)
    ? false
    : `${HEXDUMP} is not installed (Debian: apt-get install bsdextrautils)`
  test("are shown as hexdump -C shows them", { skip }, () => {
    for (const length of [1, 8, 9, 16, 17, 256]) {
      const data = Buffer.from(Array.from({ length }, (_, index) => (index * 7) & 255))
      // -v: no * in place of rows that repeat. The last line is the length.
      const lines = execFileSync(HEXDUMP, ["-C", "-v"], { input: data, encoding: "latin1" })
        .split("\n")
        .slice(0, -2)
      assert.deepEqual(dump(data, 1024), lines)
      assert.deepEqual(dump(data, 32), lines.slice(0, 2))
    }
  })
})

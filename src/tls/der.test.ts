import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { children, GENERALIZED_TIME, readAll, readDer, readTime, SEQUENCE, writeDer } from "./der.ts"

describe("DER", () => {
  it("is read as it was written, whatever its length", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const content = Buffer.alloc(length, 7)
      const der = writeDer(SEQUENCE, content)
      const value = readDer(Buffer.concat([der, Buffer.from("more")]))
      assert.equal(value.tag, SEQUENCE)
      assert.ok(value.content.equals(content) && value.whole.equals(der))
    }
  })

  it("is not read beyond its end, at whatever byte it is cut", () => {
    const inner = writeDer(SEQUENCE, Buffer.alloc(200, 1))
    const whole = writeDer(SEQUENCE, inner, inner)
    for (let cut = 0; cut < whole.length; cut++)
      assert.throws(() => readDer(whole.subarray(0, cut)), RangeError, String(cut))
    assert.equal(children(readDer(whole)).length, 2)
  })

  it("is refused where it is BER or nonsense", () => {
    for (const hex of ["3080", "1f0101", "3085000000000100", "30"])
      assert.throws(() => readDer(Buffer.from(hex, "hex")), RangeError, hex)
    assert.throws(() => children(readDer(Buffer.from("0400", "hex"))), RangeError)
  })

  it("of any bytes gives values or a RangeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const values = readAll(Buffer.from(bytes))
          assert.equal(
            values.reduce((sum, { whole }) => sum + whole.length, 0),
            bytes.length,
          )
        } catch (error) {
          assert.ok(error instanceof RangeError)
        }
      }),
    )
  })

  it("has times in UTC", () => {
    const time = (text: string) => readTime(readDer(writeDer(GENERALIZED_TIME, Buffer.from(text))))
    assert.equal(time("20260102030405Z"), Date.UTC(2026, 0, 2, 3, 4, 5))
    for (const text of ["20260102030405", "260102030405Z", "20260102030405+0100", ""])
      assert.throws(() => time(text), RangeError, text)
  })
})

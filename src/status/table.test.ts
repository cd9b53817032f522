import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { shorten, table } from "./table.ts"

describe("a table", () => {
  const columns = [
    { title: "NAME", isFlexible: true },
    { title: "COUNT", isNumber: true },
    { title: "STATE" },
  ]

  it("has texts on the left and numbers on the right", () => {
    assert.deepEqual(
      table(
        columns,
        [
          ["a", "1", "up"],
          ["longer", "12345678"],
        ],
        80,
      ),
      ["NAME       COUNT  STATE", "a              1  up", "longer  12345678"],
    )
  })

  it("is no wider than it may be: a long text loses its middle", () => {
    const lines = table(columns, [["0123456789".repeat(10), "1", "running"]], 40)
    assert.deepEqual(lines, [
      "NAME                      COUNT  STATE",
      "012345678901…90123456789      1  running",
    ])
    for (const line of lines) assert.ok(line.length <= 40, line)
  })

  it("counts characters, not code units", () => {
    assert.deepEqual(
      table(
        [{ title: "A" }, { title: "B" }],
        [
          ["😀", "x"],
          ["ab", "y"],
        ],
        80,
      ),
      ["A   B", "😀   x", "ab  y"],
    )
  })
})

describe("a text that is too long", () => {
  it("keeps its ends", () => {
    assert.equal(shorten("abcdefghij", 10), "abcdefghij")
    assert.equal(shorten("abcdefghij", 7), "abc…hij")
    assert.equal(shorten("abcdefghij", 6), "abc…ij")
    assert.equal(shorten("abcdefghij", 2), "a…")
    assert.equal(shorten("abcdefghij", 1), "a")
    assert.equal(shorten("😀😀😀😀", 3), "😀…😀")
  })
})

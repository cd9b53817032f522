import assert from "node:assert/strict"
import { it } from "node:test"
import { httpDate, parseHttpDate } from "./date.ts"

it("reads the three forms of a date", () => {
  for (const text of [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Sun Nov 06 08:49:37 1994",
  ])
    assert.equal(parseHttpDate(text), 784_111_777, text)
  assert.equal(httpDate(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT")
})

it("years of two digits are of this century up to 69", () => {
  assert.equal(parseHttpDate("x, 01-Jan-69 00:00:00"), Date.UTC(2069, 0, 1) / 1000)
  assert.equal(parseHttpDate("x, 01-Jan-70 00:00:00"), 0)
})

it("knows leap days", () => {
  assert.equal(parseHttpDate("x, 29 Feb 2024 00:00:00"), Date.UTC(2024, 1, 29) / 1000)
  for (const year of ["2023", "1900"]) assert.equal(parseHttpDate(`x, 29 Feb ${year} 00:00:00`), -1)
})

it("gives -1 for what is no date", () => {
  for (const text of [
    "",
    "now",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "06 Nov 1994 08:49:37 GMT",
  ])
    assert.equal(parseHttpDate(text), -1, text)
})

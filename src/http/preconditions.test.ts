import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { HeaderList } from "./header-list.ts"
import { hasConditions, type IfModifiedSince, testPreconditions } from "./preconditions.ts"

const AT = "Sun, 13 Sep 2020 12:26:40 GMT"
const BEFORE = "Sun, 13 Sep 2020 12:26:39 GMT"
const AFTER = "Sun, 13 Sep 2020 12:26:41 GMT"

function fields(lines: readonly string[]): HeaderList {
  const list = new HeaderList()
  for (const line of lines) {
    const [name, value] = line.split(": ") as [string, string]
    list.add(name, value)
  }
  return list
}

describe("preconditions", () => {
  const cases: readonly [lines: readonly string[], status: number, mode?: IfModifiedSince, etag?: string][] =
    [
      [[], 0],
      [[`If-Modified-Since: ${AT}`], 304],
      [[`If-Modified-Since: ${AFTER}`], 0],
      [[`If-Modified-Since: ${AFTER}`], 304, "before"],
      [[`If-Modified-Since: ${BEFORE}`], 0, "before"],
      [[`If-Modified-Since: ${AT}`], 0, "off"],
      [[`If-Unmodified-Since: ${AT}`], 0],
      [[`If-Unmodified-Since: ${BEFORE}`], 412],
      [['If-Match: "e"'], 0],
      [['If-Match: "f", "e"'], 0],
      [['If-Match: W/"e"'], 412],
      [["If-Match: *"], 0],
      [['If-Match: "ee"'], 412],
      [['If-None-Match: "e"'], 304],
      [['If-None-Match: W/"e"'], 304],
      [['If-None-Match: "e"'], 304, "exact", 'W/"e"'],
      [['If-None-Match: "f"', `If-Modified-Since: ${AT}`], 0],
      [['If-None-Match: "e"', `If-Modified-Since: ${BEFORE}`], 0],
      [[`If-Unmodified-Since: ${BEFORE}`, 'If-None-Match: "e"'], 412],
    ]
  for (const [lines, status, mode = "exact", etag = '"e"'] of cases)
    it(`${lines.join(", ")} ${mode} ${etag}: ${status}`, () => {
      const headers = fields(lines)
      assert.equal(hasConditions(headers), lines.length > 0)
      assert.equal(testPreconditions(headers, { modifiedSeconds: 1_600_000_000, etag }, mode), status)
    })

  it("nothing that was modified at no time is unmodified, or modified since", () => {
    const validators = { modifiedSeconds: -1, etag: undefined }
    assert.equal(testPreconditions(fields([`If-Unmodified-Since: ${AFTER}`]), validators, "exact"), 412)
    assert.equal(testPreconditions(fields([`If-Modified-Since: ${AFTER}`]), validators, "before"), 0)
    assert.equal(testPreconditions(fields(['If-Match: "e"']), validators, "exact"), 412)
    assert.equal(testPreconditions(fields(["If-None-Match: *"]), validators, "exact"), 304)
  })
})

import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { HoldfastError } from "../base/error.ts"
import { printableJson, readSnapshot } from "./read-snapshot.ts"
import { report } from "./report.ts"
import { exampleSnapshot } from "./testing.ts"

/** What a terminal would obey. */
const OBEYED = /[\0-\x1f\x7f-\x9f\u202e\u2066]/

/** Every place in a document, as the keys that lead there. */
function placesIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [[...path]]
  return [[...path], ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))]
}

function withValue(value: unknown, [key, ...rest]: readonly string[], put: unknown): unknown {
  if (key === undefined) return put
  const inner = withValue((value as Record<string, unknown>)[key], rest, put)
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? inner : item))
  return { ...(value as object), [key]: inner }
}

describe("a snapshot that is read", () => {
  it("is what it was, without the fields that are not known here", () => {
    const snapshot = exampleSnapshot("ü")
    assert.deepEqual(readSnapshot(JSON.stringify({ ...snapshot, more: { of: "it" } })), snapshot)
  })

  it("is refused in words, or can be shown, whatever stands at whichever place", () => {
    const snapshot = exampleSnapshot()
    const hostile = fc.oneof(
      fc.jsonValue(),
      fc.constant("\x1b]0;\u202e\u009b2J\r\n"),
      fc.string({ unit: "binary" }),
    )
    fc.assert(
      fc.property(fc.constantFrom(...placesIn(snapshot)), hostile, (place, put) => {
        const document = JSON.stringify(withValue(snapshot, place, put))
        const json = printableJson(document)
        assert.doesNotMatch(json, OBEYED)
        assert.deepEqual(JSON.parse(json), JSON.parse(document))
        try {
          for (const line of report(readSnapshot(document), { width: 80, isColoured: false }))
            assert.doesNotMatch(line, OBEYED)
        } catch (error) {
          if (!(error instanceof HoldfastError)) throw error
          assert.equal(error.code, "PROCESS")
          assert.doesNotMatch(error.message, OBEYED)
        }
      }),
      { numRuns: 300 },
    )
  })
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { shownMessage } from "./messages-answer.ts"
import { timesOf } from "./messages-manners.ts"
import { payloadOf } from "./messages-talk.ts"
import { isPongNearer, sizeText } from "./messages-text.ts"

test("messages are shown as one line, cut, without credentials", () => {
  const shown = (text: string): string => shownMessage(Buffer.from(text), false)
  assert.equal(shown("hi\x1b[31m\n"), '"hi\\x1b[31m\\x0a"')
  assert.equal(
    shown('{"sid":"abc","token" : "def","name":"me"}'),
    '"{"sid":"***","token" : "***","name":"me"}"',
  )
  assert.equal(shown("a".repeat(200)), `"${"a".repeat(120)}" … (200 bytes)`)
  assert.equal(shownMessage(Buffer.from([0, 255]), true), "binary: 00ff")
})

test("percentiles are of the times that were seen", () => {
  assert.deepEqual(timesOf([3, 1, 2]), { count: 3, p50Ms: 2, p99Ms: 3 })
  assert.deepEqual(timesOf([7]), { count: 1, p50Ms: 7, p99Ms: 7 })
})

test("a payload has its length, and another start each time", () => {
  for (const bytes of [1, 126, 65_536]) assert.equal(payloadOf(bytes).length, bytes)
  assert.match(payloadOf(1000).toString("latin1"), /^[0-9a-zA-Z]+$/)
  assert.notDeepEqual(payloadOf(100), payloadOf(100))
})

test("sizes are told in whole units alone", () => {
  assert.deepEqual([1, 126, 1024, 1025, 65_536, 1_048_576, 1_048_577].map(sizeText), [
    "1 B",
    "126 B",
    "1 KB",
    "1025 B",
    "64 KB",
    "1 MB",
    "1048577 B",
  ])
})

test("a pong is called nearer only where that is clear", () => {
  assert.equal(isPongNearer(1, 40), true)
  assert.equal(isPongNearer(30, 40), false)
  assert.equal(isPongNearer(0.1, 2), false)
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { SMUGGLING_CORPUS } from "./smuggling-corpus.ts"
import { readMessages } from "./testing.ts"

test("the corpus is large and its names are unique", () => {
  assert.ok(SMUGGLING_CORPUS.length >= 70)
  assert.equal(new Set(SMUGGLING_CORPUS.map((c) => c.name)).size, SMUGGLING_CORPUS.length)
})

for (const { name, bytes, refused, messages } of SMUGGLING_CORPUS) {
  test(`smuggling: ${name} is ${refused ? "refused" : "understood"}, cut anywhere`, () => {
    const whole = readMessages(bytes)
    assert.equal(whole.verdict, refused ? "refused" : "complete")
    if (!refused) assert.deepEqual(whole.messages, messages)
    for (let cut = 1; cut < bytes.length; cut++) assert.deepEqual(readMessages(bytes, [cut]), whole)
    const each = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)
    assert.deepEqual(readMessages(bytes, each), whole)
  })
}

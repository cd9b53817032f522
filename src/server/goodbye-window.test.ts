import assert from "node:assert/strict"
import { it } from "node:test"
import { goodbyeWindowMs } from "./goodbye-window.ts"

it("goodbyes leave a part of the time for closing handshakes", () => {
  assert.equal(goodbyeWindowMs(undefined), 30_000)
  assert.equal(goodbyeWindowMs(0), 0)
  assert.equal(goodbyeWindowMs(10_000), 8_000)
  assert.equal(goodbyeWindowMs(50_000), 40_000)
  // No more than ten seconds.
  assert.equal(goodbyeWindowMs(3_600_000), 3_590_000)
})

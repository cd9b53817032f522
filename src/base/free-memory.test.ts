import assert from "node:assert/strict"
import test from "node:test"
import { freeMemory } from "./free-memory.ts"

test("frees a buffer that has its memory to itself", () => {
  const chunk = Buffer.alloc(16 * 1024, 1)
  freeMemory(chunk)
  assert.equal(chunk.length, 0)
  assert.equal(chunk.buffer.byteLength, 0)
})

test("leaves a part of larger memory alone", () => {
  const whole = Buffer.alloc(16 * 1024, 1)
  for (const part of [whole.subarray(0, 8192), whole.subarray(1), whole.subarray(0, whole.length - 1)]) {
    const { length } = part
    freeMemory(part)
    assert.equal(part.length, length)
  }
  assert.equal(whole.length, 16 * 1024)
})

test("leaves what lies in Node's pool alone", () => {
  const pooled = Buffer.from("x".repeat(100), "latin1")
  const neighbour = Buffer.from("neighbour", "latin1")
  freeMemory(pooled)
  assert.equal(pooled.length, 100)
  assert.equal(neighbour.toString("latin1"), "neighbour")
})

test("leaves a small buffer to the garbage collector", () => {
  const small = Buffer.allocUnsafeSlow(100)
  freeMemory(small)
  assert.equal(small.length, 100)
})

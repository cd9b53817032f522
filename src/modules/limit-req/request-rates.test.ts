import assert from "node:assert/strict"
import { test } from "node:test"
import { threadId } from "node:worker_threads"
import {
  BUSY,
  NO_ROOM,
  PASSED,
  RequestRates,
  repairRequestRates,
  requestRatesBytes,
} from "./request-rates.ts"

const SIZE = 32_768

class Clock {
  ms = 1_000_000
  nowMs(): number {
    return this.ms
  }
}

/** A zone with a clock that stands still. */
function zone(rate: number, memory = new SharedArrayBuffer(requestRatesBytes(SIZE)), clock = new Clock()) {
  const rates = new RequestRates(memory, { name: "one", sizeBytes: SIZE, rate: rate * 1000 }, clock)
  return { rates, clock, memory }
}

test("one request passes, the next is beyond the rate by a thousandth for each that leaked", () => {
  const { rates, clock } = zone(10)
  assert.deepEqual([rates.check("a", 0, true), rates.excess], [PASSED, 0])
  assert.deepEqual([rates.check("a", 0, true), rates.excess], [BUSY, 1000])
  clock.ms += 40
  assert.deepEqual([rates.check("a", 0, true), rates.excess], [BUSY, 600])
  clock.ms += 60
  assert.deepEqual([rates.check("a", 0, true), rates.excess], [PASSED, 0])
  assert.deepEqual([rates.check("b", 0, true), rates.excess], [PASSED, 0])
})

test("a burst fills and leaks", () => {
  const { rates, clock } = zone(1)
  const ask = (): number[] => [rates.check("a", 3000, true), rates.excess]
  assert.deepEqual(
    [ask(), ask(), ask(), ask(), ask()],
    [
      [0, 0],
      [0, 1000],
      [0, 2000],
      [0, 3000],
      [1, 4000],
    ],
  )
  clock.ms += 2500
  assert.deepEqual(
    [ask(), ask(), ask()],
    [
      [0, 1500],
      [0, 2500],
      [1, 3500],
    ],
  )
})

test("a clock that runs behind counts as standing, one that was set back as a moment", () => {
  const { rates, clock } = zone(1)
  rates.check("a", 5000, true)
  clock.ms -= 10
  rates.check("a", 5000, true)
  assert.equal(rates.excess, 1000)
  clock.ms -= 100_000
  rates.check("a", 5000, true)
  assert.equal(rates.excess, 1999)
})

test("what is asked without being counted is counted afterwards", () => {
  const { rates } = zone(1)
  assert.equal(rates.check("a", 1000, false), PASSED)
  assert.equal(rates.account("a"), 0)
  assert.equal(rates.check("a", 1000, false), PASSED)
  assert.equal(rates.check("a", 1000, false), PASSED)
  assert.equal(rates.account("a"), 1000)
  assert.equal(rates.check("a", 1000, false), BUSY)
  assert.equal(rates.account("never asked"), 0)
})

test("a full zone forgets the oldest, whatever it is, and as many as nginx keeps stay", () => {
  const { rates } = zone(1)
  // Seven pages: one for the name, six for 32 states of 128 bytes each, one of which is nginx's own.
  for (let i = 0; i < 191; i++) assert.equal(rates.check(`key ${i}`, 0, true), PASSED)
  for (let i = 0; i < 191; i++) assert.equal(rates.check(`key ${i}`, 0, true), BUSY, `key ${i}`)
  assert.equal(rates.check("one more", 0, true), PASSED)
  assert.equal(rates.check("key 1", 0, true), BUSY)
  assert.equal(rates.check("key 0", 0, true), PASSED)
})

test("states at rest for a minute make room, two at a time, before any other does", () => {
  const { rates, clock } = zone(1)
  for (let i = 0; i < 4; i++) rates.check(`old ${i}`, 0, true)
  clock.ms += 60_000
  rates.check("new", 0, true)
  const left = [0, 1, 2, 3].filter((i) => {
    const { table } = rates
    return table.find(`old ${i}`, table.hash(`old ${i}`)) !== 0
  })
  assert.deepEqual(left, [2, 3])
})

test("a key that is larger than the zone has no room", () => {
  const { rates } = zone(1)
  assert.equal(rates.check("x".repeat(40_000), 0, true), NO_ROOM)
  assert.equal(rates.check("x".repeat(20_000), 0, true), PASSED)
  assert.equal(rates.check("x".repeat(20_000), 0, true), BUSY)
})

test("two views of one memory share its states, and a repair keeps them", () => {
  const { rates, memory, clock } = zone(1)
  const other = zone(2, memory, clock).rates
  rates.check("a", 0, true)
  assert.equal(other.check("a", 0, true), BUSY)
  rates.table.lock.lock()
  repairRequestRates(memory, threadId + 1)
  assert.ok(!other.table.lock.lockWithin(1))
  repairRequestRates(memory, threadId)
  assert.equal(other.check("a", 0, true), BUSY)
})

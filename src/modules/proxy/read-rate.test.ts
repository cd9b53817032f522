import assert from "node:assert/strict"
import { test } from "node:test"
import { TimerWheel } from "../../base/timers.ts"
import type { Request } from "../../runtime/request.ts"
import { type RatedReader, ReadRate } from "./read-rate.ts"

class Reader implements RatedReader {
  readonly pieces: string[] = []
  readonly room = Promise.withResolvers<void>()
  waits = 0
  onRatedBytes(chunk: Buffer): void {
    this.pieces.push(chunk.toString("latin1"))
  }
  onRateWait(): void {
    this.waits++
  }
  onRateRoom(): void {
    this.room.resolve()
  }
}

/** A clock that stands still; its timers run. */
function setup(bytesPerSecond: number) {
  const timers = new TimerWheel(5)
  const clock = { ms: 1_000_000 }
  const reader = new Reader()
  const rate = new ReadRate(
    null as unknown as Request,
    bytesPerSecond,
    { timers, nowMs: () => clock.ms },
    reader,
  )
  const keepAlive = setInterval(() => {}, 1000)
  const close = (): void => {
    clearInterval(keepAlive)
    timers.close()
  }
  return { clock, reader, rate, close }
}

test("what is within the rate goes at once", () => {
  const { reader, rate, close } = setup(100)
  rate.take(Buffer.from("a".repeat(60)))
  rate.take(Buffer.from("b".repeat(40)))
  assert.deepEqual(reader.pieces, ["a".repeat(60), "b".repeat(40)])
  assert.equal(rate.isWaiting, false)
  assert.equal(reader.waits, 0)
  close()
})

test("what is beyond waits for its second, in order with what comes meanwhile", async () => {
  const { clock, reader, rate, close } = setup(10_000)
  rate.take(Buffer.from("a".repeat(10_100)))
  assert.equal(rate.isWaiting, true)
  assert.equal(reader.waits, 1)
  rate.take(Buffer.from("b"))
  assert.deepEqual(reader.pieces, ["a".repeat(10_000)])
  clock.ms += 1000
  await reader.room.promise
  assert.deepEqual(reader.pieces, ["a".repeat(10_000), `${"a".repeat(100)}b`])
  close()
})

test("nothing comes after stop", () => {
  const { reader, rate, close } = setup(1)
  rate.take(Buffer.from("ab"))
  rate.stop()
  assert.equal(rate.isWaiting, false)
  assert.deepEqual(reader.pieces, ["a"])
  close()
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { TimerWheel } from "../../base/timers.ts"
import { type BodyOutput, ThrottledOutput } from "./throttled-output.ts"

/** Keeps what it is given, and says when it has ended. */
class Recorder implements BodyOutput {
  readonly pieces: number[] = []
  readonly ended = Promise.withResolvers<void>()

  write(piece: Buffer): boolean {
    this.pieces.push(piece.length)
    return true
  }
  flush(): void {}
  end(): void {
    this.ended.resolve()
  }
  get total(): number {
    return this.pieces.reduce((sum, length) => sum + length, 0)
  }
}

test("a second's worth goes at once, the rest as time goes by, the end after it", async () => {
  const wheel = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  const recorder = new Recorder()
  const output = new ThrottledOutput(recorder, 10_000, wheel, () => assert.fail("nobody waits"))
  assert.equal(output.write(Buffer.alloc(10_500)), false)
  assert.deepEqual(recorder.pieces, [10_000])
  output.end()
  await recorder.ended.promise
  assert.equal(recorder.total, 10_500)
  assert.ok(recorder.pieces.length > 1)
  clearInterval(keepAlive)
  wheel.close()
})

test("the producer is told when all that waited has gone out", async () => {
  const wheel = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  const recorder = new Recorder()
  const free = Promise.withResolvers<void>()
  const output = new ThrottledOutput(recorder, 10_000, wheel, free.resolve)
  assert.equal(output.write(Buffer.alloc(4000)), true)
  assert.equal(output.write(Buffer.alloc(6200)), false)
  await free.promise
  assert.equal(recorder.total, 10_200)
  clearInterval(keepAlive)
  wheel.close()
})

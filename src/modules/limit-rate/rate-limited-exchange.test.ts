import assert from "node:assert/strict"
import { type TestContext, test } from "node:test"
import { TimerWheel } from "../../base/timers.ts"
import type { Request } from "../../runtime/request.ts"
import { RecordingExchange, RecordingProducer } from "../../runtime/testing.ts"
import { Fixture } from "../core-variables-fixture.ts"
import { type RateLimit, RateLimitedExchange } from "./rate-limited-exchange.ts"

interface Setup {
  readonly recorder: RecordingExchange
  readonly limited: RateLimitedExchange
  readonly request: Request
  /** Lets the clock go on, and the wheel turn. */
  readonly clock: { ms: number }
}

/** An exchange under `limit`, with a wall clock that runs as fast as time does from `startMs` on. */
function setup(t: TestContext, limit: RateLimit): Setup {
  const fixture = new Fixture("http { access_log off; server { } }")
  const request = fixture.request(fixture.location(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  const recorder = new RecordingExchange()
  request.exchange = recorder
  const timers = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  // At a second's end: the time that making all this takes is taken off, and must not reach into the second before.
  const clock = { ms: Math.floor(Date.now() / 1000) * 1000 + 999 }
  const clocks = { timers, nowMs: () => clock.ms }
  const limited = new RateLimitedExchange(request, clocks, (_request, ownRate) => ({
    rate: ownRate === -1 ? limit.rate : ownRate,
    after: limit.after,
  }))
  request.exchange = limited
  t.after(() => {
    clearInterval(keepAlive)
    timers.close()
  })
  return { recorder, limited, request, clock }
}

test("without a rate all goes at once", (t) => {
  const { recorder, limited } = setup(t, { rate: 0, after: 0 })
  limited.sendHead()
  assert.equal(limited.write(Buffer.alloc(100_000)), true)
  limited.end()
  assert.deepEqual([recorder.pieces, recorder.hasEnded], [[100_000], true])
})

test("a second's worth goes at once, head included; the rest as seconds begin, the end after it", async (t) => {
  const { recorder, limited, clock } = setup(t, { rate: 10_000, after: 0 })
  limited.sendHead()
  assert.equal(limited.write(Buffer.alloc(10_500)), false)
  assert.deepEqual(recorder.pieces, [9900])
  limited.end()
  assert.equal(recorder.hasEnded, false)
  clock.ms += 1000
  await recorder.over.promise
  assert.deepEqual(recorder.pieces, [9900, 600])
})

test("what goes before the limit does not count", (t) => {
  const { recorder, limited } = setup(t, { rate: 1000, after: 5000 })
  limited.sendHead()
  assert.equal(limited.write(Buffer.alloc(5900)), true)
  assert.equal(limited.write(Buffer.alloc(1)), false)
  assert.deepEqual(recorder.pieces, [5900])
  limited.abort()
  assert.ok(recorder.hasAborted)
})

test("the producer is told when all that waited has gone out", async (t) => {
  const { recorder, limited, clock } = setup(t, { rate: 10_000, after: 0 })
  const producer = new RecordingProducer()
  limited.producer = producer
  assert.equal(recorder.producer, limited)
  limited.sendHead()
  assert.equal(limited.write(Buffer.alloc(4000)), true)
  assert.equal(limited.write(Buffer.alloc(6200)), false)
  clock.ms += 1000
  await producer.drained.promise
  assert.deepEqual(recorder.pieces, [4000, 5900, 300])
})

test("a rate of the request's own counts for more than the location's", (t) => {
  const { recorder, limited } = setup(t, { rate: 10, after: 300 })
  assert.equal(limited.rate, 0)
  limited.rate = 1000
  limited.sendHead()
  limited.write(Buffer.alloc(5000))
  assert.deepEqual(recorder.pieces, [1200])
  assert.equal(limited.rate, 1000)
  limited.abort()
})

test("a client that is slow is waited for, one that leaves is told of", (t) => {
  const { recorder, limited } = setup(t, { rate: 10_000, after: 0 })
  const producer = new RecordingProducer()
  limited.producer = producer
  limited.sendHead()
  recorder.isFull = true
  assert.equal(limited.write(Buffer.alloc(500)), false)
  assert.equal(limited.write(Buffer.alloc(500)), false)
  assert.deepEqual(recorder.pieces, [500])
  recorder.isFull = false
  limited.onClientDrain()
  assert.deepEqual(recorder.pieces, [500, 500])
  limited.onClientGone()
  assert.ok(producer.isGone && !recorder.hasAborted)
  limited.producer = null
  limited.onClientGone()
  assert.ok(recorder.hasAborted)
})

test("a client that leaves while the last bytes wait ends the request", (t) => {
  const { recorder, limited } = setup(t, { rate: 100, after: 0 })
  limited.sendHead()
  limited.write(Buffer.alloc(5000))
  limited.end()
  assert.equal(recorder.producer, limited)
  limited.onClientGone()
  assert.ok(recorder.hasAborted && !recorder.hasEnded)
})

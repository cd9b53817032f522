import assert from "node:assert/strict"
import { test } from "node:test"
import { type BalancerInput, PeerSet } from "../balancer.ts"
import type { Peer, PeerOutcome } from "../peer.ts"
import type { Upstream } from "../upstream.ts"
import { repairPeers, sharedMemory } from "../zone.ts"
import { findIn, group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite({ mode: "header", inflight: false })
runBalancerSuite({ mode: "last_byte", inflight: false })
runBalancerSuite({ mode: "header", inflight: true })
runBalancerSuite({ mode: "last_byte", inflight: true })

/** A request from its choice to its end. */
class Attempt {
  readonly peer: Peer
  readonly #upstream: Upstream
  readonly #tried = new PeerSet()

  constructor(upstream: Upstream, nowMs = START_MS) {
    const input: BalancerInput = { clientAddress: "192.0.2.1", hashKey: "", boundTo: "", nowMs }
    this.#upstream = upstream
    this.peer = upstream.pick(input, this.#tried) as Peer
  }

  head(headerMs: number, nowMs = START_MS): void {
    this.#upstream.noteHead(this.peer, this.#tried, headerMs, nowMs)
  }

  end(headerMs: number, responseMs: number, outcome: PeerOutcome = "ok", nowMs = START_MS): void {
    this.#upstream.noteEnd(this.peer, this.#tried, outcome, headerMs, responseMs, nowMs)
    this.peer.release(outcome, nowMs)
  }
}

/** Lets each server answer once, after its time in milliseconds. */
function measure(upstream: Upstream, times: readonly [headerMs: number, responseMs: number][]): void {
  const attempts = times.map(() => new Attempt(upstream))
  for (const attempt of attempts) {
    const time = times[attempt.peer.index]
    attempt.head(time[0])
    attempt.end(time[0], time[1])
  }
}

test("the fastest until the head, or until the last byte, is chosen", () => {
  const times: [number, number][] = [
    [300, 310],
    [50, 900],
    [200, 210],
  ]
  for (const [mode, expected] of [
    ["header", 2],
    ["last_byte", 3],
  ] as const) {
    const upstream = group({ mode, inflight: false }, [server(1), server(2), server(3)])
    measure(upstream, times)
    assert.equal(number(new Attempt(upstream).peer), expected, mode)
  }
})

test("connections count: the fastest is not asked for ever", () => {
  const upstream = group({ mode: "header", inflight: false }, [server(1), server(2)])
  measure(upstream, [
    [90, 90],
    [190, 190],
  ])
  const chosen = Array.from({ length: 6 }, () => number(new Attempt(upstream).peer))
  // 100 ms for each, and 200 ms for each.
  assert.deepEqual(chosen.toSorted(), [1, 1, 1, 1, 2, 2])
})

test("times within 20 ms of each other are equal: round-robin", () => {
  const upstream = group({ mode: "header", inflight: false }, [server(1), server(2), server(3)])
  measure(upstream, [
    [20, 20],
    [39, 39],
    [25, 25],
  ])
  const chosen = new Set<number>()
  for (let i = 0; i < 6; i++) {
    const attempt = new Attempt(upstream)
    chosen.add(number(attempt.peer))
    attempt.end(25, 25)
  }
  assert.equal(chosen.size, 3)
})

test("averages follow slowly, by a twentieth", () => {
  const upstream = group({ mode: "last_byte", inflight: false }, [server(1), server(2, { down: true })])
  new Attempt(upstream).end(100, 1000)
  const { times } = upstream.peers[0]
  assert.deepEqual([times.headerMs, times.responseMs], [100, 1000])
  new Attempt(upstream).end(200, 0)
  assert.deepEqual([times.headerMs, times.responseMs], [105, 950])
})

test("failures and answers that are passed over do not count, nor what had no head", () => {
  const upstream = group({ mode: "header", inflight: false }, [
    server(1, { maxFails: 0 }),
    server(2, { down: true }),
  ])
  for (const outcome of ["failed", "next"] as const) new Attempt(upstream).end(1, 1, outcome)
  new Attempt(upstream).end(-1, 5, "idle")
  assert.equal(upstream.peers[0].times.headerMs, 0)
  assert.equal(upstream.peers[0].times.responseMs, 0)
})

test("more than five seconds are all the same", () => {
  const upstream = group({ mode: "header", inflight: false }, [server(1), server(2)])
  measure(upstream, [
    [6000, 6000],
    [60_000, 60_000],
  ])
  const chosen = [0, 1].map(() => number(new Attempt(upstream).peer))
  assert.deepEqual(chosen.sort(), [1, 2])
})

test("a slow server that was left alone is asked again", () => {
  const upstream = group({ mode: "header", inflight: false }, [server(1), server(2)])
  measure(upstream, [
    [50, 50],
    [3000, 3000],
  ])
  let nowMs = START_MS
  const asked = new Set<number>()
  for (let i = 0; i < 200 && !asked.has(2); i++) {
    nowMs += 1000
    const attempt = new Attempt(upstream, nowMs)
    asked.add(number(attempt.peer))
    attempt.end(attempt.peer.index === 0 ? 50 : 3000, 3000, "ok", nowMs)
  }
  assert.ok(asked.has(2))
})

test("inflight: a server that does not answer is avoided before it fails", () => {
  const upstream = group({ mode: "header", inflight: true }, [server(1), server(2)])
  measure(upstream, [
    [30, 30],
    [30, 30],
  ])
  const hanging = new Attempt(upstream)
  const other = hanging.peer.index === 0 ? 2 : 1
  for (let i = 1; i <= 5; i++) {
    const attempt = new Attempt(upstream, START_MS + i * 1000)
    assert.equal(number(attempt.peer), other)
    attempt.head(30, START_MS + i * 1000)
    attempt.end(30, 30, "ok", START_MS + i * 1000)
  }
  assert.equal(hanging.peer.times.inFlight, 1)
  assert.ok(hanging.peer.times.inFlightMs >= 1000)
  hanging.end(-1, 6000, "failed", START_MS + 6000)
  assert.equal(hanging.peer.times.inFlight, 0)
})

test("inflight: the head ends it in mode header, the end in mode last_byte", () => {
  for (const [mode, afterHead] of [
    ["header", 0],
    ["last_byte", 1],
  ] as const) {
    const upstream = group({ mode, inflight: true }, [server(1), server(2)])
    const attempt = new Attempt(upstream)
    assert.equal(attempt.peer.times.inFlight, 1)
    attempt.head(10)
    assert.equal(attempt.peer.times.inFlight, afterHead, mode)
    attempt.end(10, 20)
    assert.equal(attempt.peer.times.inFlight, 0)
    assert.deepEqual([attempt.peer.times.headerMs, attempt.peer.times.responseMs], [10, 20])
  }
})

test("workers share the times, and what a dead one had in flight is forgotten", () => {
  const map = new Map<string, SharedArrayBuffer>()
  const method = { mode: "header", inflight: true } as const
  const peers = [server(1), server(2)]
  const one = group(method, peers, sharedMemory("backend", findIn(map), 0))
  const two = group(method, peers, sharedMemory("backend", findIn(map), 1))
  const dying = new Attempt(one)
  assert.equal(two.peers[dying.peer.index].times.inFlight, 1)
  repairPeers(map, 0, 0)
  assert.equal(two.peers[dying.peer.index].times.inFlight, 0)
  const living = new Attempt(two)
  living.head(40)
  living.end(40, 40)
  assert.equal(one.peers[living.peer.index].times.headerMs, 40)
  assert.ok(pickFor(one, "192.0.2.1") !== undefined)
})

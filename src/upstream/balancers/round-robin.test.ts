import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { PeerSet } from "../balancer.ts"
import type { Upstream } from "../upstream.ts"
import { group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("round_robin")

/** The next `count` choices, as letters: a for server(1). */
function sequence(upstream: Upstream, count: number): string {
  let letters = ""
  for (let i = 0; i < count; i++) {
    const peer = pickFor(upstream, "192.0.2.1")
    letters += String.fromCharCode(0x60 + number(peer))
    if (peer !== undefined) peer.release("ok", START_MS)
  }
  return letters
}

test("weights 5, 1, 1 are spread smoothly", () => {
  const upstream = group("round_robin", [server(1, { weight: 5 }), server(2), server(3)])
  assert.equal(sequence(upstream, 14), "aabacaaaabacaa")
})

test("equal weights go round", () => {
  assert.equal(sequence(group("round_robin", [server(1), server(2), server(3)]), 6), "abcabc")
})

test("weights 4, 2 and 3", () => {
  const upstream = group("round_robin", [
    server(1, { weight: 4 }),
    server(2, { weight: 2 }),
    server(3, { weight: 3 }),
  ])
  assert.equal(sequence(upstream, 9), "acbacabca")
})

test("a peer that is down takes no part, its weight neither", () => {
  const upstream = group("round_robin", [
    server(1, { weight: 2 }),
    server(2, { weight: 9, down: true }),
    server(3),
  ])
  assert.equal(sequence(upstream, 6), "acaaca")
})

test("a failure costs a peer weight / max_fails, and it climbs back one step a pick", () => {
  const upstream = group("round_robin", [server(1, { weight: 6, maxFails: 3 }), server(2, { weight: 6 })])
  const peer = pickFor(upstream, "192.0.2.1")!
  peer.release("failed", START_MS)
  assert.equal(peer.effectiveWeight, 4)
  pickFor(upstream, "192.0.2.1")!.release("ok", START_MS)
  assert.equal(peer.effectiveWeight, 5)
})

test("backups are asked only when no primary may be taken, and go round by weight too", () => {
  const upstream = group("round_robin", [
    server(3, { backup: true, weight: 2 }),
    server(1),
    server(4, { backup: true }),
    server(2, { down: true }),
  ])
  assert.deepEqual(upstream.peers.map(number), [1, 2])
  assert.deepEqual(upstream.backups.map(number), [3, 4])
  assert.equal(upstream.tries, 3)
  assert.equal(sequence(upstream, 3), "aaa")
  pickFor(upstream, "192.0.2.1")!.release("failed", START_MS)
  assert.equal(sequence(upstream, 6), "cdccdc")
})

test("a request that has gone on to the backups stays with them", () => {
  const upstream = group("round_robin", [server(1), server(2, { backup: true }), server(3, { backup: true })])
  const tried = new PeerSet()
  const picks = [1, 2, 3, 4].map(() => number(pickFor(upstream, "192.0.2.1", START_MS, tried)))
  assert.deepEqual(picks, [1, 2, 3, -1])
})

test("one primary with a backup is judged by its failures", () => {
  const upstream = group("round_robin", [server(1), server(2, { backup: true })])
  pickFor(upstream, "192.0.2.1")!.release("failed", START_MS)
  assert.equal(number(pickFor(upstream, "192.0.2.1")), 2)
})

test("property: within a cycle each peer is chosen as often as its weight says, and the next is the same", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 40 }), (weights) => {
      const upstream = group(
        "round_robin",
        weights.map((weight, i) => server(i + 1, { weight })),
      )
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      const cycle = sequence(upstream, total)
      weights.forEach((weight, i) => {
        assert.equal(cycle.split(String.fromCharCode(0x61 + i)).length - 1, weight)
      })
      for (const peer of upstream.peers) assert.equal(peer.currentWeight, 0)
      assert.equal(sequence(upstream, total), cycle)
    }),
  )
})

test("property: no prefix of a cycle is far from fair", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 8 }), (weights) => {
      const upstream = group(
        "round_robin",
        weights.map((weight, i) => server(i + 1, { weight })),
      )
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      const counts = weights.map(() => 0)
      for (let i = 1; i <= total; i++) {
        counts[number(pickFor(upstream, "192.0.2.1")) - 1]++
        counts.forEach((count, p) => {
          assert.ok(Math.abs(count - (i * weights[p]) / total) < weights.length)
        })
      }
    }),
  )
})

import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import type { Upstream } from "../upstream.ts"
import { group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("least_conn")

function connections(upstream: Upstream): number[] {
  return upstream.peers.map((peer) => peer.connections)
}

test("connections that stay are spread evenly", () => {
  const upstream = group("least_conn", [server(1), server(2), server(3)])
  for (let i = 0; i < 10; i++) pickFor(upstream, "192.0.2.1")
  assert.deepEqual(connections(upstream).sort(), [3, 3, 4])
})

test("weights are shares of the connections", () => {
  const upstream = group("least_conn", [server(1, { weight: 3 }), server(2), server(3, { weight: 2 })])
  for (let i = 0; i < 60; i++) pickFor(upstream, "192.0.2.1")
  assert.deepEqual(connections(upstream), [30, 10, 20])
})

test("the peer that has lost connections gets the next ones", () => {
  const upstream = group("least_conn", [server(1), server(2)])
  const picked = Array.from({ length: 10 }, () => pickFor(upstream, "192.0.2.1"))
  for (const peer of picked) if (number(peer) === 2) peer?.release("ok", START_MS)
  for (let i = 0; i < 5; i++) assert.equal(number(pickFor(upstream, "192.0.2.1")), 2)
  assert.deepEqual(connections(upstream), [5, 5])
})

test("without any connections it is round-robin", () => {
  const upstream = group("least_conn", [server(1, { weight: 5 }), server(2), server(3)])
  let letters = ""
  for (let i = 0; i < 14; i++) {
    const peer = pickFor(upstream, "192.0.2.1")
    letters += String.fromCharCode(0x60 + number(peer))
    peer?.release("ok", START_MS)
  }
  assert.equal(letters, "aabacaaaabacaa")
})

test("the backups are asked when no primary may be taken, by the same measure", () => {
  const upstream = group("least_conn", [
    server(1, { down: true }),
    server(2, { backup: true }),
    server(3, { backup: true }),
  ])
  for (let i = 0; i < 6; i++) pickFor(upstream, "192.0.2.1")
  assert.deepEqual(
    upstream.backups.map((peer) => peer.connections),
    [3, 3],
  )
})

test("property: no other peer has fewer connections for its weight than the chosen one", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 8 })
  fc.assert(
    fc.property(weights, fc.array(fc.nat(7), { maxLength: 50 }), (weightList, steps) => {
      const upstream = group(
        "least_conn",
        weightList.map((weight, i) => server(i + 1, { weight })),
      )
      for (const step of steps) {
        const given = upstream.peers[step]
        if (given !== undefined && given.connections > 0 && step % 2 === 0) given.release("ok", START_MS)
        const before = upstream.peers.map((peer) => peer.connections / peer.weight)
        const peer = pickFor(upstream, "192.0.2.1")
        assert.ok(peer !== undefined)
        assert.equal(before[peer.index], Math.min(...before))
      }
    }),
  )
})

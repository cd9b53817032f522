import assert from "node:assert/strict"
import { test } from "node:test"
import type { PeerOptions } from "../peer.ts"
import type { Upstream } from "../upstream.ts"
import { group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("consistent_hash")

const KEYS = Array.from({ length: 3000 }, (_, i) => `/room/${i}`)

function choices(upstream: Upstream): number[] {
  return KEYS.map((key) => number(pickFor(upstream, key)))
}

function counts(chosen: readonly number[]): Map<number, number> {
  const found = new Map<number, number>()
  for (const choice of chosen) found.set(choice, (found.get(choice) ?? 0) + 1)
  return found
}

test("a server that is added takes its share of the keys, and no other key moves", () => {
  const servers = [server(1), server(2), server(3)]
  const before = choices(group("consistent_hash", servers))
  const after = choices(group("consistent_hash", [...servers, server(4)]))
  const moved = after.filter((choice, i) => choice !== before[i])
  assert.ok(moved.every((choice) => choice === 4))
  assert.ok(moved.length > KEYS.length / 8 && moved.length < KEYS.length / 2, String(moved.length))
})

test("the order of the servers does not matter", () => {
  const servers = [server(1, { weight: 2 }), server(2), server(3)]
  assert.deepEqual(
    choices(group("consistent_hash", servers)),
    choices(group("consistent_hash", servers.toReversed())),
  )
})

test("weights are shares of the keys", () => {
  const found = counts(
    choices(group("consistent_hash", [server(1, { weight: 8 }), server(2, { weight: 2 })])),
  )
  const share = (found.get(1) ?? 0) / KEYS.length
  assert.ok(share > 0.7 && share < 0.9, String(share))
})

test("when a server fails, only its own keys move, and they go to all others", () => {
  const upstream = group("consistent_hash", [server(1), server(2), server(3), server(4)])
  const before = choices(upstream)
  upstream.peers[1].release("failed", START_MS)
  const after = choices(upstream)
  before.forEach((choice, i) => {
    if (choice !== 2) assert.equal(after[i], choice)
  })
  const heirs = counts(after.filter((_, i) => before[i] === 2))
  assert.deepEqual([...heirs.keys()].sort(), [1, 3, 4])
})

test("the addresses of one name share its keys in turn", () => {
  const named = (n: number): PeerOptions => server(n, { server: "app.example:80" })
  const upstream = group("consistent_hash", [named(1), named(2), server(3)])
  const chosen = Array.from({ length: 6 }, () => number(pickFor(upstream, "/room/1")))
  assert.ok(chosen.every((choice) => choice === 3) || chosen.join("") === "121212", chosen.join(""))
  const found = counts(choices(upstream))
  assert.equal(found.size, 3)
  assert.ok(Math.abs((found.get(1) ?? 0) - (found.get(2) ?? 0)) <= 1)
})

test("servers of one address on one line each have one set of points", () => {
  const upstream = group("consistent_hash", [server(1), server(1), server(2)])
  const alone = group("consistent_hash", [server(1), server(2)])
  assert.deepEqual(choices(upstream), choices(alone))
})

test("an empty key is spread by round-robin", () => {
  const upstream = group("consistent_hash", [server(1), server(2), server(3)])
  assert.deepEqual(
    [0, 1, 2, 3].map(() => number(pickFor(upstream, ""))),
    [1, 2, 3, 1],
  )
})

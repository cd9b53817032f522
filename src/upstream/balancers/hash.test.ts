import assert from "node:assert/strict"
import { test } from "node:test"
import { crc32 } from "node:zlib"
import type { Upstream } from "../upstream.ts"
import { group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("hash")

const KEYS = Array.from({ length: 300 }, (_, i) => `/room/${i}`)

function choices(upstream: Upstream): number[] {
  return KEYS.map((key) => number(pickFor(upstream, key)))
}

test("as Cache::Memcached: fifteen bits of the checksum, modulo the weights", () => {
  const upstream = group("hash", [server(1, { weight: 2 }), server(2), server(3)])
  const expected = KEYS.map((key) => [1, 1, 2, 3][((crc32(key) >>> 16) & 0x7fff) % 4])
  assert.deepEqual(choices(upstream), expected)
})

test("the same key leads to the same server, and all servers have keys", () => {
  const upstream = group("hash", [server(1), server(2), server(3)])
  assert.deepEqual(choices(upstream), choices(upstream))
  assert.deepEqual([...new Set(choices(upstream))].sort(), [1, 2, 3])
})

test("when a server fails, only its own keys move", () => {
  const upstream = group("hash", [server(1), server(2), server(3)])
  const before = choices(upstream)
  upstream.peers[1].release("failed", START_MS)
  const after = choices(upstream)
  assert.ok(!after.includes(2))
  before.forEach((choice, i) => {
    if (choice !== 2) assert.equal(after[i], choice)
  })
})

test("an empty key is spread by round-robin", () => {
  const upstream = group("hash", [server(1), server(2), server(3)])
  assert.deepEqual(
    [0, 1, 2, 3].map(() => number(pickFor(upstream, ""))),
    [1, 2, 3, 1],
  )
})

import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { readHashedBytes } from "./ip-hash.ts"
import { group, number, pickFor, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("ip_hash")

function hashed(address: string): number[] {
  const out = new Uint8Array(16).fill(0xee)
  return [...out.subarray(0, readHashedBytes(address, out))]
}

test("three octets of IPv4, sixteen bytes of IPv6, three zeros for the rest", () => {
  assert.deepEqual(hashed("192.0.2.200"), [192, 0, 2])
  assert.deepEqual(hashed("255.254.253.1"), [255, 254, 253])
  assert.deepEqual(hashed("unix:"), [0, 0, 0])
  assert.deepEqual(hashed("unix:/run/x.sock"), [0, 0, 0])
  assert.deepEqual(hashed(""), [0, 0, 0])
  assert.deepEqual(hashed("::"), new Array(16).fill(0))
  assert.deepEqual(hashed("::1"), [...new Array(15).fill(0), 1])
  assert.deepEqual(hashed("2001:db8::"), [0x20, 1, 0xd, 0xb8, ...new Array(12).fill(0)])
  assert.deepEqual(hashed("2001:DB8::ffFF:1"), [0x20, 1, 0xd, 0xb8, ...new Array(8).fill(0), 255, 255, 0, 1])
  assert.deepEqual(hashed("1:2:3:4:5:6:7:8"), [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
  assert.deepEqual(hashed("::2:3:4:5:6:7:8"), [0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
  assert.deepEqual(hashed("1:2:3:4:5:6:7::"), [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0])
  assert.deepEqual(hashed("::ffff:192.0.2.200"), [...new Array(10).fill(0), 255, 255, 192, 0, 2, 200])
  assert.deepEqual(hashed("fe80::1%eth0"), [0xfe, 0x80, ...new Array(13).fill(0), 1])
})

test("property: every IPv6 address is read as the system reads it", () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      // The URL parser writes an address in full canonical form, which is read back group by group.
      const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
      assert.deepEqual(hashed(address), hashed(canonical))
      const [before, after] = canonical.split("::")
      const head = before === "" ? [] : before.split(":")
      const tail = after === undefined || after === "" ? [] : after.split(":")
      const zeros = new Array<string>(after === undefined ? 0 : 8 - head.length - tail.length).fill("0")
      const groups = [...head, ...zeros, ...tail].map((text) => Number.parseInt(text, 16))
      assert.deepEqual(
        hashed(address),
        groups.flatMap((value) => [value >> 8, value & 255]),
      )
    }),
  )
})

test("a client keeps its peer, and so do its neighbours in the same /24", () => {
  const upstream = group("ip_hash", [server(1), server(2), server(3)])
  const first = number(pickFor(upstream, "192.0.2.1"))
  for (let host = 2; host < 255; host++) assert.equal(number(pickFor(upstream, `192.0.2.${host}`)), first)
})

test("when a peer fails, only its own clients move", () => {
  const upstream = group("ip_hash", [server(1), server(2), server(3)])
  const clients = Array.from({ length: 300 }, (_, i) => `10.${i >> 8}.${i & 255}.1`)
  const before = clients.map((client) => number(pickFor(upstream, client)))
  upstream.peers[1].release("failed", START_MS)
  const after = clients.map((client) => number(pickFor(upstream, client)))
  assert.ok(before.includes(2) && !after.includes(2))
  before.forEach((choice, i) => {
    if (choice !== 2) assert.equal(after[i], choice)
  })
})

test("a peer that is down still has its share of the hash, so that marking it moves only its clients", () => {
  const clients = Array.from({ length: 300 }, (_, i) => `10.${i >> 8}.${i & 255}.1`)
  const all = group("ip_hash", [server(1), server(2), server(3)])
  const less = group("ip_hash", [server(1), server(2, { down: true }), server(3)])
  for (const client of clients) {
    const before = number(pickFor(all, client))
    if (before !== 2) assert.equal(number(pickFor(less, client)), before)
  }
})

test("property: any address leads to a live peer", () => {
  const upstream = group("ip_hash", [
    server(1, { weight: 3 }),
    server(2),
    server(3, { down: true }),
    server(4),
  ])
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (address) => {
      assert.ok([1, 2, 4].includes(number(pickFor(upstream, address))))
    }),
  )
})

import assert from "node:assert/strict"
import { it } from "node:test"
import fc from "fast-check"
import { murmurHash2 } from "./murmur-hash.ts"

/** The published algorithm over big integers, word by word. */
function reference(bytes: number[]): number {
  const mask = 0xffffffffn
  const m = 0x5bd1e995n
  let h = BigInt(bytes.length)
  let at = 0
  for (; bytes.length - at >= 4; at += 4) {
    let k = 0n
    for (let i = 3; i >= 0; i--) k = (k << 8n) | BigInt(bytes[at + i])
    k = (k * m) & mask
    k ^= k >> 24n
    k = (k * m) & mask
    h = ((h * m) & mask) ^ k
  }
  const rest = bytes.slice(at)
  if (rest.length > 0) {
    rest.forEach((byte, i) => {
      h ^= BigInt(byte) << BigInt(8 * i)
    })
    h = (h * m) & mask
  }
  h ^= h >> 13n
  h = (h * m) & mask
  return Number(h ^ (h >> 15n))
}

it("is MurmurHash2 with the seed 0", () => {
  assert.equal(murmurHash2(""), 0)
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 40 }), (bytes) => {
      assert.equal(murmurHash2(String.fromCharCode(...bytes)), reference(bytes))
    }),
  )
})

it("knows the hashes of the algorithm's own test texts", () => {
  assert.equal(murmurHash2("a"), 0x92685f5e)
  assert.equal(murmurHash2("abcdefg"), reference([..."abcdefg"].map((char) => char.charCodeAt(0))))
})

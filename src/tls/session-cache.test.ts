import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { describe, test } from "node:test"
import {
  LocalSessionCache,
  repairSessionCaches,
  type SessionCache,
  SharedSessionCache,
  sessionCacheMemory,
  TwoLevelSessionCache,
} from "./session-cache.ts"

const caches: Record<string, () => SessionCache> = {
  shared: () => new SharedSessionCache(new SharedArrayBuffer(65_536)),
  local: () => new LocalSessionCache(100),
  "two levels": () =>
    new TwoLevelSessionCache(new LocalSessionCache(1), new SharedSessionCache(new SharedArrayBuffer(65_536))),
}

for (const [name, make] of Object.entries(caches))
  describe(name, () => {
    test("gives back what was stored until its time is over", () => {
      const cache = make()
      const id = randomBytes(32)
      cache.store(id, Buffer.from("session"), 5000, 1000)
      assert.equal(cache.load(id, 1000)?.toString(), "session")
      assert.equal(cache.load(id, 5999)?.toString(), "session")
      assert.equal(cache.load(id, 6000), null)
      assert.equal(cache.load(randomBytes(32), 1000), null)
    })

    test("a second session of one id takes the place of the first", () => {
      const cache = make()
      const id = randomBytes(32)
      cache.store(id, Buffer.from("first"), 5000, 1000)
      cache.store(id, Buffer.from("2nd"), 5000, 1000)
      assert.equal(cache.load(id, 1000)?.toString(), "2nd")
    })
  })

test("workers see each other's sessions in shared memory", () => {
  const memory = new SharedArrayBuffer(65_536)
  const id = randomBytes(32)
  new SharedSessionCache(memory).store(id, Buffer.from("session"), 5000, 0)
  assert.equal(new SharedSessionCache(memory).load(id, 0)?.toString(), "session")
})

test("a full bucket lets go of the session that ends first; too large a session is not kept", () => {
  const cache = new SharedSessionCache(new SharedArrayBuffer(4 * 1536))
  const ids = Array.from({ length: 5 }, () => randomBytes(32))
  ids.forEach((id, index) => {
    cache.store(id, Buffer.from(`session ${index}`), 1000 * (index === 2 ? 1 : 10 + index), 0)
  })
  assert.deepEqual(
    ids.map((id) => cache.load(id, 0)?.toString()),
    ["session 0", "session 1", undefined, "session 3", "session 4"],
  )
  const large = randomBytes(32)
  cache.store(large, Buffer.alloc(1489), 1_000_000, 0)
  assert.equal(cache.load(large, 0), null)
})

test("the local cache forgets its oldest session", () => {
  const cache = new LocalSessionCache(2)
  const ids = [randomBytes(32), randomBytes(32), randomBytes(32)]
  for (const id of ids) cache.store(id, Buffer.from("session"), 1000, 0)
  assert.deepEqual(
    ids.map((id) => cache.load(id, 0) !== null),
    [false, true, true],
  )
})

test("locks that a dead thread held are given back, those of others are not", () => {
  const shared = new SharedArrayBuffer(65_536)
  const cache = new SharedSessionCache(shared)
  const ids = Array.from({ length: 20 }, () => randomBytes(32))
  for (const id of ids) cache.store(id, Buffer.from("session"), 5000, 1000)
  const stored = ids.filter((id) => cache.load(id, 1000) !== null)
  assert.ok(stored.length > 10)
  // Four slots of 1536 bytes are a bucket; its lock is its first word.
  const words = new Int32Array(shared)
  const lockAll = (threadId: number): void => {
    for (let at = 0; at + 1536 < words.length; at += 1536) words[at] = threadId + 1
  }
  const memory = new Map([[`${sessionCacheMemory("S")} 65536`, shared]])
  lockAll(7)
  repairSessionCaches(memory, 3)
  assert.ok(stored.every((id) => cache.load(id, 1000) === null))
  repairSessionCaches(memory, 7)
  assert.ok(stored.every((id) => cache.load(id, 1000)?.toString() === "session"))
})

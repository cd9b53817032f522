import assert from "node:assert/strict"
import { test } from "node:test"
import { threadId } from "node:worker_threads"
import {
  BUSY,
  ConnectionCounts,
  connectionCountsBytes,
  NO_ROOM,
  repairConnectionCounts,
} from "./connection-counts.ts"

const ZONE = { name: "one", sizeBytes: 32_768 }
const NOBODY = 1_000_000

function newMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(connectionCountsBytes(ZONE.sizeBytes))
}

function counts(memory = newMemory(), workerIndex = 0): ConnectionCounts {
  return new ConnectionCounts(memory, ZONE, workerIndex)
}

test("a key has so many connections and no more, until one ends", () => {
  const zone = counts()
  const first = zone.acquire("a", 2)
  const second = zone.acquire("a", 2)
  assert.ok(first > 0 && second === first)
  assert.equal(zone.acquire("a", 2), BUSY)
  assert.ok(zone.acquire("b", 2) > 0)
  zone.release(first)
  assert.ok(zone.acquire("a", 2) > 0)
})

test("a key without connections takes no room", () => {
  const zone = counts()
  for (let i = 0; i < 2000; i++) zone.release(zone.acquire(`key ${i}`, 1))
  assert.equal(zone.table.oldest, 0)
})

test("a full zone refuses new keys, not those that it knows", () => {
  const zone = counts()
  const entries: number[] = []
  for (;;) {
    const entry = zone.acquire(`key ${entries.length}`, 5)
    if (entry === NO_ROOM) break
    entries.push(entry)
  }
  // Seven pages, one of them for the name: 64 states of 64 bytes each, one of which is nginx's own.
  assert.equal(entries.length, 6 * 64 - 1)
  assert.ok(zone.acquire("key 3", 5) > 0)
  zone.release(entries[0] as number)
  assert.ok(zone.acquire("another", 5) > 0)
})

test("workers count together; what one of them had is taken off when it dies", () => {
  const memory = newMemory()
  const [first, second] = [counts(memory, 0), counts(memory, 127)]
  const shared = first.acquire("a", 3)
  second.acquire("a", 3)
  second.acquire("a", 3)
  second.acquire("b", 3)
  assert.equal(first.acquire("a", 3), BUSY)
  repairConnectionCounts(memory, 127, NOBODY)
  assert.ok(first.acquire("a", 3) > 0)
  assert.ok(first.acquire("a", 3) > 0)
  assert.equal(first.acquire("a", 3), BUSY)
  assert.equal(first.table.find("b", first.table.hash("b")), 0)
  for (let i = 0; i < 3; i++) first.release(shared)
  assert.equal(first.table.oldest, 0)
})

test("a worker that dies with the lock leaves it and the others' connections", () => {
  const memory = newMemory()
  const [first, second] = [counts(memory, 0), counts(memory, 1)]
  const entry = first.acquire("a", 2)
  second.acquire("a", 2)
  first.table.lock.lock()
  repairConnectionCounts(memory, 1, threadId)
  assert.ok(first.acquire("a", 2) > 0)
  assert.equal(second.acquire("a", 2), BUSY)
  first.release(entry)
  first.release(entry)
  assert.equal(first.table.oldest, 0)
})

test("of two workers that are dead, one may have the lock while the other is repaired", () => {
  const memory = newMemory()
  const [first, second, third] = [counts(memory, 0), counts(memory, 1), counts(memory, 2)]
  for (const each of [first, second, third]) each.acquire("a", 9)
  third.table.lock.lock()
  repairConnectionCounts(memory, 1, NOBODY)
  repairConnectionCounts(memory, 2, threadId)
  assert.ok(first.acquire("a", 2) > 0)
  assert.equal(first.acquire("a", 2), BUSY)
})

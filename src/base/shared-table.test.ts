import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { Worker } from "node:worker_threads"
import fc from "fast-check"
import { SharedLock } from "./shared-lock.ts"
import { PAGE_BYTES, pagesOf } from "./shared-slab.ts"
import { PAYLOAD, SharedClock, SharedTable, type TableLayout, tableBytes } from "./shared-table.ts"

const ZONE_BYTES = 8 * PAGE_BYTES
const LAYOUT: TableLayout = { payloadBytes: 8, entryBytes: 36 }

function table(zoneBytes = ZONE_BYTES, reserved: readonly number[] = []): SharedTable {
  return new SharedTable(new SharedArrayBuffer(tableBytes(zoneBytes)), LAYOUT, zoneBytes, reserved)
}

function put(shared: SharedTable, key: string): number {
  return shared.insert(key, shared.hash(key))
}

function get(shared: SharedTable, key: string): number {
  return shared.find(key, shared.hash(key))
}

function keysInOrder(shared: SharedTable, keys: readonly string[]): string[] {
  const byEntry = new Map(keys.map((key) => [get(shared, key), key]))
  const order: string[] = []
  shared.forEach((entry) => {
    order.push(byEntry.get(entry) ?? "?")
  })
  return order
}

test("a zone has as many pages as nginx makes of it", () => {
  assert.deepEqual([32_768, 65_536, 1_048_576, 33_000].map(pagesOf), [7, 15, 254, 7])
})

test("entries are found by all of their key, and not when they are gone", () => {
  const shared = table()
  const keys = ["a", "b", "ab", "ba", "\x00", "\x00\x00", "\xff", "a".repeat(300), "x".repeat(5000)]
  const entries = keys.map((key) => put(shared, key))
  assert.equal(new Set(entries).size, keys.length)
  assert.ok(entries.every((entry) => entry > 0 && entry % 8 === 0))
  assert.deepEqual(
    keys.map((key) => get(shared, key)),
    entries,
  )
  assert.equal(get(shared, "c"), 0)
  shared.remove(get(shared, "ab"))
  assert.equal(get(shared, "ab"), 0)
  assert.equal(get(shared, "ba"), entries[3])
})

test("the queue begins with the entry that nobody used for longest", () => {
  const shared = table()
  for (const key of ["a", "b", "c"]) put(shared, key)
  shared.touch(get(shared, "a"))
  assert.equal(shared.oldest, get(shared, "b"))
  assert.deepEqual(keysInOrder(shared, ["a", "b", "c"]), ["b", "c", "a"])
  shared.remove(get(shared, "c"))
  shared.touch(get(shared, "a"))
  assert.deepEqual(keysInOrder(shared, ["a", "b"]), ["b", "a"])
})

test("a full table has no room, and has it again for each entry that goes", () => {
  const shared = table()
  let count = 0
  while (put(shared, `key ${count}`) !== 0) count++
  // 64 bytes each, in seven pages.
  assert.equal(count, 7 * 64)
  assert.equal(put(shared, "more"), 0)
  shared.remove(get(shared, "key 100"))
  assert.ok(put(shared, "more") > 0)
  assert.equal(put(shared, "and more"), 0)
  for (let i = 0; i < count; i++) if (i !== 100) shared.remove(get(shared, `key ${i}`))
  shared.remove(get(shared, "more"))
  assert.equal(shared.oldest, 0)
  // Pages are free for entries of any size again.
  assert.ok(put(shared, "x".repeat(5 * PAGE_BYTES)) > 0)
  assert.equal(put(shared, "y".repeat(PAGE_BYTES)), 0)
  assert.ok(put(shared, "small") > 0)
})

test("what is kept besides entries takes its room for good", () => {
  const shared = table(ZONE_BYTES, [64, 33])
  let count = 0
  while (put(shared, `key ${count}`) !== 0) count++
  assert.equal(count, 7 * 64 - 2)
  shared.rebuild()
  for (let i = 0; i < count; i++) assert.ok(get(shared, `key ${i}`) > 0)
  assert.equal(put(shared, "more"), 0)
})

test("a table of another thread's making is the same table", () => {
  const memory = new SharedArrayBuffer(tableBytes(ZONE_BYTES))
  const first = new SharedTable(memory, LAYOUT, ZONE_BYTES, [])
  first.note = "$binary_remote_addr"
  const entry = put(first, "key")
  const second = new SharedTable(memory, LAYOUT, 0, [])
  assert.equal(get(second, "key"), entry)
  assert.equal(second.note, "$binary_remote_addr")
  assert.equal(table().note, "")
})

/** Keys that fit into several sizes of chunks. */
const someKey = fc.tuple(fc.nat(12), fc.constantFrom(1, 20, 60, 500, 3000, 9000)).map(([n, length]) => {
  return String.fromCharCode(97 + n).repeat(length)
})

const someStep = fc.oneof(
  fc.record({ what: fc.constant("put" as const), key: someKey }),
  fc.record({ what: fc.constant("remove" as const), key: someKey }),
  fc.record({ what: fc.constant("touch" as const), key: someKey }),
  fc.record({ what: fc.constant("rebuild" as const), key: someKey }),
)

test("whatever is done, it holds what a map and a list hold", () => {
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 120 }), (steps) => {
      const shared = table()
      const order: string[] = []
      for (const { what, key } of steps) {
        const entry = get(shared, key)
        assert.equal(entry !== 0, order.includes(key))
        if (what === "rebuild") {
          shared.rebuild()
          order.sort((a, b) => get(shared, a) - get(shared, b))
          const now = keysInOrder(shared, order)
          assert.deepEqual([...now].sort(), [...order].sort())
          order.splice(0, order.length, ...now)
        } else if (what === "put" && entry === 0) {
          if (put(shared, key) !== 0) order.push(key)
        } else if (entry !== 0 && what !== "put") {
          order.splice(order.indexOf(key), 1)
          if (what === "remove") shared.remove(entry)
          else {
            shared.touch(entry)
            order.push(key)
          }
        }
        assert.deepEqual(keysInOrder(shared, order), order)
      }
    }),
    { numRuns: 60 },
  )
})

test("a change that was cut off anywhere leaves a table that can be made whole", () => {
  // Each word that a change writes may be the last one that a thread wrote before it died.
  const keys = Array.from({ length: 40 }, (_, i) => `${i}`.repeat(1 + (i % 9) * 9))
  const copyOf = (words: Int32Array): SharedTable => {
    const memory = new SharedArrayBuffer(tableBytes(ZONE_BYTES))
    new Int32Array(memory).set(words)
    return new SharedTable(memory, LAYOUT, 0, [])
  }
  const full = table()
  for (const key of keys) put(full, key)
  const before = full.words.slice()
  for (const change of [
    (shared: SharedTable) => shared.remove(get(shared, keys[7] as string)),
    (shared: SharedTable) => put(shared, "a new one"),
    (shared: SharedTable) => put(shared, "a large one".repeat(1000)),
  ]) {
    const changed = copyOf(before)
    change(changed)
    const after = changed.words
    const places = [...after.keys()].filter((at) => before[at] !== after[at])
    // The order of writing is the code's; that of the words stands for it.
    for (let count = 0; count <= Math.min(places.length, 60); count++) {
      const broken = copyOf(before)
      for (const at of places.slice(0, count)) broken.words[at] = after[at] as number
      broken.rebuild()
      for (const key of keys) if (key !== keys[7]) assert.ok(get(broken, key) > 0, key)
      let entries = 0
      broken.forEach(() => {
        entries++
      })
      assert.ok(entries >= keys.length - 1 && entries <= keys.length + 1)
      assert.ok(put(broken, "after all") > 0)
    }
  }
})

test("keys that differ in one bit lie in many buckets, others in another memory", () => {
  const shared = table()
  const hashes = new Set<number>()
  for (let i = 0; i < 4096; i++)
    hashes.add(shared.hash(String.fromCharCode(i & 255, i >> 8, 1, 2, 3)) & 0xffff)
  assert.ok(hashes.size > 3800)
  assert.notEqual(shared.hash("key"), table().hash("key"))
})

const WORKER = `
import { parentPort, threadId, workerData } from "node:worker_threads"
const { SharedTable } = await import(workerData.module)
const shared = new SharedTable(workerData.memory, workerData.layout, 0, [])
const place = workerData.payload / 4
for (let i = 0; i < workerData.rounds; i++) {
  const key = "key " + (i % 500)
  const hash = shared.hash(key)
  shared.lock.lock()
  let entry = shared.find(key, hash)
  if (entry === 0) {
    entry = shared.insert(key, hash)
    shared.words[(entry >> 2) + place] = 0
  }
  shared.words[(entry >> 2) + place] += 1
  shared.touch(entry)
  shared.lock.unlock()
}
if (workerData.locked) shared.lock.lock()
parentPort.postMessage(threadId)
`

async function work(memory: SharedArrayBuffer, rounds: number, locked = false): Promise<number> {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`), {
    workerData: {
      module: new URL("./shared-table.ts", import.meta.url).href,
      memory,
      rounds,
      locked,
      layout: LAYOUT,
      payload: PAYLOAD,
    },
  })
  try {
    return ((await once(worker, "message")) as [number])[0]
  } finally {
    await worker.terminate()
  }
}

test("threads that change one table at once lose nothing", async () => {
  const zoneBytes = 32 * PAGE_BYTES
  const memory = new SharedArrayBuffer(tableBytes(zoneBytes))
  const shared = new SharedTable(memory, LAYOUT, zoneBytes, [])
  await Promise.all([1, 2, 3].map(() => work(memory, 20_000)))
  let sum = 0
  let entries = 0
  shared.forEach((entry) => {
    sum += shared.words[(entry >> 2) + PAYLOAD / 4] as number
    entries++
  })
  assert.equal(sum, 60_000)
  assert.equal(entries, 500)
})

test("the lock of a dead thread can be taken, by its number alone", async () => {
  const memory = new SharedArrayBuffer(tableBytes(ZONE_BYTES))
  const shared = new SharedTable(memory, LAYOUT, ZONE_BYTES, [])
  const dead = await work(memory, 10, true)
  assert.ok(!shared.lock.lockWithin(2))
  assert.ok(!shared.lock.takeFromDead(dead + 1))
  assert.ok(shared.lock.takeFromDead(dead))
  shared.rebuild()
  shared.lock.unlock()
  assert.ok(shared.lock.lockWithin(2))
  assert.ok(get(shared, "key 9") > 0)
})

test("a lock stands at any word", () => {
  const words = new Int32Array(new SharedArrayBuffer(16))
  const lock = new SharedLock(words, 2)
  lock.lock()
  assert.deepEqual(
    [...words].map((word) => word !== 0),
    [false, false, true, false],
  )
  lock.unlock()
  assert.deepEqual([...words], [0, 0, 0, 0])
})

test("the clock of threads is one, and counts forward", () => {
  const first = new SharedClock()
  const second = new SharedClock()
  const before = first.nowMs()
  assert.ok(Math.abs(second.nowMs() - first.nowMs()) <= 2)
  assert.ok(first.nowMs() >= before)
  assert.ok(Number.isInteger(before))
})

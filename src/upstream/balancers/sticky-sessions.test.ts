import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { prunePeers, repairPeers, type SharedTable, sharedTable } from "../zone.ts"
import { StickySessions } from "./sticky-sessions.ts"
import { findIn, START_MS } from "./suite.ts"

const TIMEOUT_MS = 60_000

/** Room for so many sessions: 132 bytes each, and 68 more. */
function tableFor(sessions: number, map = new Map<string, SharedArrayBuffer>()): SharedTable {
  return sharedTable("sessions", 68 + 132 * sessions, findIn(map))
}

test("a session is found until its time is over, which each use begins anew", () => {
  const sessions = new StickySessions(tableFor(10), TIMEOUT_MS)
  assert.equal(sessions.find("a", START_MS), "")
  sessions.note("a", "one", true, START_MS)
  assert.equal(sessions.find("a", START_MS + 59_999), "one")
  // Being looked for is no use.
  assert.equal(sessions.find("a", START_MS + 60_000), "")
  sessions.note("a", "one", true, START_MS + 60_000)
  sessions.note("a", "two", false, START_MS + 100_000)
  assert.equal(sessions.find("a", START_MS + 159_999), "two")
  assert.equal(sessions.find("a", START_MS + 160_000), "")
})

test("a session that is not known is only begun where that is allowed", () => {
  const sessions = new StickySessions(tableFor(10), TIMEOUT_MS)
  sessions.note("a", "one", false, START_MS)
  assert.equal(sessions.find("a", START_MS), "")
})

test("a full table gives up what was not used for the longest time", () => {
  const sessions = new StickySessions(tableFor(3), TIMEOUT_MS)
  for (const id of ["a", "b", "c"]) assert.equal(sessions.note(id, `of ${id}`, true, START_MS), false)
  sessions.note("a", "of a", false, START_MS + 1)
  assert.equal(sessions.note("d", "of d", true, START_MS + 2), true)
  const found = ["a", "b", "c", "d"].map((id) => sessions.find(id, START_MS + 2))
  assert.deepEqual(found, ["of a", "", "of c", "of d"])
})

test("what is over makes room without anything being given up", () => {
  const sessions = new StickySessions(tableFor(2), TIMEOUT_MS)
  for (const id of ["a", "b"]) sessions.note(id, "one", true, START_MS)
  const later = START_MS + TIMEOUT_MS
  for (const id of ["c", "d"]) assert.equal(sessions.note(id, "two", true, later), false)
  assert.deepEqual(
    ["a", "b", "c", "d"].map((id) => sessions.find(id, later)),
    ["", "", "two", "two"],
  )
})

test("two workers see one table, and ids of 32 bytes and names of any bytes fit", () => {
  const map = new Map<string, SharedArrayBuffer>()
  const one = new StickySessions(tableFor(5, map), TIMEOUT_MS)
  const two = new StickySessions(tableFor(5, map), TIMEOUT_MS)
  one.note("\xff\0 \xe4", "x".repeat(32), true, START_MS)
  assert.equal(two.find("\xff\0 \xe4", START_MS), "x".repeat(32))
  two.note("\xff\0 \xe4", "short", false, START_MS)
  assert.equal(one.find("\xff\0 \xe4", START_MS), "short")
})

test("the lock of a dead worker is given back, and what it was writing is thrown away", () => {
  const map = new Map<string, SharedArrayBuffer>()
  const table = tableFor(5, map)
  const sessions = new StickySessions(table, TIMEOUT_MS)
  sessions.note("a", "one", true, START_MS)
  // The first word says that somebody is writing; the lock is this thread's, whose number is 0.
  table.lock.lock()
  new Int32Array(table.memory)[0] = 1
  repairPeers(map, 0, 0)
  assert.equal(sessions.find("a", START_MS), "")
  sessions.note("b", "two", true, START_MS)
  assert.equal(sessions.find("b", START_MS), "two")
})

test("a table that no generation names goes with its lock", () => {
  const map = new Map<string, SharedArrayBuffer>()
  const { names } = tableFor(5, map)
  prunePeers(map, (name) => names.includes(name))
  assert.equal(map.size, 2)
  prunePeers(map, () => false)
  assert.equal(map.size, 0)
})

test("property: the table is as good as a map that knows the order of use", () => {
  const capacity = 6
  const step = fc.record({
    id: fc.integer({ min: 0, max: 9 }).map(String),
    sid: fc.constantFrom("one", "two", ""),
    mayCreate: fc.boolean(),
    pauseMs: fc.nat(20_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const sessions = new StickySessions(tableFor(capacity), TIMEOUT_MS)
      const model = new Map<string, { sid: string; lastMs: number }>()
      let nowMs = START_MS
      for (const { id, sid, mayCreate, pauseMs } of steps) {
        nowMs += pauseMs
        for (const [known, { lastMs }] of model) if (lastMs + TIMEOUT_MS <= nowMs) model.delete(known)
        const isFull = model.size === capacity && !model.has(id) && mayCreate
        if (isFull) model.delete(model.keys().next().value ?? "")
        const isNoted = model.delete(id) || mayCreate
        if (isNoted) model.set(id, { sid, lastMs: nowMs })
        assert.equal(sessions.note(id, sid, mayCreate, nowMs), isFull)
        for (let n = 0; n < 10; n++)
          assert.equal(sessions.find(String(n), nowMs), model.get(String(n))?.sid ?? "")
      }
    }),
    { numRuns: 300 },
  )
})

import assert from "node:assert/strict"
import { describe, it } from "node:test"
import {
  CheckerSeat,
  type CheckIdentity,
  checkKey,
  claimParts,
  hasFailedCheck,
  healthCounts,
  noteCheck,
  passesChecks,
} from "./health.ts"
import { ownMemory, repairPeers, sharedMemory } from "./zone.ts"

const row = (): Int32Array => ownMemory().row("a", 0).ints
const check = (name: string, isMandatory = false): CheckIdentity => ({ key: checkKey(name), isMandatory })
const ONE = { fails: 1, passes: 1 }

describe("what checks say of a peer", () => {
  it("before the first result it is healthy, or with mandatory is not", () => {
    const ints = row()
    assert.ok(passesChecks(ints, [check("a")]))
    assert.ok(!passesChecks(ints, [check("a"), check("b", true)]))
    assert.ok(!hasFailedCheck(ints, [check("b", true)]))
  })

  it("thresholds count results in a row", () => {
    const ints = row()
    const checks = [check("a")]
    claimParts(ints, checks)
    const limits = { fails: 2, passes: 3 }
    const note = (hasPassed: boolean): string =>
      noteCheck(ints, 0, checks[0] as CheckIdentity, hasPassed, limits)
    const said = [false, true, false, false, true, true, false, true, true, true, false].map(note)
    assert.deepEqual(said, [
      ...["none", "none", "none", "unhealthy", "none", "none", "none", "none", "none", "healthy", "none"],
    ])
    assert.deepEqual(healthCounts(ints, 0), { checks: 11, fails: 5, unhealthy: 1 })
  })

  it("with mandatory the first result decides", () => {
    for (const hasPassed of [true, false]) {
      const ints = row()
      const checks = [check("a", true)]
      claimParts(ints, checks)
      const change = noteCheck(ints, 0, checks[0] as CheckIdentity, hasPassed, { fails: 5, passes: 5 })
      assert.equal(change, hasPassed ? "healthy" : "unhealthy")
      assert.equal(passesChecks(ints, checks), hasPassed)
    }
  })

  it("a check keeps what it knows where the order changes; a new one, and one that is gone, begin anew", () => {
    const ints = row()
    const [a, b, c] = [check("a"), check("b"), check("c")]
    claimParts(ints, [a, b])
    noteCheck(ints, 1, b, false, ONE)
    claimParts(ints, [c, b, a])
    assert.ok(hasFailedCheck(ints, [c, b, a]))
    assert.equal(healthCounts(ints, 1).fails, 1)
    claimParts(ints, [b, a])
    assert.equal(healthCounts(ints, 0).fails, 1)
    claimParts(ints, [a])
    assert.ok(!hasFailedCheck(ints, [a]))
    claimParts(ints, [b])
    assert.deepEqual(healthCounts(ints, 0), { checks: 0, fails: 0, unhealthy: 0 })
  })

  it("until a check has its part the peer is as at first", () => {
    const ints = row()
    const old = check("old")
    claimParts(ints, [old])
    noteCheck(ints, 0, old, false, ONE)
    assert.ok(passesChecks(ints, [check("new")]))
    assert.ok(!passesChecks(ints, [check("new", true)]))
  })
})

describe("the seat of the worker that checks", () => {
  it("is taken once, by whoever comes first, and free when left or when its holder has died", () => {
    const memory = new Map<string, SharedArrayBuffer>()
    const find = (name: string, bytes: number): SharedArrayBuffer => {
      const made = memory.get(`${name} ${bytes}`) ?? new SharedArrayBuffer(bytes)
      memory.set(`${name} ${bytes}`, made)
      return made
    }
    const { lockMemory } = sharedMemory("g", find, 0)
    assert.ok(lockMemory)
    const seat = new CheckerSeat(lockMemory)
    assert.ok(seat.take() && seat.take())
    const words = new Int32Array(lockMemory)
    const holder = words[1] as number
    seat.leave()
    assert.equal(words[1], 0)
    words[1] = 1000
    assert.ok(!seat.take())
    repairPeers(memory, 3, 500)
    assert.ok(!seat.take())
    repairPeers(memory, 3, 999)
    assert.ok(seat.take())
    assert.equal(words[1], holder)
  })
})

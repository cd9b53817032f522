import assert from "node:assert/strict"
import { it } from "node:test"
import { RowSlots, slotsOfZone } from "./row-slots.ts"
import { CONNECTIONS, FAILS, type FindMemory, type PeerRow, sharedMemory } from "./zone.ts"

function memory(): FindMemory {
  const known = new Map<string, SharedArrayBuffer>()
  return (name, bytes) => {
    const key = `${name} ${bytes}`
    const found = known.get(key) ?? new SharedArrayBuffer(bytes)
    known.set(key, found)
    return found
  }
}

function slots(find: FindMemory, worker: number, count = 3): RowSlots {
  return new RowSlots("backend", count, sharedMemory("backend", find, worker), find, worker)
}

const first = (slots: RowSlots, key: string): PeerRow => slots.hold([key])[0] as PeerRow

it("workers that ask for the same address get the same row", () => {
  const find = memory()
  const [one, two] = [slots(find, 0), slots(find, 1)]
  one.hold(["a\n0", "b\n0"])
  const rows = two.hold(["b\n0", "c\n0"]) as PeerRow[]
  rows[0].ints[FAILS] = 7
  assert.equal(one.hold(["a\n0", "b\n0"])[1]?.ints[FAILS], 7)
})

it("there is room for as many as there are slots, whoever holds them", () => {
  const find = memory()
  const [one, two] = [slots(find, 0), slots(find, 1)]
  one.hold(["a\n0", "b\n0"])
  assert.deepEqual(
    two.hold(["a\n0", "c\n0", "d\n0"]).map((row) => row !== undefined),
    [true, true, false],
  )
  one.hold([])
  assert.equal(two.hold(["a\n0", "c\n0", "d\n0"]).includes(undefined), false)
})

it("what is given back makes room in the same call", () => {
  const one = slots(memory(), 0)
  one.hold(["a\n0", "b\n0", "c\n0"])
  assert.equal(one.hold(["d\n0", "e\n0", "f\n0"]).includes(undefined), false)
})

it("an address that comes back soon finds its state; another begins at zero", () => {
  const one = slots(memory(), 0, 1)
  first(one, "a\n0").ints[FAILS] = 3
  one.hold([])
  assert.equal(first(one, "a\n0").ints[FAILS], 3)
  assert.equal(first(one, "b\n0").ints[FAILS], 0)
  assert.equal(first(one, "a\n0").ints[FAILS], 0)
})

it("a row with connections is not given to another", () => {
  const one = slots(memory(), 0, 1)
  const row = first(one, "a\n0")
  row.ints[CONNECTIONS] = 1
  assert.equal(one.hold(["b\n0"])[0], undefined)
  row.ints[CONNECTIONS] = 0
  assert.notEqual(one.hold(["b\n0"])[0], undefined)
})

it("two generations of a worker hold a row, each for itself", () => {
  const find = memory()
  const [old, next] = [slots(find, 0, 1), slots(find, 0, 1)]
  old.hold(["a\n0"])
  next.hold(["a\n0"])
  old.release()
  old.release()
  assert.equal(slots(find, 1, 1).hold(["b\n0"])[0], undefined)
  next.release()
  assert.notEqual(slots(find, 1, 1).hold(["b\n0"])[0], undefined)
})

it("a zone of 64k has room for 64", () => {
  assert.equal(slotsOfZone(65_536), 64)
  assert.equal(slotsOfZone(32_768), 32)
  assert.equal(slotsOfZone(2 ** 30), 512)
})

it("a group without peers changes nothing", () => {
  const find = memory()
  const one = slots(find, 0, 1)
  one.hold(["a\n0"])
  slots(find, 0, 1).hold([])
  assert.equal(slots(find, 1, 1).hold(["b\n0"])[0], undefined)
})

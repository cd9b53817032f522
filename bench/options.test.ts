import assert from "node:assert/strict"
import { test } from "node:test"
import { readOptions } from "./options.ts"

test("without a word everything is measured", () => {
  const options = readOptions([])
  assert.equal(options.suite, "all")
  assert.equal(options.rounds, 3)
  assert.equal(options.roundMs, 2000)
  assert.ok(options.peers.length > 2)
})

test("quick is Holdfast beside nginx", () => {
  assert.deepEqual(
    readOptions(["quick"]).peers.map(({ name }) => name),
    ["holdfast", "nginx"],
  )
})

test("--json may stand without a file", () => {
  assert.equal(readOptions(["quick", "--json"]).json, "-")
  assert.equal(readOptions(["--json", "--quick"]).json, "-")
  assert.equal(readOptions(["--json", "a.json"]).json, "a.json")
})

test("--only may be repeated", () => {
  assert.deepEqual(readOptions(["--only", "GET, 13 B", "--only", "push"]).only, ["GET, 13 B", "push"])
})

test("what is not understood is said", () => {
  assert.throws(() => readOptions(["slow"]), /slow/)
  assert.throws(() => readOptions(["--peers", "apache"]), /apache/)
  assert.throws(() => readOptions(["--rounds", "0"]), /rounds/)
  assert.throws(() => readOptions(["--wrong"]), /wrong/)
})

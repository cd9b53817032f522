import assert from "node:assert/strict"
import { test } from "node:test"
import { parseCommandLine } from "./command-line.ts"
import { HoldfastError } from "./error.ts"

function parse(...args: string[]) {
  const options = { time: { type: "string" }, quiet: { type: "boolean", default: false } } as const
  return parseCommandLine({ args, allowPositionals: true, options })
}

/** What is wrong with `args`. */
function faultOf(...args: string[]): string {
  try {
    parse(...args)
  } catch (error) {
    assert.ok(error instanceof HoldfastError && error.code === "USAGE")
    return error.message
  }
  return "nothing"
}

test("words are options and positionals", () => {
  const { values, positionals } = parse("--time", "1s", "file")
  assert.deepEqual([values.time, values.quiet, positionals], ["1s", false, ["file"]])
})

test("what is wrong with an option is said in one line", () => {
  assert.equal(faultOf("--nothing"), "Unknown option '--nothing'")
  assert.match(faultOf("--time", "-1"), /^Option '--time' argument is ambiguous\. .*'--time=-XYZ'\.$/)
  assert.match(faultOf("--quiet=1"), /^Option '--quiet' does not take an argument$/)
})

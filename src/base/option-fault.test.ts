import assert from "node:assert/strict"
import { test } from "node:test"
import { parseArgs } from "node:util"
import { optionFault } from "./option-fault.ts"

function faultOf(...args: string[]): string {
  try {
    parseArgs({ args, options: { time: { type: "string" }, quiet: { type: "boolean" } } })
    return ""
  } catch (error) {
    return optionFault(error)
  }
}

test("what is wrong with an option is said in one line", () => {
  assert.equal(faultOf("--nothing"), "Unknown option '--nothing'")
  assert.match(faultOf("--time", "-1"), /^Option '--time' argument is ambiguous\. .*'--time=-XYZ'\.$/)
  assert.match(faultOf("--quiet=1"), /^Option '--quiet' does not take an argument$/)
})

import assert from "node:assert/strict"
import { before, describe, it } from "node:test"
import { holdfastProgram } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import type { ComparisonCase } from "./case.ts"
import { type CaseResult, runCases, type TableResult } from "./run-cases.ts"

const NOTHING: TableResult = { cases: [], endFailures: [] }

/**
 * Runs a table of cases on nginx and on Holdfast and asserts that what can be seen of each is the same.
 * For work on the table: COMPARE=nginx compares nginx with itself (a case that fails then is not the same
 * twice), COMPARE_ONLY=<text> takes only the cases with
 * that text in their names, COMPARE_PRINT=1 prints what nginx did.
 */
export function compareWithNginx(theme: string, table: readonly ComparisonCase[]): void {
  const only = process.env["COMPARE_ONLY"] ?? ""
  const cases = table.filter(({ name }) => name.includes(only))
  const nginxOnly = process.env["COMPARE"] === "nginx"
  describe(`as nginx does: ${theme}`, { skip: nginxMissing() }, () => {
    let ofNginx: TableResult = NOTHING
    let ofOther: TableResult = NOTHING
    before(async () => {
      // Not both at once: what the programs get of the machine should not decide over an order of events.
      ofNginx = await runCases(nginxProgram, cases)
      ofOther = await runCases(nginxOnly ? nginxProgram : holdfastProgram, cases)
    })
    for (const [index, one] of cases.entries()) {
      it(one.name, () => {
        const nginx = ofNginx.cases[index]
        if (process.env["COMPARE_PRINT"]) console.log(`@@${JSON.stringify({ name: one.name, nginx })}`)
        checkCase(one, nginx, ofOther.cases[index], nginxOnly)
      })
    }
    it("both end on SIGQUIT when all clients have left", () => {
      assert.deepEqual(ofNginx.endFailures, [])
      assert.deepEqual(ofOther.endFailures, [])
    })
  })
}

function checkCase(
  one: ComparisonCase,
  nginx: CaseResult | undefined,
  other: CaseResult | undefined,
  same: boolean,
): void {
  assert.equal(nginx?.failure, undefined, `on nginx: ${nginx?.failure}`)
  assert.deepEqual(nginx?.statuses, [one.status].flat(), "nginx's own statuses")
  assert.ok(nginx?.outcome)
  assert.equal(other?.failure, undefined, `on Holdfast: ${other?.failure}`)
  if (one.differs === undefined) {
    assert.deepEqual(other?.outcome, nginx.outcome)
    return
  }
  const expected = { ...nginx.outcome, ...one.differs.holdfast(nginx.outcome) }
  assert.notDeepEqual(expected, nginx.outcome, "a difference that makes none")
  try {
    assert.deepEqual(other?.outcome, same ? nginx.outcome : expected)
  } catch (error) {
    throw new Error(`differs on purpose: ${one.differs.why}`, { cause: error })
  }
}

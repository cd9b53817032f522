import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { describe, it } from "node:test"
import { formatSeconds, LogTime } from "./log-time.ts"

const SOURCE = new URL("./log-time.ts", import.meta.url).href

describe("LogTime", () => {
  const moment = Date.UTC(2026, 2, 9, 3, 4, 5, 999)
  for (const [zone, expected] of [
    ["UTC", ["2026/03/09 03:04:05", "09/Mar/2026:03:04:05 +0000", "2026-03-09T03:04:05+00:00"]],
    ["Asia/Kolkata", ["2026/03/09 08:34:05", "09/Mar/2026:08:34:05 +0530", "2026-03-09T08:34:05+05:30"]],
    ["America/St_Johns", ["2026/03/09 00:34:05", "09/Mar/2026:00:34:05 -0230", "2026-03-09T00:34:05-02:30"]],
  ] as const) {
    it(`is local in ${zone}`, () => {
      const program = `import { LogTime } from "${SOURCE}"; const t = new LogTime()
        console.log(JSON.stringify([t.errorLog(${moment}), t.local(${moment}), t.iso8601(${moment})]))`
      const env = { ...process.env, TZ: zone }
      const out = execFileSync(process.execPath, ["--input-type=module", "-e", program], { env })
      assert.deepEqual(JSON.parse(out.toString()), expected)
    })
  }

  it("follows the clock, both ways", () => {
    const time = new LogTime()
    const start = new Date(2026, 0, 1, 0, 0, 0).getTime()
    assert.equal(time.errorLog(start + 999), "2026/01/01 00:00:00")
    assert.equal(time.errorLog(start + 1000), "2026/01/01 00:00:01")
    assert.equal(time.errorLog(start - 1), "2025/12/31 23:59:59")
  })
})

describe("formatSeconds", () => {
  it("has three decimals and cuts what is finer", () => {
    const cases: [number, string][] = [
      [0, "0.000"],
      [0.9, "0.000"],
      [7.99, "0.007"],
      [42, "0.042"],
      [999, "0.999"],
      [1000, "1.000"],
      [1234567.8, "1234.567"],
      [-5, "0.000"],
    ]
    for (const [ms, text] of cases) assert.equal(formatSeconds(ms), text)
  })
})

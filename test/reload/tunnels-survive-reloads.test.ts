import assert from "node:assert/strict"
import { test } from "node:test"
import { DEFAULTS } from "../soak/options.ts"
import { reportText } from "../soak/report.ts"
import { runSoak } from "../soak/soak.ts"

test("2,000 tunnels over TLS live through 200 reloads, 10 of them broken", {
  timeout: 300_000,
}, async (t) => {
  const options = { ...DEFAULTS, tunnels: 2000, reloads: 200, broken: 10, tls: true }
  const report = await runSoak(options, (line) => t.diagnostic(line))
  for (const line of reportText(report).trimEnd().split("\n")) t.diagnostic(line)
  assert.deepEqual(
    report.checks.filter(({ isOk }) => !isOk),
    [],
  )
})

/**
 * Runs all micro benchmarks, one after the other: `node bench/micro/run-all.ts [--brief]`. Fails when one of them
 * does; with `--brief`, in a few seconds, that is all that it is for.
 */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"

const TIMEOUT_MS = 120_000
const NOT_BENCHMARKS = ["run-all.ts", "meter.ts"]

const folder = fileURLToPath(new URL(".", import.meta.url))
let failures = 0
for (const name of readdirSync(folder).sort()) {
  if (!name.endsWith(".ts") || NOT_BENCHMARKS.includes(name)) continue
  console.log(`\n${name}`)
  const args = [folder + name, ...process.argv.slice(2)]
  const { status, signal } = spawnSync(process.execPath, args, { stdio: "inherit", timeout: TIMEOUT_MS })
  if (status === 0) continue
  console.error(`${name} failed: ${signal ?? `exit code ${status}`}`)
  failures++
}
process.exitCode = failures === 0 ? 0 : 1

import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { test } from "node:test"
import { startEdge } from "../support/edge.ts"
import { holdfastProgram, run } from "../support/holdfast.ts"
import { buildPackage } from "../support/package.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

/** Few enough that loading them is no matter: of all commands, and those that a worker loads. */
const MAX_FILES = 50
const MAX_WORKER_FILES = 20

function files(folder: string): string[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
  return paths.filter((path) => path.endsWith(".js")).sort()
}

/** `file` and all that it imports, but for what is loaded when it is asked for. */
function closureOf(folder: string, file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found
  found.add(file)
  const imports = readFileSync(join(folder, file), "utf8").matchAll(
    /^(?:import|\} from) ?"\.\/([\w.-]+)";$/gm,
  )
  for (const [, imported] of imports) if (imported !== undefined) closureOf(folder, imported, found)
  return found
}

test("the package: few files, which run", async (t) => {
  const folder = makeTempFolder("package")
  t.after(() => removeTempFolder(folder))
  const program = await buildPackage(folder)
  const bundled = files(join(folder, "dist"))
  assert.ok(bundled.includes("main.js") && bundled.includes("worker.js"))
  assert.ok(bundled.length <= MAX_FILES, bundled.join(" "))
  const loaded = closureOf(join(folder, "dist"), "worker.js")
  assert.ok(loaded.size > 10 && loaded.size <= MAX_WORKER_FILES, [...loaded].join(" "))
  const version = await run(process.execPath, [program, "-v"])
  assert.match(version.stderr, /^holdfast version: holdfast\/\d/)
  const port = await freePort()
  const config = `events {} http { server { listen 127.0.0.1:${port}; location / { return 200 bundled; } } }`
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`
  const edge = await startEdge({ ...holdfastProgram, command: program }, config, { env: { PATH } })
  t.after(() => edge.stop())
  assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, "bundled")
  const checked = await run(process.execPath, [program, "check", "--diff", edge.configFile])
  assert.equal(checked.status, 0, checked.stderr)
  const tested = await run(process.execPath, [program, "-t", "-p", edge.prefix, "-c", edge.configFile])
  assert.match(tested.stderr, /test is successful\n$/)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded\n/)
  edge.signal("SIGQUIT")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
})

import assert from "node:assert/strict"
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { startEdge } from "../support/edge.ts"
import { holdfastProgram, run } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"

const ROOT = fileURLToPath(new URL("../../", import.meta.url))
const instructions = readFileSync(join(ROOT, "packaging/Dockerfile"), "latin1")
  .replaceAll("\\\n", " ")
  .split("\n")
const ignored = readFileSync(join(ROOT, "packaging/Dockerfile.dockerignore"), "latin1").split("\n")

/** What COPY takes from the checkout, and where it puts it: of one stage. */
function copies(stage: number): { source: string; target: string }[] {
  let at = -1
  const found: { source: string; target: string }[] = []
  for (const line of instructions) {
    if (line.startsWith("FROM ")) at++
    if (at !== stage || !line.startsWith("COPY ") || line.includes("--from=")) continue
    const words = line
      .split(/\s+/)
      .slice(1)
      .filter((word) => !word.startsWith("--"))
    const target = words.pop() ?? ""
    for (const source of words) found.push({ source, target: target === "./" ? source : target })
  }
  return found
}

/** Does what the COPY lines of a stage say, in a folder of its own. */
function copyStage(stage: number): string {
  const folder = makeTempFolder("docker")
  for (const { source, target } of copies(stage)) {
    mkdirSync(dirname(join(folder, target)), { recursive: true })
    cpSync(join(ROOT, source), join(folder, target), { recursive: true })
  }
  return folder
}

/** Packages that `npm ci --omit=dev` leaves, by the lock file. */
function productionPackages(): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean }>
  }
  return Object.keys(lock.packages).filter((path) => path !== "" && lock.packages[path]?.dev !== true)
}

describe("the Dockerfile", () => {
  it("copies what is there and is not kept out of the build", () => {
    const sources = [...copies(0), ...copies(1)].map(({ source }) => source)
    assert.ok(sources.length > 5)
    for (const source of sources) {
      assert.ok(existsSync(join(ROOT, source)), source)
      assert.ok(ignored.includes(`!${source.split("/")[0]}`), `${source} is ignored`)
    }
  })

  it("ends gracefully and runs as a user of its own", () => {
    assert.ok(instructions.includes("STOPSIGNAL SIGQUIT"))
    assert.ok(instructions.includes("USER holdfast"))
  })

  it("builds and runs from what it copies", async (t) => {
    const build = copyStage(0)
    symlinkSync(join(ROOT, "node_modules"), join(build, "node_modules"))
    const built = await run(process.execPath, [join(build, "scripts/build.ts")], { cwd: build })
    assert.equal(built.status, 0, built.stderr)
    const image = copyStage(1)
    cpSync(join(build, "dist"), join(image, "dist"), { recursive: true })
    for (const path of productionPackages())
      cpSync(join(ROOT, path), join(image, path), { recursive: true, dereference: true })
    const port = await freePort()
    const config = `events {} http { server { listen 127.0.0.1:${port}; location / { return 200 built; } } }`
    // The shebang asks for `node`: as in the image, the one that it is made for comes first.
    const program = { ...holdfastProgram, command: join(image, "bin/holdfast.mjs") }
    const path = `${dirname(process.execPath)}:${process.env["PATH"]}`
    const edge = await startEdge(program, config, { env: { PATH: path } })
    t.after(() => edge.stop())
    assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, "built")
    edge.signal("SIGQUIT")
    assert.deepEqual(await edge.exit, { code: 0, signal: null })
  })
})

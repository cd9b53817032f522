import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { HOLDFAST, run, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

const UNIT = fileURLToPath(new URL("../../packaging/holdfast.service", import.meta.url))
const SYSUSERS = fileURLToPath(new URL("../../packaging/sysusers.conf", import.meta.url))
const INSTALLED = "/usr/local/bin/holdfast"
const ANALYZE = "/usr/bin/systemd-analyze"
/** Of 10; what systemd calls "OK" begins at 5. */
const MAX_EXPOSURE = 2

const text = readFileSync(UNIT, "latin1")

/** The values of a setting, in order. */
function values(name: string): string[] {
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map((match) => match[1] as string)
}

/** A copy of the unit that runs this checkout, since the programs that a unit names must be there. */
function unitOfCheckout(): string {
  const file = join(makeTempFolder("unit"), "holdfast.service")
  const here = text.replaceAll(INSTALLED, HOLDFAST).replace(/^Documentation=.*\n/m, "")
  writeFileSync(file, here)
  return file
}

describe("the systemd unit", () => {
  const skip = existsSync(ANALYZE) ? false : "systemd-analyze is not installed"

  it("has no mistake that systemd-analyze verify sees", { skip }, async () => {
    const { status, stdout, stderr } = await run(ANALYZE, ["verify", "--man=no", unitOfCheckout()])
    // Other units of the machine are read along with it and are not what is looked at.
    const said = (stdout + stderr).split("\n").filter((line) => line.includes("holdfast"))
    assert.deepEqual(said, [])
    assert.equal(status, 0, stderr)
  })

  it("closes off what can be closed off", { skip }, async (t) => {
    const args = [
      "security",
      "--offline=true",
      "--no-pager",
      `--threshold=${MAX_EXPOSURE * 10}`,
      unitOfCheckout(),
    ]
    const { status, stdout, stderr } = await run(ANALYZE, args)
    t.diagnostic(/Overall exposure level.*/.exec(stdout)?.[0] ?? stderr)
    assert.equal(status, 0, stdout)
  })

  it("leaves the way of writing code open, without which V8 cannot run", () => {
    assert.deepEqual(values("MemoryDenyWriteExecute"), [])
  })

  it("calls the program as it wants to be called", async () => {
    const commands = [...values("ExecStartPre"), ...values("ExecStart"), ...values("ExecReload")]
    const ours = commands.filter((command) => command.startsWith(`${INSTALLED} `))
    assert.equal(ours.length, 3)
    const file = join(makeTempFolder("unit"), "nginx.conf")
    writeFileSync(file, "events {} http {}")
    for (const command of ours.filter((one) => one.includes(" -t "))) {
      const args = command.replace("${HOLDFAST_CONF}", file).split(" ").slice(1)
      const { status, stdout, stderr } = await runHoldfast(args)
      assert.deepEqual({ status, output: stdout + stderr }, { status: 0, output: "" })
    }
  })

  it("gives it the folders that it writes to by default", async () => {
    const { stderr } = await runHoldfast(["-h"])
    const prefix = /set prefix path \(default: (.*)\/\)/.exec(stderr)?.[1]
    assert.equal(prefix, "/var/lib/holdfast")
    assert.deepEqual(values("StateDirectory"), ["holdfast holdfast/logs"])
  })

  it("has its user in sysusers.d", { skip }, async () => {
    assert.deepEqual(values("User"), ["holdfast"])
    assert.match(readFileSync(SYSUSERS, "latin1"), /^u holdfast /m)
    const { status, stderr } = await run("/usr/bin/systemd-sysusers", ["--dry-run", SYSUSERS])
    assert.equal(status, 0, stderr)
  })
})

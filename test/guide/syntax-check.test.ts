import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { runHoldfast } from "../support/holdfast.ts"
import { freePorts } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import { guideConfig } from "./guide.ts"

it("-t says in nginx's two lines that the guide's configuration is in order", async () => {
  const prefix = makeTempFolder("syntax")
  mkdirSync(join(prefix, "logs"))
  const file = join(prefix, "guide.conf")
  const config = (await guideConfig(await freePorts(2), {})).replaceAll("{prefix}", prefix)
  writeFileSync(file, `pid ${prefix}/holdfast.pid; ${config}`)
  const result = await runHoldfast(["-t", "-c", file, "-p", prefix, "-e", join(prefix, "error.log")])
  assert.equal(
    result.stderr,
    `holdfast: the configuration file ${file} syntax is ok\n` +
      `holdfast: configuration file ${file} test is successful\n`,
  )
  assert.equal(result.status, 0)
})

it("-T shows the guide's configuration as it was read", async () => {
  const prefix = makeTempFolder("syntax")
  mkdirSync(join(prefix, "logs"))
  const file = join(prefix, "guide.conf")
  const config = (await guideConfig(await freePorts(2), {})).replaceAll("{prefix}", prefix)
  writeFileSync(file, `pid ${prefix}/holdfast.pid; ${config}`)
  const result = await runHoldfast(["-T", "-c", file, "-p", prefix, "-e", join(prefix, "error.log")])
  assert.equal(result.status, 0)
  assert.ok(result.stdout.includes(`# configuration file ${file}:\n`), result.stdout.slice(0, 200))
  assert.ok(result.stdout.includes(config))
})

/** `drain` in `upstream`: what it takes, and what is said of the rest. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { describeBadInput, inUpstream } from "../bad-input/bad-input.ts"
import { holdfastProgram, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

const SERVER = "server 127.0.0.1:1;"
const nginx = { error: null, why: "nginx has no such directive" }

describeBadInput("drain", [
  {
    name: "a way that is none",
    config: inUpstream(`${SERVER}\ndrain wait; #!`),
    error: 'invalid value "wait" in "drain" directive',
    nginx,
  },
  {
    name: "keep has no time",
    config: inUpstream(`${SERVER}\ndrain keep after=1s; #!`),
    error: 'invalid parameter "after=1s"',
    nginx,
  },
  {
    name: "a time that is none",
    config: inUpstream(`${SERVER}\ndrain close after=soon; #!`),
    error: 'invalid parameter "after=soon"',
    nginx,
  },
  {
    name: "a parameter that is none",
    config: inUpstream(`${SERVER}\ndrain close before=1s; #!`),
    error: 'invalid parameter "before=1s"',
    nginx,
  },
  {
    name: "without arguments",
    config: inUpstream(`${SERVER}\ndrain; #!`),
    error: 'invalid number of arguments in "drain" directive',
    nginx,
  },
  {
    name: "twice",
    config: inUpstream(`${SERVER}\ndrain keep;\ndrain close; #!`),
    error: '"drain" directive is duplicate',
    nginx,
  },
])

test("drain keep and drain close are taken", async () => {
  const folder = makeTempFolder("drain")
  try {
    mkdirSync(join(folder, "logs"))
    for (const drain of [
      "drain keep;",
      "drain close;",
      "drain close after=90s;",
      "drain close after=0;",
      "",
    ]) {
      const file = join(folder, "test.conf")
      writeFileSync(file, holdfastProgram.prepare(inUpstream(`${SERVER} ${drain}`), folder))
      const { status, stderr } = await runHoldfast(["-t", "-c", file, "-p", folder])
      assert.equal(status, 0, `${drain} ${stderr}`)
    }
  } finally {
    removeTempFolder(folder)
  }
})

import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { makeTempFolder } from "../../test/support/temp.ts"
import { ALERT, CRIT, DEBUG, EMERG, ERROR, INFO, NOTICE, WARN } from "../base/logger.ts"
import { ErrorLog, LoggerGroup, LogOrigin } from "./error-log.ts"
import { LogFiles } from "./log-file.ts"

const NOW = new Date(2026, 10, 20, 12, 31, 24).getTime()
const origin = new LogOrigin(33, 35, () => NOW)

async function written(level: number, use: (log: ErrorLog) => void): Promise<string> {
  const path = `${makeTempFolder("error-log")}/error.log`
  const files = new LogFiles()
  use(new ErrorLog(files.open(path), level, origin))
  await files.flush()
  return readFileSync(path, "latin1")
}

describe("ErrorLog", () => {
  it("writes nginx's lines", async () => {
    const text = await written(DEBUG, (log) => {
      log.log(ERROR, "connect() failed (111: Connection refused) while connecting to upstream", 7)
      for (const level of [EMERG, ALERT, CRIT, WARN, NOTICE, INFO, DEBUG]) log.log(level, "caf\xe9")
    })
    const lines = ["emerg", "alert", "crit", "warn", "notice", "info", "debug"].map(
      (name) => `2026/11/20 12:31:24 [${name}] 33#35: caf\xe9\n`,
    )
    assert.equal(
      text,
      "2026/11/20 12:31:24 [error] 33#35: *7 connect() failed (111: Connection refused) while connecting to upstream\n" +
        lines.join(""),
    )
  })

  it("leaves out what is less severe than its level", async () => {
    const text = await written(WARN, (log) => {
      log.log(NOTICE, "no")
      log.log(WARN, "yes")
    })
    assert.equal(text, "2026/11/20 12:31:24 [warn] 33#35: yes\n")
  })

  it("cuts a line at 2048 bytes, as nginx does", async () => {
    const text = await written(WARN, (log) => log.log(ERROR, "x".repeat(5000)))
    assert.equal(text.length, 2048)
    assert.match(text, /x\n$/)
  })

  it("has a grave line on the disk before it returns, and the lines before it", () => {
    const path = `${makeTempFolder("error-log")}/error.log`
    const log = new ErrorLog(new LogFiles().open(path), INFO, origin)
    log.log(INFO, "first")
    assert.equal(readFileSync(path, "latin1"), "")
    for (const level of [CRIT, ALERT, EMERG]) {
      log.log(level, "grave")
      assert.match(readFileSync(path, "latin1"), /grave\n$/)
    }
    assert.match(readFileSync(path, "latin1"), /first\n.*grave\n.*grave\n.*grave\n$/)
  })

  it("tells of its own file's trouble without end", async () => {
    const files = new LogFiles(10_000)
    const log = new ErrorLog(files.open("/dev/full"), INFO, origin)
    files.errorLog = log
    for (let i = 0; i < 1000; i++) log.log(i % 2 === 0 ? ALERT : INFO, "x".repeat(100))
    await files.flush()
    for (let i = 0; i < 1000; i++) log.log(ALERT, "x".repeat(100))
    await files.flush()
  })
})

describe("LoggerGroup", () => {
  it("gives each log what its level takes", async () => {
    const folder = makeTempFolder("error-log")
    const files = new LogFiles()
    const group = new LoggerGroup([
      new ErrorLog(files.open(`${folder}/a`), ERROR, origin),
      new ErrorLog(files.open(`${folder}/b`), INFO, origin),
    ])
    assert.equal(group.level, INFO)
    group.log(ERROR, "one", 3)
    group.log(NOTICE, "two")
    await files.flush()
    assert.equal(readFileSync(`${folder}/a`, "latin1"), "2026/11/20 12:31:24 [error] 33#35: *3 one\n")
    assert.equal(
      readFileSync(`${folder}/b`, "latin1"),
      "2026/11/20 12:31:24 [error] 33#35: *3 one\n2026/11/20 12:31:24 [notice] 33#35: two\n",
    )
  })
})

import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import { DEBUG, ERROR, INFO, NOTICE, WARN } from "../base/logger.ts"
import { NO_SYSLOG } from "../config/refusals.ts"
import { Fixture } from "./core-variables-fixture.ts"
import { mainErrorLog, ownErrorLogs } from "./error-log.ts"

const OFF = "access_log off;"

async function logged(fixture: Fixture, file: string): Promise<string[]> {
  await fixture.files.flush()
  const lines = readFileSync(fixture.folder + file, "latin1")
    .split("\n")
    .slice(0, -1)
  return lines.map((line) => line.replace(/^.* \[(\w+)\] 33#33: /, "$1 "))
}

describe("error_log", () => {
  it("is the main log where no server says otherwise", async () => {
    const fixture = new Fixture(`error_log main.log notice; http { ${OFF} server { } }`)
    const { logger } = fixture.location()
    assert.equal(logger.level, NOTICE)
    logger.log(NOTICE, "a")
    logger.log(INFO, "b")
    assert.deepEqual(await logged(fixture, "main.log"), ["notice a"])
  })

  it("is the command line's where the configuration has none, at error", async () => {
    const fixture = new Fixture(`http { ${OFF} server { } }`)
    const { logger } = fixture.location()
    logger.log(WARN, "a")
    logger.log(ERROR, "b", 5)
    assert.deepEqual(await logged(fixture, "error.log"), ["error *5 b"])
    assert.equal(ownErrorLogs(fixture.reading.main), undefined)
  })

  it("falls back to logs/error.log, and takes the command line's path as it is or below the prefix", () => {
    const { main } = new Fixture("").reading
    const pathOf = (errorLogPath: string | undefined): string => {
      let opened = ""
      const errorLog = (path: string, level: number) => {
        opened = `${path} ${level}`
        return { level, log: () => {} }
      }
      mainErrorLog(main, { errorLog, errorLogPath }, "/p/")
      return opened
    }
    assert.equal(pathOf(undefined), "/p/logs/error.log 4")
    assert.equal(pathOf("/e.log"), "/e.log 4")
    assert.equal(pathOf("e.log"), "/p/e.log 4")
    assert.equal(pathOf("stderr"), "stderr 4")
  })

  it("is replaced as a whole at a lower level", async () => {
    const fixture = new Fixture(
      `error_log main.log info; http { ${OFF} error_log http.log; server { location /a { error_log a.log debug; error_log b.log; } location /b { } } }`,
    )
    fixture.location("/a").logger.log(INFO, "1")
    fixture.location("/a").logger.log(ERROR, "2")
    fixture.location("/b").logger.log(ERROR, "3")
    assert.deepEqual(await logged(fixture, "a.log"), ["info 1", "error 2"])
    assert.deepEqual(await logged(fixture, "b.log"), ["error 2"])
    assert.deepEqual(await logged(fixture, "http.log"), ["error 3"])
    assert.deepEqual(await logged(fixture, "main.log"), [])
  })

  it("takes stderr and the parts of the debug log", () => {
    const fixture = new Fixture("error_log stderr debug_http debug_event; error_log x crit;")
    assert.deepEqual(ownErrorLogs(fixture.reading.main), [
      { path: "stderr", level: DEBUG },
      { path: `${fixture.folder}x`, level: 3 },
    ])
  })

  it("refuses what nginx refuses, in its words", () => {
    const cases: [string, string][] = [
      ["x loud", 'invalid log level "loud"'],
      ["x stderr", 'invalid log level "stderr"'],
      ["x warn warn", 'duplicate log level "warn"'],
      ["x warn debug_http", 'invalid log level "debug_http"'],
      ["syslog:server=::1", NO_SYSLOG],
      ["memory:32m debug", "logging to memory is not supported by Holdfast: write to a file or to stderr"],
    ]
    for (const [args, message] of cases)
      assert.throws(
        () => new Fixture(`error_log ${args};`),
        (error) => error instanceof HoldfastError && error.message === message,
        args,
      )
  })
})

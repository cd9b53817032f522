/** What `holdfast probe` shows: on a terminal of 80 columns, without colour, into a pipe, and round after round. */
import assert from "node:assert/strict"
import { existsSync } from "node:fs"
import { describe, type TestContext, test } from "node:test"
import { HOLDFAST, run } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { Screen, tmuxMissing } from "../support/tmux.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"

const WIDTH = 80

describe("on a terminal", { skip: tmuxMissing() }, () => {
  test("a verdict fits 80 columns, in colour", async (t) => {
    const screen = await Screen.start(t, `${HOLDFAST} probe ${await forbiddenUrl(t)}`, { rows: 100 })
    const text = await screen.waitFor(/\(exit 1\)/)
    assertFits(text)
    assert.match(text, /^FAIL {2}handshake {4}403 Forbidden/m)
    assert.match(text, /^unhealthy \([\d.]+ m?s\): /m)
    assert.match(text, /^error: /m)
    assert.match(text, /^ {5}mend \S/m)
    assert.match(await screen.text(true), /\x1b\[31mFAIL/)
  })

  test("NO_COLOR takes the colour away and nothing else", async (t) => {
    const url = await forbiddenUrl(t)
    const screen = await Screen.start(t, `${HOLDFAST} probe ${url}`, { rows: 100, env: { NO_COLOR: "1" } })
    assert.match(await screen.waitFor(/\(exit 1\)/), /^unhealthy /m)
    assert.doesNotMatch(await screen.text(true), /\x1b/)
  })

  test("a narrow terminal has narrow lines", async (t) => {
    const url = await forbiddenUrl(t)
    const screen = await Screen.start(t, `${HOLDFAST} probe ${url} | cat; ${HOLDFAST} probe ${url}`, {
      columns: 60,
      rows: 200,
    })
    const text = await screen.waitFor(/\(exit 1\)/)
    // What came through the pipe is as wide as it is, and broken by the terminal; below it stands our own.
    const own = text.slice(text.lastIndexOf("holdfast probe ws:"))
    assert.match(own, /^unhealthy /m)
    for (const line of own.split("\n")) assert.ok(line.length <= 60, line)
  })

  test("a step that waits says so, in a line that goes away", async (t) => {
    const silent = await startRawBackend({ after: "keep" })
    t.after(() => silent.close())
    const screen = await Screen.start(t, `${HOLDFAST} probe --timeout 2s ws://127.0.0.1:${silent.port}/`, {
      rows: 100,
    })
    await screen.waitFor(/^\.\.\. {3}handshake/m)
    const text = await screen.waitFor(/\(exit 1\)/)
    assert.doesNotMatch(text, /^\.\.\./m)
    assertFits(text)
  })

  test("--watch that is ended before it knows anything is not healthy", async (t) => {
    const asked = Promise.withResolvers<void>()
    const silent = await startRawBackend(() => {
      asked.resolve()
      return { after: "keep" }
    })
    t.after(() => silent.close())
    const screen = await Screen.start(t, `${HOLDFAST} probe --watch ws://127.0.0.1:${silent.port}/`)
    await asked.promise
    await screen.keys("C-c")
    await screen.waitFor(/\(exit 130\)/)
  })

  test("a terminal that knows no way back in a line gets whole lines", async (t) => {
    const url = await forbiddenUrl(t)
    const screen = await Screen.start(t, `TERM=dumb ${HOLDFAST} probe ${url}`, { rows: 100 })
    await screen.waitFor(/\(exit 1\)/)
    assert.doesNotMatch(await screen.text(true), /\x1b/)
  })

  test("--watch has a line a round, and the verdict where it changes", async (t) => {
    const backend = await startEchoBackend("one")
    let isUp = true
    t.after(() => (isUp ? backend.close() : undefined))
    const url = `ws://127.0.0.1:${backend.port}/`
    const screen = await Screen.start(t, `${HOLDFAST} probe --watch 200ms ${url}`, { rows: 100 })
    await screen.waitFor(/ healthy .*\n.* healthy /)
    isUp = false
    await backend.close()
    const text = await screen.waitFor(/ unhealthy .*[\s\S]*^unhealthy [\s\S]* unhealthy .*\n.* unhealthy /m)
    assert.equal(text.match(/^unhealthy /gm)?.length, 1, text)
    assertFits(text)
    await screen.keys("C-c")
    await screen.waitFor(/\(exit 1\)/)
  })
})

describe("into a pipe", () => {
  test("there is no colour, no cursor movement and no passing line", async (t) => {
    const { stdout, stderr, status } = await run(HOLDFAST, ["probe", await forbiddenUrl(t)])
    assert.equal(status, 1)
    assert.equal(stderr, "")
    assert.doesNotMatch(stdout, /[\x1b\r]/)
    assert.doesNotMatch(stdout, /^\.\.\./m)
  })

  test("bytes as they were seen stay in one line, to be searched for", async (t) => {
    const value = "x".repeat(200)
    const backend = await startRawBackend(
      `HTTP/1.1 403 Forbidden\r\nX-Long: ${value}\r\nContent-Length: 0\r\n\r\n`,
    )
    t.after(() => backend.close())
    const { stdout } = await run(HOLDFAST, ["probe", `ws://127.0.0.1:${backend.port}/`])
    assert.ok(stdout.includes(`< X-Long: ${value}\n`))
  })

  test("whoever reads a line only ends it quietly", async (t) => {
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const line = `"${HOLDFAST}" probe -v ws://127.0.0.1:${backend.port}/ | head -n 1`
    const { stdout, stderr, status } = await run("/bin/sh", ["-c", line])
    assert.match(stdout, /^holdfast probe ws:\/\//)
    assert.equal(stderr, "")
    assert.equal(status, 0)
  })

  test("an output that cannot be written is said", { skip: !existsSync("/dev/full") }, async () => {
    const { stderr, status } = await run("/bin/sh", ["-c", `"${HOLDFAST}" probe --help > /dev/full`])
    assert.match(stderr, /^holdfast probe: cannot write the output: ENOSPC: [^\n]+\n$/)
    assert.equal(status, 2)
  })

  test("control characters of the other side reach no terminal", async (t) => {
    const bell = "\x07"
    const body = `\x1b]0;title${bell}\x9b31m`
    const head = `HTTP/1.1 403 Forbidden\r\nServer: a\r\nContent-Length: ${body.length}\r\n\r\n`
    const backend = await startRawBackend(head + body)
    t.after(() => backend.close())
    const url = `ws://127.0.0.1:${backend.port}/`
    const { stdout } = await run(HOLDFAST, ["probe", url])
    assert.match(stdout, /\\x1b\]0;title\\x07/)
    for (const octet of ["\x1b", bell, "\x9b"]) assert.ok(!stdout.includes(octet))
  })

  test("--watch --json has a report a line", async () => {
    const port = await freePort()
    const url = `ws://127.0.0.1:${port}/`
    const line = `"${HOLDFAST}" probe --watch 50ms --json ${url} | head -n 2`
    const { stdout } = await run("/bin/sh", ["-c", line])
    const reports = stdout.trimEnd().split("\n")
    assert.equal(reports.length, 2)
    for (const report of reports)
      assert.equal((JSON.parse(report) as { isHealthy: boolean }).isHealthy, false)
  })
})

/** A server that refuses every request. */
async function forbiddenUrl(t: TestContext): Promise<string> {
  const backend = await startRawBackend("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
  t.after(() => backend.close())
  return `ws://127.0.0.1:${backend.port}/ws/`
}

function assertFits(text: string): void {
  for (const line of text.split("\n")) assert.ok(line.length <= WIDTH, `${line.length}: ${line}`)
}

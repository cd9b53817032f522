/** `holdfast connect` at a terminal. */
import assert from "node:assert/strict"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, type TestContext, test } from "node:test"
import { HOLDFAST } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import { Screen, type ScreenOptions, tmuxMissing } from "../support/tmux.ts"
import { type EchoBackend, startEchoBackend } from "../support/websocket-backends.ts"

describe("at a terminal", { skip: tmuxMissing() }, () => {
  test("what is typed is sent, what comes is marked, the rest stands apart, in 80 columns", async (t) => {
    const { screen, url } = await talking(t)
    await say(screen, "hello", /^> hello\n< hello\n>$/m)
    await say(screen, "/ping yo", /^pong "yo" after [\d.]+ m?s$/m)
    await say(
      screen,
      "/binary 00ff 48656c6c6f",
      /^< binary, 7 bytes\n00000000 {2}00 ff 48 65 6c 6c 6f {30}\|\.\.Hello\|$/m,
    )
    await say(screen, "//slashed", /^< \/slashed$/m)
    await say(screen, "/nothing", /^there is no command \/nothing; /m)
    await say(screen, "/help", /^\/reconnect {13}close it and connect again$/m)
    await say(screen, "/close 4001 enough", /^\(exit 0\)$/m)
    const text = await screen.text()
    assert.match(text, new RegExp(`^connected to ${url} \\(127\\.0\\.0\\.1; .*\\)$`, "m"))
    assert.match(text, /^closed by us after .*: 4001 Application-defined$/m)
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line)
    assert.match(await screen.text(true), /\x1b\[36m<\x1b\[39m hello/)
  })

  test("a message that comes while something is typed stands above it", async (t) => {
    const { screen, backend } = await talking(t)
    const long = "typed ".repeat(30)
    await screen.type(long)
    await screen.waitFor(/typed typed$/)
    for (const client of backend.clients) client.send("one\ntwo")
    await screen.waitFor(/^< one\n {2}two\n> (?:typed ){29}typed$/m)
    // Within the line as well.
    await screen.keys("Home")
    await screen.type("really ")
    for (const client of backend.clients) client.send("three")
    await screen.waitFor(/^< one\n {2}two\n< three\n> really (?:typed ){29}typed$/m)
    await screen.keys("Enter")
    await screen.waitFor(/^< really (?:typed ){29}typed$/m)
  })

  test("NO_COLOR takes the colour away", async (t) => {
    const { screen } = await talking(t, { env: { NO_COLOR: "1" } })
    await say(screen, "hello", /^< hello$/m)
    assert.doesNotMatch(await screen.text(true), /\x1b/)
  })

  test("history goes from one run to the next, without lines that begin with a blank", async (t) => {
    const state = makeTempFolder("connect")
    const first = await talking(t, { env: { XDG_STATE_HOME: state } })
    await say(first.screen, "first", /^< first$/m)
    await say(first.screen, " secret", /^< {2}secret$/m)
    await first.screen.keys("Up")
    await first.screen.waitFor(/^> first$(?![\s\S]*^> first$)|^> first\n[\s\S]*^> first$/m)
    await first.screen.keys("C-c")
    await first.screen.waitFor(/^closed by us after .*: 1000 Normal Closure\n\(exit 0\)$/m)
    const path = join(state, "holdfast", "connect-history")
    assert.equal(readFileSync(path, "utf8"), "first\n")
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const lines = Array.from({ length: 1200 }, (_, index) => `line ${index}\n`)
    writeFileSync(path, lines.join(""))
    const second = await talking(t, { env: { XDG_STATE_HOME: state } })
    await second.screen.keys("Up", "Up")
    await second.screen.waitFor(/^> line 1198$/m)
    await second.screen.keys("C-u")
    await say(second.screen, "last", /^< last$/m)
    await second.screen.keys("C-d")
    await second.screen.waitFor(/^closed by us .*\n\(exit 0\)$/m)
    const kept = readFileSync(path, "utf8").split("\n")
    assert.deepEqual([kept.length, kept[0], kept.at(-2)], [1001, "line 201", "last"])
  })

  test("/reconnect, and lines typed while there is no connection", async (t) => {
    const port = await freePort()
    const { screen, backend } = await talking(t, {}, `--reconnect 500ms ws://127.0.0.1:${port}/`, port)
    await say(screen, "/reconnect", /^closed by us [\s\S]*^connected to /m)
    await backend.close()
    await screen.waitFor(/^connecting again in .* \(try \d\)$/m)
    await say(screen, "whoami", /^not connected: kept until it is$/m)
    const second = await startEchoBackend("second", { port })
    t.after(() => second.close())
    await screen.waitFor(/^< second$/m)
    await screen.keys("C-d")
    await screen.waitFor(/\(exit 0\)/)
  })

  test("a failure to connect leaves no prompt behind", async (t) => {
    const port = await freePort()
    const screen = await Screen.start(t, `${HOLDFAST} connect --no-history ws://127.0.0.1:${port}/`)
    const text = await screen.waitFor(/\(exit 1\)/)
    assert.match(
      text,
      /^holdfast connect: cannot connect to 127\.0\.0\.1:\d+ \(111: Connection refused\)\n\(exit 1\)$/,
    )
  })
})

async function say(screen: Screen, line: string, answer: RegExp): Promise<void> {
  await screen.type(line)
  await screen.keys("Enter")
  await screen.waitFor(answer)
}

/** At the prompt, connected to an echo server. */
async function talking(
  t: TestContext,
  options: ScreenOptions = {},
  args?: string,
  port?: number,
): Promise<{ screen: Screen; backend: EchoBackend; url: string }> {
  const backend = await startEchoBackend("one", port === undefined ? {} : { port })
  t.after(() => backend.close())
  const url = `ws://127.0.0.1:${backend.port}/`
  const history = options.env?.["XDG_STATE_HOME"] === undefined ? "--no-history " : ""
  const screen = await Screen.start(t, `${HOLDFAST} connect ${history}${args ?? url}`, {
    rows: 60,
    ...options,
  })
  await screen.waitFor(/^connected to .*\n>$/m)
  return { screen, backend, url }
}

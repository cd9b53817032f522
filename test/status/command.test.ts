/** `holdfast status` on the command line: what it says where nothing can be told, and how it repeats itself. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { describe, type TestContext, test } from "node:test"
import type { Snapshot } from "../../src/observe/snapshot.ts"
import { HOLDFAST, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { Screen, tmuxMissing } from "../support/tmux.ts"
import { runStatus, snapshotOf, socketOf } from "./running.ts"

/** A process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn("true")
  await once(child, "close")
  return child.pid ?? 0
}

/** What answers `text` in place of a program. */
async function impostor(t: TestContext, text: string): Promise<string> {
  const path = join(makeTempFolder("status"), "s.sock")
  const server = createServer((socket) => socket.on("error", () => {}).end(text))
  t.after(() => void server.close())
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return path
}

describe("where nothing can be told", () => {
  const folder = makeTempFolder("status")
  const pidFile = join(folder, "holdfast.pid")
  const config = join(folder, "nginx.conf")
  writeFileSync(config, "pid holdfast.pid; events {}")

  async function failure(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await runStatus(...args)
    assert.deepEqual([status, stdout], [1, ""])
    assert.match(stderr, /^holdfast status: [^\n]+\n$/)
    return stderr.slice("holdfast status: ".length).trimEnd()
  }

  test("no pid file", async () => {
    rmSync(pidFile, { force: true })
    const text = `nothing runs: open() "${pidFile}" failed (2: No such file or directory)`
    assert.equal(await failure("-p", folder, "-c", "nginx.conf"), text)
    assert.equal(await failure("--pid", pidFile), text)
  })

  test("a pid file of a process that has ended, or of none", async () => {
    const pid = await endedPid()
    writeFileSync(pidFile, `${pid}\n`)
    const left = `nothing runs: "${pidFile}" is left over from process ${pid}, which has ended`
    assert.equal(await failure("--pid", pidFile), left)
    writeFileSync(pidFile, "")
    assert.equal(await failure("--pid", pidFile), `"${pidFile}" has no process number`)
  })

  test("a program without a status socket", async () => {
    writeFileSync(pidFile, `${process.pid}\n`)
    const text = await failure("-p", folder, "-c", config)
    assert.match(
      text,
      /^process \d+ runs, but has no status socket ".*holdfast\.sock": its status_socket is off /,
    )
  })

  test("a configuration that is not there, or cannot be read", async () => {
    assert.match(
      await failure("-c", join(folder, "other.conf")),
      /^open\(\) ".*other\.conf" failed \(2: .*\); --pid or --socket names a program without its configuration$/,
    )
    writeFileSync(join(folder, "cut.conf"), "events {")
    assert.match(await failure("-c", join(folder, "cut.conf")), /^unexpected end of file.*cut\.conf:1; --pid/)
  })

  test("a socket that is not there", async () => {
    const path = join(folder, "none.sock")
    const text = `connect() to "${path}" failed (2: No such file or directory)`
    assert.equal(await failure("--socket", path), text)
  })

  for (const [what, answer, text] of [
    ["says nothing", "", /^".*" was closed without an answer: too many ask at a time$/],
    ["speaks another language", "HTTP/1.1 400\r\n", /^the answer is no status of Holdfast: it is not JSON$/],
    ["tells something else", "{}", /^the answer is no status of Holdfast: format is no number$/],
    ["is newer", '{"format":2}', /^the program tells its status in form 2, this one reads form 1: /],
    ["leaves something out", '{"format":1,"version":7}', /^the answer is .*: version is no text$/],
  ] as const)
    test(`a program that ${what}`, async (t) => {
      assert.match(await failure("--socket", await impostor(t, answer)), text)
    })
})

describe("a wrong command line", () => {
  for (const args of [
    ["--nonsense"],
    ["file"],
    ["--watch", "often"],
    ["--watch=0"],
    ["--pid", "a", "--socket", "b"],
    ["-c", "a", "--pid", "b"],
  ])
    test(args.join(" "), async () => {
      const { status, stdout, stderr } = await runStatus(...args)
      assert.deepEqual([status, stdout], [2, ""])
      assert.match(stderr, /^holdfast status: [^\n]+\n$/)
    })

  test("--help is none", async () => {
    const { status, stdout, stderr } = await runStatus("--help")
    assert.deepEqual([status, stderr], [0, ""])
    assert.match(stdout, /^Usage: holdfast status .*\n/)
    for (const line of stdout.split("\n")) assert.ok(line.length <= 115, line)
  })
})

describe("a running program", () => {
  test("nothing that came is obeyed by a terminal", async (t) => {
    await using edge = await startHoldfast("events {}")
    const snapshot = await snapshotOf(edge)
    const listeners = [
      { address: "\x1b[2J\u009b\u202e", ssl: false, http2: false, proxyProtocol: false, accepted: 0 },
    ]
    const hostile: Snapshot = { ...snapshot, version: "1\u0007\r\n2", listeners }
    const path = await impostor(t, JSON.stringify(hostile))
    const text = await runStatus("--socket", path)
    assert.match(text.stdout, /^holdfast 1\\x07\\x0d\\x0a2, /)
    assert.match(text.stdout, /^\\x1b\[2J\\x9b\\u202e /m)
    const json = await runStatus("--socket", path, "--json")
    for (const { stdout } of [text, json])
      assert.doesNotMatch(stdout.replaceAll("\n", ""), /[\0-\x1f\x7f-\x9f\u202e]/)
    assert.deepEqual(JSON.parse(json.stdout), hostile)
  })

  test("into a pipe --watch prints one after the other, until it is told to end", async (t) => {
    await using edge = await startHoldfast("events {}")
    const child = startWatch(t, ["--socket", socketOf(edge), "--watch", "0.1"])
    const text = await readUntil(child, (so) => (so.match(/^holdfast /gm) ?? []).length >= 3)
    assert.doesNotMatch(text, /\x1b/)
    child.kill("SIGINT")
    assert.deepEqual(await once(child, "exit"), [0, null])

    const lines = startWatch(t, ["--socket", socketOf(edge), "--watch=0.1", "--json"])
    const documents = await readUntil(lines, (so) => so.split("\n").length > 3)
    for (const line of documents.split("\n").slice(0, 3)) assert.equal(JSON.parse(line).pid, edge.pid)
    lines.kill("SIGTERM")
    assert.deepEqual(await once(lines, "exit"), [0, null])
  })

  test("it need not wait for an answer to be ended", async (t) => {
    const path = join(makeTempFolder("status"), "s.sock")
    const asked = Promise.withResolvers<void>()
    const server = createServer((socket) => {
      socket.on("error", () => {})
      socket.on("close", () => server.close())
      asked.resolve()
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const child = startWatch(t, ["--socket", path, "--watch"])
    await asked.promise
    child.kill("SIGINT")
    assert.deepEqual(await once(child, "exit"), [0, null])
  })

  test("whoever reads no further ends it in peace", async () => {
    await using edge = await startHoldfast("events {}")
    const command = `${HOLDFAST} status --socket ${socketOf(edge)} --watch 0.1 | head -n 1; echo "\${PIPESTATUS[0]}"`
    const child = spawn("bash", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] })
    const [text, complaint] = await Promise.all([readAll(child.stdout), readAll(child.stderr)])
    assert.match(text, /^holdfast .*\n0\n$/)
    assert.equal(complaint, "")
  })

  test("on a terminal of 80 columns it repaints, shortens what is long, and gives the screen back", {
    skip: tmuxMissing(),
  }, async (t) => {
    const port = await freePort()
    const long = `/a/${"very-".repeat(30)}long/name`
    await using edge = await startHoldfast(
      `worker_processes 2; events {} http { access_log off; upstream ${"backend-".repeat(12)} { server 127.0.0.1:1; }
      server { listen 127.0.0.1:${port}; server_name example.com; location ${long} { return 403; }
        location /x { proxy_pass http://${"backend-".repeat(12)}; } } }`,
    )
    const request = `GET ${long} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n`
    const command = `${HOLDFAST} status -c ${edge.configFile} -p ${edge.prefix} --watch 0.2`
    const screen = await Screen.start(t, command, { rows: 40 })
    const first = await screen.waitFor(/no WebSockets so far/)
    await exchange({ port }, request)
    const text = await screen.waitFor(/FAILED HANDSHAKES/)
    for (const line of [...first.split("\n"), ...text.split("\n")]) assert.ok(line.length <= 80, line)
    assert.match(text, /^example\.com \/a\/very-.*….*-long\/name +0 +0 +1$/m)
    assert.equal(text.match(/^holdfast 0/gm)?.length, 1)
    assert.doesNotMatch(text, /no WebSockets so far/)
    assert.match(await screen.text(true), /\x1b\[1mWORKER/)
    edge.signal("SIGTERM")
    await screen.waitFor(/^holdfast status: nothing runs: /m)
    await screen.keys("C-c")
    await screen.waitFor(/\(exit 0\)$/)
  })
})

function startWatch(t: TestContext, args: readonly string[]): ChildProcess {
  const child = spawn(HOLDFAST, ["status", ...args], { stdio: ["ignore", "pipe", "inherit"] })
  t.after(() => void child.kill("SIGKILL"))
  return child
}

async function readUntil(child: ChildProcess, holds: (text: string) => boolean): Promise<string> {
  let text = ""
  for (;;) {
    const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer]
    text += chunk.toString("utf8")
    if (holds(text)) return text
  }
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ""
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** The status socket in the file system: whose it is, when it comes and goes, and what hostile clients may do. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { type TestContext, test } from "node:test"
import type { Edge } from "../support/edge.ts"
import { HOLDFAST, holdfastProgram, run, runHoldfast, startHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"
import { readSocket, runStatus, snapshotOf, socketOf } from "./running.ts"

const NOTHING = "events {}"

async function start(t: TestContext, config = NOTHING, prefix?: string): Promise<Edge> {
  const edge = await startHoldfast(config, prefix === undefined ? {} : { prefix })
  t.after(() => edge.stop().then(() => {}))
  return edge
}

function pidOf(text: string): number {
  return (JSON.parse(text) as { pid: number }).pid
}

/** A process that listens on `path` and is killed, so that the socket stays. */
async function leaveSocket(path: string): Promise<void> {
  const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("here"))`
  const child: ChildProcess = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] })
  const closed = once(child, "close")
  await once(child.stdout as NodeJS.ReadableStream, "data")
  child.kill("SIGKILL")
  await closed
  assert.ok(lstatSync(path).isSocket())
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path)
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}

test("it is beside the pid file, for its owner alone, and goes with the program", async () => {
  const prefix = makeTempFolder("status")
  const edge = await startHoldfast(NOTHING, { prefix })
  const { mode, uid } = lstatSync(socketOf(edge))
  assert.equal(mode & 0o777, 0o600)
  assert.equal(uid, process.getuid?.())
  assert.equal(pidOf(await readSocket(socketOf(edge))), edge.pid)
  await edge.stop("SIGQUIT")
  // Nothing else was left either: neither the socket nor the folder that it was made in.
  assert.deepEqual(readdirSync(prefix).sort(), ["error.log", "holdfast.conf", "logs"])
})

test("of a program that has given its privileges up it is root's all the same", {
  skip: process.getuid?.() === 0 ? false : "only root may become somebody else",
}, async (t) => {
  // A folder in which the user may not make or remove anything.
  const prefix = makeTempFolder("status")
  chmodSync(prefix, 0o755)
  const edge = await start(t, `user nobody; ${NOTHING}`, prefix)
  const { mode, uid } = lstatSync(socketOf(edge))
  assert.deepEqual([mode & 0o777, uid], [0o600, 0])
  assert.equal(pidOf(await readSocket(socketOf(edge))), edge.pid)
  const asNobody = await run("setpriv", [
    ...["--reuid=nobody", "--clear-groups", HOLDFAST, "status", "--socket", socketOf(edge)],
  ])
  assert.equal(asNobody.status, 1)
  assert.match(asNobody.stderr, /^holdfast status: ".*" is for its owner alone: ask as the user who started /)
  await edge.stop()
  assert.ok(!existsSync(socketOf(edge)))
})

test("one that a dead process has left is replaced", async (t) => {
  const prefix = makeTempFolder("status")
  const path = join(prefix, "holdfast.sock")
  await leaveSocket(path)
  const edge = await start(t, NOTHING, prefix)
  assert.equal(pidOf(await readSocket(path)), edge.pid)
  assert.doesNotMatch(edge.errorLog(), /\[warn\]/)
})

test("one that another process has is left to it, with a warning; so is a file that is none", async (t) => {
  const prefix = makeTempFolder("status")
  const path = join(prefix, "holdfast.sock")
  const other = createServer((socket) => socket.on("error", () => {}).end("mine"))
  t.after(() => void other.close())
  await new Promise<void>((resolve) => other.listen(path, resolve))
  const edge = await start(t, NOTHING, prefix)
  await edge.waitForLog(/\[warn\] .*no status socket at ".*holdfast\.sock": another process listens there\n/)
  assert.equal(await readSocket(path), "mine")
  writeFileSync(join(prefix, "file"), "a text")
  edge.writeConfig(holdfastProgram, `status_socket file; ${NOTHING}`)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.match(edge.errorLog(), /no status socket at ".*file": a file that is no socket is there\n/)
  assert.equal(edge.readFile("file"), "a text")
  await edge.stop()
  assert.equal(await readSocket(path), "mine")
})

test("a reload moves it, takes it away, and brings it back where somebody has removed it", async (t) => {
  const edge = await start(t)
  const moved = join(edge.prefix, "run", "moved.sock")
  mkdirSync(join(edge.prefix, "run"))
  let reloads = 0
  const reload = async (config: string): Promise<void> => {
    edge.writeConfig(holdfastProgram, config)
    edge.signal("SIGHUP")
    await edge.waitForLog(new RegExp(`(?:configuration reloaded\\n[^]*){${++reloads}}`))
  }
  await reload(`status_socket run/moved.sock; ${NOTHING}`)
  assert.equal(pidOf(await readSocket(moved)), edge.pid)
  assert.ok(!existsSync(socketOf(edge)))
  const found = await runStatus("-c", edge.configFile, "-p", edge.prefix, "--json")
  assert.deepEqual([found.status, pidOf(found.stdout)], [0, edge.pid])

  const { ino } = lstatSync(moved)
  await reload(`status_socket run/moved.sock; ${NOTHING}`)
  assert.equal(lstatSync(moved).ino, ino)

  await reload(`status_socket off; ${NOTHING}`)
  assert.ok(!existsSync(moved))
  const off = await runStatus("-c", edge.configFile, "-p", edge.prefix)
  assert.equal(off.status, 1)
  assert.match(off.stderr, /^holdfast status: process \d+ runs, but status_socket is off in .*\.conf\n$/)

  await reload(NOTHING)
  assert.equal(pidOf(await readSocket(socketOf(edge))), edge.pid)
  assert.doesNotMatch(edge.errorLog(), /\[warn\]/)
})

test("a folder that is not there, or a path too long, is a warning and not the end", async (t) => {
  const edge = await start(t, `status_socket nowhere/at/all.sock; ${NOTHING}`)
  await edge.waitForLog(/\[warn\] .*no status socket at ".*all\.sock": 2: No such file or directory\n/)
  const long = `${edge.prefix}/${"a".repeat(120)}`
  edge.writeConfig(holdfastProgram, `pid ${long}.pid; ${NOTHING}`)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.match(
    edge.errorLog(),
    /no status socket at .*: the path has \d+ bytes, that of a unix socket 107 at most/,
  )
  edge.writeConfig(holdfastProgram, `status_socket ${long}; ${NOTHING}`)
  const { status, stderr } = await runHoldfast(["-t", "-c", edge.configFile, "-p", edge.prefix])
  assert.equal(status, 0)
  assert.match(
    stderr,
    /\[warn\] no status socket: ".*" has \d+ bytes, the path of a unix socket 107 at most in .*:1\n/,
  )
})

test("-t refuses a socket without a name", async () => {
  const prefix = makeTempFolder("status")
  const file = join(prefix, "t.conf")
  writeFileSync(file, `status_socket ""; ${NOTHING}`)
  const { status, stderr } = await runHoldfast(["-t", "-c", file, "-p", prefix, "-e", "stderr"])
  assert.equal(status, 1)
  assert.match(stderr, /"status_socket" directive invalid value in .*:1/)
})

test("a new program has the path, and the old one beside it until it goes on alone (SIGUSR2)", async (t) => {
  const edge = await start(t)
  const old = `${socketOf(edge)}.oldbin`
  edge.signal("SIGUSR2")
  const pid = await edge.waitUntil("the new pid file", () => {
    const found = edge.readPidFile()
    return found === edge.pid ? undefined : found
  })
  try {
    const [replacing, replaced] = [await snapshotOf(edge), JSON.parse(await readSocket(old))]
    assert.deepEqual([replacing.pid, replacing.replaces, replacing.replacedBy], [pid, edge.pid, null])
    assert.deepEqual([replaced.pid, replaced.replaces, replaced.replacedBy], [edge.pid, null, pid])
    const told = await runStatus("--pid", join(edge.prefix, "holdfast.pid.oldbin"))
    assert.match(told.stdout, new RegExp(`process ${edge.pid}, .*\\nprocess ${pid} takes its place\\n`))
  } finally {
    // It has the same standard output, for whose end the other's is waited.
    process.kill(pid, "SIGTERM")
  }
  await edge.waitForLog(new RegExp(`new binary process ${pid} exited`))
  const alone = await snapshotOf(edge)
  assert.deepEqual([alone.pid, alone.replacedBy], [edge.pid, null])
  assert.ok(!existsSync(old))
})

test("clients that say much, read nothing or come in crowds keep nobody from an answer for long", async (t) => {
  const edge = await start(t)
  const path = socketOf(edge)
  const talker = await connected(path)
  talker.write("x".repeat(1e6))
  talker.resume()
  // It may see an error, which is its own affair.
  await new Promise<void>((resolve) => talker.once("close", () => resolve()))
  // These do not read: what they get lies in the kernel, and they are let go of in time.
  const silent = await Promise.all(Array.from({ length: 40 }, () => connected(path)))
  t.after(() => {
    for (const socket of silent) socket.destroy()
  })
  for (const socket of silent) socket.pause()
  assert.equal(pidOf(await answerInTime(path)), edge.pid)
})

/** A crowd may have all the places at the first try. */
async function answerInTime(path: string): Promise<string> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const text = await readSocket(path).catch(() => "")
    if (text !== "") return text
    assert.ok(Date.now() < deadline, "no answer")
  }
}

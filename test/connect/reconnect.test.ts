/** `holdfast connect --reconnect` and `--ping`: what happens when a connection goes away. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { connect, eventsOf, serving, Talker } from "./client.ts"

test("it comes back when the server does, and sends what came meanwhile", async (t) => {
  const port = await freePort()
  const url = `ws://127.0.0.1:${port}/`
  const first = await startEchoBackend("first", { port })
  const talker = new Talker(t, ["--json", "--reconnect", "200ms", url])
  talker.write("whoami\n")
  await talker.waitFor(/"text":"first"/)
  await first.close()
  await talker.waitFor(/"event":"retry"/)
  talker.write("whoami\n")
  await talker.waitFor(/"event":"error"/)
  const second = await startEchoBackend("second", { port })
  t.after(() => second.close())
  await talker.waitFor(/"text":"second"/)
  talker.child.stdin.end()
  assert.equal(await talker.exit, 0)
  const events = eventsOf(talker.stdout)
  const [open, message, close, retry, error] = events
  assert.deepEqual(
    [open, message, close, retry, error].map((one) => one?.["event"]),
    ["open", "message", "close", "retry", "error"],
  )
  assert.deepEqual([close?.["code"], close?.["by"], error?.["stage"]], [1006, "nobody", "connect"])
  const pauses = events.filter((one) => one["event"] === "retry").map((one) => Number(one["inMs"]))
  for (const ms of pauses) assert.ok(ms >= 100 && ms <= 200, `${ms}`)
})

test("it does not come back after what would be the same again, and says why it ended", async (t) => {
  const closing = await serving(t, (socket) => socket.close(1008, "not you"))
  const refusing = await startRawBackend("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
  t.after(() => refusing.close())
  const [closed, refused, done] = await Promise.all([
    connect(["-n", "--reconnect", "100ms", closing]),
    connect(["-n", "--reconnect", "100ms", `ws://127.0.0.1:${refusing.port}/`]),
    connect(["-x", "x", "-w", "0", "--reconnect", "100ms", await serving(t, () => {})]),
  ])
  assert.equal(closed.status, 1)
  assert.match(closed.stderr, /1008 Policy Violation "not you"/)
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /refused: 401 Unauthorized/)
  assert.deepEqual([done.status, done.stderr], [0, ""])
})

test("a wait for the server is ended by SIGINT", async (t) => {
  const talker = new Talker(t, ["--reconnect", "60s", `ws://127.0.0.1:${await freePort()}/`])
  await talker.waitFor(/cannot connect to .*\n.*connecting again in .* \(try 1\)/)
  talker.child.kill("SIGINT")
  assert.equal(await talker.exit, 1)
})

test("a pong that does not come ends it", async (t) => {
  const url = await serving(t, (socket) => socket.pause())
  const { status, stderr } = await connect(["-n", "--ping", "100ms", url])
  assert.equal(status, 1)
  assert.match(stderr, /^holdfast connect: no pong within 100 ms: the connection is dead \(after .*\)\n$/)
})

test("--ping and --show-pings", async (t) => {
  const url = await serving(t, (socket) => {
    socket.once("ping", () => socket.ping("from the server"))
    socket.once("pong", (payload) => socket.close(1000, payload.toString()))
  })
  const { status, stderr } = await connect(["-nv", "--ping", "500ms", "--show-pings", url])
  assert.equal(status, 0)
  assert.match(stderr, /pong "holdfast 1" after [\d.]+ ms\n/)
  assert.match(stderr, /ping "from the server"\n/)
  assert.match(stderr, /closed by the peer after .*: 1000 Normal Closure "from the server"\n/)
})

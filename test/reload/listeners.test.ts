/** Listening sockets over reloads: those that stay lose nobody, unix sockets are found, gone ones are forgotten. */
import assert from "node:assert/strict"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { receive, receiveHead } from "../faults/byte-streams.ts"
import { SMALL_ANSWER, SWITCHING, startSocketBackend } from "../faults/socket-backend.ts"
import { Faults } from "../supervision/faults.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange, RawClient } from "../support/raw-client.ts"

async function reload(edge: Edge, text: string): Promise<void> {
  const count = (): number => edge.errorLog().split("configuration reloaded\n").length
  const before = count()
  edge.writeConfig(holdfastProgram, text)
  edge.signal("SIGHUP")
  await edge.waitUntil("the reload", () => count() > before || undefined)
}

function answering(listen: string, text: string, main = ""): string {
  return `${main} events {} http { access_log off; server { listen ${listen}; location / { return 200 ${text}; } } }`
}

async function getUnix(path: string): Promise<string> {
  const socket = connect(path)
  const done = receiveText(socket)
  socket.write("GET / HTTP/1.0\r\n\r\n")
  return (await done).split("\r\n\r\n")[1] ?? ""
}

function receiveText(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ""
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more
    })
    socket.once("error", reject)
    socket.once("end", () => resolve(text))
  })
}

test("connections that wait to be accepted while a reload is prepared are all served", async (t) => {
  const port = await freePort()
  const faults = new Faults()
  const edge = await startHoldfast(answering(`127.0.0.1:${port}`, "old"), { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  // The worker is busy: everything waits in the kernel, the connections before the word to reload.
  await faults.inject(1, "block 400")
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect({ port })))
  for (const client of clients) await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  await reload(edge, answering(`127.0.0.1:${port}`, "new"))
  for (const client of clients) {
    assert.match((await client.readResponse()).body, /^(old|new)$/)
    client.destroy()
  }
})

test("connections that wait when their address is removed are served before it closes", async (t) => {
  const [port, other] = [await freePort(), await freePort()]
  const faults = new Faults()
  const edge = await startHoldfast(answering(`127.0.0.1:${port}`, "old"), { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  edge.writeConfig(holdfastProgram, answering(`127.0.0.1:${other}`, "new"))
  await faults.inject(1, "block 400")
  edge.signal("SIGHUP")
  const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect({ port })))
  for (const client of clients) await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  for (const client of clients) {
    const { body, rawHead } = await client.readResponse()
    assert.equal(body, "old")
    assert.match(rawHead, /^Connection: (close|keep-alive)\r$/m)
    client.destroy()
  }
  await edge.waitForLog(/configuration reloaded/)
  assert.equal((await exchange({ port: other }, "GET / HTTP/1.0\r\n\r\n")).body, "new")
})

test("a connection of a removed address ends with its request, or at the next one", async (t) => {
  await using backend = await startSocketBackend()
  const [port, other] = [await freePort(), await freePort()]
  const pass = `events {} http { access_log off; server { listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${backend.port}; } location = /now { return 200 now; } } }`
  const edge = await startHoldfast(pass)
  t.after(() => edge.stop().then(() => {}))
  const flight = await RawClient.connect({ port })
  await flight.send("GET /flight HTTP/1.1\r\nHost: a\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  const kept = await RawClient.connect({ port })
  await kept.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
  assert.match((await kept.readResponse()).rawHead, /^Connection: keep-alive\r$/m)
  await reload(edge, answering(`127.0.0.1:${other}`, "new"))
  peer.write(SMALL_ANSWER)
  assert.match((await flight.readResponse()).rawHead, /^Connection: close\r$/m)
  await kept.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
  assert.match((await kept.readResponse()).rawHead, /^Connection: close\r$/m)
  flight.destroy()
  kept.destroy()
  peer.destroy()
})

test("a unix socket: one that is removed is gone, one that is added is there, one that was deleted comes back", async (t) => {
  const edge = await startHoldfast(answering("unix:{prefix}/one.sock", "one", "worker_processes 2;"))
  t.after(() => edge.stop().then(() => {}))
  const [one, two] = [join(edge.prefix, "one.sock"), join(edge.prefix, "two.sock")]
  assert.equal(await getUnix(one), "one")
  await reload(edge, answering("unix:{prefix}/two.sock", "two", "worker_processes 2;"))
  assert.ok(!existsSync(one))
  assert.equal(await getUnix(two), "two")
  rmSync(two)
  await reload(edge, answering("unix:{prefix}/two.sock", "three", "worker_processes 2;"))
  assert.equal(await getUnix(two), "three")
  edge.signal("SIGQUIT")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.ok(!existsSync(two))
})

test("what another has put in place of a unix socket is not removed at the end", async (t) => {
  const edge = await startHoldfast(answering("unix:{prefix}/one.sock", "one"))
  t.after(() => edge.stop().then(() => {}))
  const path = join(edge.prefix, "one.sock")
  rmSync(path)
  writeFileSync(path, "somebody's")
  edge.signal("SIGTERM")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.equal(edge.readFile("one.sock"), "somebody's")
})

test("the worker with the unix sockets is replaced, and they are found again", async (t) => {
  const faults = new Faults()
  const config = answering("unix:{prefix}/one.sock", "one", "worker_processes 2;")
  const edge = await startHoldfast(config, { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  const path = join(edge.prefix, "one.sock")
  await faults.inject(1, "exit 1")
  await faults.nextThread(2)
  await edge.waitForLog(/start worker thread 3\n/)
  for (;;) {
    const text = await getUnix(path).catch(() => "")
    if (text === "") continue
    assert.equal(text, "one")
    break
  }
  edge.signal("SIGTERM")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.ok(!existsSync(path))
})

test("a tunnel of an address that was removed lives on, and keeps nothing of its generation", async (t) => {
  await using backend = await startSocketBackend()
  const [port, other] = [await freePort(), await freePort()]
  const pass = `events {} http { access_log {prefix}/logs/a.log; server { listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${backend.port}; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade; } } }`
  const faults = new Faults()
  const edge = await startHoldfast(pass, { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  const client = connect(port, "127.0.0.1")
  client.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(SWITCHING)
  await receiveHead(client)
  for (let i = 0; i < 3; i++) await reload(edge, answering(`127.0.0.1:${other}`, `new${i}`))
  // A request's own objects go in the turn after it.
  for (let tries = 0; tries < 100 && (await faults.addresses(1)) > 1; tries++);
  assert.equal(await faults.addresses(1), 1)
  client.write("ping")
  assert.equal((await receive(peer, 4)).bytes, 4)
  peer.write("pong")
  assert.equal((await receive(client, 4)).bytes, 4)
  client.destroy()
  peer.destroy()
  await edge.waitForFile("logs/a.log", /" 101 /)
})

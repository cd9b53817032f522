/** Temporary files of clients' bodies are gone when their requests are, whatever became of them. */
import assert from "node:assert/strict"
import { existsSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { startFaultyProxy } from "../supervision/faults.ts"
import { freePort } from "../support/ports.ts"
import { patternOf, receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "./socket-backend.ts"
import {
  ANSWERS,
  BODIES,
  BYTES,
  filesIn,
  openTempFiles,
  POST,
  until,
  untilClosed,
  withProxy,
} from "./temp-files.ts"

test("a client that leaves inside its body", () =>
  withProxy("", async (proxy) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES - 1, 1)
    await until(proxy, () => openTempFiles(proxy.edge.pid).length === 1, "the file")
    client.destroy()
    assert.equal((await proxy.accessLine(/up/)).status, 400)
    await untilClosed(proxy)
  }))

test("the upstream is asked when the whole body has come", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES - 1, 1)
    await proxy.edge.waitForLog(/a client request body is buffered to a temporary file/)
    for (let i = 0; i < 20; i++) await proxy.status()
    assert.equal(backend.sockets.length, 0)
    client.write("x")
    const peer = await backend.next()
    await receiveHead(peer)
    assert.equal((await receive(peer, BYTES)).bytes, BYTES)
    client.destroy()
    await proxy.accessLine(/up/)
    await untilClosed(proxy)
  }))

test("a client that leaves while its body goes to the upstream", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES, 1)
    const peer = await backend.next()
    await receiveHead(peer)
    client.destroy()
    assert.equal((await proxy.accessLine(/up/)).status, 499)
    await untilClosed(proxy)
  }))

test("an upstream that resets while it gets the body", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES, 1)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.resetAndDestroy()
    assert.match(await receiveHead(client), /^HTTP\/1\.1 502 /)
    await untilClosed(proxy)
    client.destroy()
  }))

test("an upstream that is not there", async () => {
  await using proxy = await startProxy({
    backendPort: await freePort(),
    http: `${BODIES} ${ANSWERS} client_max_body_size 0;`,
  })
  const client = await proxy.connectSocket()
  client.write(POST)
  await sendPattern(client, BYTES, 1)
  assert.match(await receiveHead(client), /^HTTP\/1\.1 502 /)
  await untilClosed(proxy)
  client.destroy()
})

test("a request that was answered, on a connection that is kept", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES, 3)
    const peer = await backend.next()
    await receiveHead(peer)
    assert.deepEqual(await receive(peer, BYTES), patternOf(BYTES, 3))
    peer.write(SMALL_ANSWER)
    assert.match(await receiveHead(client), /^HTTP\/1\.1 200 /)
    await untilClosed(proxy)
    client.destroy()
  }))

test("a body that is too large in the end", () =>
  withProxy("client_max_body_size 1m;", async (proxy) => {
    const client = await proxy.connectSocket()
    client.write("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7a1200\r\n")
    void sendPattern(client, BYTES, 1)
    assert.match(await receiveHead(client), /^HTTP\/1\.1 413 /)
    await untilClosed(proxy)
    client.destroy()
  }))

test("a reload while a body is read, and while it is sent", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, 1_000_000, 4)
    await until(proxy, () => openTempFiles(proxy.edge.pid).length === 1, "the file")
    proxy.edge.signal("SIGHUP")
    await proxy.edge.waitForLog(/configuration reloaded/)
    await sendPattern(client, BYTES - 1_000_000, 4)
    const peer = await backend.next()
    await receiveHead(peer)
    proxy.edge.signal("SIGHUP")
    await proxy.edge.waitForLog(/configuration reloaded[\s\S]*configuration reloaded/)
    assert.equal((await receive(peer, BYTES)).bytes, BYTES)
    peer.write(SMALL_ANSWER)
    assert.match(await receiveHead(client), /^HTTP\/1\.1 200 /)
    await untilClosed(proxy)
    client.destroy()
  }))

test("a process that is killed", () =>
  withProxy("", async (proxy) => {
    const client = await proxy.connectSocket()
    client.write(POST)
    await sendPattern(client, BYTES - 1, 1)
    await until(proxy, () => openTempFiles(proxy.edge.pid).length === 1, "the file")
    process.kill(proxy.edge.pid, "SIGKILL")
    await proxy.edge.exit
    assert.deepEqual(filesIn(proxy, "bodies"), [])
    client.destroy()
  }))

test("a worker that dies", async () => {
  await using backend = await startSocketBackend()
  const { faults, proxy } = await startFaultyProxy({
    backendPort: backend.port,
    http: `${BODIES} ${ANSWERS} client_max_body_size 0;`,
  })
  await using _proxy = proxy
  const client = await proxy.connectSocket()
  client.write(POST)
  await sendPattern(client, BYTES - 1, 1)
  await until(proxy, () => openTempFiles(proxy.edge.pid).length === 1, "the file")
  await faults.inject(1, "exit 1")
  await faults.nextThread(1)
  await untilClosed(proxy)
  client.destroy()
})

for (const kind of ["clean", "on"] as const)
  test(`client_body_in_file_only ${kind}: the file is there while its request is${kind === "on" ? ", and stays" : ""}`, () =>
    withProxy(`client_body_in_file_only ${kind};`, async (proxy, backend) => {
      const client = await proxy.connect()
      await client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
      const peer = await backend.next()
      await receiveHead(peer)
      const [file = ""] = filesIn(proxy, "bodies")
      assert.equal(readFileSync(file, "latin1"), "body")
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.equal(statSync(join(file, "..")).mode & 0o777, 0o700)
      peer.write(SMALL_ANSWER)
      assert.equal((await client.readResponse()).status, 200)
      await until(proxy, () => openTempFiles(proxy.edge.pid).length === 0, "the end of the file")
      await until(proxy, () => existsSync(file) === (kind === "on"), "what becomes of the file")
      client.destroy()
    }))

test("a folder that is gone: [crit], 500, and the worker goes on", () =>
  withProxy("", async (proxy, backend) => {
    rmSync(join(proxy.edge.prefix, "bodies"), { recursive: true })
    const client = await proxy.connectSocket()
    client.write(POST)
    void sendPattern(client, BYTES, 1)
    assert.match(await receiveHead(client), /^HTTP\/1\.1 500 /)
    await proxy.edge.waitForLog(/\[crit\] .*mkdir\(\) "[^"]*" failed \(2: No such file or directory\)/)
    const next = await proxy.connect()
    await next.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(SMALL_ANSWER)
    assert.equal((await next.readResponse()).status, 200)
    next.destroy()
    client.destroy()
  }))

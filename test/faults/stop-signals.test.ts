import assert from "node:assert/strict"
import { test } from "node:test"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { startFaultyProxy } from "../supervision/faults.ts"
import { closeTunnel, type OpenTunnel, openTunnel } from "../tunnel/open-tunnel.ts"
import { FrameSocket } from "../websocket/frame-socket.ts"
import { endWithPeer } from "../websocket/web-socket-proxy.ts"
import { closed, receive, receiveHead } from "./byte-streams.ts"
import { type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, type SocketBackend, startSocketBackend } from "./socket-backend.ts"

async function refusesConnections(proxy: ProxyUnderTest): Promise<void> {
  // "gracefully shutting down" is logged as the listeners close.
  await proxy.edge.waitForLog(/gracefully shutting down/)
  for (;;) {
    try {
      ;(await proxy.connectSocket()).destroy()
    } catch {
      return
    }
  }
}

async function tunnels(proxy: ProxyUnderTest, backend: SocketBackend, count: number): Promise<OpenTunnel[]> {
  const opened: OpenTunnel[] = []
  while (opened.length < count) opened.push(await openTunnel(proxy, backend))
  return opened
}

async function assertEcho({ client, peer }: OpenTunnel): Promise<void> {
  client.write("ping")
  assert.equal((await receive(peer, 4)).bytes, 4)
  peer.write("pong")
  assert.equal((await receive(client, 4)).bytes, 4)
}

for (const isTls of [false, true]) {
  const over = isTls ? "TLS" : "plain"

  test(`SIGQUIT waits for a request in flight and for tunnels, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const tunnel = await openTunnel(proxy, backend)
    const idle = await proxy.connectSocket()
    const idleEnded = receive(idle)
    const client = await proxy.connect()
    await client.send("GET /flight HTTP/1.1\r\nHost: a\r\n\r\n")
    const peer = await backend.next()
    await receiveHead(peer)
    proxy.edge.signal("SIGQUIT")
    await refusesConnections(proxy)
    assert.equal((await idleEnded).bytes, 0)
    idle.destroy()
    await assertEcho(tunnel)
    peer.write(SMALL_ANSWER)
    const answer = await client.readResponse()
    assert.equal(answer.status, 200)
    assert.match(answer.rawHead, /^Connection: close\r$/m)
    client.destroy()
    await assertEcho(tunnel)
    assert.equal(proxy.edge.exited, undefined)
    closeTunnel(tunnel)
    assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
    const lines = proxy.accessLines().map(({ request, status }) => `${request} ${status}`)
    assert.deepEqual(lines.toSorted(), ["GET / HTTP/1.1 101", "GET /flight HTTP/1.1 200"])
  })

  test(`worker_shutdown_timeout ends the tunnels that are still open, and their lines are written, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      isTls,
      main: "worker_shutdown_timeout 300ms;",
    })
    const opened = await tunnels(proxy, backend, 40)
    const ended = opened.map(({ client }) => {
      client.resume()
      client.on("end", () => client.end())
      return closed(client)
    })
    proxy.edge.signal("SIGQUIT")
    assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
    await Promise.all(ended)
    assert.equal(proxy.accessLines().filter(({ status }) => status === 101).length, 40)
  })

  test(`SIGTERM ends at once, with a line for each open tunnel and request, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const opened = await tunnels(proxy, backend, 40)
    const waiting = await proxy.connectSocket()
    waiting.write("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
    await receiveHead(await backend.next())
    proxy.edge.signal("SIGTERM")
    assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
    const lines = proxy.accessLines()
    assert.equal(lines.filter(({ status }) => status === 101).length, opened.length)
    assert.equal(lines.filter(({ request }) => request.startsWith("GET /waiting")).length, 1)
    for (const tunnel of opened) closeTunnel(tunnel)
    waiting.destroy()
  })
}

test("SIGTERM ends a graceful stop that waits", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const tunnel = await openTunnel(proxy, backend)
  proxy.edge.signal("SIGQUIT")
  await refusesConnections(proxy)
  await assertEcho(tunnel)
  proxy.edge.signal("SIGTERM")
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  assert.equal(proxy.accessLines().length, 1)
  closeTunnel(tunnel)
})

test("a second SIGQUIT changes nothing", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const tunnel = await openTunnel(proxy, backend)
  proxy.edge.signal("SIGQUIT")
  await refusesConnections(proxy)
  proxy.edge.signal("SIGQUIT")
  proxy.edge.signal("SIGHUP")
  await assertEcho(tunnel)
  closeTunnel(tunnel)
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  assert.equal(proxy.edge.errorLog().match(/gracefully shutting down/g)?.length, 1)
  assert.ok(!/reloaded/.test(proxy.edge.errorLog()))
})

test("an upgrade that was in flight at SIGQUIT becomes a WebSocket, and gets its goodbye", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, main: "worker_shutdown_timeout 5s;" })
  const client = await proxy.connectSocket()
  const key = Buffer.from("sixteen-byte-key").toString("base64")
  client.write(
    `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  const peer = await backend.next()
  await receiveHead(peer)
  proxy.edge.signal("SIGQUIT")
  await proxy.edge.waitForLog(/gracefully shutting down/)
  peer.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  )
  await receiveHead(client)
  const ends = [new FrameSocket(client, true, Buffer.alloc(0)), new FrameSocket(peer, false, Buffer.alloc(0))]
  endWithPeer(...ends)
  for (const end of ends) {
    assert.equal(await end.nextCloseCode(), 1001)
    end.sendClose(1001)
  }
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
})

test("what worker_shutdown_timeout ends says so in the error log", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, main: "worker_shutdown_timeout 300ms;" })
  const tunnel = await openTunnel(proxy, backend)
  proxy.edge.signal("SIGQUIT")
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  assert.match(proxy.edge.errorLog(), /\[info\] .*worker_shutdown_timeout while proxying upgraded connection/)
  closeTunnel(tunnel)
})

test("a worker that does not listen any more does not keep SIGTERM waiting", async (t) => {
  const { faults, proxy } = await startFaultyProxy({ backendPort: 0, main: "worker_stall_timeout 0;" })
  t.after(() => proxy[Symbol.asyncDispose]())
  await faults.inject(1, "block 600000")
  proxy.edge.signal("SIGTERM")
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
})

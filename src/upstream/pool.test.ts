import assert from "node:assert/strict"
import { afterEach, beforeEach, test } from "node:test"
import type { UpstreamConnection } from "./connection.ts"
import type { PeerAddress } from "./peer.ts"
import type { KeepaliveOptions } from "./pool.ts"
import { ConnectionPool, connectionKey, DEFAULT_KEEPALIVE } from "./pool.ts"
import { connectTo, peerAt, RecordingOwner, TestBackend, untilClosed } from "./recording-owner.ts"

const NOW = 1_700_000_000_000

let server: TestBackend
let address: PeerAddress

beforeEach(async () => {
  server = new TestBackend()
  address = await server.listen()
})
afterEach(() => server.stop())

function makePool(changes: Partial<KeepaliveOptions> = {}): ConnectionPool {
  return new ConnectionPool({ ...DEFAULT_KEEPALIVE, ...changes })
}

async function open(key = "a"): Promise<UpstreamConnection> {
  return (await connectTo(address, { key, nowMs: NOW })).connection
}

test("what is put is taken again, the latest first, and works", async () => {
  const pool = makePool()
  const one = await open()
  const two = await open()
  one.write("request")
  pool.put(one, NOW)
  pool.put(two, NOW)
  assert.equal(pool.size, 2)
  assert.equal(pool.take("a", NOW), two)
  const taken = pool.take("a", NOW)
  assert.equal(taken, one)
  assert.equal(pool.take("a", NOW), undefined)
  assert.equal(pool.size, 0)
  assert.equal(taken.requestCount, 2)
  assert.equal(taken.bytesSent, 0)

  const owner = new RecordingOwner()
  taken.owner = owner
  const socket = await server.accepted(0)
  socket.write("answer")
  await owner.untilBytes(6)
  assert.equal(owner.text, "answer")
  assert.equal(taken.bytesReceived, 6)
  one.destroy()
  two.destroy()
})

test("only an equal key fits", async () => {
  const pool = makePool()
  const one = await open("a")
  pool.put(one, NOW)
  assert.equal(pool.take("b", NOW), undefined)
  assert.equal(pool.take("a", NOW), one)
  one.destroy()
})

test("keys differ by peer, TLS parameters and location", () => {
  const one = peerAt(address)
  assert.equal(connectionKey(one, "", ""), connectionKey(peerAt(address), "", ""))
  const keys = [connectionKey(one, "", ""), connectionKey(one, "tls1", ""), connectionKey(one, "", "loc1")]
  assert.equal(new Set(keys).size, 3)
})

test("when it is full the least recently used goes, whoever's it is", async () => {
  const pool = makePool({ connections: 2 })
  const connections = [await open("a"), await open("b"), await open("b")]
  connections.forEach((connection, i) => {
    pool.put(connection, NOW + i)
  })
  assert.equal(pool.size, 2)
  assert.ok(connections[0].socket.destroyed)
  assert.equal(pool.take("a", NOW), undefined)
  assert.equal(pool.take("b", NOW + 2), connections[2])
  pool.close()
  connections[2].destroy()
})

test("keepalive_requests: the last request of a connection closes it", async () => {
  const pool = makePool({ requests: 2 })
  const one = await open()
  pool.put(one, NOW)
  assert.equal(pool.take("a", NOW), one)
  pool.put(one, NOW)
  assert.ok(one.socket.destroyed)
  assert.equal(pool.size, 0)
})

test("keepalive_time: an old connection is closed", async () => {
  const pool = makePool({ timeMs: 1000 })
  const one = await open()
  pool.put(one, NOW + 1000)
  assert.equal(pool.take("a", NOW + 1000), one)
  pool.put(one, NOW + 1001)
  assert.ok(one.socket.destroyed)
})

test("keepalive_timeout: what is idle too long is closed by the sweep, and never taken", async () => {
  const pool = makePool({ timeoutMs: 1000 })
  const [one, two, three] = [await open("a"), await open("a"), await open("b")]
  pool.put(one, NOW)
  pool.put(two, NOW + 500)
  pool.put(three, NOW)
  pool.sweep(NOW + 999)
  assert.equal(pool.size, 3)
  pool.sweep(NOW + 1000)
  assert.equal(pool.size, 1)
  assert.ok(one.socket.destroyed && three.socket.destroyed && !two.socket.destroyed)
  assert.equal(pool.take("a", NOW + 1500), undefined)
  assert.ok(two.socket.destroyed)
  assert.equal(pool.size, 0)
})

for (const [what, act] of [
  ["ends it", (socket: { end(): void }) => socket.end()],
  ["resets it", (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ["speaks unasked", (socket: { write(text: string): void }) => socket.write("HTTP/1.1 408 Timeout\r\n\r\n")],
] as const) {
  test(`an idle connection is closed when its peer ${what}`, async () => {
    const pool = makePool()
    const [one, two] = [await open(), await open()]
    pool.put(one, NOW)
    pool.put(two, NOW)
    const closed = untilClosed(one)
    act(await server.accepted(0))
    await closed
    assert.equal(pool.size, 1)
    assert.equal(pool.take("a", NOW), two)
    assert.equal(pool.take("a", NOW), undefined)
    two.destroy()
  })
}

test("a connection that is not in a fit state is closed instead of kept", async () => {
  const pool = makePool()
  const ended = await open()
  const socket = await server.accepted(0)
  const next = new RecordingOwner()
  ended.owner = next
  socket.end()
  await next.until("end")
  pool.put(ended, NOW)

  const unsent = await open()
  while (unsent.write(Buffer.alloc(1024 * 1024)));
  pool.put(unsent, NOW)

  const finished = await open()
  finished.end()
  pool.put(finished, NOW)

  assert.equal(pool.size, 0)
  for (const connection of [ended, unsent, finished]) assert.ok(connection.socket.destroyed)
})

test("a paused connection is read again while it is idle", async () => {
  const pool = makePool()
  const one = await open()
  one.pause()
  pool.put(one, NOW)
  const closed = untilClosed(one)
  const socket = await server.accepted(0)
  socket.end()
  await closed
  assert.equal(pool.size, 0)
})

test("a pool for no connections keeps none", async () => {
  for (const pool of [new ConnectionPool(undefined), makePool({ connections: 0 })]) {
    const one = await open()
    pool.put(one, NOW)
    assert.ok(one.socket.destroyed)
    assert.equal(pool.take("a", NOW), undefined)
  }
})

test("close() closes what is idle and what comes back later", async () => {
  const pool = makePool()
  const [one, two] = [await open(), await open()]
  pool.put(one, NOW)
  pool.close()
  assert.ok(one.socket.destroyed)
  pool.put(two, NOW)
  assert.ok(two.socket.destroyed)
  assert.equal(pool.size, 0)
})

/** Goodbyes when one side is slow, half gone, or in the middle of something. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { receiveHead } from "../faults/byte-streams.ts"
import { BINARY, CLOSE, closePayload, FrameSocket, frameBytes, TEXT } from "./frame-socket.ts"
import { startDrainable, untilStuck } from "./goodbye-now.ts"
import { endWithPeer } from "./web-socket-proxy.ts"

/** More than any test waits for. */
const PATIENT = "websocket_close_timeout 60s;"

test("a client that ends inside a frame's header: the backend's Close is not put behind that half", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  endWithPeer(backend)
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  client.socket.end(Buffer.from([0x82]))
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.sendClose(1001)
  assert.equal(await backend.ended(), "end")
  assert.equal(await client.ended(), "end")
})

for (const [name, piece] of [
  ["between two frames", frameBytes({ opcode: BINARY }, false)],
  ["inside a frame", frameBytes({ opcode: BINARY, payload: Buffer.alloc(10_000_019) }, false)],
] as const)
  test(`a client that reads nothing, ${name}: what the backend answers is heard, and its end is a FIN`, async () => {
    await using drained = await startDrainable({ location: "websocket_close_timeout 1s;" })
    const { client, backend } = await drained.proxy.open()
    client.socket.pause()
    const many = Buffer.alloc(Math.ceil(65_536 / piece.length) * piece.length)
    for (let at = 0; at < many.length; at += piece.length) piece.copy(many, at)
    for (let sent = 0; sent < 24 * 1024 * 1024; sent += many.length) backend.socket.write(many)
    await untilStuck(backend.socket)
    endWithPeer(backend)
    await drained.sayGoodbyes()
    assert.equal(await backend.nextCloseCode(), 1001)
    backend.sendClose(1001)
    assert.equal(await backend.ended(), "end")
    client.socket.destroy()
    await drained.proxy.proxy.accessLine(/101/)
    assert.doesNotMatch(drained.proxy.proxy.edge.errorLog(), /recv\(\) failed|write after end/)
  })

test("the idle limit does not cut a closing handshake short", async () => {
  await using drained = await startDrainable({ location: `${PATIENT} proxy_read_timeout 2s;` })
  const { client, backend } = await drained.proxy.open()
  endWithPeer(client, backend)
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  // Longer than the limit: the clock of another tunnel would end with it.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  client.sendClose(1001)
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.sendClose(1001)
  assert.equal(await client.ended(), "end")
  assert.equal(await backend.ended(), "end")
  await drained.proxy.proxy.accessLine(/101/)
  assert.doesNotMatch(drained.proxy.proxy.edge.errorLog(), /timed out/)
})

test("a backend that has ended its side already gets its Close, and nothing is written behind the client's FIN", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  backend.socket.end()
  assert.equal(await client.ended(), "end")
  await drained.sayGoodbyes()
  assert.equal(await backend.nextCloseCode(), 1001)
  assert.equal(await backend.ended(), "end")
  client.socket.end()
  await drained.proxy.proxy.accessLine(/101/)
  assert.doesNotMatch(drained.proxy.proxy.edge.errorLog(), /write after end|failed/)
})

test("a client that has ended its side already gets its Close and a FIN without delay", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  client.socket.end()
  assert.equal(await backend.ended(), "end")
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await client.ended(), "end")
  backend.socket.end()
  await drained.proxy.proxy.accessLine(/101/)
  assert.doesNotMatch(drained.proxy.proxy.edge.errorLog(), /write after end|failed/)
})

test("a client that is cut off inside a frame: the backend does not wait for the rest of it", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  client.socket.write(frameBytes({ opcode: TEXT, payload: "never whole" }, true).subarray(0, 9))
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  client.socket.resetAndDestroy()
  assert.notEqual(await backend.ended(), "")
  await drained.proxy.proxy.accessLine(/101/)
})

test("the application's own Close while ours waits for the end of a message: one Close, and no delay", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  endWithPeer(client, backend)
  backend.send({ opcode: TEXT, payload: "first", isFinal: false })
  assert.equal(await client.nextText(), "first")
  await drained.sayGoodbyes()
  await drained.proxy.proxy.edge.waitForLog(/closing WebSocket with 1001/)
  client.sendClose(4000)
  assert.equal(await backend.nextCloseCode(), 4000)
  backend.socket.write(
    Buffer.concat([
      frameBytes({ opcode: 0, payload: " last" }, false),
      frameBytes({ opcode: CLOSE, payload: closePayload(4000) }, false),
    ]),
  )
  assert.equal((await client.next())?.payload.toString(), " last")
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await client.ended(), "end")
  assert.equal(await backend.ended(), "end")
})

test("a backend that answers with its last messages and a Close while a client's FIN is in: all of it arrives", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  endWithPeer(backend)
  // The message stays open, so that the client's Close waits.
  backend.send({ opcode: TEXT, payload: "first", isFinal: false })
  assert.equal(await client.nextText(), "first")
  await drained.sayGoodbyes()
  await drained.proxy.proxy.edge.waitForLog(/closing WebSocket with 1001/)
  client.socket.end()
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.socket.write(
    Buffer.concat([
      frameBytes({ opcode: 0, payload: "more", isFinal: false }, false),
      frameBytes({ opcode: CLOSE, payload: closePayload(1001) }, false),
    ]),
  )
  assert.equal((await client.next())?.payload.toString(), "more")
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await client.ended(), "end")
  assert.doesNotMatch(drained.proxy.proxy.edge.errorLog(), /write after end/)
})

test("websocket_close_timeout 0: both get their Close, and all is over", async () => {
  await using drained = await startDrainable({ location: "websocket_close_timeout 0;" })
  const { client, backend } = await drained.proxy.open()
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await backend.nextCloseCode(), 1001)
  await drained.proxy.proxy.accessLine(/101/)
  await drained.proxy.proxy.waitForStatus(({ active }) => active === 1)
})

test("a drain, then a graceful stop, then a fast one: one Close each, one line each", async () => {
  await using drained = await startDrainable({ main: "worker_shutdown_timeout 3s;", location: PATIENT })
  const { client, backend } = await drained.proxy.open()
  const { edge } = drained.proxy.proxy
  await drained.sayGoodbyes()
  assert.equal(await client.nextCloseCode(), 1001)
  edge.signal("SIGQUIT")
  await edge.waitForLog(/gracefully shutting down/)
  edge.signal("SIGTERM")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.equal(drained.proxy.proxy.accessLines().length, 1)
  assert.equal(edge.errorLog().match(/closing WebSocket/g)?.length, 1)
  backend.socket.destroy()
})

test("a handshake that was under way when its backend was taken out: the tunnel gets its goodbye", async () => {
  await using drained = await startDrainable({ location: PATIENT })
  const { proxy } = drained
  const socket = await proxy.proxy.connectSocket()
  const key = Buffer.from("sixteen-byte-key").toString("base64")
  socket.write(
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  const peer = await proxy.backend.next()
  await receiveHead(peer)
  await drained.sayGoodbyes()
  await proxy.proxy.edge.waitForLog(/configuration reloaded/)
  const early = frameBytes({ opcode: TEXT, payload: "early" }, false)
  peer.write(
    Buffer.concat([
      Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
      early,
    ]),
  )
  await receiveHead(socket)
  const client = new FrameSocket(socket, true, Buffer.alloc(0))
  const backend = new FrameSocket(peer, false, Buffer.alloc(0))
  endWithPeer(client, backend)
  assert.equal(await client.nextText(), "early")
  assert.equal(await client.nextCloseCode(), 1001)
  client.sendClose(1001)
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.sendClose(1001)
  assert.equal(await backend.ended(), "end")
  await proxy.proxy.accessLine(/101/)
})

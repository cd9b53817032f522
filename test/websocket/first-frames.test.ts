/** Frames right behind the heads, and handshakes behind other requests. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { receiveHead } from "../faults/byte-streams.ts"
import { httpAnswer } from "../support/raw-backend.ts"
import { CLOSE, closePayload, FrameSocket, frameBytes, PING, TEXT } from "./frame-socket.ts"
import { endWithPeer, startWebSocketProxy } from "./web-socket-proxy.ts"

const KEY = Buffer.from("sixteen-byte-key").toString("base64")
const REQUEST =
  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  `Sec-WebSocket-Accept: ${acceptKey(KEY)}\r\n\r\n`

for (const isTls of [false, true])
  test(`a request, a handshake and frames in one packet, frames and half a frame behind the 101, ${isTls ? "TLS" : "plain"}`, async () => {
    await using proxy = await startWebSocketProxy({ isTls, location: "websocket_ping 100ms both;" })
    const socket = await proxy.proxy.connectSocket()
    const first = frameBytes({ opcode: TEXT, payload: "early from the client" }, true)
    const second = frameBytes({ opcode: PING, payload: "p" }, true)
    socket.write(
      Buffer.concat([
        Buffer.from(`GET /before HTTP/1.1\r\nHost: a\r\n\r\n${REQUEST}`),
        first,
        second,
        first.subarray(0, 1),
      ]),
    )
    const before = await proxy.backend.next()
    assert.match(await receiveHead(before), /^GET \/before/)
    before.write(httpAnswer("plain"))
    assert.match(await receiveHead(socket), /^HTTP\/1.1 200/)
    assert.equal(await bytesOf(socket, 5), "plain")
    // The connection to the backend may be kept or not.
    const peer = await Promise.race([proxy.backend.next(), receiveHead(before).then(() => before)])
    if (peer !== before) await receiveHead(peer)
    peer.write(
      Buffer.concat([
        Buffer.from(SWITCHING),
        frameBytes({ opcode: TEXT, payload: "early from the backend" }, false),
        Buffer.from([0x81]),
      ]),
    )
    assert.match(await receiveHead(socket), /^HTTP\/1.1 101/)
    const client = new FrameSocket(socket, true, Buffer.alloc(0))
    const backend = new FrameSocket(peer, false, Buffer.alloc(0))
    assert.equal(await client.nextText(), "early from the backend")
    assert.equal(await backend.nextText(), "early from the client")
    assert.equal((await backend.next())?.payload.toString(), "p")
    // The proxy's own pings do not come between the halves.
    assert.equal((await client.next())?.opcode, PING)
    socket.write(first.subarray(1))
    peer.write(Buffer.from([1, 0x78]))
    for (;;) {
      const frame = await client.next()
      if (frame?.opcode === PING) continue
      assert.equal(frame?.payload.toString(), "x")
      break
    }
    for (;;) {
      const frame = await backend.next()
      if (frame?.opcode === PING) continue
      assert.equal(frame?.payload.toString(), "early from the client")
      break
    }
  })

test("a backend that answers, closes and ends in one packet", async () => {
  await using proxy = await startWebSocketProxy()
  const socket = await proxy.proxy.connectSocket()
  socket.write(REQUEST)
  const peer = await proxy.backend.next()
  await receiveHead(peer)
  peer.end(
    Buffer.concat([
      Buffer.from(SWITCHING),
      frameBytes({ opcode: CLOSE, payload: closePayload(1013) }, false),
    ]),
  )
  await receiveHead(socket)
  const client = new FrameSocket(socket, true, Buffer.alloc(0))
  endWithPeer(client)
  assert.equal(await client.nextCloseCode(), 1013)
  assert.equal(await client.ended(), "end")
  await proxy.proxy.accessLine(/\|101\|/)
  await proxy.proxy.waitForStatus(({ active }) => active === 1)
})

test("a bad frame right behind either head", async () => {
  await using proxy = await startWebSocketProxy()
  for (const isClient of [true, false]) {
    const socket = await proxy.proxy.connectSocket()
    const bad = frameBytes({ opcode: 3 }, isClient)
    socket.write(isClient ? Buffer.concat([Buffer.from(REQUEST), bad]) : Buffer.from(REQUEST))
    const peer = await proxy.backend.next()
    await receiveHead(peer)
    peer.write(isClient ? Buffer.from(SWITCHING) : Buffer.concat([Buffer.from(SWITCHING), bad]))
    await receiveHead(socket)
    const client = new FrameSocket(socket, true, Buffer.alloc(0))
    const backend = new FrameSocket(peer, false, Buffer.alloc(0))
    endWithPeer(client, backend)
    assert.equal(await client.nextCloseCode(), 1002)
    assert.equal(await backend.nextCloseCode(), 1002)
    assert.equal(await client.ended(), "end")
    assert.equal(await backend.ended(), "end")
  }
  await proxy.proxy.edge.waitForFile("logs/access.log", /(?:.*\|101\|.*\n){2}/)
  await proxy.proxy.waitForStatus(({ active }) => active === 1)
})

test("a client that leaves just as its 101 comes costs one line, and nothing stays open", async () => {
  await using proxy = await startWebSocketProxy({ location: "proxy_ignore_client_abort on;" })
  for (let round = 0; round < 20; round++) {
    const socket = await proxy.proxy.connectSocket()
    socket.write(REQUEST)
    const peer = await proxy.backend.next()
    await receiveHead(peer)
    if (round % 4 === 0) socket.resetAndDestroy()
    else if (round % 4 === 1) socket.destroy()
    else if (round % 4 === 2) socket.end()
    peer.write(SWITCHING)
    if (round % 4 === 3) socket.resetAndDestroy()
    const closed = once(peer, "close")
    peer.on("end", () => peer.end())
    peer.resume()
    socket.resume()
    await closed
    socket.destroy()
  }
  await proxy.proxy.waitForStatus(({ active }) => active === 1)
  await proxy.proxy.edge.waitForFile("logs/access.log", /(?:.*\n){20}/)
  assert.equal(proxy.proxy.accessLines().length, 20)
  assert.doesNotMatch(proxy.proxy.edge.errorLog(), /unhandled|\[alert\]/)
})

async function bytesOf(socket: import("node:net").Socket, count: number): Promise<string> {
  let text = ""
  while (text.length < count) {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) await once(socket, "readable")
    else text += chunk.toString("latin1")
  }
  socket.removeAllListeners("readable")
  return text
}

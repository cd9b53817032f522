/** Pings of the proxy's own where a side is half closed, or held up. */
import assert from "node:assert/strict"
import { test } from "node:test"
import {
  BINARY,
  CLOSE,
  closePayload,
  type FrameSocket,
  frameBytes,
  PING,
  PONG,
  TEXT,
} from "./frame-socket.ts"
import { endWithPeer, startWebSocketProxy } from "./web-socket-proxy.ts"

/** Resolves when `end`, of another tunnel of the same proxy, has got and answered so many pings: a clock. */
async function pings(end: FrameSocket, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const ping = await end.next()
    assert.equal(ping?.opcode, PING)
    end.send({ opcode: PONG, payload: ping?.payload ?? "" })
  }
}

test("a client that has ended its side: its backend is pinged no more, and may go on", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 100ms timeout=200ms both;" })
  const clock = await proxy.open()
  const { client, backend } = await proxy.open()
  client.socket.end()
  for (let frame = await backend.next(); frame !== undefined; frame = await backend.next())
    backend.send({ opcode: PONG, payload: frame.payload })
  void pings(clock.client, 1000).catch(() => {})
  await pings(clock.backend, 6)
  backend.send({ opcode: TEXT, payload: "the rest" })
  let frame = await client.next()
  while (frame?.opcode === PING) frame = await client.next()
  assert.equal(frame?.payload.toString(), "the rest")
  backend.socket.end()
  await proxy.proxy.accessLine(/101/)
  assert.doesNotMatch(proxy.proxy.edge.errorLog(), /did not answer|failed|write after end/)
})

test("a client whose backend reads nothing is not blamed for pongs that are not read", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 100ms timeout=1s;" })
  const clock = await proxy.open()
  const { client, backend } = await proxy.open()
  backend.socket.pause()
  void pings(client, Number.POSITIVE_INFINITY).catch(() => {})
  const count = 24
  const message = frameBytes({ opcode: BINARY, payload: Buffer.alloc(1024 * 1024, 7) }, true)
  for (let at = 0; at < count; at++) client.socket.write(message)
  await pings(clock.client, 20)
  void pings(clock.client, Number.POSITIVE_INFINITY).catch(() => {})
  backend.socket.resume()
  for (let at = 0; at < count; at++) assert.equal((await backend.next())?.payload.length, 1024 * 1024)
  assert.doesNotMatch(proxy.proxy.edge.errorLog(), /did not answer/)
})

test("a client that answers no ping gets all that its backend still says, and its Close", async () => {
  await using proxy = await startWebSocketProxy({
    location: "websocket_ping 100ms timeout=200ms; websocket_close_timeout 60s;",
  })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  assert.equal((await client.next())?.opcode, PING)
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.socket.write(
    Buffer.concat([
      frameBytes({ opcode: TEXT, payload: "last words" }, false),
      frameBytes({ opcode: CLOSE, payload: closePayload(1001) }, false),
    ]),
  )
  assert.equal(await client.nextText(), "last words")
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await client.ended(), "end")
  assert.equal(await backend.ended(), "end")
})

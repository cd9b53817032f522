import assert from "node:assert/strict"
import { test } from "node:test"
import { PING, PONG, TEXT } from "./frame-socket.ts"
import { endWithPeer, startWebSocketProxy } from "./web-socket-proxy.ts"

test("an idle client is pinged, and its pongs go no further", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 200ms timeout=20s;" })
  const { client, backend } = await proxy.open()
  for (let round = 0; round < 3; round++) {
    const ping = await client.next()
    assert.equal(ping?.opcode, PING)
    assert.equal(ping?.isMasked, false)
    assert.equal(ping?.payload.length, 8)
    client.send({ opcode: PONG, payload: ping?.payload ?? "" })
  }
  client.send({ opcode: TEXT, payload: "the first that the backend sees" })
  assert.equal(await backend.nextText(), "the first that the backend sees")
})

test("pongs that answer the application's pings, and those that nobody asked for, pass", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 200ms timeout=20s;" })
  const { client, backend } = await proxy.open()
  const own = await client.next()
  client.send({ opcode: PONG, payload: own?.payload ?? "" })
  backend.send({ opcode: PING, payload: "app" })
  let ping = await client.next()
  // Another of the proxy's own may have come first.
  while (ping?.payload.toString() !== "app") ping = await client.next()
  client.send({ opcode: PONG, payload: "app" })
  client.send({ opcode: PONG, payload: "" })
  client.send({ opcode: PONG, payload: "8 bytes!" })
  for (const expected of ["app", "", "8 bytes!"]) {
    const pong = await backend.next()
    assert.equal(pong?.opcode, PONG)
    assert.equal(pong?.payload.toString(), expected)
  }
})

test("a pong of the proxy's own is taken out from between two messages of one write", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 200ms timeout=20s;" })
  const { client, backend } = await proxy.open()
  const ping = await client.next()
  client.socket.cork()
  client.send({ opcode: TEXT, payload: "one" })
  client.send({ opcode: PONG, payload: ping?.payload ?? "" })
  client.send({ opcode: TEXT, payload: "two" })
  client.socket.uncork()
  assert.equal(await backend.nextText(), "one")
  assert.equal(await backend.nextText(), "two")
})

test("a client that answers no ping is closed with a reason of its own; the backend gets 1001", async () => {
  await using proxy = await startWebSocketProxy({
    location: "websocket_ping 200ms timeout=300ms; websocket_close_timeout 300ms;",
  })
  const { client, backend } = await proxy.open()
  endWithPeer(backend)
  assert.equal((await client.next())?.opcode, PING)
  assert.equal(await backend.nextCloseCode(), 1001)
  backend.sendClose(1001)
  assert.equal(await backend.ended(), "end")
  await proxy.proxy.edge.waitForLog(
    /\[info\] .* client did not answer a ping while proxying upgraded connection, client: 127\.0\.0\.1/,
  )
  const line = await proxy.proxy.accessLine(/101/)
  assert.equal(line.status, 101)
})

test("a backend is pinged where that is asked for; a silent one costs the client a 1001, not its patience", async () => {
  await using proxy = await startWebSocketProxy({
    location: "websocket_ping 200ms timeout=300ms backend; websocket_close_timeout 1s;",
  })
  const { client, backend } = await proxy.open()
  endWithPeer(client)
  const ping = await backend.next()
  assert.equal(ping?.opcode, PING)
  assert.equal(ping?.isMasked, true)
  backend.send({ opcode: PONG, payload: ping?.payload ?? "" })
  // The second one is not answered.
  assert.equal((await backend.next())?.opcode, PING)
  assert.equal(await client.nextCloseCode(), 1001)
  client.sendClose(1001)
  assert.equal(await client.ended(), "end")
  await proxy.proxy.edge.waitForLog(
    /\[error\] .* upstream did not answer a ping while proxying upgraded connection/,
  )
})

test("both sides are pinged with both", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 200ms both;" })
  const { client, backend } = await proxy.open()
  assert.equal((await client.next())?.opcode, PING)
  assert.equal((await backend.next())?.opcode, PING)
})

test("a frame that stands still in its middle gets no ping into it", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_ping 100ms timeout=300ms both;" })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  // The header of a text of five bytes, and two of them: toward the client a frame is open.
  backend.socket.write(Buffer.from([0x81, 5, 0x68, 0x65]))
  assert.equal((await backend.next())?.opcode, PING)
  // The backend does not answer. For a Close to the client there is no place either.
  await proxy.proxy.edge.waitForLog(/upstream did not answer a ping/)
  assert.equal(await client.next(), undefined)
  assert.equal(client.partialBytes, 4)
})

test("pings keep no tunnel open past its idle limit", async () => {
  await using proxy = await startWebSocketProxy({
    location: "websocket_ping 100ms timeout=5s; proxy_read_timeout 700ms;",
  })
  const { client } = await proxy.open()
  endWithPeer(client)
  let pings = 0
  for (;;) {
    const frame = await client.next()
    if (frame === undefined) break
    pings++
    client.send({ opcode: PONG, payload: frame.payload })
  }
  assert.ok(pings >= 2, `${pings} pings`)
  await proxy.proxy.edge.waitForLog(
    /upstream timed out \(110: Connection timed out\) while proxying upgraded connection/,
  )
})

test("without websocket_ping nobody is pinged", async () => {
  await using proxy = await startWebSocketProxy({ location: "proxy_read_timeout 1s;" })
  const { client } = await proxy.open()
  endWithPeer(client)
  assert.equal(await client.next(), undefined)
})

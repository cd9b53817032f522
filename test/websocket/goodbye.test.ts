import assert from "node:assert/strict"
import { test } from "node:test"
import { receiveHead } from "../faults/byte-streams.ts"
import { SWITCHING } from "../faults/socket-backend.ts"
import { BINARY, CLOSE, type FrameSocket, frameBytes, PING, TEXT } from "./frame-socket.ts"
import { endWithPeer, startWebSocketProxy, type WebSocketProxy } from "./web-socket-proxy.ts"

const QUICK = "worker_shutdown_timeout 4s;"

/** A graceful stop; goodbyes are spread over its time, so that a test waits for the Close itself. */
function quit({ proxy }: WebSocketProxy): void {
  proxy.edge.signal("SIGQUIT")
}

async function echoClose(end: FrameSocket): Promise<number> {
  const code = await end.nextCloseCode()
  end.sendClose(code)
  return code
}

for (const isTls of [false, true]) {
  test(`a graceful stop closes with 1001, to the client first, then to the backend, ${isTls ? "TLS" : "plain"}`, async () => {
    await using proxy = await startWebSocketProxy({ isTls, main: "worker_shutdown_timeout 2s;" })
    const { client, backend } = await proxy.open()
    endWithPeer(client, backend)
    client.send({ opcode: TEXT, payload: "before" })
    assert.equal(await backend.nextText(), "before")
    quit(proxy)
    assert.equal(await client.nextCloseCode(), 1001)
    // Until it answers, what a client sends still arrives.
    client.send({ opcode: TEXT, payload: "last words" })
    client.sendClose(1001)
    assert.equal(await backend.nextText(), "last words")
    const close = await backend.next()
    assert.equal(close?.opcode, CLOSE)
    assert.equal(close?.isMasked, true)
    assert.equal(close?.payload.readUInt16BE(), 1001)
    backend.sendClose(1001)
    assert.equal(await client.ended(), "end")
    assert.equal(await backend.ended(), "end")
    assert.deepEqual(await proxy.proxy.edge.exit, { code: 0, signal: null })
    assert.match(
      proxy.proxy.edge.errorLog(),
      /\[info\].* closing WebSocket with 1001 while proxying upgraded connection, client: 127\.0\.0\.1/,
    )
  })
}

test("websocket_close_code 1012 is for clients; backends get 1001", async () => {
  await using proxy = await startWebSocketProxy({
    main: "worker_shutdown_timeout 1s;",
    location: "websocket_close_code 1012;",
  })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  quit(proxy)
  assert.equal(await echoClose(client), 1012)
  assert.equal(await echoClose(backend), 1001)
  assert.equal(await client.ended(), "end")
})

test("a goodbye waits for the end of the message that a backend is in the middle of", async () => {
  await using proxy = await startWebSocketProxy({
    main: "worker_shutdown_timeout 1s;",
    location: "websocket_close_timeout 20s;",
  })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  backend.send({ opcode: TEXT, payload: "first ", isFinal: false })
  assert.equal(await client.nextText(), "first ")
  quit(proxy)
  await proxy.proxy.edge.waitForLog(/closing WebSocket with 1001/)
  const rest = frameBytes({ opcode: 0, payload: "second" }, false)
  // In the middle of a fragment, and right behind it a message that comes too late.
  backend.socket.write(rest.subarray(0, 4))
  backend.socket.write(
    Buffer.concat([rest.subarray(4), frameBytes({ opcode: TEXT, payload: "too late" }, false)]),
  )
  const second = await client.next()
  assert.equal(second?.payload.toString(), "second")
  assert.equal(second?.isFinal, true)
  assert.equal(await echoClose(client), 1001)
  assert.equal(await echoClose(backend), 1001)
  assert.equal(await client.ended(), "end")
  assert.equal(client.partialBytes, 0)
})

test("a message that does not end is cut at the end of a frame, within the client's time", async () => {
  await using proxy = await startWebSocketProxy({ main: QUICK, location: "websocket_close_timeout 1s;" })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  backend.send({ opcode: BINARY, payload: "endless", isFinal: false })
  await client.next()
  quit(proxy)
  assert.equal(await echoClose(client), 1001)
  assert.equal(await echoClose(backend), 1001)
})

test("a client that does not answer costs no more than its time: the backend gets its Close all the same", async () => {
  await using proxy = await startWebSocketProxy({ main: QUICK, location: "websocket_close_timeout 500ms;" })
  const { client, backend } = await proxy.open()
  endWithPeer(backend)
  quit(proxy)
  assert.equal(await client.nextCloseCode(), 1001)
  assert.equal(await echoClose(backend), 1001)
  assert.equal(await backend.ended(), "end")
  assert.deepEqual(await proxy.proxy.edge.exit, { code: 0, signal: null })
})

test("a backend that does not answer costs no more than its time", async () => {
  await using proxy = await startWebSocketProxy({ main: QUICK, location: "websocket_close_timeout 500ms;" })
  const { client, backend } = await proxy.open()
  endWithPeer(client)
  quit(proxy)
  assert.equal(await echoClose(client), 1001)
  assert.equal(await backend.nextCloseCode(), 1001)
  assert.deepEqual(await proxy.proxy.edge.exit, { code: 0, signal: null })
})

test("an application's own closing handshake is left alone", async () => {
  await using proxy = await startWebSocketProxy({ main: "worker_shutdown_timeout 1s;" })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  client.sendClose(4000)
  assert.equal(await backend.nextCloseCode(), 4000)
  quit(proxy)
  await proxy.proxy.edge.waitForLog(/closing WebSocket/)
  backend.sendClose(4001)
  assert.equal(await client.nextCloseCode(), 4001)
  backend.socket.end()
  assert.equal(await client.ended(), "end")
})

test("pings of the applications pass while the client's answer is awaited", async () => {
  await using proxy = await startWebSocketProxy({ main: "worker_shutdown_timeout 1s;" })
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  quit(proxy)
  assert.equal(await client.nextCloseCode(), 1001)
  client.send({ opcode: PING, payload: "still there?" })
  const ping = await backend.next()
  assert.equal(ping?.opcode, PING)
  client.sendClose(1001)
  assert.equal(await echoClose(backend), 1001)
})

test("a tunnel that is no WebSocket gets no frames", async () => {
  await using proxy = await startWebSocketProxy({ main: "worker_shutdown_timeout 1s;" })
  const client = await proxy.proxy.startUpgrade("/")
  const peer = await proxy.backend.next()
  peer.once("data", () => peer.write(SWITCHING))
  peer.resume()
  await receiveHead(client)
  let bytes = 0
  client.on("data", (chunk) => {
    bytes += chunk.length
  })
  client.resume()
  quit(proxy)
  assert.deepEqual(await proxy.proxy.edge.exit, { code: 0, signal: null })
  assert.equal(bytes, 0)
})

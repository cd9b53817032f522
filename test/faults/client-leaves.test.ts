import assert from "node:assert/strict"
import { test } from "node:test"
import { closed, receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { type ProxySetup, type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, type SocketBackend, startSocketBackend } from "./socket-backend.ts"

const GET = "GET /left HTTP/1.1\r\nHost: a\r\n\r\n"

/** With max_conns=1 the next request is served only if the one before gave its place back. */
async function assertPlaceIsFree(proxy: ProxyUnderTest, backend: SocketBackend): Promise<void> {
  const next = await proxy.connect()
  await next.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(SMALL_ANSWER)
  assert.equal((await next.readResponse()).status, 200)
}

async function withProxy(
  setup: Partial<ProxySetup>,
  run: (proxy: ProxyUnderTest, backend: SocketBackend) => Promise<void>,
): Promise<void> {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, peer: "max_conns=1", ...setup })
  await run(proxy, backend)
}

for (const way of ["end", "reset"] as const)
  for (const isTls of [false, true]) {
    const how = `${way === "end" ? "closes" : "resets"}, ${isTls ? "TLS" : "plain"}`

    test(`a client that waits for the answer and ${how}: the peer's connection is closed, 499`, () =>
      withProxy({ isTls }, async (proxy, backend) => {
        const client = await proxy.connectSocket()
        client.write(GET)
        const peer = await backend.next()
        await receiveHead(peer)
        if (way === "end" || isTls) client.destroy()
        else client.resetAndDestroy()
        assert.equal((await receive(peer)).bytes, 0)
        assert.equal((await proxy.accessLine(/left/)).status, 499)
        await assertPlaceIsFree(proxy, backend)
      }))

    test(`a client that reads the answer and ${how}: the peer's connection is closed`, () =>
      withProxy({ isTls }, async (proxy, backend) => {
        const client = await proxy.connectSocket()
        client.write(GET)
        const peer = await backend.next()
        await receiveHead(peer)
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        const gone = closed(peer)
        peer.on("end", () => peer.end())
        peer.resume()
        void sendPattern(peer, 200_000_000, 1)
        await receiveHead(client)
        await receive(client, 1_000_000)
        if (way === "end" || isTls) client.destroy()
        else client.resetAndDestroy()
        await gone
        const line = await proxy.accessLine(/left/)
        assert.deepEqual([line.status, line.completion], [200, ""])
        await assertPlaceIsFree(proxy, backend)
      }))

    test(`a client that sends its body and ${how}: the peer's connection is closed`, () =>
      withProxy({ isTls, location: "proxy_request_buffering off;" }, async (proxy, backend) => {
        const client = await proxy.connectSocket()
        client.write("POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
        const peer = await backend.next()
        await receiveHead(peer)
        assert.equal((await receive(peer, 4)).bytes, 4)
        if (way === "end" || isTls) client.destroy()
        else client.resetAndDestroy()
        assert.equal((await receive(peer)).bytes, 0)
        // nginx logs 400 for a body that broke off.
        assert.ok([400, 499].includes((await proxy.accessLine(/left/)).status))
        await assertPlaceIsFree(proxy, backend)
      }))
  }

test("a client that leaves while its buffered body is incomplete: no peer is asked", () =>
  withProxy({}, async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write("POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
    client.end()
    assert.equal((await proxy.accessLine(/left/)).status, 400)
    assert.equal(backend.sockets.length, 0)
    await assertPlaceIsFree(proxy, backend)
  }))

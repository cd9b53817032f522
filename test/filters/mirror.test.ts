/** What cannot be compared with nginx: it lets the connection's next request wait for the copies of the one before. */
import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import { patternOf, receive, receiveHead, sendPattern } from "../faults/byte-streams.ts"
import { type ProxyUnderTest, startProxy, upgradeRequest } from "../faults/proxy-under-test.ts"
import { SMALL_ANSWER, type SocketBackend, SWITCHING, startSocketBackend } from "../faults/socket-backend.ts"

interface Pair {
  readonly proxy: ProxyUnderTest
  readonly backend: SocketBackend
  readonly copies: SocketBackend
}

async function withMirror(use: (pair: Pair) => Promise<void>, location = ""): Promise<void> {
  await using backend = await startSocketBackend()
  await using copies = await startSocketBackend()
  const mirror = `mirror /m; location = /m { internal; proxy_pass http://127.0.0.1:${copies.port}$request_uri; }`
  await using proxy = await startProxy({ backendPort: backend.port, server: mirror, location })
  await use({ proxy, backend, copies })
}

const closing = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.once("end", () => socket.end())
    socket.once("close", resolve).resume()
  })

test("the next request of the connection does not wait for a copy", async () => {
  await withMirror(async ({ proxy, backend, copies }) => {
    const client = await proxy.connect()
    await client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
    const [peer, copy] = [await backend.next(), await copies.next()]
    await receiveHead(peer)
    await receiveHead(copy)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    await client.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.match(await receiveHead(peer), /^GET \/2 /)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    assert.equal((await proxy.accessLine(/\/1 /)).completion, "OK")
    copy.end(SMALL_ANSWER)
  })
})

test("a copy's answer that does not end is broken off", async () => {
  await withMirror(async ({ proxy, backend, copies }) => {
    const client = await proxy.connect()
    await client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
    const [peer, copy] = [await backend.next(), await copies.next()]
    await receiveHead(copy)
    const closed = closing(copy)
    copy.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await closed
    await receiveHead(peer)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
  })
})

test("a copy goes on when the client has its answer and is gone", async () => {
  await withMirror(async ({ proxy, backend, copies }) => {
    const bytes = 8 * 1024 * 1024
    const client = await proxy.connectSocket()
    client.write(`POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
    await sendPattern(client, bytes, 3)
    const [peer, copy] = [await backend.next(), await copies.next()]
    await receiveHead(peer)
    assert.deepEqual(await receive(peer, bytes), patternOf(bytes, 3))
    peer.write(SMALL_ANSWER)
    await receiveHead(client)
    client.destroy()
    assert.equal((await proxy.accessLine(/\/1 /)).completion, "OK")
    await proxy.waitForStatus(({ active }) => active === 1)
    assert.match(await receiveHead(copy), new RegExp(`Content-Length: ${bytes}`))
    assert.deepEqual(await receive(copy, bytes), patternOf(bytes, 3))
    copy.end(SMALL_ANSWER)
  }, "client_max_body_size 0;")
})

test("a client that leaves in the middle of its body: no copy, nothing left behind", async () => {
  await withMirror(async ({ proxy, backend, copies }) => {
    const client = await proxy.connectSocket()
    client.write("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
    await proxy.waitForStatus(({ requests }) => requests > 1)
    client.destroy()
    await proxy.accessLine(/\/1 /)
    assert.deepEqual([backend.sockets.length, copies.sockets.length], [0, 0])
    await proxy.waitForStatus(({ active }) => active === 1)
  })
})

test("a request that becomes a tunnel: the copy is asked without an upgrade", async () => {
  await withMirror(async ({ proxy, backend, copies }) => {
    const client = await proxy.connectSocket()
    client.write(upgradeRequest("/ws"), "latin1")
    const [peer, copy] = [await backend.next(), await copies.next()]
    assert.match(await receiveHead(copy), /^GET \/ws /)
    copy.end("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
    assert.match(await receiveHead(peer), /upgrade: echo/i)
    peer.write(SWITCHING)
    assert.match(await receiveHead(client), /^HTTP\/1.1 101 /)
    client.write("ping")
    assert.equal((await receive(peer, 4)).bytes, 4)
    client.destroy()
  })
})

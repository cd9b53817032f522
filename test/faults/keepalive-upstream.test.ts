import assert from "node:assert/strict"
import { test } from "node:test"
import { receiveHead } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "./socket-backend.ts"

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const UPSTREAM = "keepalive 4;"

test("a kept connection that the peer closes while it is idle harms no request", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, upstream: UPSTREAM })
  const client = await proxy.connect()
  const files = proxy.openFiles()
  for (let i = 0; i < 20; i++) {
    await client.send(get(`/${i}`))
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    if (i % 2 === 0) peer.end()
    else peer.resetAndDestroy()
    await proxy.status()
  }
  assert.ok(proxy.openFiles() - files < 6)
  client.destroy()
})

test("a GET on a kept connection that closes as it is written is sent again, on a new one", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, upstream: UPSTREAM })
  const client = await proxy.connect()
  await client.send(get("/first"))
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(SMALL_ANSWER)
  await client.readResponse()
  await client.send(get("/second"))
  assert.match(await receiveHead(peer), /^GET \/second /)
  peer.destroy()
  const fresh = await backend.next()
  assert.match(await receiveHead(fresh), /^GET \/second /)
  fresh.write(SMALL_ANSWER)
  assert.equal((await client.readResponse()).status, 200)
  client.destroy()
})

test("a POST that a new connection took is not sent again", async () => {
  await using backend = await startSocketBackend()
  await using other = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    upstream: `server 127.0.0.1:${other.port}; ${UPSTREAM}`,
  })
  const client = await proxy.connect()
  await client.send("POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
  const peer = await Promise.race([backend.next(), other.next()])
  await receiveHead(peer)
  peer.destroy()
  assert.equal((await client.readResponse()).status, 502)
  assert.equal(backend.sockets.length + other.sockets.length, 1)
  client.destroy()
})

test("a POST that a kept connection took, and that may have been carried out, is not sent again", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, upstream: UPSTREAM })
  const client = await proxy.connect()
  await client.send(get("/first"))
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(SMALL_ANSWER)
  await client.readResponse()
  await client.send("POST /once HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
  assert.match(await receiveHead(peer), /^POST \/once /)
  peer.destroy()
  assert.equal((await client.readResponse()).status, 502)
  assert.equal(backend.sockets.length, 1)
  client.destroy()
})

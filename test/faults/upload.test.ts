import assert from "node:assert/strict"
import { test } from "node:test"
import { patternOf, receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "./socket-backend.ts"

const BYTES = 200 * 1024 * 1024
/** Far below the upload, far above what reads leave behind before it is collected. */
const MEMORY_BYTES = 120 * 1024 * 1024

for (const isTls of [false, true])
  for (const buffering of ["on", "off"]) {
    test(`an upload of 200 MB that its peer does not read for a while stays outside of memory, buffering ${buffering}, ${isTls ? "TLS" : "plain"}`, async () => {
      await using backend = await startSocketBackend()
      await using proxy = await startProxy({
        backendPort: backend.port,
        isTls,
        location: `proxy_request_buffering ${buffering}; client_max_body_size 0;`,
      })
      const client = await proxy.connectSocket()
      const before = proxy.residentBytes()
      client.write(`PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${BYTES}\r\n\r\n`)
      const sent = sendPattern(client, BYTES, 1)
      const peer = await backend.next()
      assert.match(await receiveHead(peer), new RegExp(`content-length: ${BYTES}\r\n`, "i"))
      // The peer stops in between: what comes meanwhile must stay outside.
      const first = await receive(peer, 1_000_000)
      let grown = 0
      for (let i = 0; i < 20; i++) {
        await proxy.status()
        grown = Math.max(grown, proxy.residentBytes() - before)
      }
      assert.equal(first.bytes, 1_000_000)
      const rest = await receive(peer, BYTES - 1_000_000)
      assert.equal(rest.bytes, BYTES - 1_000_000)
      await sent
      peer.write(SMALL_ANSWER)
      assert.match(await receiveHead(client), /^HTTP\/1\.1 200 /)
      grown = Math.max(grown, proxy.residentBytes() - before)
      assert.ok(grown < MEMORY_BYTES, `memory grew by ${grown}`)
      client.destroy()
    })

    test(`an upload of 20 MB is whole, buffering ${buffering}, ${isTls ? "TLS" : "plain"}`, async () => {
      const bytes = 20 * 1024 * 1024
      await using backend = await startSocketBackend()
      await using proxy = await startProxy({
        backendPort: backend.port,
        isTls,
        location: `proxy_request_buffering ${buffering}; client_max_body_size 0;`,
      })
      const client = await proxy.connectSocket()
      client.write(`PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`)
      const sent = sendPattern(client, bytes, 2)
      const peer = await backend.next()
      await receiveHead(peer)
      assert.deepEqual(await receive(peer, bytes), patternOf(bytes, 2))
      await sent
      peer.write(SMALL_ANSWER)
      assert.match(await receiveHead(client), /^HTTP\/1\.1 200 /)
      client.destroy()
    })
  }

for (const buffering of ["on", "off"])
  test(`a client that pauses in its upload is no fault of the peer, buffering ${buffering}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      location: `proxy_request_buffering ${buffering}; proxy_read_timeout 200ms; client_body_buffer_size 1k;`,
    })
    const client = await proxy.connectSocket()
    client.write(`PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n`)
    await sendPattern(client, 2000, 1)
    // Twice as long as the limit: by the clock of two requests that run into it.
    const clock = await proxy.connect()
    for (let i = 0; i < 2; i++) {
      await clock.send("GET /clock HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal((await clock.readResponse()).status, 504)
    }
    clock.destroy()
    await sendPattern(client, 2000, 1)
    for (;;) {
      const peer = await backend.next()
      const head = await receiveHead(peer)
      if (head.startsWith("GET /clock")) continue
      assert.equal((await receive(peer, 4000)).bytes, 4000)
      peer.write(SMALL_ANSWER)
      break
    }
    assert.match(await receiveHead(client), /^HTTP\/1\.1 200 /)
    client.destroy()
  })

for (const buffering of ["on", "off"])
  test(`an answer before the body is sent reaches the client, buffering ${buffering}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      location: `proxy_request_buffering ${buffering}; client_max_body_size 0; client_body_buffer_size 1k;`,
    })
    const client = await proxy.connectSocket()
    client.write("PUT /up HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n")
    void sendPattern(client, 30_000_000, 1)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n")
    const head = await receiveHead(client)
    assert.match(head, /^HTTP\/1\.1 413 /)
    assert.equal((await receive(client, 3)).bytes, 3)
    assert.equal((await proxy.accessLine(/\/up/)).status, 413)
    client.destroy()
  })

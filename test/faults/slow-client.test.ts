import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import { patternOf, pourUntilStuck, receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"
import { startSocketBackend } from "./socket-backend.ts"

const BYTES = 150 * 1024 * 1024
const MEMORY_BYTES = 64 * 1024 * 1024

for (const isTls of [false, true])
  for (const framing of ["length", "chunked", "close"] as const)
    test(`150 MB to a client that stops reading now and then: ${framing}, ${isTls ? "TLS" : "plain"}`, async () => {
      await using backend = await startSocketBackend()
      await using proxy = await startProxy({ backendPort: backend.port, isTls })
      const client = await proxy.connectSocket()
      client.write("GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      const peer = await backend.next()
      await receiveHead(peer)
      const before = proxy.residentBytes()
      const sent = answer(framing, peer)
      await receiveHead(client)
      let bytes = 0
      const step = 1_000_000
      let grown = 0
      if (framing === "length") {
        for (; bytes < 5 * step; bytes += step) {
          await receive(client, step)
          await proxy.status()
          grown = Math.max(grown, proxy.residentBytes() - before)
        }
        const rest = await receive(client)
        assert.equal(bytes + rest.bytes, BYTES)
      } else {
        const body = await receive(client)
        if (framing === "close") assert.ok(body.bytes >= BYTES)
        else assert.ok(body.bytes > BYTES)
      }
      await sent
      assert.ok(grown < MEMORY_BYTES, `memory grew by ${grown}`)
      assert.equal((await proxy.accessLine(/slow/)).completion, "OK")
      peer.destroy()
    })

async function answer(framing: "length" | "chunked" | "close", peer: Socket): Promise<void> {
  if (framing === "length") peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`)
  else if (framing === "close") peer.write("HTTP/1.0 200 OK\r\n\r\n")
  else peer.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${BYTES.toString(16)}\r\n`)
  await sendPattern(peer, BYTES, 1)
  if (framing === "chunked") peer.write("\r\n0\r\n\r\n")
  if (framing === "close") peer.end()
}

test("an answer comes byte for byte from a peer that is slower than the client", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const client = await proxy.connectSocket()
  client.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  const pieces = 100
  peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${pieces * 65_536}\r\n\r\n`)
  const body = receiveHead(client).then(() => receive(client))
  for (let i = 0; i < pieces; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    await sendPattern(peer, 65_536, 3)
  }
  assert.deepEqual(await body, patternOf(pieces * 65_536, 3))
})

test("a client that reads nothing stops the peer, and is cut after send_timeout", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: "send_timeout 300ms; proxy_max_temp_file_size 0;",
  })
  const client = await proxy.connectSocket()
  client.write("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write("HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n")
  const ended = receive(peer)
  const taken = await pourUntilStuck(peer, 200 * 1024 * 1024, 3_000)
  assert.ok(taken < 48 * 1024 * 1024, `${taken} bytes were taken`)
  await ended
  await proxy.edge.waitForLog(/client timed out \(110: Connection timed out\) while sending to client/)
  await proxy.accessLine(/stuck/)
  client.destroy()
})

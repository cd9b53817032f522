import assert from "node:assert/strict"
import { once } from "node:events"
import { connect } from "node:net"
import { test } from "node:test"
import { closed, patternOf, pourUntilStuck, receive, sendPattern } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

const BYTES = 20 * 1024 * 1024

for (const isTls of [false, true]) {
  const over = isTls ? "TLS" : "plain"

  test(`the client's end reaches the peer, whose bytes still arrive, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const { client, peer } = await openTunnel(proxy, backend)
    client.end("last words")
    assert.equal((await receive(peer)).bytes, 10)
    const atClient = receive(client)
    await sendPattern(peer, BYTES, 4)
    peer.end()
    assert.deepEqual(await atClient, patternOf(BYTES, 4))
    const line = await proxy.accessLine(/101/)
    assert.equal(line.upstreamBytesSent > 10, true)
  })

  test(`the peer's end reaches the client, whose bytes still arrive, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const { client, peer } = await openTunnel(proxy, backend)
    peer.end("last words")
    assert.equal((await receive(client)).bytes, 10)
    const atPeer = receive(peer)
    await sendPattern(client, BYTES, 5)
    client.end()
    assert.deepEqual(await atPeer, patternOf(BYTES, 5))
    await closed(client)
    await proxy.accessLine(/101/)
  })

  test(`both ends at once lose nothing of what was on its way, ${over}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const { client, peer } = await openTunnel(proxy, backend)
    const atBoth = Promise.all([receive(client), receive(peer)])
    await Promise.all([sendPattern(client, BYTES, 6), sendPattern(peer, BYTES, 7)])
    client.end()
    peer.end()
    assert.deepEqual(await atBoth, [patternOf(BYTES, 7), patternOf(BYTES, 6)])
    await proxy.accessLine(/101/)
  })
}

test("what a slow peer has not taken yet is not lost when the client ends after it", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  // How much the kernel takes for a peer that does not read. What is a little more waits in the proxy.
  const direct = connect(backend.port, "127.0.0.1")
  await backend.next()
  const capacity = await pourUntilStuck(direct, 200 * 1024 * 1024)
  direct.destroy()
  const sizes = Array.from({ length: 48 }, (_unused, index) => capacity + (index - 24) * 16_000)
  for (const bytes of sizes) {
    const { client, peer } = await openTunnel(proxy, backend)
    client.resume()
    peer.end()
    await once(client, "end")
    await sendPattern(client, bytes, 8)
    client.end()
    await once(client, "finish")
    // The proxy has read the client's end, or waits for the peer: only then the peer begins to read.
    for (let i = 0; i < 5; i++) await proxy.status()
    assert.equal((await receive(peer)).bytes, bytes)
    client.destroy()
  }
})

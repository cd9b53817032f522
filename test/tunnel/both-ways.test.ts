import assert from "node:assert/strict"
import { test } from "node:test"
import { patternOf, receive, sendPattern } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

const BYTES = 24 * 1024 * 1024

for (const isTls of [false, true]) {
  test(`megabytes pass in both directions at once, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const { client, peer, head } = await openTunnel(proxy, backend)
    assert.match(head, /^HTTP\/1\.1 101 /)
    const [atPeer, atClient] = await Promise.all([
      receive(peer, BYTES),
      receive(client, BYTES),
      sendPattern(client, BYTES, 1),
      sendPattern(peer, BYTES, 2),
    ])
    assert.deepEqual(atPeer, patternOf(BYTES, 1))
    assert.deepEqual(atClient, patternOf(BYTES, 2))
    client.destroy()
  })
}

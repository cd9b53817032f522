import assert from "node:assert/strict"
import { test } from "node:test"
import { closed, receive, receiveHead, sendPattern } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { SWITCHING, startSocketBackend } from "../faults/socket-backend.ts"

for (const isTls of [false, true]) {
  test(`the line at a tunnel's end has the bytes of both directions, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const client = await proxy.startUpgrade("/counted")
    const peer = await backend.next()
    const requestHead = await receiveHead(peer)
    peer.write(SWITCHING)
    const responseHead = await receiveHead(client)
    assert.deepEqual(proxy.accessLines(), [])
    const reading = [receive(peer, 300_000), receive(client, 200_000)]
    await Promise.all([sendPattern(client, 300_000, 1), sendPattern(peer, 200_000, 2), ...reading])
    const ended = closed(peer)
    peer.on("end", () => peer.end())
    peer.resume()
    client.resume()
    client.end()
    await ended
    const line = await proxy.accessLine(/counted/)
    assert.equal(line.status, 101)
    assert.equal(line.upstreamStatus, "101")
    assert.equal(line.bytesSent, responseHead.length + 200_000)
    assert.equal(line.upstreamBytesReceived, SWITCHING.length + 200_000)
    assert.equal(line.upstreamBytesSent, requestHead.length + 300_000)
  })
}

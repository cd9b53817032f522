import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { test } from "node:test"
import { patternOf, receive, receiveHead, sendPattern } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

for (const isTls of [false, true]) {
  test(`bytes that came with either head are the first of the tunnel, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const { client, peer } = await openTunnel(proxy, backend, {
      fromClient: "early from the client|",
      fromPeer: "early from the peer|",
    })
    client.write("late from the client")
    peer.write("late from the peer")
    const atPeer = receive(peer, "early from the client|late from the client".length)
    const atClient = receive(client, "early from the peer|late from the peer".length)
    const digest = (text: string): string => createHash("sha256").update(text).digest("hex")
    assert.equal((await atPeer).digest, digest("early from the client|late from the client"))
    assert.equal((await atClient).digest, digest("early from the peer|late from the peer"))
    client.destroy()
  })
}

test("a megabyte that the client sends before the answer waits for it, and none is lost", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const bytes = 1024 * 1024
  const client = await proxy.startUpgrade()
  const sent = sendPattern(client, bytes, 3)
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
  assert.match(await receiveHead(client), /^HTTP\/1\.1 101 /)
  assert.deepEqual(await receive(peer, bytes), patternOf(bytes, 3))
  await sent
  client.destroy()
})

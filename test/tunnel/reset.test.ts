import assert from "node:assert/strict"
import { test } from "node:test"
import { closed } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

test("a client that resets ends the peer's connection, and the line of the log is written", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const { client, peer } = await openTunnel(proxy, backend)
  const ended = closed(peer)
  peer.on("end", () => peer.end())
  peer.resume()
  client.resetAndDestroy()
  await ended
  assert.equal((await proxy.accessLine(/101/)).status, 101)
  await proxy.waitForStatus(({ active }) => active === 1)
})

test("a peer that resets ends the client's connection", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const { client, peer } = await openTunnel(proxy, backend)
  const ended = closed(client)
  client.on("end", () => client.end())
  client.resume()
  peer.resetAndDestroy()
  await ended
  assert.equal((await proxy.accessLine(/101/)).status, 101)
  assert.match(
    proxy.edge.errorLog(),
    /\[(error|info)\] .*recv\(\) failed \(104: Connection reset by peer\) while proxying upgraded connection/,
  )
  await proxy.waitForStatus(({ active }) => active === 1)
})

test("a TLS client that cuts its connection ends the peer's", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, isTls: true })
  const { client, peer } = await openTunnel(proxy, backend)
  const ended = closed(peer)
  peer.on("end", () => peer.end())
  peer.resume()
  client.destroy()
  await ended
  await proxy.accessLine(/101/)
  await proxy.waitForStatus(({ active }) => active === 1)
})

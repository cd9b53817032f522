import assert from "node:assert/strict"
import { test } from "node:test"
import { closed, pourUntilStuck } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

const OFFERED = 200 * 1024 * 1024

test("a client that never reads is cut after send_timeout", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, location: "send_timeout 300ms;" })
  const { client, peer } = await openTunnel(proxy, backend)
  const ended = closed(peer)
  peer.on("end", () => peer.end())
  peer.resume()
  void pourUntilStuck(peer, OFFERED, 60_000)
  await ended
  await proxy.edge.waitForLog(
    /client timed out \(110: Connection timed out\) while proxying upgraded connection/,
  )
  assert.equal((await proxy.accessLine(/101/)).status, 101)
  client.destroy()
})

test("a peer that never reads is cut after proxy_send_timeout", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, location: "proxy_send_timeout 300ms;" })
  const { client, peer } = await openTunnel(proxy, backend)
  const ended = closed(client)
  client.on("end", () => client.end())
  client.resume()
  void pourUntilStuck(client, OFFERED, 60_000)
  await ended
  await proxy.edge.waitForLog(
    /upstream timed out \(110: Connection timed out\) while proxying upgraded connection/,
  )
  await proxy.accessLine(/101/)
  peer.destroy()
})

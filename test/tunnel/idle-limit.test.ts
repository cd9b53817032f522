import assert from "node:assert/strict"
import { test } from "node:test"
import { closed } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

for (const isTls of [false, true]) {
  test(`a tunnel without a byte for proxy_read_timeout is ended, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      isTls,
      location: "proxy_read_timeout 300ms;",
    })
    const { client, peer } = await openTunnel(proxy, backend)
    const ended = Promise.all([closed(client), closed(peer)])
    for (const socket of [client, peer]) {
      socket.on("end", () => socket.end())
      socket.resume()
    }
    await ended
    assert.equal((await proxy.accessLine(/101/)).status, 101)
    await proxy.edge.waitForLog(
      /upstream timed out \(110: Connection timed out\) while proxying upgraded connection/,
    )
  })
}

test("bytes in one direction alone keep a tunnel open past proxy_read_timeout", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, location: "proxy_read_timeout 600ms;" })
  const idle = await openTunnel(proxy, backend)
  const busy = await openTunnel(proxy, backend)
  const beat = setInterval(() => busy.client.write("beat"), 50)
  busy.peer.resume()
  const idleEnded = closed(idle.client)
  idle.client.on("end", () => idle.client.end())
  idle.client.resume()
  await idleEnded
  // Two limits' worth of beats, counted by the second idle tunnel's end.
  const second = await openTunnel(proxy, backend)
  const secondEnded = closed(second.client)
  second.client.on("end", () => second.client.end())
  second.client.resume()
  await secondEnded
  clearInterval(beat)
  busy.client.resume()
  assert.equal(busy.client.readableEnded, false)
  busy.client.destroy()
})

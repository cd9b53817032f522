import assert from "node:assert/strict"
import { test } from "node:test"
import { receive } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { closeTunnel, type OpenTunnel, openTunnel } from "./open-tunnel.ts"

const ROUNDS = 5
const AT_ONCE = 100

for (const isTls of [false, true]) {
  test(`500 tunnels leave no socket behind, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    closeTunnel(await openTunnel(proxy, backend))
    const before = await proxy.waitForStatus(({ active }) => active === 1)
    const files = proxy.openFiles()
    for (let round = 0; round < ROUNDS; round++) {
      const tunnels: OpenTunnel[] = []
      // One by one: each client must know which of the backend's connections is its own.
      while (tunnels.length < AT_ONCE) tunnels.push(await openTunnel(proxy, backend))
      assert.equal((await proxy.status()).active, AT_ONCE + 1)
      await Promise.all(
        tunnels.map(async ({ client, peer }, index) => {
          client.write("x")
          await receive(peer, 1)
          // Each way to end: by either side, cleanly, half, or with a reset.
          const [one, other] = index % 2 === 0 ? [client, peer] : [peer, client]
          other.on("end", () => other.end())
          other.resume()
          one.resume()
          if (index % 3 === 0) one.end()
          else if (index % 3 === 1 || isTls) one.destroy()
          else one.resetAndDestroy()
        }),
      )
      await proxy.waitForStatus(({ active }) => active === 1)
    }
    const after = await proxy.status()
    assert.equal(after.writing, before.writing)
    assert.equal(after.reading, before.reading)
    assert.equal(after.waiting, before.waiting)
    await proxy.edge.waitUntil(
      "all lines",
      () => proxy.accessLines().length === ROUNDS * AT_ONCE + 1 || undefined,
    )
    const left = proxy.openFiles() - files
    assert.ok(left <= 2, `${left} descriptors more than before`)
  })
}

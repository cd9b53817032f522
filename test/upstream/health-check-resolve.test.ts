/** Health checks of servers whose addresses come and go. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { addresses, namesOf, startResolvingProxy, untilNames } from "./name-server.ts"

for (const workers of [1, 2])
  it(`addresses that are found later are checked, too, with ${workers} workers`, async (t) => {
    // Nobody listens at 127.0.0.9.
    const proxy = await startResolvingProxy(t, {
      upstream: "resolver {dns}; server app.test:{port} resolve max_fails=0;",
      location: "health_check interval=50ms mandatory; proxy_next_upstream off;",
      zone: { "app.test": addresses(["127.0.0.1"]) },
      workers,
    })
    await untilNames(proxy, "1")
    proxy.zone.set("app.test", addresses(["127.0.0.1", "127.0.0.9", "127.0.0.2"]))
    await proxy.edge.waitForLog(
      new RegExp(
        `peer is unhealthy while connecting to upstream, .* of peer 127\\.0\\.0\\.9:${proxy.backendPort} in upstream "backend"`,
      ),
    )
    await untilNames(proxy, "1 2")
    assert.equal(await namesOf(proxy, 8), "1 2")
    // It keeps what is known of it while others go.
    proxy.zone.set("app.test", addresses(["127.0.0.9", "127.0.0.2"]))
    await untilNames(proxy, "2")
    assert.equal(proxy.edge.errorLog().match(/peer is unhealthy/g)?.length, 1)
  })

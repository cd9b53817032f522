import assert from "node:assert/strict"
import { it } from "node:test"
import { httpAnswer } from "../support/raw-backend.ts"
import { named, nameOf, startProxy } from "./backends.ts"
import { checkedProxy, healthy, unhealthy } from "./checked.ts"

it("a server that becomes healthy begins with next to nothing", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=20ms", server: "slow_start=1h", workers: 2 })
  const [a] = proxy.named
  a.answer = httpAnswer("sick", "", "500 Internal Server Error")
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  a.answer = null
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  for (let i = 0; i < 20; i++) assert.equal(await nameOf(proxy, "/"), "b")
})

it("and so does one with mandatory, but where all begin they share", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=20ms mandatory", server: "slow_start=1h" })
  for (const backend of proxy.named) await proxy.edge.waitForLog(healthy(backend, "checking status code"))
  const names = new Set<string>()
  for (let i = 0; i < 20; i++) names.add(await nameOf(proxy, "/"))
  assert.deepEqual([...names].sort(), ["a", "b"])
})

it("a server that comes back after fail_timeout does, too", async (t) => {
  let isSick = true
  const proxy = await startProxy(t, {
    upstream: "zone backend 64k; server {a} fail_timeout=1s slow_start=1h; server {b};",
    scripts: [(request) => (isSick ? { after: "reset" } : named("a")(request)), named("b")],
  })
  assert.equal(await nameOf(proxy, "/"), "b")
  await proxy.edge.waitForLog(/upstream server temporarily disabled/)
  isSick = false
  // One request finds out that it is back; the next ones are few.
  while ((await nameOf(proxy, "/")) !== "a");
  for (let i = 0; i < 20; i++) assert.equal(await nameOf(proxy, "/"), "b")
})

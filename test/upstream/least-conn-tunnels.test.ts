import assert from "node:assert/strict"
import { it } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { named, nameOf, startProxy, upgrade } from "./backends.ts"

it("least_conn counts tunnels until they end", async (t) => {
  const proxy = await startProxy(t, { upstream: "least_conn; server {a}; server {b};" })
  const tunnels = []
  for (let i = 0; i < 4; i++) tunnels.push(await upgrade(t, proxy, "/"))
  assert.deepEqual(tunnels.map(({ name }) => name).sort(), ["a", "a", "b", "b"])
  const toB = tunnels.filter(({ name }) => name === "b")
  for (const { client } of toB) client.destroy()
  // The edge has ended a tunnel when its backend sees the end.
  await proxy.backends[1]?.until(({ connections }) => connections.every(({ ended }) => ended))
  for (let i = 0; i < 2; i++) assert.equal((await upgrade(t, proxy, "/")).name, "b")
})

it("least_conn counts the tunnels of all workers where the group has a zone", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "zone z 64k; least_conn; server {a}; server {b}; server {c};",
    workers: 2,
  })
  const names: string[] = []
  for (let i = 0; i < 12; i++) names.push((await upgrade(t, proxy, "/")).name)
  for (const name of ["a", "b", "c"]) assert.equal(names.filter((other) => other === name).length, 4)
})

it("max_conns is given back when a tunnel ends", async (t) => {
  const proxy = await startProxy(t, { upstream: "server {a} max_conns=1; server {b} backup;" })
  const tunnel = await upgrade(t, proxy, "/")
  assert.equal(tunnel.name, "a")
  assert.equal(await nameOf(proxy, "/"), "b")
  tunnel.client.destroy()
  await proxy.backends[0]?.until(({ connections }) => connections.every(({ ended }) => ended))
  assert.equal(await nameOf(proxy, "/"), "a")
})

it("least_time header prefers the fast server, for upgrades as well", async (t) => {
  const slow = named("a")
  const proxy = await startProxy(t, {
    upstream: "least_time header; server {a}; server {b};",
    scripts: [
      async (request) => {
        await pause(300)
        return slow(request)
      },
      named("b"),
    ],
  })
  // One measure of each, in turn; then the difference speaks.
  for (let i = 0; i < 2; i++) await nameOf(proxy, "/")
  for (let i = 0; i < 4; i++) assert.equal(await nameOf(proxy, "/"), "b")
  assert.equal((await upgrade(t, proxy, "/")).name, "b")
})

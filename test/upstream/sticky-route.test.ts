import assert from "node:assert/strict"
import { it } from "node:test"
import { ask, fields, nameOf, startProxy, upgrade } from "./backends.ts"

const ROUTED = "server {a} route=one; server {b} route=two; server {c} route=three;"

it("the first variable that is not empty names the server", async (t) => {
  const proxy = await startProxy(t, { upstream: `${ROUTED} sticky route $cookie_route $arg_route;` })
  for (let i = 0; i < 3; i++) {
    assert.equal(await nameOf(proxy, "/?route=two"), "b")
    assert.equal(await nameOf(proxy, "/?route=two", "Cookie: route=three\r\n"), "c")
    assert.equal(await nameOf(proxy, "/?route=two", "Cookie: route=\r\n"), "b")
  }
})

it("a route of nobody leaves the choice to the balancer, and no cookie is set", async (t) => {
  const proxy = await startProxy(t, { upstream: `${ROUTED} sticky route $arg_route;` })
  const names: string[] = []
  for (const target of ["/", "/?route=", "/?route=four"]) {
    const answer = await ask(proxy, target)
    assert.deepEqual(fields(answer, "set-cookie"), [])
    names.push(fields(answer, "x-backend")[0] ?? "")
  }
  assert.deepEqual(names, ["a", "b", "c"])
})

it("a variable that is defined further below", async (t) => {
  const proxy = await startProxy(t, {
    upstream: `${ROUTED} sticky route $http_x_server;`,
  })
  assert.equal(await nameOf(proxy, "/", "X-Server: three\r\n"), "c")
})

it("upgrades are routed, too", async (t) => {
  const proxy = await startProxy(t, { upstream: `${ROUTED} sticky route $arg_route;` })
  for (let i = 0; i < 3; i++) assert.equal((await upgrade(t, proxy, "/?route=two")).name, "b")
})

it("a bound server that is full or down does not answer", async (t) => {
  const proxy = await startProxy(t, {
    upstream:
      "server {a} route=one max_conns=1; server {b} route=two down; server {c} route=three; sticky route $arg_route;",
  })
  assert.equal((await upgrade(t, proxy, "/?route=one")).name, "a")
  assert.equal(await nameOf(proxy, "/?route=one"), "c")
  assert.equal(await nameOf(proxy, "/?route=two"), "c")
})

it("a backup is bound only where the primaries are gone", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "server {a} route=one; server {b} route=two backup; sticky route $arg_route;",
  })
  assert.equal(await nameOf(proxy, "/?route=two"), "a")
  const down = await startProxy(t, {
    upstream:
      "server {a} down; server {b} route=two backup; server {c} route=three backup; sticky route $arg_route;",
  })
  for (let i = 0; i < 3; i++) assert.equal(await nameOf(down, "/?route=three"), "c")
})

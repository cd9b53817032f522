import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { it } from "node:test"
import { httpAnswer } from "../support/raw-backend.ts"
import { ask, fields, named, nameOf, type ProxyUnderTest, startProxy, upgrade } from "./backends.ts"

const md5 = (text: string): string => createHash("md5").update(text).digest("hex")
const idOf = (proxy: ProxyUnderTest, index: number): string => md5(`127.0.0.1:${proxy.backends[index]?.port}`)
const SERVERS = "server {a}; server {b}; server {c};"

it("the first answer names the server, and its cookie leads back there", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} sticky cookie srv;` })
  const first = await ask(proxy, "/")
  assert.deepEqual(fields(first, "set-cookie"), [`srv=${idOf(proxy, 0)}`])
  for (let i = 0; i < 5; i++)
    for (const [index, name] of ["a", "b", "c"].entries()) {
      const answer = await ask(proxy, "/", `Cookie: x=y; srv=${idOf(proxy, index)}\r\n`)
      assert.deepEqual(fields(answer, "x-backend"), [name])
      // As nginx: the cookie is set anew each time, so that it lasts from now on.
      assert.deepEqual(fields(answer, "set-cookie"), [`srv=${idOf(proxy, index)}`])
    }
})

it("without a cookie, or with one of no server, the balancer chooses", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} sticky cookie srv;` })
  const names: string[] = []
  for (const cookie of ["", "Cookie: srv=\r\n", "Cookie: srv=nobody\r\n"])
    names.push(await nameOf(proxy, "/", cookie))
  assert.deepEqual(names, ["a", "b", "c"])
})

it("all attributes, in nginx's order", async (t) => {
  const proxy = await startProxy(t, {
    upstream:
      "server {a} route=one; sticky cookie srv path=/p samesite=Lax secure httponly domain=.$host expires=1h;",
  })
  const before = Math.floor(Date.now() / 1000)
  const [cookie] = fields(await ask(proxy, "/"), "set-cookie")
  const found =
    /^srv=one; expires=(\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT); max-age=3600; domain=\.a\.test; httponly; secure; samesite=Lax; path=\/p$/.exec(
      cookie ?? "",
    )
  assert.ok(found?.[1], cookie)
  const seconds = Date.parse(found[1].replaceAll("-", " ")) / 1000
  assert.ok(seconds >= before + 3599 && seconds <= Date.now() / 1000 + 3601)
})

it("expires=max, and samesite of a variable", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "server {a} route=one; sticky cookie srv expires=max samesite=$arg_site;",
  })
  const max = "srv=one; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"
  for (const [site, expected] of [
    ["none", "; samesite=none"],
    ["often", "; samesite=strict"],
    ["", ""],
  ])
    assert.deepEqual(fields(await ask(proxy, `/?site=${site}`), "set-cookie"), [max + expected])
})

it("the server's own cookies stay", async (t) => {
  const proxy = await startProxy(t, { upstream: "server {a} route=one; sticky cookie srv;" })
  assert.deepEqual(fields(await ask(proxy, "/?new=s1"), "set-cookie").sort(), ["session=s1", "srv=one"])
})

it("where the server is gone another one answers, and its cookie takes the place", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "server {dead} route=dead; server {b} route=two; sticky cookie srv;",
  })
  const answer = await ask(proxy, "/", "Cookie: srv=dead\r\n")
  assert.deepEqual(fields(answer, "x-backend"), ["b"])
  assert.deepEqual(fields(answer, "set-cookie"), ["srv=two"])
})

it("when no server is left, the 502 has the cookie of the last one", async (t) => {
  const proxy = await startProxy(t, { upstream: "server {dead} route=dead; sticky cookie srv;" })
  const answer = await ask(proxy, "/")
  assert.equal(answer.status, 502)
  assert.deepEqual(fields(answer, "set-cookie"), ["srv=dead"])
})

it("with no live server there is no cookie", async (t) => {
  const proxy = await startProxy(t, { upstream: "server {a} down; server {b} down; sticky cookie srv;" })
  const answer = await ask(proxy, "/", "Cookie: srv=nobody\r\n")
  assert.equal(answer.status, 502)
  assert.deepEqual(fields(answer, "set-cookie"), [])
})

it("an upgrade gets the cookie with its 101, and goes where it leads", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} sticky cookie srv;` })
  const first = await upgrade(t, proxy, "/")
  assert.equal(first.response.status, 101)
  const [cookie] = fields(first.response, "set-cookie")
  assert.equal(cookie, `srv=${idOf(proxy, 0)}`)
  for (let i = 0; i < 4; i++)
    assert.equal((await upgrade(t, proxy, "/", `Cookie: ${cookie}\r\n`)).name, first.name)
  assert.equal(await nameOf(proxy, "/", `Cookie: ${cookie}\r\n`), first.name)
})

it("a draining server keeps those who are bound to it, until its line is removed", async (t) => {
  const upstream = "server {a} route=one drain; server {b} route=two; sticky cookie srv;"
  const proxy = await startProxy(t, { upstream })
  for (let i = 0; i < 4; i++) assert.equal(await nameOf(proxy, "/"), "b")
  for (let i = 0; i < 4; i++) assert.equal(await nameOf(proxy, "/", "Cookie: srv=one\r\n"), "a")
  const tunnel = await upgrade(t, proxy, "/", "Cookie: srv=one\r\n")
  assert.equal(tunnel.name, "a")
})

for (const method of [
  "ip_hash;",
  "hash $uri;",
  "hash $uri consistent;",
  "least_conn;",
  "random;",
  "random two;",
  "least_time header;",
  "least_time last_byte inflight;",
])
  it(`on top of ${method}`, async (t) => {
    const proxy = await startProxy(t, {
      upstream: `${method} server {a} route=one; server {b} route=two; server {c} route=three; sticky cookie srv;`,
    })
    for (let i = 0; i < 3; i++)
      for (const [route, name] of [
        ["one", "a"],
        ["two", "b"],
        ["three", "c"],
      ])
        assert.equal(await nameOf(proxy, `/${i}`, `Cookie: srv=${route}\r\n`), name)
    const free = await ask(proxy, "/")
    const [cookie] = fields(free, "set-cookie")
    assert.equal(cookie, `srv=${{ a: "one", b: "two", c: "three" }[fields(free, "x-backend")[0] ?? ""]}`)
  })

it("an answer that is passed over leaves the cookie of the one that came after", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "server {a} route=one; server {b} route=two; sticky cookie srv;",
    location: "proxy_next_upstream http_503;",
    scripts: [httpAnswer("", "", "503 Service Unavailable"), named("b")],
  })
  const answer = await ask(proxy, "/", "Cookie: srv=one\r\n")
  assert.deepEqual(fields(answer, "x-backend"), ["b"])
  assert.deepEqual(fields(answer, "set-cookie"), ["srv=two"])
})

it("a method below sticky takes its effect away, as in nginx, with a warning", async (t) => {
  const proxy = await startProxy(t, { upstream: `sticky cookie srv; least_conn; ${SERVERS}` })
  assert.deepEqual(fields(await ask(proxy, "/"), "set-cookie"), [])
  assert.match(proxy.edge.stderr + proxy.edge.errorLog(), /load balancing method redefined/)
})

import assert from "node:assert/strict"
import { it } from "node:test"
import { holdfastProgram } from "../support/holdfast.ts"
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { ask, fields, named, nameOf, startProxy, upgrade } from "./backends.ts"

const SERVERS = "server {a}; server {b}; server {c};"
const LEARN = "sticky learn create=$upstream_cookie_session lookup=$cookie_session zone=sessions:64k"

const cookie = (session: string): string => `Cookie: session=${session}\r\n`

it("a session that a server has begun goes on with it", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  const begun = new Map<string, string>()
  for (const session of ["s1", "s2", "s3", "s4"]) begun.set(session, await nameOf(proxy, `/?new=${session}`))
  assert.equal(new Set(begun.values()).size, 3)
  for (let i = 0; i < 3; i++)
    for (const [session, name] of begun) assert.equal(await nameOf(proxy, "/", cookie(session)), name)
})

it("no cookie of the proxy's own is set", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  assert.deepEqual(fields(await ask(proxy, "/?new=s1"), "set-cookie"), ["session=s1"])
})

it("a session that nobody has begun is not learnt", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  const names: string[] = []
  for (let i = 0; i < 3; i++) names.push(await nameOf(proxy, "/", cookie("unknown")))
  assert.deepEqual(names, ["a", "b", "c"])
})

it("a session that is begun anew elsewhere moves", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  const first = await nameOf(proxy, "/?new=s1")
  const second = await nameOf(proxy, "/?new=s1")
  assert.notEqual(first, second)
  for (let i = 0; i < 3; i++) assert.equal(await nameOf(proxy, "/", cookie("s1")), second)
})

it("all workers know the sessions", async (t) => {
  const proxy = await startProxy(t, { upstream: `zone z 64k; ${SERVERS} ${LEARN};`, workers: 2 })
  for (let i = 0; i < 20; i++) {
    const name = await nameOf(proxy, `/?new=w${i}`)
    for (let again = 0; again < 3; again++) assert.equal(await nameOf(proxy, "/", cookie(`w${i}`)), name)
  }
})

it("sessions outlive a reload, and follow the server where its line moves", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  await nameOf(proxy, "/?new=s0")
  const name = await nameOf(proxy, "/?new=s1")
  proxy.edge.writeConfig(holdfastProgram, proxy.config(`server {c}; server {b}; server {a}; ${LEARN};`))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(/configuration reloaded/)
  for (let i = 0; i < 5; i++) assert.equal(await nameOf(proxy, "/", cookie("s1")), name)
})

it("a tunnel's session is learnt with its 101, and it leads upgrades and requests to one server", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  await nameOf(proxy, "/")
  const tunnel = await upgrade(t, proxy, "/?new=s1")
  assert.equal(tunnel.name, "b")
  for (let i = 0; i < 3; i++) {
    assert.equal(await nameOf(proxy, "/", cookie("s1")), "b")
    assert.equal((await upgrade(t, proxy, "/", cookie("s1"))).name, "b")
  }
})

it("header: the session is there as soon as the head is", async (t) => {
  const slow = (name: string): BackendScript => {
    const plain = named(name)
    const begun = `HTTP/1.1 200 OK\r\nX-Backend: ${name}\r\nSet-Cookie: session=s1\r\n`
    return (request) =>
      request.target.startsWith("/slow")
        ? `${begun}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`
        : plain(request)
  }
  const proxy = await startProxy(t, {
    upstream: `${SERVERS} ${LEARN} header;`,
    location: "proxy_buffering off;",
    scripts: ["a", "b", "c"].map(slow),
  })
  const client = await RawClient.connect({ port: proxy.port })
  t.after(() => client.destroy())
  await client.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
  await client.waitForBytesOrEnd()
  for (let i = 0; i < 4; i++) assert.equal(await nameOf(proxy, "/", cookie("s1")), "a")
})

it("an answer that is passed over begins no session", async (t) => {
  const proxy = await startProxy(t, {
    upstream: `server {a}; server {b}; ${LEARN};`,
    location: "proxy_next_upstream http_404;",
    scripts: [httpAnswer("", "Set-Cookie: session=s1\r\n", "404 Not Found"), named("b")],
  })
  assert.equal(await nameOf(proxy, "/"), "b")
  assert.equal(await nameOf(proxy, "/?new=s2"), "b")
  assert.equal(await nameOf(proxy, "/", cookie("s2")), "b")
})

it("a zone does not change hands in a reload", async (t) => {
  const proxy = await startProxy(t, { upstream: `${SERVERS} ${LEARN};` })
  const moved = proxy
    .config(SERVERS)
    .replace("http {", `http { upstream other { server 127.0.0.1:1; ${LEARN}; }`)
  proxy.edge.writeConfig(holdfastProgram, moved)
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(
    /\[emerg\].*sticky zone "sessions" is used in upstream "other" while previously it was used in upstream "backend"/,
  )
  assert.equal(await nameOf(proxy, "/"), "a")
})

it("a full zone gives up the session that was not used for the longest time, and says so", async (t) => {
  const proxy = await startProxy(t, {
    upstream: `${SERVERS} ${LEARN.replace("64k", "32k")};`,
  })
  const first = await nameOf(proxy, "/?new=first")
  assert.equal(await nameOf(proxy, "/", cookie("first")), first)
  const warning =
    /\[warn\].*could not allocate node in sticky session zone "sessions", expiring least recently used session/
  for (let i = 0; i < 300 && !warning.test(proxy.edge.errorLog()); i++) await nameOf(proxy, `/?new=n${i}`)
  await proxy.edge.waitForLog(warning)
})

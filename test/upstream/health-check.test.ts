import assert from "node:assert/strict"
import { join } from "node:path"
import { it } from "node:test"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { makeTempFolder } from "../support/temp.ts"
import { nameOf, type ProxyUnderTest } from "./backends.ts"
import { checkedProxy, healthy, unhealthy } from "./checked.ts"

const SICK = httpAnswer("sick", "", "500 Internal Server Error")

async function namesOf(proxy: ProxyUnderTest, count = 6): Promise<string[]> {
  const names = new Set<string>()
  for (let i = 0; i < count; i++) names.add(await nameOf(proxy, "/"))
  return [...names].sort()
}

it("a server whose check fails gets no requests until one passes", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=50ms" })
  const [a] = proxy.named
  await a.asked(2)
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy), ["b"])
  a.answer = null
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy), ["a", "b"])
})

it("fails= and passes= count checks in a row", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=20ms fails=3 passes=2" })
  const [a] = proxy.named
  a.answers.push(SICK, SICK, httpAnswer("fine"), SICK, SICK, SICK)
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  assert.equal(a.answers.length, 0)
  a.answer = SICK
  a.answers.push(httpAnswer("fine"), SICK, httpAnswer("fine"), httpAnswer("fine"))
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  assert.equal(a.answers.length, 0)
  assert.equal(proxy.edge.errorLog().match(/peer is unhealthy/g)?.length, 1)
})

it("at first all servers count as healthy", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=1h" })
  const [a, b] = proxy.named
  await Promise.all([a.asked(1), b.asked(1)])
  assert.deepEqual(await namesOf(proxy), ["a", "b"])
  assert.doesNotMatch(proxy.edge.errorLog(), /peer is/)
})

it("where all are unhealthy there is no live upstream, also in a group of one", async (t) => {
  const port = await freePort()
  const [sick, dead] = [await startRawBackend(SICK), await freePort()]
  const edge = await startHoldfast(`events {} http {
    upstream two { zone two 64k; server 127.0.0.1:${sick.port}; server 127.0.0.1:${dead} backup; }
    upstream one { zone one 64k; server 127.0.0.1:${sick.port}; }
    server { listen 127.0.0.1:${port};
      location / { proxy_pass http://two; health_check interval=50ms; }
      location /one { proxy_pass http://one; health_check interval=50ms; } } }`)
  t.after(async () => {
    await edge.stop()
    await sick.close()
  })
  for (const group of ["two", "one"])
    await edge.waitForLog(
      new RegExp(`peer is unhealthy .* of peer 127\\.0\\.0\\.1:${sick.port} in upstream "${group}"`),
    )
  await edge.waitForLog(
    new RegExp(`peer is unhealthy while connecting to upstream, .*:${dead} in upstream "two"`),
  )
  const proxy: ProxyUnderTest = { edge, port, backends: [], config: () => "" }
  for (const target of ["/", "/one"]) assert.equal(await nameOf(proxy, target), "502")
  await edge.waitForLog(/no live upstreams while connecting to upstream/)
})

it("the request is a GET of the uri, by the location's proxy settings", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=1h uri=/check/deep?x=1" })
  const [a] = proxy.named
  await a.asked(1)
  assert.equal(a.raw.received, "GET /check/deep?x=1 HTTP/1.1\r\nConnection: close\r\nHost: backend\r\n\r\n")
})

it("proxy_set_header is evaluated, most variables are empty", async (t) => {
  const location = `proxy_http_version 1.0; proxy_set_header Host $host; proxy_set_header X-Uri $request_uri;
    proxy_set_header X-Client "<$remote_addr>"; proxy_set_header X-Name $server_name; proxy_set_header X-None $arg_a;`
  const proxy = await checkedProxy(t, { check: "interval=1h", location })
  const [a] = proxy.named
  await a.asked(1)
  assert.equal(
    a.raw.received,
    "GET /check HTTP/1.0\r\nHost: checks.test\r\nX-Uri: /check\r\nX-Client: <>\r\nX-Name: checks.test\r\nConnection: close\r\n\r\n",
  )
})

it("the time limits are those of the location", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=50ms", location: "proxy_read_timeout 100ms;" })
  const [a] = proxy.named
  a.answer = { after: "keep" }
  await proxy.edge.waitForLog(unhealthy(a, "reading response header from upstream"))
  await proxy.edge.waitForLog(
    /\[error\].* upstream timed out \(110: Connection timed out\) while reading response header from upstream, health check "" of peer/,
  )
})

for (const { what, answer, log } of [
  {
    what: "a closed connection",
    answer: { after: "end" as const },
    log: /upstream prematurely closed connection/,
  },
  {
    what: "a reset",
    answer: { after: "reset" as const },
    log: /recv\(\) failed \(104: Connection reset by peer\)/,
  },
  { what: "no HTTP", answer: "SSH-2.0-x\r\n", log: /upstream sent invalid header/ },
  {
    what: "half a head",
    answer: { send: "HTTP/1.1 200 OK\r\nX", after: "end" as const },
    log: /prematurely closed/,
  },
])
  it(`${what} is a failed check`, async (t) => {
    const proxy = await checkedProxy(t, { check: "interval=50ms" })
    const [a] = proxy.named
    a.answer = answer
    await proxy.edge.waitForLog(unhealthy(a, "reading response header from upstream"))
    assert.match(proxy.edge.errorLog(), log)
  })

it("a server that refuses connections, and comes up", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=50ms", dead: ["a"] })
  const [a] = proxy.named
  await proxy.edge.waitForLog(unhealthy(a, "connecting to upstream"))
  assert.match(
    proxy.edge.errorLog(),
    /\[error\].* connect\(\) failed \(111: Connection refused\) while connecting to upstream, health check "" of peer/,
  )
  await a.start()
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy), ["a", "b"])
})

it("port= asks another port of the server", async (t) => {
  const sick = await startRawBackend(SICK)
  t.after(() => sick.close())
  const proxy = await checkedProxy(t, { check: `interval=50ms port=${sick.port}` })
  const [a, b] = proxy.named
  for (const { port } of [a, b])
    await proxy.edge.waitForLog(
      new RegExp(
        `peer is unhealthy .* of peer 127\\.0\\.0\\.1:${port} in upstream "backend", port ${sick.port}\n`,
      ),
    )
  assert.equal(a.checks.length + b.checks.length, 0)
  assert.equal(await nameOf(proxy, "/"), "502")
})

it("mandatory: no requests before the first check", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=1h mandatory fails=5 passes=5", dead: ["b"] })
  const [a, b] = proxy.named
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  await proxy.edge.waitForLog(unhealthy(b, "connecting to upstream"))
  assert.deepEqual(await namesOf(proxy), ["a"])
})

it("mandatory: while the first check is under way there is no live upstream", async (t) => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const slow = await startRawBackend(async ({ target }) => {
    if (target === "/check") await gate
    return httpAnswer("slow", "X-Backend: slow\r\n")
  })
  const port = await freePort()
  const edge = await startHoldfast(`events {} http {
    upstream slow { zone slow 64k; server 127.0.0.1:${slow.port}; }
    server { listen 127.0.0.1:${port}; location / { proxy_pass http://slow; health_check uri=/check mandatory; } } }`)
  t.after(async () => {
    await edge.stop()
    await slow.close()
  })
  const proxy: ProxyUnderTest = { edge, port, backends: [], config: () => "" }
  await slow.until(({ requestCount }) => requestCount === 1)
  assert.equal(await nameOf(proxy, "/"), "502")
  open()
  await edge.waitForLog(/\[notice\].* peer is healthy while checking status code/)
  assert.equal(await nameOf(proxy, "/"), "slow")
})

it("of several checks of a group each one has to pass", async (t) => {
  const proxy = await checkedProxy(t, {
    check: "interval=50ms",
    locations:
      "location /other { proxy_pass http://backend; health_check interval=50ms uri=/check/other match=m; }",
    http: "match m { header X-Backend; }",
  })
  const [a, b] = proxy.named
  // What both checks get: a 200 without the field.
  for (const backend of [a, b]) await proxy.edge.waitForLog(unhealthy(backend, "checking header", "m"))
  assert.equal(await nameOf(proxy, "/"), "502")
  b.answer = httpAnswer("fine", "X-Backend: b\r\n")
  await proxy.edge.waitForLog(healthy(b, "checking header", "m"))
  assert.deepEqual(await namesOf(proxy), ["b"])
})

it("keepalive_time keeps connections for checks, for so long", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=20ms keepalive_time=1h" })
  const [a] = proxy.named
  await a.asked(5)
  assert.equal(a.raw.connections.length, 1)
  assert.doesNotMatch(a.raw.received, /connection/i)
  // What the server closes meanwhile says nothing of it.
  a.raw.connections[0]?.socket.destroy()
  await a.asked(a.checks.length + 3)
  assert.ok(a.raw.connections.length >= 2)
  assert.doesNotMatch(proxy.edge.errorLog(), /peer is unhealthy/)
})

it("without keepalive_time each check has a connection of its own", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=20ms" })
  const [a] = proxy.named
  await a.asked(4)
  assert.equal(a.raw.connections.length, a.checks.length)
})

it("servers on unix sockets are checked, backup servers too, those that are down are not", async (t) => {
  const path = join(makeTempFolder("check"), "s")
  const [unix, backup, down] = [
    await startRawBackend(SICK, { path }),
    await startRawBackend(SICK),
    await startRawBackend(SICK),
  ]
  const port = await freePort()
  const edge = await startHoldfast(`events {} http {
    upstream mixed { zone mixed 64k; server unix:${path}; server 127.0.0.1:${backup.port} backup; server 127.0.0.1:${down.port} down; }
    server { listen 127.0.0.1:${port}; location / { proxy_pass http://mixed; health_check interval=50ms; } } }`)
  t.after(async () => {
    await edge.stop()
    for (const backend of [unix, backup, down]) await backend.close()
  })
  await edge.waitForLog(new RegExp(`peer is unhealthy .* of peer unix:${path} in upstream "mixed"`))
  await edge.waitForLog(new RegExp(`peer is unhealthy .* of peer 127.0.0.1:${backup.port} in`))
  assert.equal(down.connections.length, 0)
})

it("checks go over TLS where the location does, and verify the certificate", async (t) => {
  const { certificate: cert, key } = await issueCertificate(["backend.test"])
  const ca = (await testAuthority()).own.certificate
  const backend = await startRawBackend(httpAnswer("fine", "X-Backend: tls\r\n"), { tls: { cert, key } })
  const port = await freePort()
  const edge = await startHoldfast(
    `events {} http {
      upstream good { zone good 64k; server 127.0.0.1:${backend.port}; }
      upstream bad { zone bad 64k; server 127.0.0.1:${backend.port}; }
      proxy_ssl_verify on; proxy_ssl_trusted_certificate {prefix}/ca.pem;
      server { listen 127.0.0.1:${port};
        location / { proxy_pass https://good; proxy_ssl_name backend.test; health_check interval=50ms mandatory; }
        location /bad { proxy_pass https://bad; proxy_ssl_name other.test; health_check interval=50ms mandatory; } } }`,
    { files: { "ca.pem": ca } },
  )
  t.after(async () => {
    await edge.stop()
    await backend.close()
  })
  await edge.waitForLog(/peer is healthy while checking status code, .* in upstream "good"/)
  await edge.waitForLog(/peer is unhealthy while SSL handshaking to upstream, .* in upstream "bad"/)
})

it("checks are no requests of clients: no line in the access log, no connection of max_conns", async (t) => {
  const proxy = await checkedProxy(t, {
    check: "interval=20ms",
    server: "max_conns=1",
    http: "access_log {prefix}/access.log combined;",
  })
  const [a] = proxy.named
  await a.asked(3)
  assert.deepEqual(await namesOf(proxy, 4), ["a", "b"])
  await proxy.edge.waitForFile("access.log", /(GET \/ HTTP.*\n.*){4}/)
  assert.doesNotMatch(proxy.edge.readFile("access.log"), /check/)
})

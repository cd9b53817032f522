import assert from "node:assert/strict"
import { test } from "node:test"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import type { RawClient } from "../support/raw-client.ts"
import { receiveHead } from "./byte-streams.ts"
import { type ProxySetup, type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"
import { startSocketBackend } from "./socket-backend.ts"

/**
 * A value longer than any string of V8 may be, made of a request's field by the thousand: an error that no
 * check of the program foresees, thrown in whatever evaluates it.
 */
const HUGE = "$http_a".repeat(20_000)
const LONG_FIELD = `A: ${"a".repeat(30_000)}\r\n`
const LIMITS = "large_client_header_buffers 4 32k;"

function provoke(path: string, more = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}${LONG_FIELD}\r\n`
}

async function startWith(setup: Partial<ProxySetup>, port: number): Promise<ProxyUnderTest> {
  return startProxy({
    backendPort: port,
    http: LIMITS,
    upstream: "keepalive 4;",
    peer: "max_conns=1",
    ...setup,
  })
}

/** The worker lives, nothing of the failed request is left, and it has its line in the error log. */
async function assertHarmless(proxy: ProxyUnderTest, client: RawClient): Promise<void> {
  await proxy.edge.waitForLog(/\[alert\] .*unhandled error.*Invalid string length/)
  client.destroy()
  await proxy.waitForStatus(({ active, writing }) => active === 1 && writing === 1)
  const next = await proxy.connect()
  await next.send("GET /fine HTTP/1.1\r\nHost: a\r\n\r\n")
  const answer = await next.readResponse()
  assert.deepEqual([answer.status, answer.body], [200, "fine\n"])
  next.destroy()
}

for (const [what, setup] of [
  [
    "a handler of the content phase",
    { server: `location /boom { return 200 ${HUGE}; } location /fine { return 200 "fine\\n"; }` },
  ],
  ["building the request to the upstream", { location: `proxy_set_header X-Huge ${HUGE};` }],
  ["a header filter", { location: `add_header X-Huge ${HUGE};` }],
  ["a header filter that is there for errors too", { location: `add_header X-Huge ${HUGE} always;` }],
] as const)
  test(`an unhandled error in ${what} costs one request`, async () => {
    await using backend = await startRawBackend(httpAnswer("fine\n"))
    await using proxy = await startWith(setup, backend.port)
    const client = await proxy.connect()
    await client.send(provoke("/boom"))
    // A 500 where no head had been begun; the end of the connection otherwise.
    if ((await client.waitForBytesOrEnd()) === "bytes")
      assert.equal((await client.readResponse()).status, 500)
    await assertHarmless(proxy, client)
  })

test("an unhandled error on a kept upstream connection costs one request", async () => {
  await using backend = await startRawBackend(httpAnswer("fine\n"))
  await using proxy = await startWith({ location: `proxy_set_header X-Huge ${HUGE};` }, backend.port)
  const client = await proxy.connect()
  await client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
  assert.equal((await client.readResponse()).status, 200)
  await client.send(provoke("/boom"))
  if ((await client.waitForBytesOrEnd()) === "bytes") assert.equal((await client.readResponse()).status, 500)
  await assertHarmless(proxy, client)
})

test("an unhandled error in the error page of a request costs that request", async () => {
  await using proxy = await startWith(
    {
      server: `error_page 404 /page; location /boom { return 404; } location /page { add_header X ${HUGE} always; return 200 x; }
      location /fine { return 200 "fine\\n"; }`,
    },
    0,
  )
  const client = await proxy.connect()
  await client.send(provoke("/boom"))
  if ((await client.waitForBytesOrEnd()) === "bytes") assert.equal((await client.readResponse()).status, 500)
  await assertHarmless(proxy, client)
})

test("an unhandled error while an upgrade is answered leaves no tunnel and no peer behind", async () => {
  await using backend = await startRawBackend((request) =>
    request.target === "/boom"
      ? { on: "head", send: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" }
      : httpAnswer("fine\n"),
  )
  await using proxy = await startWith({ location: `add_header X-Huge ${HUGE} always;` }, backend.port)
  const client = await proxy.connect()
  await client.send(provoke("/boom", "Upgrade: x\r\nConnection: Upgrade\r\n"))
  await client.waitForBytesOrEnd()
  await assertHarmless(proxy, client)
})

test("an unhandled error while the access log is written costs one line", async () => {
  await using backend = await startRawBackend(httpAnswer("fine\n"))
  await using proxy = await startProxy({
    backendPort: backend.port,
    http: `${LIMITS} log_format huge '${HUGE}';`,
    server: "access_log {prefix}/logs/huge.log huge;",
  })
  const client = await proxy.connect()
  for (let i = 0; i < 3; i++) {
    await client.send(provoke("/boom"))
    assert.equal((await client.readResponse()).status, 200)
  }
  client.destroy()
  await proxy.edge.waitForLog(/unhandled error.*Invalid string length/)
})

test("an unhandled error when a time limit fires does not swallow the other limits of that moment", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startWith(
    {
      location: `proxy_read_timeout 300ms; add_header X-Huge ${HUGE} always;`,
      peer: "",
    },
    backend.port,
  )
  const clients: RawClient[] = []
  for (let i = 0; i < 20; i++) {
    const client = await proxy.connect()
    clients.push(client)
    await client.send(i % 2 === 0 ? provoke("/boom") : "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
    await receiveHead(await backend.next())
  }
  for (const [index, client] of clients.entries()) {
    const came = await client.waitForBytesOrEnd()
    if (index % 2 === 1) assert.equal(came, "bytes")
    if (came === "bytes") assert.equal((await client.readResponse()).status, 504)
    client.destroy()
  }
  await proxy.waitForStatus(({ active }) => active === 1)
})

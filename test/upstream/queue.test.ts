import assert from "node:assert/strict"
import { it, type TestContext } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { httpAnswer } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { named, type ProxyUnderTest, startProxy, upgrade } from "./backends.ts"

interface Gated {
  readonly proxy: ProxyUnderTest
  /** Lets the oldest request that has come, or the next one, have its answer. */
  open(): void
  /** Resolves when so many requests have come to the server in all. */
  came(count: number): Promise<void>
}

/** One server that answers each request when the test says so. */
async function gated(t: TestContext, upstream: string, workers?: number): Promise<Gated> {
  const waiting: (() => void)[] = []
  let credit = 0
  const proxy = await startProxy(t, {
    upstream,
    ...(workers === undefined ? {} : { workers }),
    scripts: [
      async (request) => {
        const answer = named("a")(request)
        if (typeof answer !== "string") return answer
        if (credit > 0) credit--
        else await new Promise<void>((resolve) => waiting.push(resolve))
        return httpAnswer(request.target)
      },
    ],
  })
  return {
    proxy,
    open: () => {
      const next = waiting.shift()
      if (next === undefined) credit++
      else next()
    },
    came: async (count) => {
      await proxy.backends[0]?.until(({ requestCount }) => requestCount >= count)
    },
  }
}

/** Sends a request; its answer is there when it comes. */
async function sendTo(t: TestContext, proxy: ProxyUnderTest, target: string): Promise<RawClient> {
  const client = await RawClient.connect({ port: proxy.port })
  t.after(() => client.destroy())
  await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
  return client
}

async function statusOf(client: RawClient): Promise<number> {
  return (await client.readResponse("GET")).status
}

it("what is beyond max_conns waits, and is served in its order", async (t) => {
  const { proxy, open, came } = await gated(t, "server {a} max_conns=1; queue 10;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const clients = [first]
  for (const target of ["/2", "/3", "/4"]) clients.push(await sendTo(t, proxy, target))
  for (const [i, client] of clients.entries()) {
    await came(i + 1)
    open()
    const response = await client.readResponse("GET")
    assert.equal(response.status, 200)
  }
  const [backend] = proxy.backends
  assert.deepEqual(
    backend?.requests.map(({ target }) => target),
    ["/1", "/2", "/3", "/4"],
  )
})

it("without a queue the answer is 502 at once, as it is where the queue is full", async (t) => {
  const { proxy, open, came } = await gated(t, "server {a} max_conns=1; queue 1;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const second = await sendTo(t, proxy, "/2")
  // It may come before the second: one of the two waits, and the other is too many.
  const third = await sendTo(t, proxy, "/3")
  const answers = [second, third].map(statusOf)
  assert.equal(await Promise.race(answers), 502)
  await proxy.edge.waitForLog(/no live upstreams while connecting to upstream/)
  open()
  open()
  assert.equal(await statusOf(first), 200)
  assert.deepEqual((await Promise.all(answers)).sort(), [200, 502])
})

it("who has waited for the timeout gets 502", async (t) => {
  const { proxy, open, came } = await gated(t, "server {a} max_conns=1; queue 5 timeout=100ms;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const second = await sendTo(t, proxy, "/2")
  assert.equal(await statusOf(second), 502)
  open()
  assert.equal(await statusOf(first), 200)
})

it("a client that leaves gives its place to another", async (t) => {
  const { proxy, open, came } = await gated(t, "server {a} max_conns=1; queue 1;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const second = await sendTo(t, proxy, "/2")
  second.destroy()
  await proxy.edge.waitForLog(/client prematurely closed connection/)
  const third = await sendTo(t, proxy, "/3")
  open()
  open()
  assert.equal(await statusOf(first), 200)
  assert.equal(await statusOf(third), 200)
  assert.equal(proxy.backends[0]?.requestCount, 2)
})

it("a tunnel's end frees a place", async (t) => {
  const { proxy, open } = await gated(t, "server {a} max_conns=1; queue 1;")
  const tunnel = await upgrade(t, proxy, "/tunnel")
  assert.equal(tunnel.response.status, 101)
  const client = await sendTo(t, proxy, "/2")
  tunnel.client.destroy()
  open()
  assert.equal(await statusOf(client), 200)
})

it("a WebSocket handshake waits like any other request", async (t) => {
  const { proxy, open, came } = await gated(t, "server {a} max_conns=1; queue 1;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const opened = upgrade(t, proxy, "/tunnel")
  open()
  assert.equal(await statusOf(first), 200)
  assert.equal((await opened).response.status, 101)
})

it("what another worker gives back is found", async (t) => {
  const { proxy, open, came } = await gated(t, "zone backend 64k; server {a} max_conns=1; queue 20;", 4)
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  // Connections of their own: they come to all of the workers.
  const clients: RawClient[] = []
  for (let i = 0; i < 12; i++) clients.push(await sendTo(t, proxy, `/${i}`))
  for (let i = 0; i < 13; i++) open()
  assert.equal(await statusOf(first), 200)
  for (const client of clients) assert.equal(await statusOf(client), 200)
})

it("backups are asked before anybody waits, and primaries again afterwards", async (t) => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const slow = (name: string) => async (): Promise<string> => {
    await held
    return httpAnswer(name, `X-Backend: ${name}\r\n`)
  }
  const proxy = await startProxy(t, {
    upstream: "server {a} max_conns=1; server {b} max_conns=1 backup; queue 5;",
    scripts: [slow("a"), slow("b")],
  })
  const clients: RawClient[] = []
  for (let i = 0; i < 2; i++) {
    clients.push(await sendTo(t, proxy, `/${i}`))
    await proxy.backends[i]?.until(({ requestCount }) => requestCount === 1)
  }
  clients.push(await sendTo(t, proxy, "/2"))
  release()
  for (const client of clients) assert.equal(await statusOf(client), 200)
  assert.equal((proxy.backends[0]?.requestCount ?? 0) + (proxy.backends[1]?.requestCount ?? 0), 3)
})

it("who has failed at all servers does not wait", async (t) => {
  const proxy = await startProxy(t, { upstream: "server {dead}; queue 5;", scripts: [] })
  const client = await sendTo(t, proxy, "/")
  assert.equal(await statusOf(client), 502)
})

it("with all servers down for now a request waits for one that comes back", async (t) => {
  const proxy = await startProxy(t, {
    upstream: "server {a} fail_timeout=1s; server {dead} down; queue 5;",
    scripts: [({ index, target }) => (index === 0 ? { after: "reset" } : httpAnswer(target))],
  })
  assert.equal(await statusOf(await sendTo(t, proxy, "/1")), 502)
  assert.equal(await statusOf(await sendTo(t, proxy, "/2")), 200)
})

it("waits below least_conn, too", async (t) => {
  const { proxy, open, came } = await gated(t, "least_conn; server {a} max_conns=1; queue 5;")
  const first = await sendTo(t, proxy, "/1")
  await came(1)
  const second = await sendTo(t, proxy, "/2")
  open()
  open()
  assert.equal(await statusOf(first), 200)
  assert.equal(await statusOf(second), 200)
})

it("a method below the queue takes its effect away, with a warning", async (t) => {
  const { proxy, came } = await gated(t, "queue 5; least_conn; server {a} max_conns=1;")
  await sendTo(t, proxy, "/1")
  await came(1)
  assert.equal(await statusOf(await sendTo(t, proxy, "/2")), 502)
  assert.match(proxy.edge.stderr + proxy.edge.errorLog(), /load balancing method redefined/)
})

it("$upstream_queue_time is how long it was", async (t) => {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const proxy = await startProxy(t, {
    upstream: "server {a} max_conns=1; queue 1;",
    location: "add_header X-Queue $upstream_queue_time always;",
    scripts: [
      async () => {
        await held
        return httpAnswer("a")
      },
    ],
  })
  const first = await sendTo(t, proxy, "/1")
  await proxy.backends[0]?.until(({ requestCount }) => requestCount === 1)
  const others = [await sendTo(t, proxy, "/2"), await sendTo(t, proxy, "/3")]
  // When one of them is too many the other one waits.
  const answers = others.map((client) => client.readResponse("GET"))
  assert.equal((await Promise.race(answers)).status, 502)
  release()
  assert.equal(headerOf(await first.readResponse("GET"), "x-queue"), "-")
  const waited = (await Promise.all(answers)).find(({ status }) => status === 200)
  assert.match((waited && headerOf(waited, "x-queue")) ?? "", /^\d+\.\d{3}$/)
})

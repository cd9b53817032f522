/** Health checks with several workers, over reloads, and what becomes of tunnels. */
import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { it, type TestContext } from "node:test"
import { WebSocket, WebSocketServer } from "ws"
import { Faults } from "../supervision/faults.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer } from "../support/raw-backend.ts"
import { nameOf, type ProxyUnderTest } from "./backends.ts"
import { checkedProxy, healthy, unhealthy } from "./checked.ts"

const SICK = httpAnswer("sick", "", "500 Internal Server Error")

async function namesOf(proxy: ProxyUnderTest, count = 12): Promise<string[]> {
  const names = new Set<string>()
  for (let i = 0; i < count; i++) names.add(await nameOf(proxy, "/"))
  return [...names].sort()
}

it("one worker checks, and all know", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=300ms", workers: 3 })
  const [a] = proxy.named
  await a.asked(1)
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy, 20), ["b"])
  a.answer = null
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy, 20), ["a", "b"])
  assert.equal(proxy.edge.errorLog().match(/peer is unhealthy/g)?.length, 1)
})

it("with an interval of an hour each server is asked once, however many workers there are", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=1h", workers: 4 })
  const [a, b] = proxy.named
  await Promise.all([a.asked(1), b.asked(1)])
  await namesOf(proxy, 40)
  assert.deepEqual([a.checks.length, b.checks.length], [1, 1])
})

it("a reload asks each server once more, not each worker", async (t) => {
  const options = { check: "interval=1h", workers: 4 }
  const proxy = await checkedProxy(t, options)
  const [a, b] = proxy.named
  await Promise.all([a.asked(1), b.asked(1)])
  for (let i = 2; i < 5; i++) {
    await proxy.reload(options)
    await Promise.all([a.asked(i), b.asked(i)])
  }
  await namesOf(proxy, 40)
  // Another worker may have had the seat first, and then one more takes it up.
  assert.ok(a.checks.length <= 8 && b.checks.length <= 8, `${a.checks.length} ${b.checks.length}`)
})

it("when the worker that checks dies another goes on", async (t) => {
  const faults = new Faults()
  const proxy = await checkedProxy(t, { check: "interval=50ms", workers: 2, env: faults.env })
  const [a] = proxy.named
  await a.asked(2)
  // One of the two is the one that checks.
  for (const thread of await faults.living()) {
    await faults.inject(thread, "exit 7")
    await proxy.edge.waitForLog(new RegExp(`worker thread ${thread} exited with code 7`))
    await a.asked(a.checks.length + 3)
  }
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  assert.deepEqual(await namesOf(proxy), ["b"])
})

it("a new worker knows at once who is unhealthy", async (t) => {
  const faults = new Faults()
  const proxy = await checkedProxy(t, {
    check: "interval=1h fails=1",
    workers: 1,
    env: faults.env,
    dead: ["a"],
  })
  const [a] = proxy.named
  await proxy.edge.waitForLog(unhealthy(a, "connecting to upstream"))
  const [thread = 0] = await faults.living()
  await faults.inject(thread, "exit 7")
  await faults.nextThread(thread)
  await proxy.edge.waitForLog(/start worker thread/)
  await a.start()
  a.answer = SICK
  assert.deepEqual(await namesOf(proxy), ["b"])
})

it("after a reload who was unhealthy still is", async (t) => {
  const options = { check: "interval=50ms", workers: 2 }
  const proxy = await checkedProxy(t, options)
  const [a] = proxy.named
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  a.gate = new Promise(() => {})
  await proxy.reload({ ...options, http: "# something else" })
  assert.deepEqual(await namesOf(proxy), ["b"])
})

it("where a reload takes the check away its verdict goes, too", async (t) => {
  const proxy = await checkedProxy(t, { check: "interval=50ms" })
  const [a] = proxy.named
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
  await proxy.reload({ check: null })
  assert.deepEqual(await namesOf(proxy), ["a", "b"])
  const count = a.checks.length
  await proxy.reload({ check: null, http: "# once more" })
  assert.ok(a.checks.length <= count + 1)
})

it("mandatory: after a reload servers wait for a check again", async (t) => {
  const options = { check: "interval=50ms mandatory" }
  const proxy = await checkedProxy(t, options)
  const [a, b] = proxy.named
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  await proxy.edge.waitForLog(healthy(b, "checking status code"))
  a.gate = new Promise(() => {})
  b.gate = a.gate
  await proxy.reload(options)
  assert.deepEqual(await namesOf(proxy, 3), ["502"])
})

it("mandatory persistent: not those that were healthy", async (t) => {
  const options = { check: "interval=50ms mandatory persistent", workers: 2 }
  const proxy = await checkedProxy(t, options)
  const [a, b] = proxy.named
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  b.answer = SICK
  await proxy.edge.waitForLog(unhealthy(b, "checking status code"))
  a.gate = new Promise(() => {})
  b.gate = a.gate
  await proxy.reload(options)
  assert.deepEqual(await namesOf(proxy), ["a"])
})

it("a refused reload leaves the checks as they are", async (t) => {
  const options = { check: "interval=50ms mandatory" }
  const proxy = await checkedProxy(t, options)
  const [a, b] = proxy.named
  await proxy.edge.waitForLog(healthy(a, "checking status code"))
  await proxy.edge.waitForLog(healthy(b, "checking status code"))
  const refused = {
    ...options,
    locations: "location /x { proxy_pass http://backend; health_check match=none; }",
  }
  await proxy.reload(refused, /\[emerg\].* unknown match "none"/)
  assert.deepEqual(await namesOf(proxy), ["a", "b"])
  a.answer = SICK
  await proxy.edge.waitForLog(unhealthy(a, "checking status code"))
})

// --- tunnels

interface Switchable {
  readonly port: number
  status: number
}

/** A server of WebSockets whose answers to plain requests have a status that can be changed. */
async function socketServer(t: TestContext): Promise<Switchable> {
  const made = { port: 0, status: 200 }
  const http = createServer((_request, response) => {
    response.statusCode = made.status
    response.end()
  })
  const server = new WebSocketServer({ server: http })
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    for (const client of server.clients) client.terminate()
    http.closeAllConnections()
    http.close()
  })
  made.port = (http.address() as AddressInfo).port
  return made
}

async function tunnelTo(t: TestContext, backend: Switchable, drain: string): Promise<[WebSocket, Edge]> {
  const port = await freePort()
  const edge = await startHoldfast(`worker_processes 2; events {} http {
    upstream sockets { zone sockets 64k; ${drain} server 127.0.0.1:${backend.port}; server 127.0.0.1:${backend.port} down; }
    server { listen 127.0.0.1:${port};
      location / { websocket on; proxy_pass http://sockets; health_check interval=50ms; } } }`)
  t.after(() => edge.stop())
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  await new Promise((resolve) => client.once("open", resolve))
  t.after(() => client.terminate())
  return [client, edge]
}

it("tunnels to a server that became unhealthy live on", async (t) => {
  const backend = await socketServer(t)
  const [client, edge] = await tunnelTo(t, backend, "")
  backend.status = 500
  await edge.waitForLog(/peer is unhealthy while checking status code/)
  backend.status = 200
  await edge.waitForLog(/peer is healthy while checking status code/)
  const pong = new Promise((resolve) => client.once("pong", resolve))
  client.ping()
  await pong
  assert.equal(client.readyState, WebSocket.OPEN)
})

it("unless the group says drain close: then they get their goodbye", async (t) => {
  const backend = await socketServer(t)
  const [client] = await tunnelTo(t, backend, "drain close after=0s;")
  const closed = new Promise((resolve) => client.once("close", resolve))
  backend.status = 500
  assert.equal(await closed, 1001)
})

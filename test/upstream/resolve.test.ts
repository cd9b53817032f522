import assert from "node:assert/strict"
import { join } from "node:path"
import { it } from "node:test"
import type { Snapshot } from "../../src/observe/snapshot.ts"
import { Faults } from "../supervision/faults.ts"
import { runHoldfast } from "../support/holdfast.ts"
import { headerOf } from "../support/message-reader.ts"
import {
  addresses,
  ask,
  nameOf,
  namesOf,
  reload,
  startResolvingProxy,
  tunnel,
  untilNames,
  webSocket,
} from "./name-server.ts"

const RESOLVE = "resolver {dns}; server app.test:{port} resolve;"

it("all addresses of a name are peers, those of other lines too", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE} server 127.0.0.3:{port};`,
    zone: { "app.test": addresses(["127.0.0.1", "127.0.0.2"], 60) },
  })
  await untilNames(proxy, "1 2 3")
  assert.equal(proxy.dns.questions.filter((question) => question === "A app.test").length, 1)
})

it("a name that has no addresses yet: 502 until it has", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: RESOLVE })
  assert.equal(await nameOf(proxy), "502")
  await proxy.edge.waitForLog(/\[error\] .*app\.test could not be resolved \(3: Host not found\)/)
  await proxy.edge.waitForLog(/\[error\] .*no live upstreams while connecting to upstream, client: /)
  const response = await ask(proxy)
  assert.equal(headerOf(response, "x-tried"), "backend")
  proxy.zone.set("app.test", addresses(["127.0.0.2"]))
  await untilNames(proxy, "2")
})

it("addresses come and go without a reload", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: RESOLVE,
    zone: { "app.test": addresses(["127.0.0.1"]) },
  })
  await untilNames(proxy, "1")
  proxy.zone.set("app.test", addresses(["127.0.0.2", "127.0.0.3"]))
  await untilNames(proxy, "2 3")
  proxy.zone.set("app.test", addresses(["127.0.0.3"]))
  await untilNames(proxy, "3")
})

it("no such host takes the peers away; any other failure leaves them", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `resolver_timeout 1s; ${RESOLVE}`,
    zone: { "app.test": addresses(["127.0.0.1"]) },
  })
  await untilNames(proxy, "1")
  proxy.zone.set("app.test", 2)
  await proxy.edge.waitForLog(/app\.test could not be resolved \(2: Server failure\)/)
  assert.equal(await namesOf(proxy, 3), "1")
  proxy.zone.set("app.test", null)
  await proxy.edge.waitForLog(/app\.test could not be resolved \(110: Operation timed out\)/)
  assert.equal(await namesOf(proxy, 3), "1")
  proxy.zone.delete("app.test")
  await untilNames(proxy, "502")
})

it("valid= says how long an answer is good", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: "resolver {dns} valid=1s; server app.test:{port} resolve;",
    zone: { "app.test": addresses(["127.0.0.1"], 3600) },
  })
  await untilNames(proxy, "1")
  proxy.zone.set("app.test", addresses(["127.0.0.2"], 3600))
  await untilNames(proxy, "2")
})

it("the resolver of the http block, and IPv4 alone", async (t) => {
  const proxy = await startResolvingProxy(t, {
    http: "resolver {dns} ipv6=off;",
    upstream: "server app.test:{port} resolve;",
    zone: { "app.test": [...addresses(["127.0.0.2"]), { type: "AAAA", data: "::1" }] },
  })
  await untilNames(proxy, "2")
  assert.deepEqual([...new Set(proxy.dns.questions)], ["A app.test"])
})

it("the weight and the other parameters of the line are each address's", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `resolver {dns}; server app.test:{port} resolve weight=3; server 127.0.0.3:{port};`,
    zone: { "app.test": addresses(["127.0.0.1"], 60) },
  })
  await untilNames(proxy, "1 3")
  const names: string[] = []
  for (let i = 0; i < 8; i++) names.push(await nameOf(proxy))
  assert.equal(names.filter((name) => name === "1").length, 6)
})

it("a backup whose name is resolved", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: "resolver {dns}; server 127.0.0.9:{port}; server app.test:{port} resolve backup;",
    zone: { "app.test": addresses(["127.0.0.2"], 60) },
  })
  await untilNames(proxy, "2")
})

it("a peer that stays keeps its failures", async (t) => {
  // Nobody listens at 127.0.0.9.
  const proxy = await startResolvingProxy(t, {
    upstream: "resolver {dns}; server app.test:{port} resolve max_fails=1 fail_timeout=1h;",
    zone: { "app.test": addresses(["127.0.0.1", "127.0.0.9"]) },
  })
  await untilNames(proxy, "1")
  await proxy.edge.waitForLog(/upstream server temporarily disabled while connecting to upstream/)
  proxy.zone.set("app.test", addresses(["127.0.0.1", "127.0.0.2", "127.0.0.9"]))
  await untilNames(proxy, "1 2")
  for (let i = 0; i < 6; i++) {
    const response = await ask(proxy)
    assert.doesNotMatch(headerOf(response, "x-tried") ?? "", /127\.0\.0\.9/)
  }
})

for (const method of [
  "ip_hash",
  "hash $arg_k",
  "hash $arg_k consistent",
  "least_conn",
  "random",
  "random two",
])
  it(`peers that come and go under ${method}`, async (t) => {
    const proxy = await startResolvingProxy(t, { upstream: `${method}; ${RESOLVE}` })
    assert.equal(await nameOf(proxy, "/?k=1"), "502")
    proxy.zone.set("app.test", addresses(["127.0.0.2"]))
    await untilNames(proxy, "2")
    proxy.zone.set("app.test", addresses(["127.0.0.1", "127.0.0.3"]))
    const seen = new Set<string>()
    for (let i = 0; !seen.has("1") && !seen.has("3"); i++) seen.add(await nameOf(proxy, `/?k=${i}`))
    proxy.zone.delete("app.test")
    await untilNames(proxy, "502")
  })

it("a session stays with its peer when others come", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE} sticky route $arg_r;`,
    zone: { "app.test": addresses(["127.0.0.1", "127.0.0.2"]) },
  })
  await untilNames(proxy, "1 2")
  const { createHash } = await import("node:crypto")
  const id = createHash("md5").update(`127.0.0.2:${proxy.backendPort}`).digest("hex")
  for (let i = 0; i < 3; i++) assert.equal(await nameOf(proxy, `/?r=${id}`), "2")
  proxy.zone.set("app.test", addresses(["127.0.0.2", "127.0.0.3"]))
  await untilNames(proxy, "2 3")
  for (let i = 0; i < 3; i++) assert.equal(await nameOf(proxy, `/?r=${id}`), "2")
})

it("a reload begins with the addresses that were known", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: RESOLVE,
    zone: { "app.test": addresses(["127.0.0.1"], 60) },
    workers: 2,
  })
  await untilNames(proxy, "1", 12)
  const asked = proxy.dns.questions.length
  await reload(proxy, RESOLVE.replace("resolve;", "resolve weight=2;"))
  assert.equal(await namesOf(proxy, 8), "1")
  assert.equal(proxy.dns.questions.length, asked)
})

it("all workers find the addresses", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: RESOLVE,
    zone: { "app.test": addresses(["127.0.0.1", "127.0.0.2"]) },
    workers: 3,
  })
  await untilNames(proxy, "1 2", 24)
  proxy.zone.set("app.test", addresses(["127.0.0.3"]))
  await untilNames(proxy, "3", 24)
})

it("more addresses than the zone has room for", async (t) => {
  const many = Array.from({ length: 80 }, (_, i) => `127.0.1.${i + 1}`)
  const proxy = await startResolvingProxy(t, {
    upstream: RESOLVE,
    zone: { "app.test": addresses(["127.0.0.1", ...many]) },
  })
  await proxy.edge.waitForLog(/cannot add new server to upstream "backend", memory exhausted/)
  proxy.zone.set("app.test", addresses(["127.0.0.1", "127.0.0.2"]))
  await untilNames(proxy, "1 2")
})

it("a tunnel lives on when its peer goes", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: RESOLVE,
    zone: { "app.test": addresses(["127.0.0.1"]) },
  })
  await untilNames(proxy, "1")
  const { client } = await tunnel(t, proxy)
  proxy.zone.set("app.test", addresses(["127.0.0.2"]))
  await untilNames(proxy, "2")
  await client.send("ping")
  assert.equal(await client.readBytes(4), "ping")
})

it("drain close says goodbye to the tunnels of a peer that goes", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE} drain close after=0;`,
    zone: { "app.test": addresses(["127.0.0.1"]) },
    location: "websocket on;",
  })
  await untilNames(proxy, "1")
  const { client } = await webSocket(t, proxy)
  proxy.zone.set("app.test", addresses(["127.0.0.2"]))
  // A Close frame with 1001 (RFC 6455 §7.4.1), unmasked.
  const frame = Buffer.from(await client.readBytes(4), "latin1")
  assert.equal(frame[0], 0x88)
  assert.equal(frame.readUInt16BE(2), 1001)
})

it("a reload that takes the name away takes its tunnels along", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE} drain close after=0;`,
    zone: { "app.test": addresses(["127.0.0.1"], 60) },
    location: "websocket on;",
  })
  await untilNames(proxy, "1")
  const { client } = await webSocket(t, proxy)
  await reload(proxy, `${RESOLVE} drain close after=0; server 127.0.0.3:{port};`)
  await reload(proxy, "server 127.0.0.3:{port}; drain close after=0;")
  assert.equal(Buffer.from(await client.readBytes(1), "latin1")[0], 0x88)
  assert.equal(await namesOf(proxy, 3), "3")
})

it("max_conns counts over all workers", async (t) => {
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE.replace("resolve;", "resolve max_conns=1;")} server 127.0.0.3:{port} backup;`,
    zone: { "app.test": addresses(["127.0.0.1"], 60) },
    workers: 2,
  })
  await untilNames(proxy, "1", 12)
  const { client, name } = await tunnel(t, proxy)
  assert.equal(name, "1")
  assert.equal(await namesOf(proxy, 12), "3")
  client.destroy()
  await untilNames(proxy, "1", 12)
})

it("a worker that dies gives back what it had", async (t) => {
  const faults = new Faults()
  const proxy = await startResolvingProxy(t, {
    upstream: `${RESOLVE.replace("resolve;", "resolve max_conns=1;")} server 127.0.0.3:{port} backup;`,
    zone: { "app.test": addresses(["127.0.0.1"]) },
    workers: 2,
    env: faults.env,
  })
  await untilNames(proxy, "1", 12)
  const { client, name } = await tunnel(t, proxy)
  assert.equal(name, "1")
  // The other goes on.
  const thread = await threadWithTunnel(join(proxy.edge.prefix, "holdfast.pid"))
  await faults.inject(thread, "exit 7")
  await proxy.edge.waitForLog(new RegExp(`worker thread ${thread} exited with code 7`))
  assert.equal(await client.waitForBytesOrEnd(), "end")
  await untilNames(proxy, "1", 12)
  proxy.zone.set("app.test", addresses(["127.0.0.2"]))
  await untilNames(proxy, "2", 12)
})

it("a request waits in the queue until the name has an address", async (t) => {
  const proxy = await startResolvingProxy(t, { upstream: `${RESOLVE} queue 5 timeout=1h;` })
  const answers = [nameOf(proxy), nameOf(proxy)]
  await proxy.edge.waitForLog(/app\.test could not be resolved/)
  proxy.zone.set("app.test", addresses(["127.0.0.1", "127.0.0.2"], 60))
  assert.deepEqual((await Promise.all(answers)).sort(), ["1", "2"])
})

/** The thread of the worker that has a tunnel, as `holdfast status` has it. */
async function threadWithTunnel(pidFile: string): Promise<number> {
  const { stdout, stderr } = await runHoldfast(["status", "--json", "--pid", pidFile])
  assert.equal(stderr, "")
  const { workers } = JSON.parse(stdout) as Snapshot
  const found = workers.filter(({ tunnels }) => tunnels === 1)
  assert.equal(found.length, 1, stdout)
  return found[0]?.thread ?? 0
}

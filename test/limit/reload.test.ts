/** Zones and reloads: what stays, what begins anew, what is refused. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { type ProxySetup, type ProxyUnderTest, proxyConfig } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { startFaultyProxy } from "../supervision/faults.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { exchange } from "../support/raw-client.ts"
import { closeTunnel, openTunnel } from "../tunnel/open-tunnel.ts"

const GET = "GET /limited HTTP/1.0\r\n\r\n"

const LIMITED = "location = /limited { limit_req zone=one; stub_status; }"

function zone(key: string, size = "32k", rate = "1r/m"): string {
  return `limit_req_zone ${key} zone=one:${size} rate=${rate};`
}

/** Reloads with another configuration, which is taken: resolves when the one worker serves it. */
async function reload(proxy: ProxyUnderTest, setup: ProxySetup): Promise<void> {
  const name = `/${Math.random()}`
  const server = `${setup.server ?? ""} location = ${name} { return 204; }`
  await ask(proxy, { ...setup, server })
  const get = `GET ${name} HTTP/1.0\r\n\r\n`
  while ((await exchange({ port: proxy.port }, get)).status !== 204);
}

/** Reloads with a configuration that is refused: resolves when the log has one more line that matches. */
async function reloadInVain(proxy: ProxyUnderTest, setup: ProxySetup, line: RegExp): Promise<void> {
  const all = new RegExp(line.source, "g")
  const before = proxy.edge.errorLog().match(all)?.length ?? 0
  await ask(proxy, setup)
  await proxy.edge.waitUntil(String(line), () => {
    const count = proxy.edge.errorLog().match(all)?.length ?? 0
    return count > before ? count : undefined
  })
}

async function ask(proxy: ProxyUnderTest, setup: ProxySetup): Promise<void> {
  proxy.edge.writeConfig(holdfastProgram, await proxyConfig(setup, proxy.port, proxy.statusPort))
  proxy.edge.signal("SIGHUP")
}

async function statuses(proxy: ProxyUnderTest, count: number): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i++) found.push((await exchange({ port: proxy.port }, GET)).status)
  return found
}

test("the states of requests outlive reloads, unless the zone's size changes", async (t) => {
  const setup = { backendPort: 0, server: LIMITED }
  const { proxy } = await startFaultyProxy({ ...setup, http: zone("$uri") })
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
  await reload(proxy, { ...setup, http: zone("$uri") })
  assert.deepEqual(await statuses(proxy, 1), [503])
  // The rate is no part of the zone.
  await reload(proxy, { ...setup, http: zone("$uri", "32k", "2r/m") })
  assert.deepEqual(await statuses(proxy, 1), [503])
  await reload(proxy, { ...setup, http: zone("$uri", "64k") })
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
  // What the zone of the first size knew is forgotten.
  await reload(proxy, { ...setup, http: zone("$request_uri") })
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
})

test("a zone that keeps its size keeps the meaning of its keys", async (t) => {
  const setup = { backendPort: 0, server: LIMITED }
  const { proxy } = await startFaultyProxy({ ...setup, http: zone("$uri") })
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
  await reloadInVain(
    proxy,
    { ...setup, http: zone("$remote_addr") },
    /\[emerg\] \d+#\d+: limit_req "one" uses the "\$remote_addr" key while previously it used the "\$uri" key\n/,
  )
  assert.deepEqual(await statuses(proxy, 1), [503])
  await reload(proxy, { ...setup, http: zone("$uri") })
  assert.deepEqual(await statuses(proxy, 1), [503])
})

test("a zone of a configuration that was refused leaves nothing behind", async (t) => {
  const plain = { backendPort: 0, server: "location = /limited { stub_status; }" }
  const { proxy } = await startFaultyProxy(plain)
  t.after(() => proxy[Symbol.asyncDispose]())
  const conn = (key: string): string => `limit_conn_zone ${key} zone=c:32k; ${zone(key)}`
  const refused = `${LIMITED} ssl_certificate /nowhere.crt; ssl_certificate_key /nowhere.key; listen 127.0.0.1:1 ssl;`
  await reloadInVain(proxy, { backendPort: 0, http: conn("$remote_addr"), server: refused }, /\[emerg\]/)
  await reload(proxy, { backendPort: 0, http: conn("$uri"), server: LIMITED })
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
  await reloadInVain(
    proxy,
    { backendPort: 0, http: conn("$remote_addr"), server: LIMITED },
    /\[emerg\] \d+#\d+: limit_(conn_zone "c"|req "one") uses the "\$remote_addr" key while previously it used the "\$uri" key\n/,
  )
  // Without the zone in between it begins anew.
  await reload(proxy, plain)
  await reload(proxy, { backendPort: 0, http: conn("$remote_addr"), server: LIMITED })
  assert.deepEqual(await statuses(proxy, 2), [200, 503])
})

test("a tunnel counts through reloads until it ends, and holds no generation", async (t) => {
  await using backend = await startSocketBackend()
  const setup = {
    backendPort: backend.port,
    http: "limit_conn_zone $remote_addr zone=one:32k;",
    server: "location = /limited { limit_conn one 1; stub_status; }",
    location: "limit_conn one 1; limit_rate 1m;",
  }
  const { faults, proxy } = await startFaultyProxy(setup)
  t.after(() => proxy[Symbol.asyncDispose]())
  const addresses = await faults.addresses(1)
  const tunnel = await openTunnel(proxy, backend)
  assert.deepEqual(await statuses(proxy, 1), [503])
  for (let i = 0; i < 3; i++) {
    await reload(proxy, setup)
    assert.deepEqual(await statuses(proxy, 1), [503])
  }
  for (let tries = 0; tries < 100 && (await faults.addresses(1)) > addresses; tries++);
  assert.equal(await faults.addresses(1), addresses)
  closeTunnel(tunnel)
  await proxy.waitForStatus((status) => status.active === 1)
  assert.deepEqual(await statuses(proxy, 1), [200])
})

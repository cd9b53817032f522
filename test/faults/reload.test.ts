import assert from "node:assert/strict"
import { test } from "node:test"
import { holdfastProgram } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange, RawClient } from "../support/raw-client.ts"
import { openTunnel } from "../tunnel/open-tunnel.ts"
import { receive, receiveHead } from "./byte-streams.ts"
import { type ProxySetup, type ProxyUnderTest, proxyConfig, startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "./socket-backend.ts"

const GET = "GET /flight HTTP/1.1\r\nHost: a\r\n\r\n"

/** Puts a new configuration in place, and waits until it is in force; `done` is how the log says so. */
async function reload(proxy: ProxyUnderTest, setup: ProxySetup, port: number, done: RegExp): Promise<void> {
  proxy.edge.writeConfig(holdfastProgram, await proxyConfig(setup, port, proxy.statusPort))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(done)
}

const RELOADED = /configuration reloaded/

for (const isTls of [false, true])
  test(`a tunnel and a request in flight outlive a reload, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startSocketBackend()
    await using other = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, isTls })
    const tunnel = await openTunnel(proxy, backend)
    const client = await proxy.connect()
    await client.send(GET)
    const peer = await backend.next()
    await receiveHead(peer)
    await reload(proxy, { backendPort: other.port, isTls }, proxy.port, RELOADED)
    tunnel.client.write("ping")
    assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
    tunnel.peer.write("pong")
    assert.equal((await receive(tunnel.client, 4)).bytes, 4)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    // The same connection's next request is the new configuration's.
    await client.send(GET)
    const next = await other.next()
    await receiveHead(next)
    next.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    client.destroy()
    tunnel.client.destroy()
    tunnel.peer.destroy()
    await proxy.accessLine(/101/)
  })

test("an address that a reload removes is closed, one that it adds is open, and its tunnels live on", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const tunnel = await openTunnel(proxy, backend)
  const port = await freePort()
  await reload(proxy, { backendPort: 0, server: "return 200 new;" }, port, RELOADED)
  assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, "new")
  await assert.rejects(untilRefused(proxy.port), /ECONNREFUSED/)
  tunnel.client.write("ping")
  assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
  tunnel.client.destroy()
  tunnel.peer.destroy()
})

/** Connects until it is refused: the listener closes a moment after the log says that it will. */
async function untilRefused(port: number): Promise<never> {
  const deadline = Date.now() + 5_000
  while (Date.now() < deadline) (await RawClient.connect({ port })).destroy()
  throw new Error("the address still accepts")
}

const BROKEN_TLS =
  "server { listen 127.0.0.1:1 ssl; ssl_certificate /no/such.crt; ssl_certificate_key /no/such.key; }"

for (const [what, http, error] of [
  ["a syntax error", "nonsense on;", /unknown directive "nonsense"/],
  ["a missing certificate", BROKEN_TLS, /no\/such\.crt/],
  [
    "an address that is in use",
    "server { listen 127.0.0.1:BACKEND; }",
    /bind\(\) to .* failed \(98: [\s\S]*still could not bind/,
  ],
] as const)
  test(`a reload with ${what} leaves everything as it was`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port })
    const tunnel = await openTunnel(proxy, backend)
    const broken = { backendPort: backend.port, http: http.replace("BACKEND", String(backend.port)) }
    await reload(proxy, broken, proxy.port, error)
    tunnel.client.write("ping")
    assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
    const client = await proxy.connect()
    await client.send(GET)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(SMALL_ANSWER)
    assert.equal((await client.readResponse()).status, 200)
    client.destroy()
    tunnel.client.destroy()
    tunnel.peer.destroy()
  })

test("fifty reloads one after the other leave no descriptor behind, and the tunnel echoes", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port, isTls: true })
  const tunnel = await openTunnel(proxy, backend)
  const files = proxy.openFiles()
  const next = await proxyConfig({ backendPort: backend.port, isTls: true }, proxy.port, proxy.statusPort)
  for (let i = 1; i <= 50; i++) {
    proxy.edge.writeConfig(holdfastProgram, next)
    proxy.edge.signal("SIGHUP")
    const reloads = (): number => proxy.edge.errorLog().split("configuration reloaded").length - 1
    await proxy.edge.waitUntil(`reload ${i}`, () => reloads() === i || undefined)
  }
  tunnel.client.write("ping")
  assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
  const left = proxy.openFiles() - files
  assert.ok(left <= 2, `${left} descriptors more than before`)
  tunnel.client.destroy()
  tunnel.peer.destroy()
})

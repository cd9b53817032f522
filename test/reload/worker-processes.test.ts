/** Reloads that change worker_processes. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { receive, receiveHead } from "../faults/byte-streams.ts"
import { type ProxySetup, proxyConfig } from "../faults/proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "../faults/socket-backend.ts"
import { type FaultyProxy, startFaultyProxy } from "../supervision/faults.ts"
import { holdfastProgram, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"
import { closeTunnel, type OpenTunnel, openTunnel } from "../tunnel/open-tunnel.ts"
import { endWithPeer, startWebSocketProxy } from "../websocket/web-socket-proxy.ts"

/** How many sockets listen on `port`. */
function listeners(port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const lines = readFileSync("/proc/net/tcp", "latin1").split("\n")
  const fields = lines.map((line) => line.trim().split(/\s+/))
  return fields.filter((field) => field[1]?.endsWith(end) && field[3] === "0A").length
}

async function reload({ proxy }: FaultyProxy, setup: ProxySetup): Promise<void> {
  const count = (): number => proxy.edge.errorLog().split("configuration reloaded\n").length
  const before = count()
  proxy.edge.writeConfig(holdfastProgram, await proxyConfig(setup, proxy.port, proxy.statusPort))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitUntil("the reload", () => count() > before || undefined)
}

async function assertEcho({ client, peer }: OpenTunnel): Promise<void> {
  client.write("ping")
  assert.equal((await receive(peer, 4)).bytes, 4)
  peer.write("pong")
  assert.equal((await receive(client, 4)).bytes, 4)
}

/** The socket closes in the turn after the reload was logged. */
async function untilListening(port: number, wanted: number): Promise<void> {
  for (let tries = 0; tries < 2000 && listeners(port) !== wanted; tries++)
    await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(listeners(port), wanted)
}

test("more workers are started, fewer are retired: tunnels live on, and the last connection ends its worker", async (t) => {
  await using backend = await startSocketBackend()
  const setup = (workers: number): ProxySetup => ({
    backendPort: backend.port,
    main: `worker_processes ${workers};`,
  })
  const faulty = await startFaultyProxy(setup(2))
  const { faults, proxy } = faulty
  t.after(() => proxy[Symbol.asyncDispose]())
  assert.equal(listeners(proxy.port), 2)
  await reload(faulty, setup(4))
  assert.equal(listeners(proxy.port), 4)
  assert.deepEqual(await faults.living(), [1, 2, 3, 4])

  const tunnels: OpenTunnel[] = []
  const sockets = (): Promise<number[]> => Promise.all([1, 2, 3, 4].map((thread) => faults.sockets(thread)))
  while ((await sockets()).includes(0)) tunnels.push(await openTunnel(proxy, backend))
  const total = tunnels.length
  // In flight everywhere: one of them at least is in a worker that retires.
  const flights = await Promise.all(
    Array.from({ length: 16 }, async () => {
      const client = await proxy.connect()
      await client.send("GET /flight HTTP/1.1\r\nHost: a\r\n\r\n")
      const peer = await backend.next()
      await receiveHead(peer)
      return { client, peer }
    }),
  )
  await reload(faulty, setup(1))
  await untilListening(proxy.port, 1)
  assert.equal(proxy.edge.errorLog().match(/worker thread \d+ retires/g)?.length, 3)
  for (const tunnel of tunnels) await assertEcho(tunnel)
  let closing = 0
  for (const { peer } of flights) peer.write(SMALL_ANSWER)
  for (const { client } of flights) {
    const { status, rawHead } = await client.readResponse()
    assert.equal(status, 200)
    if (/^Connection: close\r$/m.test(rawHead)) closing++
    client.destroy()
  }
  assert.ok(closing > 0)
  assert.deepEqual(await faults.living(), [1, 2, 3, 4])
  await proxy.waitForStatus(({ active }) => active === total + 1)

  // A retired worker takes part in reloads, and new ones do not get its place.
  await reload(faulty, setup(2))
  assert.equal(listeners(proxy.port), 2)
  assert.deepEqual(await faults.living(), [1, 2, 3, 4, 5])
  for (const tunnel of tunnels) await assertEcho(tunnel)
  const further: OpenTunnel[] = []
  while ((await faults.sockets(5)) === 0) further.push(await openTunnel(proxy, backend))
  await proxy.waitForStatus(({ active }) => active === total + further.length + 1)

  for (const tunnel of tunnels) closeTunnel(tunnel)
  const ended = async (): Promise<boolean> => (await faults.living()).join() === "1,5"
  while (!(await ended()));
  for (const tunnel of further) await assertEcho(tunnel)
  assert.ok(!/exited with code/.test(proxy.edge.errorLog()))
  for (const tunnel of further) closeTunnel(tunnel)
  await proxy.waitForStatus(({ active }) => active === 1)
})

test("a retired worker that dies is not replaced", async (t) => {
  await using backend = await startSocketBackend()
  const setup = (workers: number): ProxySetup => ({
    backendPort: backend.port,
    main: `worker_processes ${workers};`,
  })
  const faulty = await startFaultyProxy(setup(2))
  const { faults, proxy } = faulty
  t.after(() => proxy[Symbol.asyncDispose]())
  const tunnels: OpenTunnel[] = []
  while ((await faults.sockets(2)) === 0) tunnels.push(await openTunnel(proxy, backend))
  await reload(faulty, setup(1))
  await faults.inject(2, "exit 1")
  await proxy.edge.waitForLog(/worker thread 2 exited with code 1/)
  await reload(faulty, setup(1))
  assert.deepEqual(await faults.living(), [1])
  for (const tunnel of tunnels) closeTunnel(tunnel)
})

test("an idle worker that retires ends at once, and its place is given again", async (t) => {
  const setup = (workers: number): ProxySetup => ({ backendPort: 0, main: `worker_processes ${workers};` })
  const faulty = await startFaultyProxy(setup(3))
  const { faults, proxy } = faulty
  t.after(() => proxy[Symbol.asyncDispose]())
  for (let round = 0; round < 3; round++) {
    await reload(faulty, setup(1))
    while ((await faults.living()).length > 1);
    await reload(faulty, setup(3))
    assert.equal((await faults.living()).length, 3)
    assert.equal(listeners(proxy.statusPort), 3)
  }
  assert.ok(!/exited with code/.test(proxy.edge.errorLog()))
})

test("a graceful stop says goodbye in retired workers, too, and waits for them", async (t) => {
  await using backend = await startSocketBackend()
  const setup = (workers: number): ProxySetup => ({
    backendPort: backend.port,
    main: `worker_processes ${workers}; worker_shutdown_timeout 20s;`,
  })
  const faulty = await startFaultyProxy(setup(2))
  const { faults, proxy } = faulty
  t.after(() => proxy[Symbol.asyncDispose]())
  const tunnels: OpenTunnel[] = []
  while ((await faults.sockets(2)) === 0) tunnels.push(await openTunnel(proxy, backend))
  await reload(faulty, setup(1))
  proxy.edge.signal("SIGQUIT")
  await proxy.edge.waitForLog(/#2: gracefully shutting down/)
  for (const tunnel of tunnels) await assertEcho(tunnel)
  assert.equal(proxy.edge.exited, undefined)
  for (const tunnel of tunnels) closeTunnel(tunnel)
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
})

test("a worker that has retired hears of peers that are removed", async () => {
  const upstream = "drain close after=100ms;"
  await using proxy = await startWebSocketProxy({ main: "worker_processes 2;", upstream })
  const { edge, port, statusPort } = proxy.proxy
  const ends = await Promise.all(Array.from({ length: 24 }, () => proxy.open()))
  const put = async (backendPort: number): Promise<void> => {
    const setup = { main: "worker_processes 1;", upstream, backendPort }
    edge.writeConfig(holdfastProgram, await proxyConfig(setup, port, statusPort))
    edge.signal("SIGHUP")
  }
  await put(proxy.backend.port)
  await edge.waitForLog(/worker thread 2 retires[\s\S]*configuration reloaded/)
  await put(1)
  await Promise.all(
    ends.map(async ({ client, backend }) => {
      endWithPeer(client, backend)
      assert.equal(await client.nextCloseCode(), 1001)
      client.sendClose(1001)
      assert.equal(await backend.nextCloseCode(), 1001)
      backend.sendClose(1001)
      assert.equal(await client.ended(), "end")
    }),
  )
  const threads = (): number =>
    new Set([...edge.errorLog().matchAll(/#(\d+): \*\d+ closing WebSocket/g)].map(([, id]) => id)).size
  await edge.waitUntil("lines of both workers", () => threads() === 2 || undefined)
})

test("no more than 128 workers", async () => {
  const folder = makeTempFolder("workers")
  mkdirSync(join(folder, "logs"))
  for (const [count, error] of [
    [128, /test is successful/],
    [129, /\[emerg\] "worker_processes" of 129 is more than 128, the most of Holdfast in .*a\.conf:1\n/],
  ] as const) {
    writeFileSync(join(folder, "a.conf"), `worker_processes ${count}; events {}\n`)
    const { stderr } = await runHoldfast(["-t", "-p", folder, "-c", join(folder, "a.conf")])
    assert.match(stderr, error)
  }
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { closed, receive } from "../faults/byte-streams.ts"
import type { ProxyUnderTest } from "../faults/proxy-under-test.ts"
import { type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"
import { exchange } from "../support/raw-client.ts"
import { closeTunnel, type OpenTunnel, openTunnel } from "../tunnel/open-tunnel.ts"
import { type Fault, type Faults, startFaultyProxy } from "./faults.ts"

/** Opens tunnels until both workers have some; returns them, and which of the threads is `first`. */
async function tunnelsInBoth(
  proxy: ProxyUnderTest,
  backend: SocketBackend,
  faults: Faults,
): Promise<OpenTunnel[]> {
  const [first = 0, second = 0] = await faults.living()
  const tunnels: OpenTunnel[] = []
  while ((await faults.sockets(first)) === 0 || (await faults.sockets(second)) === 0 || tunnels.length < 8)
    tunnels.push(await openTunnel(proxy, backend))
  return tunnels
}

async function assertEcho({ client, peer }: OpenTunnel): Promise<void> {
  client.write("ping")
  assert.equal((await receive(peer, 4)).bytes, 4)
  peer.write("pong")
  assert.equal((await receive(client, 4)).bytes, 4)
}

const GET = "GET /ok HTTP/1.0\r\n\r\n"
const OK = "location = /ok { return 200 ok; }"

const DEATHS: readonly { what: string; fault: Fault; main?: string; log: RegExp }[] = [
  {
    what: "errors by the dozen",
    fault: "throw 12",
    log: /\[alert\] \d+#\d+: worker thread 1 exited with code 1 \(10 unhandled errors within 10 seconds\)/,
  },
  {
    what: "an exhausted heap",
    fault: "heap",
    log: /\[alert\] \d+#\d+: worker thread 1 exited with code 1 \(out of memory\)/,
  },
  {
    what: "a blocked event loop",
    fault: "block 60000",
    main: "worker_stall_timeout 1s;",
    log: /\[alert\] \d+#\d+: worker thread 1 exited with code 1 \(its event loop stood still for 1\.\d seconds\)/,
  },
  { what: "an exit", fault: "exit 7", log: /\[alert\] \d+#\d+: worker thread 1 exited with code 7\n/ },
]

for (const { what, fault, main = "", log } of DEATHS)
  test(`a worker that dies of ${what} is replaced, and the tunnels of the other do not notice`, async (t) => {
    await using backend = await startSocketBackend()
    const setup = { backendPort: backend.port, main: `worker_processes 2; ${main}`, server: OK }
    const { faults, proxy } = await startFaultyProxy(setup, "--max-old-space-size=64")
    t.after(() => proxy[Symbol.asyncDispose]())
    const tunnels = await tunnelsInBoth(proxy, backend, faults)
    const [first = 0, second = 0] = await faults.living()
    assert.equal(first, 1)
    const lost = await faults.sockets(first)
    const { active } = await proxy.status()
    assert.equal(active, tunnels.length + 1)
    let ended = 0
    for (const { client, peer } of tunnels) {
      void closed(client).then(() => ended++)
      client.resume()
      client.once("end", () => client.destroy())
      peer.resume()
      peer.once("end", () => peer.destroy())
    }
    await faults.inject(first, fault)
    await proxy.edge.waitForLog(log)
    const killedMs = performance.now()
    await proxy.edge.waitForLog(/\[notice\] \d+#\d+: start worker thread 3\n/)
    const third = await faults.nextThread(second)
    t.diagnostic(`replaced after ${Math.round(performance.now() - killedMs)} ms`)
    assert.equal(third, 3)
    // What the dead one counted is gone; its tunnels are, the others live.
    const left = tunnels.length - lost / 2
    await proxy.waitForStatus((status) => status.active === left + 1)
    const living = tunnels.filter(({ client }) => !client.destroyed)
    assert.equal(living.length, left)
    assert.equal(ended, lost / 2)
    for (const tunnel of living) {
      tunnel.client.pause()
      tunnel.peer.pause()
      await assertEcho(tunnel)
    }
    // The new one serves.
    const before = await faults.sockets(third)
    const further: OpenTunnel[] = []
    while ((await faults.sockets(third)) === before) further.push(await openTunnel(proxy, backend))
    assert.equal((await exchange({ port: proxy.port }, GET)).body, "ok")
    for (const tunnel of [...tunnels, ...further]) closeTunnel(tunnel)
  })

for (const fault of ["throw 1", "reject"] as const)
  test(`a single error (${fault}) costs no tunnel`, async (t) => {
    await using backend = await startSocketBackend()
    const { faults, proxy } = await startFaultyProxy({ backendPort: backend.port })
    t.after(() => proxy[Symbol.asyncDispose]())
    const tunnel = await openTunnel(proxy, backend)
    await faults.inject(1, fault)
    await proxy.edge.waitForLog(/\[alert\] \d+#1: unhandled (error|rejection): Error: fault/)
    await assertEcho(tunnel)
    assert.deepEqual(faults.threads(), [1])
    closeTunnel(tunnel)
  })

test("the only worker is replaced as well, and the port is open again", async (t) => {
  const { faults, proxy } = await startFaultyProxy({ backendPort: 0, server: OK })
  t.after(() => proxy[Symbol.asyncDispose]())
  await faults.inject(1, "exit 1")
  assert.equal(await faults.nextThread(1), 2)
  await proxy.edge.waitForLog(/start worker thread 2\n/)
  for (;;) {
    const answer = await exchange({ port: proxy.port }, GET).catch(() => undefined)
    if (answer === undefined) continue
    assert.equal(answer.body, "ok")
    break
  }
})

test("workers that die of their start are started again later and later, until one lives", async (t) => {
  const { faults, proxy } = await startFaultyProxy({ backendPort: 0, server: OK })
  t.after(() => proxy[Symbol.asyncDispose]())
  faults.isPoisoned = true
  await faults.inject(1, "exit 1")
  await proxy.edge.waitForLog(
    /start worker thread 2\n.*thread 2 exited with code 1\n.*\[alert\] .*worker thread 2 could not start: a worker thread ended before it answered\n.*\[warn\] .*a worker thread is started again in 1 s\n/,
  )
  await proxy.edge.waitForLog(/start worker thread 3\n[\s\S]*started again in 2 s\n/)
  faults.isPoisoned = false
  await proxy.edge.waitForLog(/start worker thread 4\n/)
  await faults.nextThread(3)
  await proxy.waitForStatus(() => true)
})

test("the program ends while it waits to start a worker again, and a reload ends the wait", async (t) => {
  const { faults, proxy } = await startFaultyProxy({ backendPort: 0, server: OK })
  t.after(() => proxy[Symbol.asyncDispose]())
  faults.isPoisoned = true
  await faults.inject(1, "exit 1")
  await proxy.edge.waitForLog(/started again in 2 s\n/)
  // Nobody is there to refuse it.
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(/configuration reloaded\n[\s\S]*start worker thread 4\n/)
  await proxy.edge.waitForLog(/started again in 4 s\n/)
  proxy.edge.signal("SIGQUIT")
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
})

test("connections that a dead worker had with a peer count no more, and its locks are free", async (t) => {
  await using backend = await startSocketBackend()
  const { faults, proxy } = await startFaultyProxy({
    backendPort: backend.port,
    main: "worker_processes 2;",
    upstream: "zone z 64k;",
    peer: "max_conns=1",
  })
  t.after(() => proxy[Symbol.asyncDispose]())
  const tunnel = await openTunnel(proxy, backend)
  const refused = await exchange({ port: proxy.port }, GET)
  assert.equal(refused.status, 502)
  const owner = (await faults.sockets(1)) > 0 ? 1 : 2
  await faults.inject(owner, "exit 1")
  await faults.nextThread(2)
  const another = await openTunnel(proxy, backend)
  await assertEcho(another)
  closeTunnel(tunnel)
  closeTunnel(another)
})

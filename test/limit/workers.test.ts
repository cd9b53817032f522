/** Limits of several workers: one zone for all, whoever dies. */
import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import { receiveHead } from "../faults/byte-streams.ts"
import type { ProxyUnderTest } from "../faults/proxy-under-test.ts"
import { type SocketBackend, SWITCHING, startSocketBackend } from "../faults/socket-backend.ts"
import { type Faults, startFaultyProxy } from "../supervision/faults.ts"
import { exchange } from "../support/raw-client.ts"
import { closeTunnel, type OpenTunnel } from "../tunnel/open-tunnel.ts"

const GET = "GET /limited HTTP/1.0\r\n\r\n"

/** Opens tunnels one after the other. */
class Tunnels {
  readonly #proxy: ProxyUnderTest
  readonly #backend: SocketBackend
  /** The next connection to the backend: one that is refused leaves it to the one after it. */
  #peer: Promise<Socket> | null = null

  constructor(proxy: ProxyUnderTest, backend: SocketBackend) {
    this.#proxy = proxy
    this.#backend = backend
  }

  /** Undefined where it is refused. */
  async open(): Promise<OpenTunnel | undefined> {
    const client = await this.#proxy.startUpgrade()
    const head = receiveHead(client)
    this.#peer ??= this.#backend.next()
    const first = await Promise.race([head, this.#peer])
    if (typeof first === "string") {
      assert.match(first, /^HTTP\/1\.1 503 /)
      client.destroy()
      return undefined
    }
    this.#peer = null
    await receiveHead(first)
    first.write(SWITCHING, "latin1")
    return { client, peer: first, head: await head }
  }

  /** Opens tunnels until one is refused. */
  async fill(): Promise<OpenTunnel[]> {
    const opened: OpenTunnel[] = []
    for (let tunnel = await this.open(); tunnel !== undefined; tunnel = await this.open()) opened.push(tunnel)
    return opened
  }
}

test("requests that come to several workers are counted together", async (t) => {
  const { faults, proxy } = await startFaultyProxy({
    backendPort: 0,
    main: "worker_processes 2;",
    http: "limit_req_zone $uri zone=one:32k rate=1r/m;",
    server: "location = /limited { limit_req zone=one burst=9 nodelay; stub_status; }",
  })
  t.after(() => proxy[Symbol.asyncDispose]())
  const answers = await Promise.all(Array.from({ length: 40 }, () => exchange({ port: proxy.port }, GET)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 10)
  assert.equal(answers.filter(({ status }) => status === 503).length, 30)
  // A worker that dies takes nothing of it along.
  await faults.inject(1, "exit 1")
  await faults.nextThread(2)
  await proxy.edge.waitForLog(/start worker thread 3\n/)
  await proxy.waitForStatus(() => true)
  for (let i = 0; i < 8; i++) assert.equal((await exchange({ port: proxy.port }, GET)).status, 503)
})

async function startLimited(
  backend: SocketBackend,
  limit: number,
): Promise<{ faults: Faults; proxy: ProxyUnderTest }> {
  return startFaultyProxy({
    backendPort: backend.port,
    main: "worker_processes 2;",
    http: "limit_conn_zone $server_name zone=one:32k; limit_conn_zone $remote_addr zone=two:32k;",
    server: "server_name here;",
    location: `limit_conn one ${limit}; limit_conn two 1000;`,
  })
}

test("tunnels of several workers are counted together, and those of a dead worker are not", async (t) => {
  await using backend = await startSocketBackend()
  const { faults, proxy } = await startLimited(backend, 12)
  t.after(() => proxy[Symbol.asyncDispose]())
  const opener = new Tunnels(proxy, backend)
  const tunnels = await opener.fill()
  assert.equal(tunnels.length, 12)
  const [first = 0, second = 0] = await faults.living()
  const lost = (await faults.sockets(first)) / 2
  t.diagnostic(`${lost} of 12 tunnels are the first worker's`)
  for (const { client, peer } of tunnels) {
    client.resume().once("end", () => client.destroy())
    peer.resume().once("end", () => peer.destroy())
  }
  await faults.inject(first, "exit 1")
  await faults.nextThread(second)
  await proxy.waitForStatus((status) => status.active === 12 - lost + 1)
  const further = await opener.fill()
  assert.equal(further.length, lost)
  // Each that ends makes room for one.
  const ended = further.pop() ?? (tunnels.find(({ client }) => !client.destroyed) as OpenTunnel)
  closeTunnel(ended)
  await proxy.waitForStatus((status) => status.active === 12)
  const last = await opener.fill()
  assert.equal(last.length, 1)
  for (const tunnel of [...tunnels, ...further, ...last]) closeTunnel(tunnel)
})

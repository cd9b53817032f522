/** What is known of a server outlives reloads: the tunnels that are open to it, and its failures. */
import assert from "node:assert/strict"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { type TestContext, test } from "node:test"
import { startEdgeUnderTest } from "../guide/guide.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"

/** Enough tries that each worker has had a share: the kernel spreads connections by a hash of their ports. */
const TRIES = 300

/** A backend that takes every upgrade, says its name, and then keeps quiet. */
class Backend {
  readonly name: string
  readonly sockets = new Set<Socket>()
  readonly #server: Server

  constructor(name: string) {
    this.name = name
    this.#server = createServer((socket) => {
      this.sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => this.sockets.delete(socket))
      socket.once("data", () =>
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\nX-Backend: ${name}\r\n\r\n`,
        ),
      )
      socket.resume()
    })
  }

  async start(t: TestContext): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve))
    t.after(() => {
      for (const socket of this.sockets) socket.destroy()
      this.#server.close()
    })
    return this
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
}

interface Setup {
  readonly workers: number
  readonly hasZone: boolean
}

const SETUPS: readonly Setup[] = [
  { workers: 1, hasZone: false },
  { workers: 1, hasZone: true },
  { workers: 2, hasZone: false },
  { workers: 2, hasZone: true },
]

/** One edge before a group called `backend`, whose lines change from reload to reload. */
class ReloadedProxy {
  readonly port: number
  readonly #setup: Setup
  #edge: Edge | null = null
  #reloads = 0

  constructor(setup: Setup, port: number) {
    this.#setup = setup
    this.port = port
  }

  async start(t: TestContext, lines: string): Promise<void> {
    this.#edge = await startEdgeUnderTest(this.#config(lines))
    t.after(() => this.edge.stop())
  }

  get edge(): Edge {
    return this.#edge as Edge
  }

  async reload(lines: string): Promise<void> {
    this.#reloads++
    this.edge.writeConfig(holdfastProgram, this.#config(lines))
    this.edge.signal("SIGHUP")
    await this.edge.waitUntil(`reload ${this.#reloads}`, () => {
      const done = this.edge.errorLog().split("configuration reloaded").length - 1
      return done === this.#reloads || undefined
    })
  }

  #config(lines: string): string {
    const { workers, hasZone } = this.#setup
    return `worker_processes ${workers}; events {} http {
      access_log off; add_header X-Tried $upstream_addr always;
      upstream backend { ${hasZone ? "zone backend 64k;" : ""} ${lines} }
      server {
        listen 127.0.0.1:${this.port};
        location / {
          proxy_pass http://backend; proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
        }
      }
    }`
  }

  /** Opens a tunnel; resolves with its socket and the name of the backend at its end. */
  open(t: TestContext): Promise<{ socket: Socket; backend: string }> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.port, host: "127.0.0.1" })
      t.after(() => socket.destroy())
      let head = ""
      socket.on("error", reject)
      socket.on("close", () => reject(new Error(`the tunnel ended: ${head}`)))
      socket.on("data", (chunk) => {
        head += chunk.toString("latin1")
        if (!head.includes("\r\n\r\n")) return
        const [, backend] = /^X-Backend: (.*)\r$/m.exec(head) ?? []
        if (backend === undefined) reject(new Error(head))
        else resolve({ socket, backend })
      })
      socket.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
    })
  }

  /** Opens tunnels until `isDone`; the first of them stay open, the rest are closed as they come. */
  async openUntil(t: TestContext, what: string, isDone: (backend: string) => boolean): Promise<Socket> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { socket, backend } = await this.open(t)
      if (isDone(backend)) return socket
    }
    throw new Error(`${what} did not come`)
  }
}

for (const setup of SETUPS) {
  const what = `${setup.workers} worker(s) ${setup.hasZone ? "with" : "without"} zone`
  /** What max_conns=1 allows in all. */
  const most = setup.hasZone ? 1 : setup.workers

  test(`max_conns counts the tunnels from before a reload, ${what}`, async (t) => {
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((name) => new Backend(name).start(t)))
    const proxy = new ReloadedProxy(setup, await freePort())
    await proxy.start(t, `server ${a.address} max_conns=1; server ${b.address};`)
    await proxy.openUntil(t, "a full peer", () => a.sockets.size === most)

    await proxy.reload(`server ${c.address}; server ${b.address}; server ${a.address} max_conns=1 weight=3;`)
    let others = 0
    await proxy.openUntil(t, "the new peer", (backend) => {
      assert.notEqual(backend, "a")
      others++
      return others >= 20 && c.sockets.size >= setup.workers
    })
    assert.equal(a.sockets.size, most)

    // Without it for one generation; and back.
    await proxy.reload(`server ${b.address};`)
    await proxy.openUntil(t, "the peer that is left", (backend) => backend === "b")
    await proxy.reload(`server ${a.address} max_conns=1; server ${b.address} max_conns=1000;`)
    for (let i = 0; i < 20; i++) assert.equal((await proxy.open(t)).backend, "b")
    assert.equal(a.sockets.size, most)

    // Their end is counted, too: the peer of the generation that they began with gives the place back.
    for (const socket of a.sockets) socket.destroy()
    await proxy.openUntil(t, "the place that is free again", (backend) => backend === "a")
  })

  test(`failures are remembered over a reload, ${what}`, async (t) => {
    const [b, c] = await Promise.all(["b", "c"].map((name) => new Backend(name).start(t)))
    const dead = `127.0.0.1:${await freePort()}`
    const proxy = new ReloadedProxy(setup, await freePort())
    const parameters = "max_fails=1 fail_timeout=1h"
    await proxy.start(t, `server ${dead} ${parameters}; server ${b.address};`)
    const failures = (): number => proxy.edge.errorLog().split("connect() failed (111").length - 1
    await proxy.openUntil(t, "a failure in each worker", () => failures() === most)

    await proxy.reload(`server ${c.address}; server ${b.address}; server ${dead} weight=5 ${parameters};`)
    let opened = 0
    await proxy.openUntil(t, "the new peer", (backend) => ++opened >= 40 && backend === "c")
    await proxy.reload(`server ${dead} ${parameters}; server ${c.address};`)
    for (let i = 0; i < 20; i++) assert.equal((await proxy.open(t)).backend, "c")
    assert.equal(failures(), most)
  })
}

test("a reload that is refused leaves the peers as they were", async (t) => {
  const [a, b] = await Promise.all(["a", "b"].map((name) => new Backend(name).start(t)))
  const proxy = new ReloadedProxy({ workers: 1, hasZone: true }, await freePort())
  await proxy.start(t, `server ${a.address} weight=3; server ${b.address};`)
  const next = async (count: number): Promise<string> => {
    let names = ""
    for (let i = 0; i < count; i++) names += (await proxy.open(t)).backend
    return names
  }
  assert.equal(await next(6), "aabaaa")
  proxy.edge.writeConfig(
    holdfastProgram,
    `events {} http { upstream backend { zone backend 64k; server ${b.address} weight=9; server ${a.address}; }
     server { listen 127.0.0.1:${proxy.port}; location / { proxy_pass http://backend; } }
     server { listen 127.0.0.1:1 ssl; ssl_certificate /no/such.crt; ssl_certificate_key /no/such.key; } }`,
  )
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(/no\/such\.crt/)
  assert.equal(await next(6), "baaaba")
})

test("a server that is marked down gets no more, and what it has counts on", async (t) => {
  const [a, b] = await Promise.all(["a", "b"].map((name) => new Backend(name).start(t)))
  const proxy = new ReloadedProxy({ workers: 1, hasZone: false }, await freePort())
  await proxy.start(t, `server ${a.address} max_conns=1; server ${b.address};`)
  await proxy.openUntil(t, "a tunnel", (backend) => backend === "a")
  await proxy.reload(`server ${a.address} max_conns=1 down; server ${b.address};`)
  for (let i = 0; i < 5; i++) assert.equal((await proxy.open(t)).backend, "b")
  await proxy.reload(`server ${a.address} max_conns=1; server ${b.address};`)
  for (let i = 0; i < 5; i++) assert.equal((await proxy.open(t)).backend, "b")
  assert.equal(a.sockets.size, 1)
})

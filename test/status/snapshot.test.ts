/** What a running program tells of itself: with two workers, tunnels, a dead peer, reloads, a death. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { type TestContext, test } from "node:test"
import { isDeepStrictEqual } from "node:util"
import { Ajv, type ValidateFunction } from "ajv"
import addFormats from "ajv-formats"
import { WebSocket } from "ws"
import type { Snapshot } from "../../src/observe/snapshot.ts"
import { startFaultyProxy } from "../supervision/faults.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { exchange } from "../support/raw-client.ts"
import { type EchoBackend, startEchoBackend } from "../support/websocket-backends.ts"
import { locationOf, peersOf, runStatus, snapshotOf, snapshotWhen } from "./running.ts"

const SCHEMA = new URL("../../docs/status.schema.json", import.meta.url)
const TUNNELS = 6

function schema(): ValidateFunction {
  const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true })
  addFormats.default(ajv)
  return ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")))
}

async function openSocket(t: TestContext, url: string): Promise<WebSocket> {
  const socket = new WebSocket(url)
  t.after(() => socket.terminate())
  await once(socket, "open")
  return socket
}

interface Running {
  readonly edge: Edge
  readonly backend: EchoBackend
  readonly port: number
  readonly dead: number
  readonly sockets: readonly WebSocket[]
  /** The configuration, with the server of the group in its place. */
  readonly config: (server: string) => string
}

async function startWithTunnels(t: TestContext): Promise<Running> {
  const [port = 0, dead = 0] = await freePorts(2)
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  const config = (server: string): string => `worker_processes 2; events {} http { access_log off;
    upstream app { ${server} server 127.0.0.1:${dead} max_fails=1 fail_timeout=1h; }
    upstream shared { zone shared 64k; server 127.0.0.1:${backend.port} weight=2 max_conns=500;
      server 127.0.0.1:${dead} backup; server 127.0.0.1:${dead} down; }
    server { listen 127.0.0.1:${port}; server_name example.com www.example.com;
      location /ws/ { websocket on; proxy_pass http://app; }
      location ^~ /shared/ { websocket on; proxy_pass http://shared; }
    } }`
  const edge = await startHoldfast(config(`server 127.0.0.1:${backend.port};`))
  t.after(() => edge.stop().then(() => {}))
  const sockets: WebSocket[] = []
  for (let i = 0; i < TUNNELS; i++) sockets.push(await openSocket(t, `ws://127.0.0.1:${port}/ws/`))
  sockets.push(await openSocket(t, `ws://127.0.0.1:${port}/shared/`))
  return { edge, backend, port, dead, sockets, config }
}

test("workers, listeners, tunnels by location and peer, and reloads", async (t) => {
  const { edge, backend, port, dead, sockets, config } = await startWithTunnels(t)
  const validate = schema()

  await t.test("numbers of all workers are added up", async () => {
    const snapshot = await snapshotOf(edge)
    assert.ok(validate(snapshot), JSON.stringify(validate.errors))
    assert.equal(snapshot.pid, edge.pid)
    assert.deepEqual([snapshot.state, snapshot.replaces, snapshot.replacedBy], ["running", null, null])
    assert.equal(snapshot.generation.file, edge.configFile)
    assert.equal(snapshot.generation.number, 1)
    assert.equal(snapshot.lastReload, null)
    assert.deepEqual(
      snapshot.workers.map(({ index, state, restarts, generation }) => [index, state, restarts, generation]),
      [
        [0, "serving", 0, 1],
        [1, "serving", 0, 1],
      ],
    )
    const sum = (of: "tunnels" | "connections"): number =>
      snapshot.workers.reduce((total, worker) => total + (worker[of] ?? 0), 0)
    assert.deepEqual([sum("tunnels"), sum("connections")], [TUNNELS + 1, TUNNELS + 1])
    assert.deepEqual(snapshot.connections, {
      active: TUNNELS + 1,
      reading: 0,
      writing: TUNNELS + 1,
      waiting: 0,
      accepted: TUNNELS + 1,
      handled: TUNNELS + 1,
      requests: TUNNELS + 1,
      tunnels: TUNNELS + 1,
    })
    assert.deepEqual(snapshot.listeners, [
      { address: `127.0.0.1:${port}`, ssl: false, http2: false, proxyProtocol: false, accepted: TUNNELS + 1 },
    ])
    assert.deepEqual(
      snapshot.locations.map(({ server, location, open, opened, failed }) => [
        server,
        location,
        open,
        opened,
        failed,
      ]),
      [
        ["example.com", "/ws/", TUNNELS, TUNNELS, 0],
        ["example.com", "^~ /shared/", 1, 1, 0],
      ],
    )
  })

  await t.test("a peer is known by its tunnels and its failures, in each worker or in all", async () => {
    const snapshot = await snapshotOf(edge)
    const [up, down] = peersOf(snapshot, "app")
    assert.equal(up?.address, `127.0.0.1:${backend.port}`)
    assert.deepEqual([up?.state, up?.tunnels, up?.connections, up?.fails], ["up", TUNNELS, TUNNELS, 0])
    assert.equal(down?.address, `127.0.0.1:${dead}`)
    assert.deepEqual([down?.state, down?.tunnels], ["unavailable", 0])
    // Whichever worker has asked it has found it dead.
    assert.equal(down?.fails, down?.workers[0])
    assert.ok(Math.abs(Date.now() - Date.parse(down?.lastFailureAt ?? "")) < 60_000)
    const shared = peersOf(snapshot, "shared").map(({ state, backup, weight, maxConns, tunnels }) => ({
      state,
      backup,
      weight,
      maxConns,
      tunnels,
    }))
    assert.deepEqual(shared, [
      { state: "up", backup: false, weight: 2, maxConns: 500, tunnels: 1 },
      { state: "down", backup: false, weight: 1, maxConns: 0, tunnels: 0 },
      { state: "up", backup: true, weight: 1, maxConns: 0, tunnels: 0 },
    ])
  })

  await t.test("a bad reload is told with its reason, and changes nothing else", async () => {
    edge.writeConfig(holdfastProgram, "events {} http { nonsense on; }")
    edge.signal("SIGHUP")
    await edge.waitForLog(/unknown directive "nonsense"/)
    const snapshot = await snapshotOf(edge)
    assert.equal(snapshot.lastReload?.ok, false)
    assert.match(snapshot.lastReload?.error ?? "", /^unknown directive "nonsense" in .*holdfast\.conf:1$/)
    assert.equal(snapshot.generation.number, 1)
    // It is found though the configuration on disk is broken, and says so.
    const { status, stdout, stderr } = await runStatus("-c", edge.configFile, "-p", edge.prefix)
    assert.deepEqual([status, stderr], [0, ""])
    assert.match(stdout, /^the reload \d+ s ago failed, all stays as it was: unknown directive "nonsense"/m)
  })

  await t.test("after a good one counts go on, and a peer that is gone keeps its tunnels", async () => {
    edge.writeConfig(holdfastProgram, config(""))
    edge.signal("SIGHUP")
    await edge.waitForLog(/configuration reloaded/)
    const snapshot = await snapshotOf(edge)
    assert.ok(validate(snapshot), JSON.stringify(validate.errors))
    assert.deepEqual([snapshot.lastReload?.ok, snapshot.lastReload?.error], [true, null])
    const { number } = snapshot.generation
    assert.ok(number > 1)
    assert.deepEqual(
      snapshot.workers.map(({ generation }) => generation),
      [number, number],
    )
    assert.equal(locationOf(snapshot, "/ws/").open, TUNNELS)
    const removed = peersOf(snapshot, "app").find(({ state }) => state === "removed")
    assert.deepEqual([removed?.address, removed?.tunnels], [`127.0.0.1:${backend.port}`, TUNNELS])
  })

  await t.test("tunnels that end leave only their number behind", async () => {
    for (const socket of sockets) socket.terminate()
    const snapshot = await snapshotWhen(edge, ({ connections }) => connections.active === 0)
    const { open, opened } = locationOf(snapshot, "/ws/")
    assert.deepEqual([open, opened], [0, TUNNELS])
    assert.ok(peersOf(snapshot, "app").every(({ state }) => state !== "removed"))
  })
})

test("a worker that does not answer is shown, then that another took its place", async (t) => {
  const { faults, proxy } = await startFaultyProxy({
    backendPort: 0,
    main: "worker_processes 2; worker_stall_timeout 3s;",
  })
  t.after(() => proxy.edge.stop().then(() => {}))
  const [first = 0] = await faults.living()
  const before = await snapshotOf(proxy.edge)
  await faults.inject(first, "block 60000")
  const blocked = await snapshotWhen(proxy.edge, ({ workers }) =>
    workers.some(({ state }) => state === "not answering"),
  )
  const worker = blocked.workers.find(({ thread }) => thread === first)
  assert.deepEqual(
    [worker?.state, worker?.tunnels, worker?.busy, worker?.answerMs],
    ["not answering", null, null, null],
  )
  assert.equal(blocked.workers.filter(({ state }) => state === "serving").length, 1)
  assert.ok(schema()(blocked))
  const after = await snapshotWhen(proxy.edge, ({ workers }) =>
    workers.some(({ restarts }) => restarts === 1),
  )
  const replaced = (
    await snapshotWhen(proxy.edge, ({ workers }) => workers.every(({ state }) => state === "serving"))
  ).workers.find(({ restarts }) => restarts === 1)
  assert.notEqual(replaced?.thread, before.workers.find(({ index }) => index === replaced?.index)?.thread)
  assert.equal(after.pid, before.pid)
})

test("each state of a peer", async (t) => {
  const [port = 0, dead = 0] = await freePorts(2)
  const backend = await startEchoBackend("one")
  const silent = await startRawBackend({ after: "keep" })
  t.after(() => Promise.all([backend.close(), silent.close()]))
  const alive = `server 127.0.0.1:${backend.port}`
  const edge = await startHoldfast(`events {} http { access_log off; websocket on;
    upstream full { zone full 64k; ${alive} max_conns=1; ${alive} backup; }
    upstream draining { zone draining 64k; ${alive} drain; ${alive}; }
    upstream failing { zone failing 64k; ${alive}; server 127.0.0.1:${dead} fail_timeout=1s; }
    upstream unhealthy { zone unhealthy 64k; server 127.0.0.1:${dead}; ${alive}; }
    upstream checking { zone checking 64k; server 127.0.0.1:${silent.port}; ${alive}; }
    server { listen 127.0.0.1:${port};
      location /full { proxy_pass http://full; }
      location /draining { proxy_pass http://draining; }
      location /failing { proxy_pass http://failing; }
      location /unhealthy { proxy_pass http://unhealthy; health_check interval=1h; }
      location /checking { proxy_pass http://checking; health_check interval=1h mandatory; }
    } }`)
  t.after(() => edge.stop().then(() => {}))
  await openSocket(t, `ws://127.0.0.1:${port}/full`)
  // Its turn comes with one of two.
  for (let i = 0; i < 2; i++) await openSocket(t, `ws://127.0.0.1:${port}/failing`)
  const states = ({ upstreams }: Snapshot): string[] =>
    upstreams.map(({ name, peers }) => `${name}: ${peers.map(({ state }) => state).join(" ")}`)
  const expected = [
    "full: full up",
    "draining: draining up",
    "failing: up failing",
    "unhealthy: unhealthy up",
    "checking: checking up",
  ]
  const snapshot = await snapshotWhen(edge, (now) => isDeepStrictEqual(states(now), expected))
  assert.ok(schema()(snapshot))
})

test("texts of the configuration are UTF-8, and the same server name on two ports is one", async (t) => {
  const [port, other] = [await freePort(), await freePort()]
  const location = Buffer.from("location /grüße/ { return 403; }").toString("latin1")
  const server = (at: number): string => `server { listen 127.0.0.1:${at}; server_name a; ${location} }`
  const edge = await startHoldfast(`events {} http { access_log off; ${server(port)} ${server(other)} }`)
  t.after(() => edge.stop().then(() => {}))
  for (const at of [port, other])
    await exchange(
      { port: at },
      "GET /gr%C3%BC%C3%9Fe/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    )
  const { locations } = await snapshotWhen(edge, (snapshot) => snapshot.locations[0]?.failed === 2)
  assert.deepEqual(
    locations.map(({ server, location, failed }) => [server, location, failed]),
    [["a", "/grüße/", 2]],
  )
})

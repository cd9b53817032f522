/** Log files where a reload changes their paths. */
import assert from "node:assert/strict"
import { readdirSync, readlinkSync, renameSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { receiveHead } from "../faults/byte-streams.ts"
import { SMALL_ANSWER, SWITCHING, startSocketBackend } from "../faults/socket-backend.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange, RawClient } from "../support/raw-client.ts"

/** Files below the prefix that the program has open, with how often. */
function openLogs(edge: Edge): Record<string, number> {
  const counts: Record<string, number> = {}
  const folder = `/proc/${edge.pid}/fd`
  for (const fd of readdirSync(folder)) {
    let path = ""
    try {
      path = readlinkSync(join(folder, fd))
    } catch {
      continue
    }
    if (!path.endsWith(".log")) continue
    const name = path.slice(edge.prefix.length + 1)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

interface Paths {
  readonly access: string
  readonly error?: string
  readonly more?: string
}

function config(port: number, backend: number, { access, error, more = "" }: Paths): string {
  const errorLog = error === undefined ? "" : `error_log {prefix}/${error} info;`
  return `worker_processes 2; ${errorLog} events {} http {
    access_log {prefix}/logs/${access} combined ${more};
    server { listen 127.0.0.1:${port};
      location / { proxy_pass http://127.0.0.1:${backend}; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection; }
      location = /now { return 200 ok; } } }`
}

async function reload(edge: Edge, text: string, log = "error.log"): Promise<void> {
  const count = (): number => edge.readFile(log).split("configuration reloaded\n").length
  const before = count()
  edge.writeConfig(holdfastProgram, text)
  edge.signal("SIGHUP")
  await edge.waitUntil("the reload", () => count() > before || undefined)
}

async function untilOpen(edge: Edge, wanted: Record<string, number>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (JSON.stringify(openLogs(edge)) === JSON.stringify(wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.deepEqual(openLogs(edge), wanted)
}

test("files that only the old configuration names are closed; requests and tunnels of it still write theirs", async (t) => {
  await using backend = await startSocketBackend()
  const port = await freePort()
  const edge = await startHoldfast(config(port, backend.port, { access: "one.log" }))
  t.after(() => edge.stop().then(() => {}))
  // The supervisor has built the configuration as well.
  await untilOpen(edge, { "error.log": 3, "logs/one.log": 3 })

  const flight = await RawClient.connect({ port })
  await flight.send("GET /flight HTTP/1.1\r\nHost: a\r\n\r\n")
  const flightPeer = await backend.next()
  await receiveHead(flightPeer)
  const tunnel = await RawClient.connect({ port })
  await tunnel.send("GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
  const tunnelPeer = await backend.next()
  await receiveHead(tunnelPeer)
  tunnelPeer.write(SWITCHING)
  await tunnel.readResponse()

  for (let i = 2; i < 6; i++) await reload(edge, config(port, backend.port, { access: `two${i}.log` }))
  await untilOpen(edge, { "error.log": 3, "logs/two5.log": 3 })
  await exchange({ port }, "GET /now HTTP/1.0\r\n\r\n")
  await edge.waitForFile("logs/two5.log", /"GET \/now HTTP\/1\.0" 200/)

  flightPeer.write(SMALL_ANSWER)
  assert.equal((await flight.readResponse()).status, 200)
  await edge.waitForFile("logs/one.log", /"GET \/flight HTTP\/1\.1" 200/)
  await untilOpen(edge, { "error.log": 3, "logs/two5.log": 3 })
  tunnel.destroy()
  tunnelPeer.destroy()
  await edge.waitForFile("logs/one.log", /"GET \/tunnel HTTP\/1\.1" 101/)
  await untilOpen(edge, { "error.log": 3, "logs/two5.log": 3 })
  flight.destroy()
  flightPeer.destroy()
})

test("a reload that is refused opens nothing for good", async (t) => {
  const port = await freePort()
  const edge = await startHoldfast(config(port, 1, { access: "one.log" }))
  t.after(() => edge.stop().then(() => {}))
  edge.writeConfig(
    holdfastProgram,
    config(port, 1, { access: "two.log" }).replace("worker_processes", "error_log {prefix}/other.log; w"),
  )
  edge.signal("SIGHUP")
  await edge.waitForLog(/\[emerg\]/)
  edge.writeConfig(
    holdfastProgram,
    config(port, 1, { access: "two.log" }).replace(
      "location = /now",
      "access_log /no/such/folder/x; location = /now",
    ),
  )
  edge.signal("SIGHUP")
  await edge.waitForLog(/\[emerg\] .*no\/such\/folder/)
  await untilOpen(edge, { "error.log": 3, "logs/one.log": 3 })
})

test("lines in a buffer are written when their file leaves the configuration", async (t) => {
  const port = await freePort()
  const paths = { access: "one.log", more: "buffer=64k flush=1h" }
  const edge = await startHoldfast(config(port, 1, paths))
  t.after(() => edge.stop().then(() => {}))
  await exchange({ port }, "GET /now HTTP/1.0\r\n\r\n")
  assert.equal(edge.readFile("logs/one.log"), "")
  await reload(edge, config(port, 1, { ...paths, access: "two.log" }))
  await edge.waitForFile("logs/one.log", /"GET \/now HTTP\/1\.0" 200/)
  await untilOpen(edge, { "error.log": 3, "logs/two.log": 3 })
})

test("the error log moves with a reload", async (t) => {
  const port = await freePort()
  const edge = await startHoldfast(config(port, 1, { access: "one.log", error: "first.log" }))
  t.after(() => edge.stop().then(() => {}))
  await reload(edge, config(port, 1, { access: "one.log", error: "second.log" }), "second.log")
  assert.ok(!edge.readFile("first.log").includes("configuration reloaded"))
  await untilOpen(edge, { "logs/one.log": 3, "second.log": 3 })
})

test("logs are reopened in all workers, those that have retired among them", async (t) => {
  await using backend = await startSocketBackend()
  const port = await freePort()
  const edge = await startHoldfast(config(port, backend.port, { access: "one.log" }))
  t.after(() => edge.stop().then(() => {}))
  const tunnels: RawClient[] = []
  for (let i = 0; i < 16; i++) {
    const tunnel = await RawClient.connect({ port })
    await tunnel.send(`GET /${i} HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n`)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(SWITCHING)
    peer.resume()
    peer.once("end", () => peer.end())
    await tunnel.readResponse()
    tunnels.push(tunnel)
  }
  const single = config(port, backend.port, { access: "one.log" }).replace(
    "worker_processes 2",
    "worker_processes 1",
  )
  await reload(edge, single)
  renameSync(join(edge.prefix, "logs/one.log"), join(edge.prefix, "logs/moved.log"))
  edge.signal("SIGUSR1")
  await untilOpen(edge, { "error.log": 3, "logs/one.log": 3 })
  for (const tunnel of tunnels) tunnel.destroy()
  await edge.waitUntil("all lines", () =>
    edge.readFile("logs/one.log").split("\n").length === 17 ? true : undefined,
  )
})

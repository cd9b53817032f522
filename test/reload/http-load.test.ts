import assert from "node:assert/strict"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { type Edge, startEdge } from "../support/edge.ts"
import { holdfastProgram, run } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchangeToEnd } from "../support/raw-client.ts"

const WRK = "/usr/bin/wrk"
const SECONDS = 5
const RELOAD_EVERY_MS = 100
const CLIENTS = 8
const BODY = "all is well\n"

/** Each number gives another configuration: other members, other log format, other location. */
function config(number: number, port: number, backends: readonly number[]): string {
  const members = backends.filter((_port, at) => number % 3 !== at)
  return `worker_processes 2;
  events { worker_connections 4000; }
  http {
    log_format load '$status ${number % 2 === 0 ? "$upstream_addr" : "$request_time"}';
    access_log {prefix}/logs/access.log load;
    upstream backend { ${members.map((member) => `server 127.0.0.1:${member};`).join(" ")} }
    server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://backend; proxy_ignore_client_abort on; }
      location = /number { access_log off; return 200 "${number}"; }
      location /at/${number} { return 404; }
    }
  }`
}

async function startBackend(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((_request, response) => response.end(BODY))
  // A connection that is closed just as a request comes is another matter: of the backend's, not of a reload's.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { port: (server.address() as AddressInfo).port, close }
}

interface Loaded {
  readonly edge: Edge
  readonly port: number
}

/**
 * Reloads again and again until `work` is over; returns how many reloads there were. Signals that come while one runs
 * are one further reload.
 */
async function reloadDuring(
  loaded: Loaded,
  backends: readonly number[],
  work: Promise<unknown>,
): Promise<number> {
  const { edge, port } = loaded
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  let number = 0
  while (!isOver) {
    number++
    edge.writeConfig(holdfastProgram, config(number, port, backends))
    edge.signal("SIGHUP")
    await pause(RELOAD_EVERY_MS)
  }
  await over
  // The last one comes into force: asked for until it is, since it may have joined one that ran.
  while (!(await exchangeToEnd({ port }, "GET /number HTTP/1.0\r\n\r\n")).endsWith(`\r\n\r\n${number}`))
    await pause(RELOAD_EVERY_MS)
  return edge.errorLog().match(/configuration reloaded/g)?.length ?? 0
}

/** Status codes in the access log and how often each is there. */
function statuses(edge: Edge): Record<string, number> {
  const found: Record<string, number> = {}
  for (const line of edge.readFile("logs/access.log").split("\n")) {
    const status = line.slice(0, 3)
    if (status !== "") found[status] = (found[status] ?? 0) + 1
  }
  return found
}

async function withLoad(
  load: (port: number) => Promise<number>,
): Promise<{ reloads: number; requests: number }> {
  const servers = [await startBackend(), await startBackend(), await startBackend()]
  const backends = servers.map((server) => server.port)
  const port = await freePort()
  const edge = await startEdge(holdfastProgram, config(0, port, backends), {})
  try {
    const work = load(port)
    const reloads = await reloadDuring({ edge, port }, backends, work)
    const requests = await work
    await edge.waitUntil("all lines", () => (statuses(edge)["200"] ?? 0) >= requests || undefined)
    assert.deepEqual(Object.keys(statuses(edge)), ["200"])
    assert.doesNotMatch(edge.errorLog(), /\[(error|crit|alert|emerg)\]/)
    return { reloads, requests }
  } finally {
    await edge.stop()
    for (const server of servers) await server.close()
  }
}

/** Runs wrk; returns how many requests it had answered. */
async function wrk(port: number, more: readonly string[]): Promise<number> {
  const args = ["-t1", `-c${CLIENTS * 2}`, `-d${SECONDS}s`, ...more, `http://127.0.0.1:${port}/`]
  const { stdout, stderr, status } = await run(WRK, args)
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/, stdout)
  return Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0)
}

/** Connection after connection, each answer compared byte by byte; returns how many there were. */
async function connectAgainAndAgain(port: number): Promise<number> {
  const end = performance.now() + SECONDS * 1000
  let requests = 0
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const answer = await exchangeToEnd({ port }, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nall is well\n$/s)
      requests++
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return requests
}

function wrkMissing(): string | false {
  return existsSync(WRK) ? false : `${WRK} is not installed (Debian: wrk)`
}

const LOADS = [
  { name: "wrk, kept connections", skip: wrkMissing(), load: (port: number) => wrk(port, []) },
  {
    name: "wrk, a connection for each request",
    skip: wrkMissing(),
    load: (port: number) => wrk(port, ["-H", "Connection: close"]),
  },
  { name: "a connection for each request, every byte looked at", skip: false, load: connectAgainAndAgain },
]

for (const { name, skip, load } of LOADS) {
  test(`no request fails while the configuration is reloaded: ${name}`, { skip }, async (t) => {
    const { reloads, requests } = await withLoad(load)
    t.diagnostic(`${requests} requests, ${reloads} reloads`)
    assert.ok(requests > 100 && reloads > 5)
  })
}

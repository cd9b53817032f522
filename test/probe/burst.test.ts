/** `holdfast probe --burst`: how many WebSockets open at once, and who lets no more in. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import type { Report } from "../../src/probe/report.ts"
import { haproxyMissing, startHaproxy } from "../support/haproxy.ts"
import { HOLDFAST, run, startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { Screen, tmuxMissing } from "../support/tmux.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"

/** What a server does with those that are too many. */
type Refuses = "never" | "before" | "after"

/** An echo with `ws`, with room for `room`; returns its port. */
async function startBackend(t: TestContext, room = Number.POSITIVE_INFINITY, refuses: Refuses = "never") {
  const http = createServer()
  const server = new WebSocketServer({ noServer: true })
  http.on("upgrade", (request, socket, head) => {
    const isFull = server.clients.size >= room
    if (isFull && refuses === "before")
      return socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\nno room left\n")
    server.handleUpgrade(request, socket, head, (client) => {
      client.on("error", () => {})
      client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }))
      if (isFull) client.close(1013, "no room left")
    })
  })
  http.listen(0, "127.0.0.1")
  await once(http, "listening")
  t.after(() => {
    for (const client of server.clients) client.terminate()
    http.close()
    http.closeAllConnections()
  })
  const address = http.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

interface Proxy {
  readonly events?: string
  readonly http?: string
  readonly location?: string
  readonly backend?: number
}

async function configOf(t: TestContext, { events = "", http = "", location = "", backend }: Proxy) {
  const port = await freePort()
  const text = `events { ${events} }
http {
  ${http}
  server {
    listen 127.0.0.1:${port};
    location /ws/ {
      proxy_pass http://127.0.0.1:${backend ?? (await startBackend(t))};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
      ${location}
    }
  }
}
`
  return { text, url: `ws://127.0.0.1:${port}/ws/` }
}

async function nginx(t: TestContext, options: Proxy): Promise<string> {
  const { text, url } = await configOf(t, options)
  const edge = await startNginx(text)
  t.after(() => edge.stop())
  return url
}

async function holdfast(t: TestContext, options: Proxy): Promise<string> {
  const { text, url } = await configOf(t, options)
  const edge = await startHoldfast(text)
  t.after(() => edge.stop())
  return url
}

async function haproxy(t: TestContext, frontend: string, server: string): Promise<string> {
  const port = await freePort()
  const text = `defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  timeout queue 500ms
frontend all
  bind 127.0.0.1:${port}
  ${frontend}
  default_backend sockets
backend sockets
  server one 127.0.0.1:${await startBackend(t)} ${server}
`
  const edge = await startHaproxy(text, port)
  t.after(() => edge.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

const noNginx = nginxMissing()
const noHaproxy = haproxyMissing()
const CONN = { http: "limit_conn_zone $binary_remote_addr zone=many:1m;", location: "limit_conn many 10;" }
const BURST = ["--burst", "30", "--rate", "200"]

const CASES: readonly ProbeCase[] = [
  {
    mistake: "limit_conn 10",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [...BURST, await nginx(t, CONN)],
    cause: "limit-conn",
    mend: "limit_conn NAME 1000;",
    check: (report) => assert.match(burst(report), /^10 of 30 open at once: 503 Service Temporarily/),
  },
  {
    mistake: "limit_conn 10",
    at: "Holdfast",
    stage: async (t) => [...BURST, await holdfast(t, CONN)],
    cause: "limit-conn",
    mend: "limit_conn NAME 1000;",
  },
  {
    mistake: "limit_req rate=10r/s burst=5",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const http = "limit_req_zone $binary_remote_addr zone=fast:1m rate=10r/s;"
      return [...BURST, await nginx(t, { http, location: "limit_req zone=fast burst=5 nodelay;" })]
    },
    cause: "limit-req",
    mend: "limit_req zone=NAME burst=100 nodelay;",
  },
  {
    mistake: "worker_connections 40",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [...BURST, await nginx(t, { events: "worker_connections 40;" })],
    cause: "worker-connections",
    mend: "worker_connections 32768;",
  },
  {
    mistake: "maxconn 10 at the server",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => [...BURST, await haproxy(t, "", "maxconn 10")],
    cause: "haproxy-maxconn",
    mend: "maxconn 20000",
  },
  {
    mistake: "maxconn 10 in the frontend",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => [...BURST, "--timeout", "1s", await haproxy(t, "maxconn 10", "")],
    cause: "haproxy-maxconn",
    mend: "maxconn 20000",
  },
  {
    mistake: "the application has room for 10",
    at: "ws behind nginx 1.22",
    skip: noNginx,
    stage: async (t) => [...BURST, await nginx(t, { backend: await startBackend(t, 10, "before") })],
    cause: "backend-limit",
    mend: "raise its limit of connections",
  },
  {
    mistake: "the application has room for 10, and closes the others",
    at: "ws behind nginx 1.22",
    skip: noNginx,
    stage: async (t) => [...BURST, await nginx(t, { backend: await startBackend(t, 10, "after") })],
    cause: "backend-limit",
    mend: "raise its limit of connections",
  },
]

const TIMEOUT: ProbeCase = {
  mistake: "proxy_read_timeout 2s cuts those that are held",
  at: "nginx 1.22",
  skip: noNginx,
  stage: async (t) => {
    const url = await nginx(t, { location: "proxy_read_timeout 2s;" })
    return ["--burst", "30", "--rate", "10", url]
  },
  severity: "warning",
  cause: "held-sockets-time-out",
  mend: "holdfast probe --hold",
}

describe("--burst", { concurrency: 4 }, () => {
  testCases("burst", "probe --burst: how many WebSockets open at once", [...CASES, TIMEOUT])

  test("room for all gives no diagnosis", { skip: noNginx }, async (t) => {
    const report = await probe([...BURST, await nginx(t, {})])
    assert.deepEqual(report.diagnoses, [])
    assert.match(burst(report), /^30 open at once; handshake p50 /)
  })

  test("what this machine cannot open is not the server's fault", async (t) => {
    const url = `ws://127.0.0.1:${await startBackend(t)}/`
    const result = await run("/bin/sh", [
      "-c",
      `ulimit -n 60; exec "$0" probe --json --burst 60 ${url}`,
      HOLDFAST,
    ])
    const report = JSON.parse(result.stdout) as Report
    assert.equal(report.diagnoses[0]?.suspects[0]?.id, "own-limit", result.stdout + result.stderr)
    assert.equal(result.status, 0)
  })

  test("more than 100 on another host are asked for: without a terminal nothing is opened", async () => {
    // An address for documentation (RFC 5737): nothing may be sent there.
    const words = ["probe", "--burst", "101", "--resolve", "far.test:80:192.0.2.1", "ws://far.test/"]
    const result = await run(HOLDFAST, words)
    assert.equal(result.status, 2)
    assert.equal(result.stdout, "")
    assert.match(
      result.stderr,
      /^holdfast probe: --burst 101 on far\.test needs --yes: nothing was opened\n$/,
    )
  })

  test("at a terminal it asks, and opens nothing without a yes", { skip: tmuxMissing() }, async (t) => {
    const screen = await Screen.start(
      t,
      `${HOLDFAST} probe --burst 101 --resolve far.test:80:192.0.2.1 ws://far.test/`,
    )
    await screen.waitFor(/^Open 101 WebSockets on far\.test, 50 a second\? \[y\/N\]/m)
    await screen.keys("Enter")
    await screen.waitFor(/was not agreed to: nothing was opened\s+\(exit 2\)/)
  })

  test("at a terminal a yes is enough", { skip: tmuxMissing() }, async (t) => {
    // Nobody knows where a proxy leads to; nothing listens at this one.
    const proxy = `http://127.0.0.1:${await freePort()}`
    const screen = await Screen.start(t, `${HOLDFAST} probe --burst 101 --proxy ${proxy} ws://127.0.0.1/`)
    await screen.waitFor(/^Open 101 WebSockets/m)
    await screen.keys("y", "Enter")
    await screen.waitFor(/^skip +burst[\s\S]*\(exit 1\)/m)
  })

  test("more than 100 on this host are not", async (t) => {
    const report = await probe([
      "--burst",
      "120",
      "--rate",
      "400",
      `ws://127.0.0.1:${await startBackend(t)}/`,
    ])
    assert.deepEqual(report.diagnoses, [])
    assert.match(burst(report), /^120 open at once/)
  })
})

function burst(report: Report): string {
  return report.steps.find(({ id }) => id === "burst")?.summary ?? ""
}

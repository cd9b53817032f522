/** `holdfast probe --sticky`: how connections spread over backends, and whether reconnects return. */
import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import type { Report } from "../../src/probe/report.ts"
import { haproxyMissing, startHaproxy } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"

interface Backends {
  /** What each shows of itself. */
  readonly shows: "header" | "greeting" | "answer" | "nothing"
  /** Gives each client that has none a cookie of its own. */
  readonly setsCookie?: boolean
}

const NAMES = ["a", "b", "c"]

/** Three servers with `ws`; returns their ports. */
async function startBackends(t: TestContext, { shows, setsCookie = false }: Backends): Promise<number[]> {
  const ports: number[] = []
  for (const name of NAMES) {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
    server.on("headers", (headers, request) => {
      if (shows === "header") headers.push(`X-Backend: ${name}`)
      if (setsCookie && request.headers.cookie === undefined)
        headers.push(`Set-Cookie: uid=${randomUUID()}; Path=/`)
    })
    server.on("connection", (socket) => {
      if (shows === "greeting") socket.send(JSON.stringify({ id: randomUUID(), node: { name } }))
      socket.on("message", (data, isBinary) => {
        const isAsked = shows === "answer" && String(data) === "whoami"
        socket.send(isAsked ? name : data, { binary: isBinary })
      })
      socket.on("error", () => {})
    })
    await once(server, "listening")
    t.after(() => {
      for (const client of server.clients) client.terminate()
      server.close()
    })
    const address = server.address()
    ports.push(typeof address === "object" && address !== null ? address.port : 0)
  }
  return ports
}

interface Nginx extends Backends {
  readonly upstream?: string
  readonly location?: string
}

async function configOf(
  t: TestContext,
  { upstream = "", location = "", ...backends }: Nginx,
  ports?: number[],
) {
  const servers = (ports ?? (await startBackends(t, backends)))
    .map((port) => `server 127.0.0.1:${port};`)
    .join(" ")
  const port = await freePort()
  const text = `events { }
http {
  upstream sockets { ${upstream} ${servers} }
  server {
    listen 127.0.0.1:${port};
    location /ws/ {
      proxy_pass http://sockets;
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

async function nginx(t: TestContext, options: Nginx, ports?: number[]): Promise<string> {
  const { text, url } = await configOf(t, options, ports)
  const edge = await startNginx(text)
  t.after(() => edge.stop())
  return url
}

async function holdfast(t: TestContext, options: Nginx): Promise<string> {
  const { text, url } = await configOf(t, options)
  const edge = await startHoldfast(text)
  t.after(() => edge.stop())
  return url
}

/** Returns the port. */
async function haproxy(t: TestContext, directives: string, shows: Backends["shows"]): Promise<number> {
  const ports = await startBackends(t, { shows })
  const port = await freePort()
  const servers = ports.map(
    (one, index) => `  server ${NAMES[index]} 127.0.0.1:${one} cookie ${NAMES[index]}`,
  )
  const text = `defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend all
  bind 127.0.0.1:${port}
  default_backend sockets
backend sockets
  ${directives.replaceAll("\n", "\n  ")}
${servers.join("\n")}
`
  const edge = await startHaproxy(text, port)
  t.after(() => edge.stop())
  return port
}

const noNginx = nginxMissing()
const noHaproxy = haproxyMissing()
const WARNING = { severity: "warning", cause: "no-stickiness" } as const

const CASES: readonly ProbeCase[] = [
  {
    mistake: "an upstream without ip_hash",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => ["--sticky", "9", await nginx(t, { shows: "header" })],
    ...WARNING,
    mend: "ip_hash;",
    check: (report) => assert.match(title(report), /spread in turn \(round-robin\)/),
  },
  {
    mistake: "an upstream without stickiness, servers tell their name in a greeting",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => ["--sticky", "9", await nginx(t, { shows: "greeting" })],
    ...WARNING,
    mend: "hash $cookie_session consistent;",
    check: (report) =>
      assert.match(evidence(report), /told apart by "node\.name" in the first message: a: 3, b: 3, c: 3/),
  },
  {
    mistake: "an upstream without stickiness, servers tell their name when asked",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => ["--sticky", "6", await nginx(t, { shows: "answer" })],
    ...WARNING,
    mend: "ip_hash;",
    check: (report) => assert.match(evidence(report), /told apart by the first message: a: 2, b: 2, c: 2/),
  },
  {
    mistake: "an upstream without sticky, and a cookie of the application",
    at: "Holdfast",
    stage: async (t) => ["--sticky", "9", await holdfast(t, { shows: "header", setsCookie: true })],
    ...WARNING,
    mend: "sticky cookie srv_id expires=1h path=/;",
  },
  {
    mistake: "balance roundrobin",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => {
      const port = await haproxy(t, "balance roundrobin", "header")
      return ["--sticky", "9", `ws://127.0.0.1:${port}/ws/`]
    },
    ...WARNING,
    mend: "cookie SRV insert indirect nocache",
  },
  {
    mistake: "the cookie of an HAProxy behind it does not get through",
    at: "nginx 1.22",
    skip: noNginx || noHaproxy,
    stage: async (t) => {
      const port = await haproxy(t, "balance roundrobin\ncookie SRV insert indirect nocache", "header")
      const url = await nginx(t, { shows: "nothing", location: 'proxy_set_header Cookie "";' }, [port])
      return ["--sticky", "9", url]
    },
    severity: "warning",
    cause: "sticky-cookie-ignored",
    mend: "proxy_set_header Cookie $http_cookie;",
  },
  {
    mistake: "sticky cookie with the path of another location",
    at: "Holdfast",
    stage: async (t) => {
      const options = { shows: "header", upstream: "sticky cookie srv_id path=/app/;" } as const
      return ["--sticky", "9", await holdfast(t, options)]
    },
    severity: "warning",
    cause: "cookie-kept-back",
    mend: "sticky cookie srv_id path=/;",
  },
  {
    mistake: "nothing tells the backends apart",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => ["--sticky", "4", await nginx(t, { shows: "nothing" })],
    severity: "info",
    cause: "backends-not-told",
    mend: "add_header X-Backend $upstream_addr always;",
  },
]

interface Kept {
  readonly at: string
  readonly skip?: string | false
  readonly start: (t: TestContext) => Promise<string>
  readonly says: RegExp
}

/** What keeps clients where they are, and what is said of it. */
const KEPT: readonly Kept[] = [
  {
    at: "nginx: ip_hash",
    skip: noNginx,
    start: (t) => nginx(t, { shows: "header", upstream: "ip_hash;" }),
    says: /^all 9 to one backend, by address or as the only one$/,
  },
  {
    at: "nginx: hash by a cookie of the application",
    skip: noNginx,
    start: (t) => nginx(t, { shows: "header", setsCookie: true, upstream: "hash $cookie_uid consistent;" }),
    says: /^reconnects go to a backend by the cookie uid$/,
  },
  {
    at: "HAProxy: balance source",
    skip: noHaproxy,
    start: async (t) => `ws://127.0.0.1:${await haproxy(t, "balance source", "header")}/ws/`,
    says: /^all 9 to one backend, by address/,
  },
  {
    at: "HAProxy: cookie, told by the cookie alone",
    skip: noHaproxy,
    start: async (t) => {
      const port = await haproxy(t, "balance roundrobin\ncookie SRV insert indirect nocache", "nothing")
      return `ws://127.0.0.1:${port}/ws/`
    },
    says: /^spread over 3 backends, and back by the cookie SRV$/,
  },
  {
    at: "Holdfast: sticky cookie",
    start: (t) => holdfast(t, { shows: "header", upstream: "sticky cookie srv_id;" }),
    says: /^spread over 3 backends, and back by the cookie srv_id$/,
  },
]

describe("--sticky", { concurrency: 4 }, () => {
  testCases("sticky", "probe --sticky: whether a client returns to its backend", CASES)

  for (const { at, skip, start, says } of KEPT)
    test(at, { skip: skip ?? false }, async (t) => {
      const report = await probe(["--sticky", "9", await start(t)])
      assert.deepEqual(report.diagnoses, [])
      const found = report.steps.find(({ id }) => id === "sticky")
      assert.match(found?.summary ?? "", says)
      assert.doesNotMatch(JSON.stringify(found), /SRV=|srv_id=|uid=/, "the value of a cookie is shown")
    })
})

function title(report: Report): string {
  return report.diagnoses[0]?.suspects[0]?.title ?? ""
}

function evidence(report: Report): string {
  return report.diagnoses[0]?.suspects[0]?.evidence.join("\n") ?? ""
}

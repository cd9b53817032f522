/** Several proxies one behind the other, several backends, and what hides the cause. */
import assert from "node:assert/strict"
import { createServer, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"
import { TLSSocket } from "node:tls"
import type { Report } from "../../src/probe/report.ts"
import { issueCertificate, TestAuthority, testAuthority } from "../support/certificates.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { type ProbeCase, testCases } from "./case.ts"
import { type ChoosyOptions, startChoosyBackend } from "./choosy-backend.ts"
import { echoPort, haproxyUrl } from "./haproxy-stage.ts"
import { HOST, listening } from "./tls-parts.ts"

const ALL =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;'

/** nginx with a server for each text, at ports that it returns. */
async function servers(t: TestContext, http: string, ...texts: readonly string[]): Promise<number[]> {
  const ports = await freePorts(texts.length)
  const all = texts.map((text, index) => `server { listen 127.0.0.1:${ports[index]} ${text} }`)
  const edge = await startNginx(`events {} http { ${http} ${all.join("\n")} }`, {
    files: { "oops.html": "<!doctype html><h1>We will be back</h1>\n" },
  })
  t.after(() => edge.stop())
  return ports
}

async function inFront(t: TestContext, location: string, http = ""): Promise<string> {
  const [port] = await servers(t, http, `; ${location}`)
  return `ws://127.0.0.1:${port}/ws/`
}

/** nginx that takes its two servers in turn and asks no other where one fails. */
async function inTurn(t: TestContext, second: number): Promise<string> {
  const first = await echoPort(t)
  const upstream = `upstream sockets { server 127.0.0.1:${first} max_fails=0; server 127.0.0.1:${second} max_fails=0; }`
  return inFront(t, `location / { proxy_pass http://sockets; proxy_next_upstream off; ${ALL} }`, upstream)
}

async function choosyPort(t: TestContext, options: ChoosyOptions): Promise<number> {
  const backend = await startChoosyBackend(options)
  t.after(() => backend.close())
  return backend.port
}

/** nginx that knows none of the three directives. */
async function careless(t: TestContext): Promise<number> {
  const [port = 0] = await servers(
    t,
    "",
    `; location / { proxy_pass http://127.0.0.1:${await echoPort(t)}; }`,
  )
  return port
}

async function answering(t: TestContext, answer: string): Promise<number> {
  const backend = await startRawBackend(answer)
  t.after(() => backend.close())
  return backend.port
}

/** Stops its connections, too. */
function closing(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {})))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  return listening(t, server)
}

/** An HTTP proxy that ends TLS itself, with an authority of its own. */
async function inspectingProxy(t: TestContext): Promise<number> {
  const authority = await TestAuthority.create("Inspection of the company")
  const { certificate, key } = await authority.issue({ names: [HOST] })
  const server = createServer((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      new TLSSocket(socket, { isServer: true, cert: certificate, key }).on("error", () => {}).resume()
    })
  })
  return closing(t, server)
}

/** An HTTP proxy that says yes to each CONNECT, and then shows a page of its own. */
function captivePortal(t: TestContext): Promise<number> {
  const page = "<html><body>Please log in</body></html>"
  const server = createServer((socket) => {
    socket.once("data", () => {
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`,
      )
    })
  })
  return closing(t, server)
}

function nothingIsCertain({ diagnoses }: Report): void {
  const all = diagnoses.flatMap(({ suspects }) => suspects.map(({ certainty }) => certainty))
  assert.ok(!all.includes("certain"), JSON.stringify(diagnoses, null, 2))
}

function hopIs(pattern: RegExp): (report: Report) => void {
  return ({ diagnoses }) => assert.match(diagnoses[0]?.suspects[0]?.hop ?? "", pattern)
}

/** SETTINGS and GOAWAY (PROTOCOL_ERROR), as node:http2 answers a request of HTTP/1.1. */
const HTTP2_REFUSAL = Buffer.from("000000040000000000" + "0000080700000000000000000000000001", "hex")

const NGINX = "nginx 1.22"

const CASES: readonly ProbeCase[] = [
  {
    at: NGINX,
    mistake: "one of two servers is down, and no other is asked (proxy_next_upstream off)",
    stage: async (t) => [await inTurn(t, await freePort())],
    cause: "one-of-several-refuses",
    mend: "proxy_next_upstream error timeout",
    check: nothingIsCertain,
  },
  {
    at: NGINX,
    mistake: "the same, and the first handshake meets the one that is down",
    stage: async (t) => {
      const url = await inTurn(t, await freePort())
      await fetch(url.replace("ws:", "http:")).then((answer) => answer.text())
      return [url]
    },
    cause: "one-of-several-refuses",
    mend: "max_fails=1 fail_timeout=10s",
    check: nothingIsCertain,
  },
  {
    at: NGINX,
    mistake: "one of two servers is the web site",
    stage: async (t) => [await inTurn(t, await answering(t, httpAnswer("<!doctype html><html></html>")))],
    cause: "one-of-several-refuses",
    mend: "--backend",
    check: nothingIsCertain,
  },
  {
    at: "HAProxy 2.6",
    mistake: "one of two servers is down, and there is no check",
    skip: haproxyMissing(),
    stage: async (t) => {
      const url = await haproxyUrl(t, { backend: `server s0 127.0.0.1:${await freePort()}` })
      return [url]
    },
    cause: "one-of-several-refuses",
    mend: "option httpchk GET /health",
    check: nothingIsCertain,
  },
  {
    at: "nginx behind nginx",
    mistake: "only the inner one loses Upgrade and Connection; with it as --backend",
    stage: async (t) => {
      const inner = await careless(t)
      const url = await inFront(t, `location / { proxy_pass http://127.0.0.1:${inner}; ${ALL} }`)
      return [url, "--backend", `ws://127.0.0.1:${inner}/ws/`]
    },
    cause: "upgrade-not-forwarded",
    mend: "proxy_set_header Upgrade $http_upgrade;",
    check: hopIs(/^the proxy at ws:/),
  },
  {
    at: "nginx behind HAProxy",
    mistake: "nginx loses Upgrade and Connection",
    skip: haproxyMissing(),
    stage: async (t) => [await haproxyUrl(t, { port: await careless(t) })],
    cause: "upgrade-not-forwarded",
    mend: "proxy_set_header Upgrade $http_upgrade;",
    check: hopIs(/nginx/),
  },
  {
    at: "nginx behind nginx",
    mistake: "the inner one wants a certificate of its clients, and the outer one has none",
    stage: async (t) => {
      const { certificateFile, keyFile } = await issueCertificate(["127.0.0.1"])
      const { own } = await testAuthority()
      const ssl = `ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`
      const [inner] = await servers(
        t,
        "",
        `ssl; ${ssl} ssl_client_certificate ${own.certificateFile}; ssl_verify_client on;`,
      )
      return [await inFront(t, `location / { proxy_pass https://127.0.0.1:${inner}; ${ALL} }`)]
    },
    cause: "backend-wants-certificate",
    mend: "proxy_ssl_certificate ",
  },
  {
    at: NGINX,
    mistake: "the application speaks HTTP/2 only, as gRPC does (its bytes recorded from Node)",
    stage: async (t) => {
      const backend = await startRawBackend({ send: HTTP2_REFUSAL, after: "end" })
      t.after(() => backend.close())
      const { port } = backend
      return [await inFront(t, `location / { proxy_pass http://127.0.0.1:${port}; ${ALL} }`)]
    },
    cause: "http2-only-backend",
    mend: "proxy_pass http://127.0.0.1:3000;",
  },
  {
    at: NGINX,
    mistake: "the answer's head is larger than proxy_buffer_size; with --backend",
    stage: async (t) => {
      const port = await choosyPort(t, { field: `X-Token: ${"t".repeat(6000)}` })
      const url = await inFront(
        t,
        `location / { proxy_pass http://127.0.0.1:${port}; proxy_buffer_size 4k; ${ALL} }`,
      )
      return [url, "--backend", `ws://127.0.0.1:${port}/ws/`]
    },
    cause: "header-too-big-for-edge",
    mend: "proxy_buffer_size 16k;",
  },
  {
    at: NGINX,
    mistake: "the application is down, and error_page 502 =200 shows a page in its place",
    stage: async (t) => {
      const page = "error_page 502 =200 /oops.html; location = /oops.html { root {prefix}; }"
      return [
        await inFront(t, `${page} location / { proxy_pass http://127.0.0.1:${await freePort()}; ${ALL} }`),
      ]
    },
    cause: "file-in-place-of-socket",
    mend: "error_page 502 /50x.html;",
  },
  {
    at: NGINX,
    mistake: "auth_request answers 403",
    stage: async (t) => {
      const backend = await echoPort(t)
      const asked = "location = /auth { internal; return 403; }"
      return [
        await inFront(
          t,
          `${asked} location / { auth_request /auth; proxy_pass http://127.0.0.1:${backend}; }`,
        ),
      ]
    },
    cause: "denied-by-edge",
    mend: "auth_request",
  },
  {
    at: "backend",
    mistake: "the URL is that of server-sent events",
    stage: async (t) => {
      const port = await answering(t, httpAnswer("data: tick\n\n", "Content-Type: text/event-stream\r\n"))
      return [`ws://127.0.0.1:${port}/ws/`]
    },
    cause: "event-stream",
    mend: "new EventSource(",
  },
  {
    at: "proxy",
    mistake: "the proxy takes TLS apart",
    stage: async (t) => {
      const { own } = await testAuthority()
      const proxy = `http://127.0.0.1:${await inspectingProxy(t)}`
      return ["--proxy", proxy, "--ca", own.certificateFile, "--timeout", "1s", `wss://${HOST}/ws/`]
    },
    cause: "tls-inspected",
    mend: "--ca proxy-authority.crt",
  },
  {
    at: "proxy",
    mistake: "the proxy says yes to CONNECT and shows its login page",
    stage: async (t) => [
      "--proxy",
      `http://127.0.0.1:${await captivePortal(t)}`,
      "--timeout",
      "1s",
      `wss://${HOST}/ws/`,
    ],
    cause: "proxy-answers-itself",
    mend: `http://${HOST}/`,
  },
]

testCases(
  "chains",
  "Chains of proxies, several backends, and what hides the cause",
  CASES.map((one) => ({ ...one, skip: one.skip || nginxMissing() })),
)

/** HAProxy 2.6 before real backends: each of its mistakes, and the same without them. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { createSecureServer, type Http2SecureServer } from "node:http2"
import type { AddressInfo } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { WebSocket, WebSocketServer } from "ws"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import { echoPort, haproxyUrl } from "./haproxy-stage.ts"

const skip = haproxyMissing()
const at = "HAProxy 2.6"

const CASES: readonly Omit<ProbeCase, "at" | "skip">[] = [
  {
    mistake: "its server is down, and HAProxy tries once more (retries 1)",
    stage: async (t) => [await haproxyUrl(t, { port: await freePort(), defaults: "retries 1" })],
    cause: "backend-down",
    mend: "server s1 127.0.0.1:3000 check",
  },
  {
    mistake: "its checks have taken every server out",
    stage: async (t) => [await haproxyUrl(t, { server: "server s1 127.0.0.1:PORT check disabled" })],
    cause: "no-backend-in-service",
    mend: "option httpchk GET /health",
  },
  {
    mistake: "`timeout server 1s`, and the application takes longer for the handshake",
    stage: async (t) => {
      const backend = await startRawBackend({ on: "head" })
      t.after(() => backend.close())
      return [await haproxyUrl(t, { port: backend.port, defaults: "timeout server 1s" })]
    },
    cause: "backend-silent",
    mend: "timeout server 60s",
  },
  {
    mistake: "`http-request deny` meets the socket's path",
    stage: async (t) => [await haproxyUrl(t, { frontend: "http-request deny if { path_beg /ws }" })],
    cause: "denied-by-edge",
    mend: "http-request allow if { path_beg /ws/ }",
  },
  {
    mistake: "an acl sends /ws/ to the site's backend",
    stage: async (t) => {
      const more = `backend site\n  server s2 127.0.0.1:${await sitePort(t)}`
      return [await haproxyUrl(t, { frontend: "use_backend site if { path_beg / }", more })]
    },
    cause: "page-in-place-of-socket",
    mend: "acl socket path_beg /ws/\nuse_backend sockets if socket",
  },
  {
    mistake: "`http-request del-header Upgrade`",
    stage: async (t) => [
      await haproxyUrl(t, { port: await socketPort(t), frontend: "http-request del-header Upgrade" }),
    ],
    cause: "upgrade-not-forwarded",
    mend: "http-request del-header Upgrade",
  },
  {
    mistake: "`http-request set-header Connection close`",
    stage: async (t) => [
      await haproxyUrl(t, {
        port: await socketPort(t),
        frontend: "http-request set-header Connection close",
      }),
    ],
    cause: "upgrade-not-forwarded",
    mend: "take away what removes it",
  },
  {
    mistake: "`http-response del-header Upgrade`",
    stage: async (t) => [await haproxyUrl(t, { backend: "http-response del-header Upgrade" })],
    cause: "upgrade-missing-in-answer",
    mend: "http-response del-header Upgrade",
  },
  {
    mistake: "`http-request del-header Sec-WebSocket-Key`: HAProxy makes up another key",
    stage: async (t) => [await haproxyUrl(t, { frontend: "http-request del-header Sec-WebSocket-Key" })],
    cause: "accept-wrong",
    mend: "http-request del-header Sec-WebSocket-Key",
  },
  {
    mistake: "`ssl verify required` with another authority; with --backend",
    stage: async (t) => {
      const port = await securePort(t)
      const roots = "ca-file /etc/ssl/certs/ca-certificates.crt"
      const url = await haproxyUrl(t, {
        port,
        server: `server s1 127.0.0.1:PORT ssl verify required ${roots}`,
      })
      return [url, ...(await backendWords(port))]
    },
    cause: "backend-certificate-untrusted",
    mend: "ssl verify required ca-file /etc/haproxy/backend-ca.pem",
  },
  {
    mistake: "no `ssl` for a backend that speaks TLS; with --backend",
    stage: async (t) => {
      const port = await securePort(t)
      return [await haproxyUrl(t, { port }), ...(await backendWords(port))]
    },
    cause: "plain-to-tls-backend",
    mend: "ssl verify required ca-file /etc/haproxy/backend-ca.pem",
  },
  {
    mistake: "`ssl` for a backend that speaks none; with --backend",
    stage: async (t) => {
      const port = await echoPort(t)
      const url = await haproxyUrl(t, { port, server: "server s1 127.0.0.1:PORT ssl verify none" })
      return [url, "--backend", `ws://127.0.0.1:${port}/ws/`]
    },
    cause: "tls-to-plain-backend",
    mend: "# without ssl\nserver s1 127.0.0.1:3000 check",
  },
  {
    mistake: "`alpn h2` to a backend without RFC 8441; with --backend",
    stage: async (t) => {
      const port = await securePort(t)
      const url = await haproxyUrl(t, {
        port,
        server: "server s1 127.0.0.1:PORT ssl verify none alpn h2 ws h2",
      })
      return [url, ...(await backendWords(port))]
    },
    cause: "http2-to-backend",
    mend: "alpn h2,http/1.1 ws h1",
  },
  {
    mistake: "`maxconn 1`: an open WebSocket has the only place, and `timeout queue` ends the waiting",
    stage: async (t) => {
      const url = await haproxyUrl(t, {
        defaults: "timeout queue 1600ms",
        server: "server s1 127.0.0.1:PORT maxconn 1",
      })
      await hold(t, url)
      return [url]
    },
    cause: "queue-full",
    mend: "server s1 127.0.0.1:3000 maxconn 20000",
  },
  {
    mistake: "`redirect scheme https` where the socket is asked for by ws:",
    stage: async (t) => [
      await haproxyUrl(t, { frontend: "http-request redirect scheme https unless { ssl_fc }" }),
    ],
    cause: "redirect-to-https",
    mend: "http-request redirect scheme https unless { ssl_fc } or { path_beg /ws/ }",
  },
  {
    mistake: "`tune.bufsize 4096`, and 6 KB of header fields",
    stage: async (t) => [
      await haproxyUrl(t, { global: "tune.bufsize 4096" }),
      ...["--cookie", `session=${"x".repeat(6000)}`],
    ],
    cause: "header-too-large",
    mend: "tune.bufsize 65536",
  },
  {
    mistake: "a stick-table counts requests, and the limit is met (429)",
    stage: async (t) => [await haproxyUrl(t, { frontend: RATE_LIMIT.replace("MOST", "0") })],
    cause: "rate-limit",
    mend: "http-request deny deny_status 429 if",
  },
  {
    mistake: "`http-request auth` for the whole site",
    stage: async (t) => [
      await haproxyUrl(t, {
        frontend: "http-request auth realm site unless { http_auth(people) }",
        more: "userlist people\n  user joe insecure-password x",
      }),
    ],
    cause: "credentials-wanted",
    mend: "http-request auth unless { path_beg /ws/ }",
  },
  {
    mistake: "`http-request set-header Host`, and the application compares Origin with it",
    stage: async (t) => {
      const port = await socketPort(t, { verifyClient: isSameOrigin })
      return [await haproxyUrl(t, { port, backend: "http-request set-header Host app.internal" })]
    },
    cause: "host-not-forwarded",
    mend: "http-request set-header Host",
  },
  {
    mistake: "`http-request replace-path` takes the prefix away that the application knows",
    stage: async (t) => {
      const port = await socketPort(t, { path: "/ws/" })
      return [await haproxyUrl(t, { port, backend: "http-request replace-path /ws/(.*) /\\1" })]
    },
    cause: "path-unknown-to-backend",
    mend: "http-request replace-path",
  },
  {
    mistake: "`accept-proxy` on a port that clients use",
    stage: async (t) => [await haproxyUrl(t, { bind: "accept-proxy" })],
    cause: "proxy-protocol-wanted",
    mend: "bind :80",
  },
]

testCases(
  "haproxy",
  "HAProxy: what probe says of its mistakes",
  CASES.map((one) => ({ ...one, at, skip })),
)

test("`send-proxy` to a backend that does not read it is among the suspects", { skip }, async (t) => {
  const port = await socketPort(t)
  const report = await probe([await haproxyUrl(t, { port, server: "server s1 127.0.0.1:PORT send-proxy" })])
  const found = report.diagnoses[0]?.suspects.find(({ id }) => id === "proxy-protocol-to-backend")
  assert.match(found?.mend[0]?.text ?? "", /without send-proxy/, JSON.stringify(report.diagnoses, null, 2))
})

describe("HAProxy without a mistake: nothing is found", { skip }, () => {
  const healthy: Readonly<Record<string, (t: TestContext) => Promise<readonly string[]>>> = {
    "option http-server-close, and all of the above as it should be": async (t) => {
      const frontend = [
        RATE_LIMIT.replace("MOST", "1000"),
        "http-request deny if { path_beg /admin }",
        "http-request redirect scheme https unless { ssl_fc } or { path_beg /ws/ }",
      ]
      const server = "server s1 127.0.0.1:PORT maxconn 100 check"
      const backend = "option http-server-close"
      return [await haproxyUrl(t, { frontend: frontend.join("\n  "), backend, server })]
    },
    "TLS to the backend, trusted, with alpn h2,http/1.1": async (t) => {
      const { certificateFile } = (await testAuthority()).own
      const tls = `ssl verify required ca-file ${certificateFile} alpn h2,http/1.1`
      return [await haproxyUrl(t, { port: await securePort(t), server: `server s1 127.0.0.1:PORT ${tls}` })]
    },
  }
  for (const [name, stage] of Object.entries(healthy)) {
    test(name, async (t) => {
      const report = await probe(await stage(t))
      assert.deepEqual(report.diagnoses, [], JSON.stringify(report, null, 2))
    })
  }
})

const RATE_LIMIT = [
  "stick-table type ip size 1k expire 60s store http_req_rate(60s)",
  "http-request track-sc0 src",
  "http-request deny deny_status 429 if { sc_http_req_rate(0) gt MOST }",
].join("\n  ")

/** A server of ws itself, which refuses plain requests. */
async function socketPort(
  t: TestContext,
  options: ConstructorParameters<typeof WebSocketServer>[0] = {},
): Promise<number> {
  const server = new WebSocketServer({ ...options, port: 0, host: "127.0.0.1" })
  t.after(() => server.close())
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

function isSameOrigin({ origin, req }: { origin: string | undefined; req: { headers: { host?: string } } }) {
  return origin === undefined || origin === `http://${req.headers.host}`
}

/** A site that has a page for every path. */
async function sitePort(t: TestContext): Promise<number> {
  const server = createServer((_request, response) => {
    response.setHeader("Content-Type", "text/html")
    response.end("<!doctype html><html><body>A site.</body></html>")
  })
  return listen(t, server)
}

/** WebSockets over TLS with HTTP/1.1; pages over HTTP/2, too. */
async function securePort(t: TestContext): Promise<number> {
  const { certificate: cert, key } = await issueCertificate(["localhost", "127.0.0.1"])
  const server = createSecureServer({ cert, key, allowHTTP1: true }, (_request, response) =>
    response.end("page\n"),
  )
  const sockets = new WebSocketServer({ noServer: true })
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }))
    })
  })
  t.after(() => {
    for (const webSocket of sockets.clients) webSocket.terminate()
  })
  return listen(t, server)
}

async function listen(t: TestContext, server: Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

async function backendWords(port: number): Promise<string[]> {
  return ["--backend", `wss://127.0.0.1:${port}/ws/`, "--ca", (await testAuthority()).own.certificateFile]
}

/** Opens a WebSocket that stays. */
async function hold(t: TestContext, url: string): Promise<void> {
  const webSocket = new WebSocket(url)
  t.after(() => webSocket.terminate())
  await once(webSocket, "open")
}

import assert from "node:assert/strict"
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from "node:http2"
import type { Socket } from "node:net"
import { type TestContext, test } from "node:test"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { haproxyMissing, startHaproxy } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { listen } from "./broken-servers.ts"
import { probe, testCases } from "./case.ts"

const NAME = "localhost"
const noNginx = nginxMissing()
const noHaproxy = haproxyMissing()

/** The words for an edge with a certificate of the tests on `port`. */
async function wordsFor(port: number): Promise<string[]> {
  const { own } = await testAuthority()
  const address = ["--resolve", `${NAME}:${port}:127.0.0.1`]
  return [`wss://${NAME}:${port}/`, "--ca", own.certificateFile, ...address, "--timeout", "1s"]
}

async function echo(t: TestContext): Promise<number> {
  const backend = await startEchoBackend("echo")
  t.after(() => backend.close())
  return backend.port
}

async function behindHoldfast(t: TestContext, more = ""): Promise<string[]> {
  const { certificateFile, keyFile } = await issueCertificate([NAME])
  const [port, backend] = [await freePort(), await echo(t)]
  const edge = await startHoldfast(`events {}
http { server { listen 127.0.0.1:${port} ssl; http2 on;
  ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};
  location / { ${more} proxy_pass http://127.0.0.1:${backend}; websocket on; } } }`)
  t.after(() => edge.stop())
  return wordsFor(port)
}

async function behindHaproxy(
  t: TestContext,
  lines: { global?: string; frontend?: string },
): Promise<string[]> {
  const { certificate, key } = await issueCertificate([NAME])
  const [port, backend] = [await freePort(), await echo(t)]
  const config = `global
  ${lines.global ?? ""}
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend edge
  bind 127.0.0.1:${port} ssl crt {prefix}/edge.pem alpn h2,http/1.1
  ${lines.frontend ?? ""}
  default_backend sockets
backend sockets
  server one 127.0.0.1:${backend}
backend pages
  http-request return status 404
`
  const edge = await startHaproxy(config, port, { "edge.pem": certificate + key })
  t.after(() => edge.stop())
  return wordsFor(port)
}

/** Node's own HTTP/2 server, which accepts handshakes over HTTP/1.1 and does `answer` on an extended CONNECT. */
async function onNode(
  t: TestContext,
  answer: (stream: ServerHttp2Stream) => void,
  options: { allowHTTP1?: boolean; enableConnectProtocol?: boolean } = {},
): Promise<string[]> {
  const { certificate, key } = await issueCertificate([NAME])
  const { allowHTTP1 = true, enableConnectProtocol = true } = options
  const server: Http2SecureServer = createSecureServer({
    cert: certificate,
    key,
    allowHTTP1,
    settings: { enableConnectProtocol },
  })
  server.on("stream", (stream) => {
    stream.on("error", () => {})
    answer(stream)
  })
  server.on("upgrade", (request, socket: Socket) => {
    const accept = acceptKey(String(request.headers["sec-websocket-key"]))
    const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`
    socket.on("error", () => {}).write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`)
    // All that follows is the goodbye of what it is asked for.
    socket.on("data", (chunk: Buffer) => {
      const isPing = (chunk[0] ?? 0) === 0x89
      socket.write(isPing ? unmasked(chunk) : Buffer.from([0x88, 0x02, 0x03, 0xe8]))
      if (!isPing) socket.end()
    })
  })
  return wordsFor(await listen(t, server))
}

/** The pong to a ping that came as a chunk of its own. */
function unmasked(ping: Buffer): Buffer {
  const payload = ping.subarray(6).map((byte, index) => byte ^ (ping[2 + (index & 3)] ?? 0))
  return Buffer.concat([Buffer.from([0x8a, payload.length]), payload])
}

testCases("http2", "Over HTTP/2", [
  {
    mistake: "WebSockets are told by their Sec-WebSocket-Key, which none has over HTTP/2",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: (t) =>
      behindHaproxy(t, { frontend: "use_backend pages unless { req.hdr(Sec-WebSocket-Key) -m found }" }),
    cause: "extended-connect-refused",
    mend: "h2-workaround-bogus-websocket-clients",
  },
  {
    mistake: "a rule lets HTTP/1.1 alone through",
    at: "Holdfast",
    stage: (t) => behindHoldfast(t, "if ($server_protocol != HTTP/1.1) { return 426; }"),
    cause: "extended-connect-refused",
    mend: "http2_extended_connect off;",
  },
  {
    mistake: "SETTINGS_ENABLE_CONNECT_PROTOCOL is 1, and each extended CONNECT gets a 405",
    at: "Node.js",
    stage: (t) => onNode(t, (stream) => void stream.respond({ ":status": 405 }, { endStream: true })),
    cause: "extended-connect-refused",
    mend: "enableConnectProtocol: false",
  },
  {
    mistake: "the same, and the stream is reset",
    at: "Node.js",
    stage: (t) => onNode(t, (stream) => stream.close(1)),
    cause: "extended-connect-broken",
    mend: "enableConnectProtocol: false",
    check: ({ diagnoses }) =>
      assert.ok(
        diagnoses[0]?.suspects[0]?.evidence.includes(
          "extended CONNECT: the stream was reset: PROTOCOL_ERROR",
        ),
      ),
  },
  {
    mistake: "the same, and nothing answers",
    at: "Node.js",
    stage: (t) => onNode(t, () => {}),
    cause: "extended-connect-broken",
    mend: "enableConnectProtocol: false",
  },
])

const HEALTHY = [
  {
    name: "HAProxy 2.6",
    skip: noHaproxy,
    stage: (t: TestContext) => behindHaproxy(t, {}),
    says: /extended CONNECT .* pong/,
  },
  {
    name: "Holdfast",
    skip: false,
    stage: (t: TestContext) => behindHoldfast(t),
    says: /extended CONNECT .* pong/,
  },
  {
    name: "HAProxy 2.6 with the mend",
    skip: noHaproxy,
    stage: (t: TestContext) => behindHaproxy(t, { global: "h2-workaround-bogus-websocket-clients" }),
    says: /^without WebSockets/,
  },
  { name: "nginx 1.22", skip: noNginx, stage: behindNginx, says: /^without WebSockets/ },
] as const

async function behindNginx(t: TestContext): Promise<string[]> {
  const { certificateFile, keyFile } = await issueCertificate([NAME])
  const [port, backend] = [await freePort(), await echo(t)]
  const edge = await startNginx(`events {}
http { server { listen 127.0.0.1:${port} ssl http2;
  ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};
  location / { proxy_pass http://127.0.0.1:${backend}; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } } }`)
  t.after(() => edge.stop())
  return wordsFor(port)
}

for (const { name, skip, stage, says } of HEALTHY)
  test(`${name}: nothing is wrong over HTTP/2`, { skip }, async (t) => {
    const report = await probe(await stage(t))
    assert.deepEqual(report.diagnoses, [])
    assert.match(report.steps.find(({ id }) => id === "http2")?.summary ?? "", says)
  })

test("nothing but HTTP/2, without WebSockets and with them", async (t) => {
  const words = await onNode(t, () => {}, { allowHTTP1: false, enableConnectProtocol: false })
  const report = await probe(words)
  assert.equal(report.isHealthy, false)
  assert.ok(report.diagnoses.some(({ suspects }) => suspects[0]?.id === "only-http2"))
})

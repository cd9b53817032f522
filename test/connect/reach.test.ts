/** `holdfast connect` on its way to a server: TLS, certificates, proxies, what it asks with and what it says when refused. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { connect as connectTcp, type Socket } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { type EchoBackend, startEchoBackend } from "../support/websocket-backends.ts"
import { connect, eventsOf } from "./client.ts"

describe("through Holdfast with TLS", () => {
  test("with a client's certificate, by way of a proxy that wants a password", async (t) => {
    const { port, backend } = await secureEdge(t)
    const proxy = await connectProxy(t)
    const { own } = await testAuthority()
    const mine = await issueCertificate(["someone"])
    const tokens = ["topsecret", "cookiesecret", "proxysecret", "querysecret"]
    const { status, stdout, stderr } = await connect([
      ...["--ca", own.certificateFile, "--cert", mine.certificateFile, "--key", mine.keyFile],
      ...["--proxy", `http://me:proxysecret@127.0.0.1:${proxy.port}`, "--json", "-v"],
      ...[
        "-H",
        "Authorization: Bearer topsecret",
        "-H",
        "X-Two: a",
        "-H",
        "X-Two: b",
        "-b",
        "sid=cookiesecret",
      ],
      ...["--origin", "https://app.example", "-s", "chat", "-1", "-x", "hello"],
      `wss://localhost:${port}/ws?token=querysecret`,
    ])
    assert.equal(stderr, "")
    assert.equal(status, 0)
    const [open, message, close] = eventsOf(stdout)
    assert.deepEqual(
      [open?.["event"], open?.["tls"], open?.["subprotocol"], open?.["url"]],
      ["open", "TLSv1.3", "chat", `wss://localhost:${port}/ws?token=***`],
    )
    assert.deepEqual([message?.["text"], close?.["code"], close?.["by"]], ["hello", 1000, "us"])
    for (const token of tokens) assert.ok(!stdout.includes(token), token)
    const request = backend.requests.at(-1) as IncomingMessage
    assert.equal(request.url, "/ws?token=querysecret")
    assert.deepEqual(request.headersDistinct["x-two"], ["a", "b"])
    const { authorization, cookie, origin, "x-client": client } = request.headers
    assert.deepEqual(
      { authorization, cookie, origin, client },
      {
        authorization: "Bearer topsecret",
        cookie: "sid=cookiesecret",
        origin: "https://app.example",
        client: "CN=someone",
      },
    )
    assert.deepEqual(proxy.targets, [`localhost:${port}`])
  })

  test("without the certificate it shows the refusal, and where to look further", async (t) => {
    const { port } = await secureEdge(t)
    const { own } = await testAuthority()
    const { status, stdout, stderr } = await connect([
      "--ca",
      own.certificateFile,
      `wss://localhost:${port}/ws`,
    ])
    assert.equal(status, 1)
    assert.equal(stdout, "")
    assert.match(
      stderr,
      /^holdfast connect: the handshake was refused: 400 Bad Request\n {2}server: holdfast/,
    )
    assert.match(stderr, /^ {2}No required SSL certificate was sent$/m)
    assert.match(
      stderr,
      new RegExp(`^ {2}holdfast probe wss://localhost:${port}/ws says why, and what mends it$`, "m"),
    )
  })
})

describe("a certificate that is not trusted says why", () => {
  const CASES = [
    ["an unknown authority", ["localhost"], 30, false, /not trusted: .*--ca FILE trusts one \(UNABLE_TO_/],
    ["expired", ["localhost"], -1, true, /not trusted: certificate has expired \(CERT_HAS_EXPIRED\)/],
    ["another name", ["other.example"], 30, true, /for another name: .*localhost.*DNS:other\.example/],
  ] as const
  for (const [name, names, days, isKnown, pattern] of CASES)
    test(name, async (t) => {
      const authority = await testAuthority()
      const { certificate, key } = await authority.issue({ names, days })
      const backend = await startRawBackend("", { tls: { cert: certificate, key } })
      t.after(() => backend.close())
      const trust = isKnown ? ["--ca", authority.own.certificateFile] : []
      const { status, stderr } = await connect([...trust, `wss://localhost:${backend.port}/`])
      assert.equal(status, 1)
      assert.match(stderr, pattern)
    })

  test("--insecure goes on", async (t) => {
    const { port } = await secureEdge(t, "off")
    const { status, stdout } = await connect(["-k", "-1", "-x", "hello", `wss://localhost:${port}/ws`])
    assert.deepEqual([status, stdout], [0, "hello\n"])
  })
})

describe("no way there", () => {
  test("a refusal has the status and the first lines of the body, and no control characters", async (t) => {
    const body =
      "<html><head><title>x</title></head>\n<body><h1>Not\x1b[2J here</h1>\n<p>ask tok-en1234</p></body></html>"
    const head = `HTTP/1.1 404 Not Found\r\nServer: a\x9bb\r\nContent-Length: ${body.length}\r\n\r\n`
    const backend = await startRawBackend(head + body)
    t.after(() => backend.close())
    const url = `ws://127.0.0.1:${backend.port}/`
    const { status, stdout, stderr } = await connect(["--json", "-H", "X-Key: tok-en1234", url])
    assert.equal(status, 1)
    const lines = ["server: a\\x9bb", "Not\\x1b[2J here", "ask ***"].map((line) => `  ${line}\n`).join("")
    const advice = `  holdfast probe ${url} says why, and what mends it\n`
    assert.equal(stderr, `holdfast connect: the handshake was refused: 404 Not Found\n${lines}${advice}`)
    const [error] = eventsOf(stdout)
    assert.deepEqual([error?.["event"], error?.["stage"], error?.["status"]], ["error", "handshake", 404])
  })

  const ANSWERS = [
    ["no HTTP", "SSH-2.0-x\r\n", "end", /the answer to the handshake is no HTTP: /],
    ["nothing", "", "end", /the connection was closed in place of an answer to the handshake/],
    [
      "a wrong Sec-WebSocket-Accept",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
      "keep",
      /does not accept the handshake: Invalid Sec-WebSocket-Accept/,
    ],
    ["silence", "", "keep", /no answer to the handshake within 1\.5 s/],
    [
      "a body without end",
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 99999\r\n\r\nbusy\n",
      "keep",
      /refused: 503 Service Unavailable\n {2}busy\n/,
    ],
  ] as const
  for (const [name, send, after, pattern] of ANSWERS)
    test(name, async (t) => {
      const backend = await startRawBackend({ send, after })
      t.after(() => backend.close())
      const { status, stderr } = await connect(["--timeout", "1500ms", `ws://127.0.0.1:${backend.port}/`])
      assert.equal(status, 1)
      assert.match(stderr, pattern)
    })

  test("TLS that wants a certificate", async (t) => {
    const { own } = await testAuthority()
    const { certificate, key } = await issueCertificate(["localhost"])
    const tls = { cert: certificate, key, ca: own.certificate, requestCert: true, rejectUnauthorized: true }
    const backend = await startRawBackend("", { tls })
    t.after(() => backend.close())
    const { status, stderr } = await connect([
      "--ca",
      own.certificateFile,
      `wss://localhost:${backend.port}/`,
    ])
    assert.equal(status, 1)
    assert.match(stderr, /the server ended TLS: .*certificate required.* \(--cert and --key give one\)\n/)
  })

  test("nobody listens, no name, no TLS, a proxy that refuses", async (t) => {
    const port = await freePort()
    const proxy = await connectProxy(t)
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const cases: [string[], RegExp][] = [
      [
        [`ws://127.0.0.1:${port}/`],
        /^holdfast connect: cannot connect to 127\.0\.0\.1:\d+ \(\d+: Connection refused\)\n$/,
      ],
      [["ws://nothing.invalid/"], /^holdfast connect: the name nothing\.invalid /],
      [[`wss://127.0.0.1:${backend.port}/`], /no TLS at this port: is it ws:\/\/ in place of wss:\/\/\?/],
      [
        ["--proxy", `http://me:wrongsecret@127.0.0.1:${proxy.port}`, "ws://localhost/"],
        /^holdfast connect: the proxy answered HTTP\/1\.1 407 /,
      ],
    ]
    const results = await Promise.all(cases.map(([args]) => connect(args)))
    for (const [index, { status, stderr }] of results.entries()) {
      assert.equal(status, 1)
      assert.match(stderr, cases[index]?.[1] as RegExp)
      assert.ok(!stderr.includes("wrongsecret"))
    }
  })

  test("--resolve takes an address for a name", async (t) => {
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const { port } = backend
    const { status, stdout } = await connect([
      ...["--resolve", `chat.example:${port}:127.0.0.1`, "-1", "-x", "hello"],
      `ws://chat.example:${port}/`,
    ])
    assert.deepEqual([status, stdout], [0, "hello\n"])
    assert.equal(backend.requests[0]?.headers.host, `chat.example:${port}`)
  })

  test("a wrong command line is one line, and exit 2", async () => {
    const { status, stderr } = await connect(["--raw", "--json", "ws://127.0.0.1/"])
    assert.deepEqual([status, stderr], [2, "holdfast connect: --raw and --json cannot go together\n"])
  })
})

/** Holdfast with TLS before an echo server. */
async function secureEdge(
  t: TestContext,
  verify = "on",
): Promise<{ port: number; backend: EchoBackend; edge: Edge }> {
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  const { own } = await testAuthority()
  const { certificateFile, keyFile } = await issueCertificate(["localhost"])
  const port = await freePort()
  const edge = await startHoldfast(`events {}
http {
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificateFile};
    ssl_certificate_key ${keyFile};
    ssl_client_certificate ${own.certificateFile};
    ssl_verify_client ${verify};
    location /ws {
      proxy_pass http://127.0.0.1:${backend.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Client $ssl_client_s_dn;
    }
  }
}
`)
  t.after(() => edge.stop())
  return { port, backend, edge }
}

const PROXY_CREDENTIALS = `Basic ${Buffer.from("me:proxysecret").toString("base64")}`

/** An HTTP proxy that knows CONNECT, and one user. */
async function connectProxy(t: TestContext): Promise<{ port: number; targets: string[] }> {
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer()
  server.on("connection", (socket: Socket) => sockets.add(socket))
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    if (request.headers["proxy-authorization"] !== PROXY_CREDENTIALS)
      return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    targets.push(request.url ?? "")
    const [host, port] = (request.url ?? "").split(":")
    const upstream = connectTcp(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on("error", () => socket.destroy())
    socket.on("error", () => upstream.destroy())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { port: typeof address === "object" && address !== null ? address.port : 0, targets }
}

import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { createInterface } from "node:readline"
import { type TestContext, test } from "node:test"
import { issueCertificate } from "../support/certificates.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import { proxyLocation, wsBackend } from "./hold-parts.ts"
import { HOST, listening, wordsFor } from "./tls-parts.ts"

/** Accepts nothing: its queue is full from the start, and the system drops what comes further. */
const FULL_QUEUE = `
import socket, sys
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
waiting = []
for _ in range(4):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(server.getsockname())
    waiting.append(one)
print(server.getsockname()[1], flush=True)
sys.stdin.read()
`

async function fullQueue(t: TestContext): Promise<number> {
  const child: ChildProcess = spawn("python3", ["-c", FULL_QUEUE], { stdio: ["pipe", "pipe", "inherit"] })
  t.after(() => child.kill())
  if (child.stdout === null) throw new Error("no output")
  const [line] = (await once(createInterface(child.stdout), "line")) as [string]
  return Number(line)
}

/** An HTTP proxy that answers each CONNECT with these bytes; returns its port. */
function proxyAnswering(t: TestContext, answer: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end(answer))
  })
  return listening(t, server)
}

async function throughProxy(t: TestContext, statusLine: string): Promise<string[]> {
  const port = await proxyAnswering(t, `HTTP/1.1 ${statusLine}\r\nContent-Length: 0\r\n\r\n`)
  return ["--proxy", `http://joe:hunter22@127.0.0.1:${port}`, `wss://${HOST}/ws/`]
}

async function nginx(t: TestContext): Promise<number> {
  const port = await freePort()
  const backend = await wsBackend(t)
  const edge = await startNginx(
    `events { } http { server { listen 127.0.0.1:${port}; ${proxyLocation(backend, "")} } }`,
  )
  t.after(() => edge.stop())
  return port
}

const cases: ProbeCase[] = [
  {
    mistake: "the name is not in the DNS",
    at: "name service",
    // A name that ends so is never there (RFC 6761 §6.4).
    stage: async () => ["wss://ws.invalid/ws/"],
    cause: "name-not-found",
    mend: "ws.invalid. 300 IN A ADDRESS",
  },
  {
    mistake: "the server is not running",
    at: "backend",
    stage: async () => [`ws://127.0.0.1:${await freePort()}/ws/`],
    cause: "nothing-listens",
    mend: "ss -ltnp 'sport = :",
  },
  {
    mistake: "the server accepts no connections any more",
    at: "backend",
    stage: async (t) => ["--timeout", "1s", `ws://127.0.0.1:${await fullQueue(t)}/ws/`],
    cause: "no-answer",
    mend: "ufw allow ",
    check: ({ diagnoses }) => {
      const ids = diagnoses[0]?.suspects.map(({ id }) => id)
      if (!ids?.includes("backlog-full")) throw new Error(`the queue is not suspected: ${ids}`)
    },
  },
  {
    mistake: "the name has an IPv6 address, and listen has none",
    at: "nginx 1.22",
    stage: async (t) => {
      const port = await nginx(t)
      return ["--resolve", `${HOST}:${port}:::1,127.0.0.1`, `ws://${HOST}:${port}/ws/`]
    },
    cause: "ipv6-dead",
    mend: "listen [::]:",
    severity: "warning",
  },
  {
    mistake: "one of three addresses is of a server that is gone",
    at: "nginx 1.22",
    stage: async (t) => {
      const port = await nginx(t)
      const addresses = "127.0.0.1,127.0.0.1,127.0.0.9"
      return ["--resolve", `${HOST}:${port}:${addresses}`, `ws://${HOST}:${port}/ws/`]
    },
    cause: "address-dead",
    mend: `${HOST}. IN A 127.0.0.9`,
    severity: "warning",
  },
  {
    mistake: "the password of --proxy is wrong",
    at: "proxy",
    stage: (t) => throughProxy(t, "407 Proxy Authentication Required"),
    cause: "proxy-wants-credentials",
    mend: "--proxy http://USER:PASSWORD@",
    check: (report) => {
      if (JSON.stringify(report).includes("hunter22")) throw new Error("the password is shown")
    },
  },
  {
    mistake: "the proxy's rules have no such port",
    at: "proxy",
    stage: (t) => throughProxy(t, "403 Forbidden"),
    cause: "proxy-forbids",
    mend: "http_access allow CONNECT",
  },
  {
    mistake: "the proxy cannot connect",
    at: "proxy",
    stage: (t) => throughProxy(t, "502 Bad Gateway"),
    cause: "proxy-cannot-connect",
    mend: `nc -vz ${HOST} 443`,
  },
  {
    mistake: "--proxy names a web server",
    at: "nginx 1.22",
    stage: async (t) => ["--proxy", `http://127.0.0.1:${await nginx(t)}`, `wss://${HOST}/ws/`],
    cause: "proxy-without-connect",
    mend: "--proxy http://PROXY:",
  },
  {
    mistake: "there is no proxy at the address of --proxy",
    at: "proxy",
    stage: async () => ["--proxy", `http://127.0.0.1:${await freePort()}`, `ws://${HOST}/ws/`],
    cause: "proxy-unreachable",
    mend: "ss -ltnp 'sport = :",
  },
]

/** nginx with TLS, and `plain` as the server of plain HTTP; returns the words. */
async function withPlainHttp(t: TestContext, plain: string, secure = ""): Promise<string[]> {
  const [port, httpPort] = (await freePorts(2)) as [number, number]
  const backend = proxyLocation(await wsBackend(t), "")
  const { certificateFile, keyFile } = await issueCertificate([HOST])
  const fill = (text: string): string =>
    text.replaceAll("{location}", backend).replaceAll("{https}", `https://$host:${port}`)
  const edge = await startNginx(`events { } http {
    server { listen 127.0.0.1:${httpPort}; ${fill(plain)} }
    server {
      listen 127.0.0.1:${port} ssl;
      ssl_certificate ${certificateFile};
      ssl_certificate_key ${keyFile};
      ${fill(secure).replaceAll("{http}", `http://$host:${httpPort}`)}
      ${backend}
    }
  }`)
  t.after(() => edge.stop())
  return wordsFor(port, ["--http-port", String(httpPort)])
}

const redirects: ProbeCase[] = [
  {
    mistake: "the server of plain HTTP includes the location of the socket",
    at: "nginx 1.22",
    stage: (t) => withPlainHttp(t, "{location}"),
    cause: "websocket-in-the-clear",
    mend: "return 301 https://$host$request_uri;",
    severity: "info",
  },
  {
    mistake: "return 301 without $request_uri",
    at: "nginx 1.22",
    stage: (t) => withPlainHttp(t, "return 301 {https}/;"),
    cause: "redirect-loses-target",
    mend: "return 301 https://$host$request_uri;",
    severity: "info",
  },
  {
    mistake: "behind TLS pages are sent back to http:",
    at: "nginx 1.22",
    stage: (t) =>
      withPlainHttp(
        t,
        "return 301 {https}$request_uri;",
        'if ($http_upgrade = "") { return 302 {http}$request_uri; }',
      ),
    cause: "redirect-loop",
    mend: "proxy_set_header X-Forwarded-Proto $scheme;",
    severity: "warning",
  },
]

testCases("network", "What `holdfast probe` says of names, addresses, proxies and plain HTTP", [
  ...cases,
  ...redirects,
])

test("a redirect that keeps path and query is no finding, and is asked without credentials", {
  skip: nginxMissing(),
}, async (t) => {
  const words = await withPlainHttp(
    t,
    "add_header X-Seen $http_cookie always; return 301 {https}$request_uri;",
  )
  const url = `${words.at(-1)}?room=1&token=hunter22`
  const report = await probe(["-b", "session=hunter33", ...words.slice(0, -1), url])
  assert.deepEqual(report.diagnoses, [])
  const found = report.steps.find(({ id }) => id === "redirect")
  assert.equal(found?.summary, "http: is redirected to https: by 301, path and query kept")
  assert.match(
    found?.details[0] ?? "",
    /^http:\/\/\S+\?room=1&token=\*\*\*: HTTP\/1\.1 301 Moved Permanently, to https:/,
  )
  assert.match(
    found?.details.at(-1) ?? "",
    /301 Moved Permanently; WebSocket clients do not follow redirects$/,
  )
})

test("nothing of the user's goes over plain HTTP", { skip: nginxMissing() }, async (t) => {
  const backend = await wsBackend(t)
  const { certificateFile, keyFile } = await issueCertificate([HOST])
  let received = ""
  const server = createServer((socket) => {
    socket.setEncoding("latin1").on("error", () => {})
    socket.on("data", (text) => {
      received += text
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    })
  })
  const httpPort = await listening(t, server)
  const port = await freePort()
  const edge = await startNginx(`events { } http { server { listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile}; ${proxyLocation(backend, "")} } }`)
  t.after(() => edge.stop())
  const words = await wordsFor(port, ["--http-port", String(httpPort)])
  const url = (words.at(-1) ?? "").replace("wss://", "wss://joe:hunter11@")
  const mine = ["-b", "session=hunter33", "-H", "X-Api-Key: hunter44"]
  const report = await probe([...mine, ...words.slice(0, -1), `${url}?token=hunter22`])
  assert.deepEqual(report.diagnoses, [])
  assert.match(received, /^GET \/ws\/\?token=\*\*\* HTTP\/1\.1\r\n/)
  assert.doesNotMatch(received, /hunter|Authorization|Cookie|am9l/i)
})

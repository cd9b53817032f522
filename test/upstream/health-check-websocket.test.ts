import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { it, type TestContext } from "node:test"
import { type WebSocket, WebSocketServer } from "ws"
import { acceptKey } from "../../src/websocket/handshake.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import {
  type BackendRequest,
  type BackendScript,
  httpAnswer,
  startRawBackend,
} from "../support/raw-backend.ts"
import { pythonEchoMissing, startPythonEcho } from "../support/websocket-backends.ts"

interface Options {
  readonly check?: string
  readonly location?: string
  readonly http?: string
}

/** A Holdfast whose only group has the server on `port`, which is checked by opening WebSockets. */
async function checking(t: TestContext, port: number, options: Options = {}): Promise<Edge> {
  const listen = await freePort()
  const edge = await startHoldfast(`events {} http {
    ${options.http ?? ""}
    upstream sockets { zone sockets 64k; server 127.0.0.1:${port}; }
    server { listen 127.0.0.1:${listen};
      location / { proxy_pass http://sockets; ${options.location ?? ""}
        health_check type=websocket uri=/ws/?a=b interval=50ms mandatory ${options.check ?? ""}; } } }`)
  t.after(() => edge.stop())
  return edge
}

const isHealthy = (edge: Edge): Promise<unknown> =>
  edge.waitForLog(
    /\[notice\].* peer is healthy while checking WebSocket handshake, health check "\w*" of peer/,
  )

const isUnhealthy = (edge: Edge, doing: string): Promise<unknown> =>
  edge.waitForLog(new RegExp(`\\[warn\\].* peer is unhealthy while ${doing}, health check "\\w*" of peer`))

interface Opened {
  readonly headers: NodeJS.Dict<string | string[]>
  readonly url: string | undefined
  readonly webSocket: WebSocket
}

/** A server by `ws`; the first WebSocket that is opened. */
async function wsServer(t: TestContext): Promise<{ port: number; opened: Promise<Opened> }> {
  const http = createServer((_request, response) => response.end("plain"))
  const server = new WebSocketServer({ server: http })
  const opened = new Promise<Opened>((resolve) =>
    server.on("connection", (webSocket, { headers, url }) => resolve({ headers, url, webSocket })),
  )
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    for (const client of server.clients) client.terminate()
    http.closeAllConnections()
    http.close()
  })
  return { port: (http.address() as AddressInfo).port, opened }
}

it("a WebSocket is opened, and closed with 1000", async (t) => {
  const { port, opened } = await wsServer(t)
  const edge = await checking(t, port)
  const { headers, url, webSocket } = await opened
  const code = await new Promise((resolve) => webSocket.once("close", resolve))
  assert.equal(code, 1000)
  assert.equal(url, "/ws/?a=b")
  assert.equal(headers.upgrade, "websocket")
  assert.equal(headers["sec-websocket-version"], "13")
  assert.equal(Buffer.from(String(headers["sec-websocket-key"]), "base64").length, 16)
  await isHealthy(edge)
})

it("each check has a key of its own", async (t) => {
  const backend = await startRawBackend(accepting("\x88\x02\x03\xe8"))
  t.after(() => backend.close())
  await checking(t, backend.port)
  await backend.until(({ requestCount }) => requestCount >= 4)
  const keys = backend.requests.map((request) => fieldOf(request, "sec-websocket-key"))
  assert.equal(new Set(keys).size, keys.length)
})

it("ping asks for a pong", async (t) => {
  const { port, opened } = await wsServer(t)
  const edge = await checking(t, port, { check: "ping" })
  const { webSocket } = await opened
  const payload = await new Promise<Buffer>((resolve) => webSocket.once("ping", resolve))
  assert.equal(payload.length, 8)
  await isHealthy(edge)
})

it("python's websockets answers all of it", { skip: pythonEchoMissing() }, async (t) => {
  await using backend = await startPythonEcho()
  await isHealthy(await checking(t, backend.port, { check: "ping" }))
})

it("whatever the location says of Upgrade, the handshake is whole, and its other fields go along", async (t) => {
  const { port, opened } = await wsServer(t)
  const location = `proxy_http_version 1.0; proxy_set_header Upgrade ""; proxy_set_header Connection close;
    proxy_pass_request_headers off; proxy_set_header Origin https://a.test; proxy_set_header Host b.test;`
  const edge = await checking(t, port, { location })
  const { headers } = await opened
  assert.equal(headers.origin, "https://a.test")
  assert.equal(headers.host, "b.test")
  await isHealthy(edge)
})

it("websocket on in the location is fine, too", async (t) => {
  const { port, opened } = await wsServer(t)
  const edge = await checking(t, port, { location: "websocket on;" })
  assert.equal((await opened).headers.connection, "upgrade")
  await isHealthy(edge)
})

// --- servers that do something else

/** The answer to a handshake, with bytes behind it. */
function accepting(frames: string, change = (head: string) => head): BackendScript {
  return (request) => {
    const accept = acceptKey(fieldOf(request, "sec-websocket-key"))
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nX-Kind: chat\r\n\r\n`
    return { send: change(head) + frames, after: "keep" }
  }
}

function fieldOf({ headers }: BackendRequest, name: string): string {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? ""
}

const CLOSE_1000 = "\x88\x02\x03\xe8"
const SHORT = "proxy_read_timeout 100ms;"

const FAULTS: readonly {
  what: string
  script: BackendScript
  doing: string
  log: RegExp
  options?: Options
}[] = [
  {
    what: "an answer without an upgrade",
    script: httpAnswer("welcome"),
    doing: "checking WebSocket handshake",
    log: /\[error\].* upstream sent invalid WebSocket handshake \(the status is 200, not 101\) while checking WebSocket handshake, health check ""/,
  },
  {
    what: "a wrong Sec-WebSocket-Accept",
    script: accepting("", (head) => head.replace(/Accept: ./, "Accept: *")),
    doing: "checking WebSocket handshake",
    log: /invalid WebSocket handshake \(Sec-WebSocket-Accept is "\*/,
  },
  {
    what: "no Sec-WebSocket-Accept",
    script: accepting("", (head) => head.replace(/Sec-W.*\r\n/, "")),
    doing: "checking WebSocket handshake",
    log: /there is no Sec-WebSocket-Accept header/,
  },
  {
    what: "another Upgrade",
    script: accepting("", (head) => head.replace("Upgrade: websocket", "Upgrade: h2c")),
    doing: "checking WebSocket handshake",
    log: /Upgrade is "h2c", not websocket/,
  },
  {
    what: "silence",
    script: { after: "keep" },
    doing: "reading response header from upstream",
    log: /upstream timed out/,
    options: { location: SHORT },
  },
  {
    what: "no pong",
    script: accepting("\x81\x02hi"),
    doing: "waiting for WebSocket pong",
    log: /upstream timed out \(110: Connection timed out\) while waiting for WebSocket pong/,
    options: { check: "ping", location: SHORT },
  },
  {
    what: "a pong to something else",
    script: accepting("\x8a\x02hi"),
    doing: "waiting for WebSocket pong",
    log: /upstream timed out/,
    options: { check: "ping", location: SHORT },
  },
  {
    what: "a Close in place of a pong",
    script: accepting("\x88\x02\x03\xf0"),
    doing: "waiting for WebSocket pong",
    log: /upstream closed WebSocket with code 1008 while waiting for WebSocket pong/,
    options: { check: "ping" },
  },
  {
    what: "no Close",
    script: accepting(""),
    doing: "closing WebSocket",
    log: /upstream timed out \(110: Connection timed out\) while closing WebSocket/,
    options: { location: SHORT },
  },
  {
    what: "a masked frame",
    script: accepting("\x81\x81abcdx"),
    doing: "closing WebSocket",
    log: /upstream sent invalid WebSocket frame \(.*mask.*\) while closing WebSocket/,
  },
  {
    what: "a field that match wants otherwise",
    script: accepting(CLOSE_1000),
    doing: "checking header",
    log: /health check "m" of peer/,
    options: { check: "match=m", http: "match m { status 101; header X-Kind = feed; }" },
  },
  {
    what: "a variable that match requires",
    script: accepting(CLOSE_1000),
    doing: "checking required variables",
    log: /health check "m" of peer/,
    options: { check: "match=m", http: "match m { require $upstream_http_x_other; }" },
  },
]

for (const { what, script, doing, log, options } of FAULTS)
  it(`${what} is a failed check`, async (t) => {
    const backend = await startRawBackend(script)
    t.after(() => backend.close())
    const edge = await checking(t, backend.port, options)
    await isUnhealthy(edge, doing)
    await edge.waitForLog(log)
  })

for (const { what, script, options } of [
  { what: "messages before the Close", script: accepting(`\x81\x02hi\x82\x01x${CLOSE_1000}`) },
  {
    what: "a connection that ends after our Close",
    script: accepting("\x81\x02hi", (head) => head),
    isEnded: true,
  },
  {
    what: "match with what there is",
    script: accepting(CLOSE_1000),
    options: { check: "match=m", http: "match m { status 101; header X-Kind = chat; }" },
  },
])
  it(`${what} is fine`, async (t) => {
    const backend = await startRawBackend(script)
    t.after(() => backend.close())
    const edge = await checking(t, backend.port, options)
    if (what.includes("ends")) {
      await backend.until(({ received }) => received.includes("\x88\x82"))
      backend.connections[0]?.socket.end()
    }
    await isHealthy(edge)
  })

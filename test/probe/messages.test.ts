import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import { haproxyMissing } from "../support/haproxy.ts"
import { nginxMissing } from "../support/nginx.ts"
import {
  type EchoOptions,
  pythonEchoMissing,
  startEchoBackend,
  startPythonEcho,
  startWebsocketd,
  websocketdMissing,
} from "../support/websocket-backends.ts"
import {
  behindHaproxy,
  behindHoldfast,
  behindNginx,
  holdingBack,
  losing,
  sendText,
  startHop,
  startServer,
} from "./broken-servers.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"

async function echo(t: TestContext, options: EchoOptions = {}): Promise<number> {
  const backend = await startEchoBackend("echo", options)
  t.after(() => backend.close())
  return backend.port
}

/** A server of ws that closes each WebSocket at once. */
async function closing(t: TestContext, code: number, reason: string): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  server.on("connection", (webSocket) => webSocket.close(code, reason))
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())))
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** A server of ws that takes sockets of pages of its own host alone, by Host and Origin, and tells by a Close. */
async function ownPagesOnly(t: TestContext): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  server.on("connection", (webSocket, { headers }) => {
    if (headers.origin !== `http://${headers.host}`) webSocket.close(1008, "wrong origin")
    webSocket.on("message", (data) => webSocket.send(data.toString()))
  })
  t.after(() => {
    for (const client of server.clients) client.terminate()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const FAST = ["--timeout", "1s"]
/** Where a busy machine must not look like a slow hop. */
const SLOW = ["--timeout", "2s"]
const noNginx = nginxMissing()
const noHaproxy = haproxyMissing()

const CASES: readonly ProbeCase[] = [
  {
    mistake: "ws with maxPayload: 20000, messages are longer",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [await behindNginx(t, await echo(t, { maxPayload: 20_000 }))],
    cause: "message-limit",
    mend: "maxPayload",
    severity: "info",
    check: ({ diagnoses }) => assert.match(diagnoses[0]?.what ?? "", /longer than 16 KB .* Close 1009/),
  },
  {
    mistake: "websockets (Python) with max_size=65536",
    at: "HAProxy 2.6",
    skip: noHaproxy || pythonEchoMissing(),
    stage: async (t) => {
      const backend = await startPythonEcho(65_536)
      t.after(() => backend.close())
      return [await behindHaproxy(t, backend.port)]
    },
    cause: "message-limit",
    mend: "max_size",
    severity: "info",
    check: ({ diagnoses }) => assert.match(diagnoses[0]?.what ?? "", /of more than 64 KB/),
  },
  {
    mistake: "longer messages end the connection, without a Close with 1009",
    at: "backend",
    stage: async (t) => {
      const cut = (
        data: Buffer,
        sender: Parameters<typeof sendText>[0],
        socket: { destroy(): void },
      ): void => {
        if (data.length > 16_384) socket.destroy()
        else sendText(sender, data)
      }
      return [`ws://127.0.0.1:${await startServer(t, { message: cut })}/`]
    },
    cause: "message-limit-untold",
    mend: "maxPayloadLength",
    severity: "warning",
  },
  {
    mistake: "the application's handler of connections throws: Close 1011",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [await behindNginx(t, await closing(t, 1011, "unexpected error"))],
    cause: "closed-internal-error",
    mend: "its log",
  },
  {
    mistake: "the application wants a cookie: Close 1008",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => [await behindHaproxy(t, await closing(t, 1008, "no session"))],
    cause: "closed-by-policy",
    mend: "--cookie",
  },
  {
    mistake: "no proxy_set_header Host, and the application compares it with Origin (--backend)",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const port = await ownPagesOnly(t)
      return [await behindNginx(t, port), "--backend", `ws://127.0.0.1:${port}/`]
    },
    cause: "refused-through-edge",
    mend: "proxy_set_header Host $http_host;",
  },
  {
    mistake: "the application wants a token: Close 4401",
    at: "Holdfast",
    stage: async (t) => [await behindHoldfast(t, await closing(t, 4401, "Unauthorized"))],
    cause: "closed-by-application",
    mend: "Authorization",
  },
  {
    mistake: "the connection is cut right after the 101",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [
      await behindNginx(
        t,
        await startServer(t, { open: (socket) => setTimeout(() => socket.destroy(), 20) }),
      ),
    ],
    cause: "handler-ends-connection",
    mend: "its log",
  },
  {
    mistake: "timeout tunnel 100 in place of 100s (--backend)",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => {
      const port = await echo(t)
      return [await behindHaproxy(t, port, "", "100"), "--backend", `ws://127.0.0.1:${port}/`]
    },
    cause: "edge-ends-tunnel",
    mend: "timeout tunnel 1h",
  },
  {
    mistake: "an error page is written into the open WebSocket",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const page = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
      return [await behindNginx(t, await startServer(t, { open: (socket) => socket.write(page) }))]
    },
    cause: "http-in-tunnel",
    mend: "no middleware may answer",
  },
  {
    mistake: "the same behind Holdfast, which ends it with 1002",
    at: "Holdfast",
    stage: async (t) => {
      const page = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
      return [await behindHoldfast(t, await startServer(t, { open: (socket) => socket.write(page) }))]
    },
    cause: "backend-breaks-protocol",
    mend: "websocket_protocol_errors pass;",
  },
  {
    mistake: "a response's chunks in place of frames",
    at: "backend",
    stage: async (t) => [
      `ws://127.0.0.1:${await startServer(t, { open: (socket) => socket.write("7\r\n\x81\x05hello\r\n", "latin1") })}/`,
    ],
    cause: "chunked-in-tunnel",
    mend: "chunked_transfer_encoding off;",
  },
  {
    mistake: "it sends all bytes back as they came, frames of a client among them",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const message = (): void => {}
      const open = (socket: Socket): void => void socket.on("data", (chunk) => socket.write(chunk))
      return [await behindNginx(t, await startServer(t, { open, message }))]
    },
    cause: "masked-frames",
    mend: "library",
  },
  {
    mistake: "binary data is sent as a text",
    at: "backend",
    stage: async (t) => {
      const open = (_socket: unknown, sender: Parameters<typeof sendText>[0]): void =>
        sendText(sender, Buffer.from([0xff, 0xfe, 0x00]))
      return [`ws://127.0.0.1:${await startServer(t, { open })}/`]
    },
    cause: "invalid-utf8",
    mend: "as a binary message",
  },
  {
    mistake: "proxy_hide_header Sec-WebSocket-Extensions, and a backend that compresses",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [
      await behindNginx(t, await echo(t, { compress: true }), "proxy_hide_header Sec-WebSocket-Extensions;"),
    ],
    cause: "compressed-without-agreement",
    mend: "proxy_hide_header Sec-WebSocket-Extensions;",
  },
  {
    mistake: "http-response del-header Sec-WebSocket-Extensions, and a backend that compresses",
    at: "HAProxy 2.6",
    skip: noHaproxy,
    stage: async (t) => [
      await behindHaproxy(
        t,
        await echo(t, { compress: true }),
        "http-response del-header Sec-WebSocket-Extensions",
      ),
    ],
    cause: "compressed-without-agreement",
    mend: "http-response del-header Sec-WebSocket-Extensions",
  },
  {
    mistake: "pings get no pong",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => [await behindNginx(t, await startServer(t, { ping: () => {} })), ...FAST],
    cause: "no-pong",
    mend: "websocket_ping off;",
    severity: "warning",
  },
  {
    mistake: "a Close gets no answer",
    at: "backend",
    stage: async (t) => [`ws://127.0.0.1:${await startServer(t, { close: () => {} })}/`, ...FAST],
    cause: "close-not-answered",
    mend: "RFC 6455 §5.5.1",
    severity: "warning",
  },
  {
    mistake: "the connection stays open after the Closes",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const close = (sender: { close(code: number, reason: string, mask: boolean): void }): void =>
        sender.close(1000, "", false)
      return [await behindNginx(t, await startServer(t, { close })), ...FAST]
    },
    cause: "tcp-not-ended",
    mend: "RFC 6455 §7.1.1",
    severity: "warning",
  },
  {
    mistake: "something on the way waits for 4 KB before it passes anything on",
    at: "a hop",
    stage: async (t) => {
      const hop = await startHop(t, await echo(t), { downward: holdingBack(1, 4096) })
      return [`ws://127.0.0.1:${hop}/`, ...SLOW]
    },
    cause: "frames-held-back",
    mend: "proxy_buffering off;",
  },
  {
    mistake: "something on the way waits 250 ms for more before it passes anything on",
    at: "a hop",
    stage: async (t) => {
      const hop = await startHop(t, await echo(t), { delayMs: 250 })
      return [`ws://127.0.0.1:${hop}/`, ...SLOW]
    },
    cause: "frames-delayed",
    mend: "tcp_nodelay on;",
    severity: "warning",
  },
  {
    mistake: "the handler blocks the event loop once it has answered the handshake",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const open = (socket: Socket): void => void socket.pause()
      return [await behindNginx(t, await startServer(t, { open })), ...FAST]
    },
    cause: "handler-stuck",
    mend: "block the event loop",
  },
  {
    mistake: "packets of full size are lost",
    at: "a hop",
    stage: async (t) => [
      `ws://127.0.0.1:${await startHop(t, await echo(t), { upward: losing(1400) })}/`,
      ...FAST,
    ],
    cause: "packets-lost",
    mend: "--clamp-mss-to-pmtu",
  },
  {
    mistake: "--expect: the answer is another one",
    at: "backend",
    stage: async (t) => [`ws://127.0.0.1:${await echo(t)}/`, "--send", "ping", "--expect", "pong", ...FAST],
    cause: "expectation-not-met",
    mend: "holdfast connect",
    check: ({ diagnoses }) => assert.ok(diagnoses[0]?.suspects[0]?.evidence.includes('came: "ping"')),
  },
  {
    mistake: "nothing: it closes on a text that is no JSON",
    at: "backend",
    stage: async (t) => {
      const message = (_data: Buffer, sender: Parameters<typeof sendText>[0]): void =>
        sender.close(1003, "JSON please", false)
      return [`ws://127.0.0.1:${await startServer(t, { message })}/`]
    },
    cause: "unknown-text",
    mend: "--send",
    severity: "info",
  },
]

// Most of their time is spent on waiting for what does not come.
describe("after the handshake", { concurrency: 4 }, () => {
  testCases("messages", "After the handshake", CASES)
})

const EDGES = [
  { name: "nginx 1.22", skip: noNginx, start: behindNginx },
  { name: "HAProxy 2.6", skip: noHaproxy, start: behindHaproxy },
  { name: "Holdfast", skip: false, start: behindHoldfast },
] as const

for (const { name, skip, start } of EDGES)
  test(`${name} in front of a compressing echo: nothing is found`, { skip }, async (t) => {
    const report = await probe([await start(t, await echo(t, { compress: true }))])
    assert.deepEqual(report.diagnoses, [])
    const step = report.steps.find(({ id }) => id === "messages")
    assert.equal(step?.outcome, "ok")
    assert.match(step?.summary ?? "", /^echo \(p50 .*\), 1 B to 1 MB, pong, clean close$/)
    assert.ok(step?.details.some((line) => line.startsWith("4 KB, compressed: came back")))
  })

test("a server of texts alone, and one that only greets: nothing is found", {
  skip: websocketdMissing(),
}, async (t) => {
  const cat = await startWebsocketd()
  t.after(() => cat.close())
  const greeting = '{"sid":"secret-value","hello":"you"}'
  const greeter = await startServer(t, {
    open: (_socket, sender) => sendText(sender, greeting),
    message: () => {},
  })
  for (const port of [cat.port, greeter]) {
    const report = await probe([`ws://127.0.0.1:${port}/`, ...FAST])
    assert.deepEqual(report.diagnoses, [])
    assert.ok(!JSON.stringify(report).includes("secret-value"))
  }
})

test("a server that speaks Engine.IO is told nothing that it does not know", async (t) => {
  const port = await startServer(t, {
    open: (_socket, sender) => sendText(sender, '0{"sid":"secret-value","pingInterval":25000}'),
    message: (_data, _sender, socket) => socket.destroy(),
  })
  const report = await probe([`ws://127.0.0.1:${port}/`, ...FAST])
  assert.deepEqual(report.diagnoses, [])
  const summary = report.steps.find(({ id }) => id === "messages")?.summary
  assert.equal(summary, "it speaks Engine.IO (Socket.IO), so no echo is tried, pong, clean close")
})

test("--send and --expect: met", async (t) => {
  const report = await probe([`ws://127.0.0.1:${await echo(t)}/`, "--send", "whoami", "--expect", "echo"])
  assert.deepEqual(report.diagnoses, [])
  assert.match(report.steps.find(({ id }) => id === "messages")?.summary ?? "", /^answered as expected in/)
})

/** What is unusual, slow or chatty, and no fault: nothing may be said against it. */
import assert from "node:assert/strict"
import { createServer as createHttpServer } from "node:http"
import { connect, createServer, type Server, type Socket } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { type WebSocket, WebSocketServer } from "ws"
import type { Report } from "../../src/probe/report.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { listen } from "./broken-servers.ts"
import { probe } from "./case.ts"

/** A server by `ws`; returns its URL. */
async function serve(t: TestContext, open: (webSocket: WebSocket) => void): Promise<string> {
  const http = createHttpServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  server.on("connection", (webSocket) => open(webSocket.on("error", () => {})))
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `ws://127.0.0.1:${await listen(t, http)}/`
}

async function echo(t: TestContext): Promise<number> {
  const backend = await startEchoBackend("echo")
  t.after(() => backend.close())
  return backend.port
}

function messagesOf({ steps }: Report): { readonly outcome: string | undefined; readonly summary: string } {
  const step = steps.find(({ id }) => id === "messages")
  return { outcome: step?.outcome, summary: step?.summary ?? "" }
}

/** No diagnosis, and the step "messages" says this. */
async function assertHealthy(words: readonly string[], outcome: string, says: RegExp): Promise<void> {
  const report = await probe(words)
  assert.deepEqual(report.diagnoses, [])
  const found = messagesOf(report)
  assert.match(found.summary, says)
  assert.equal(found.outcome, outcome, found.summary)
}

/** Passes on to `port` what comes, and `bytesPerSecond` of what goes back. */
async function startSlowPath(t: TestContext, port: number, bytesPerSecond: number): Promise<string> {
  const server = createServer((client) => {
    const backend = connect(port, "127.0.0.1")
    client.on("error", () => backend.destroy()).pipe(backend)
    backend.on("error", () => client.destroy())
    slowly(backend, client, bytesPerSecond)
  })
  return `ws://127.0.0.1:${await listen(t, server)}/`
}

const TICK_MS = 20

function slowly(from: Socket, to: Socket, bytesPerSecond: number): void {
  const share = (bytesPerSecond * TICK_MS) / 1000
  const timer = setInterval(() => {
    const piece = from.read(Math.min(share, from.readableLength)) as Buffer | null
    if (piece !== null) to.write(piece)
  }, TICK_MS)
  from.on("readable", () => {}).on("end", () => to.end())
  const stop = (): void => clearInterval(timer)
  from.on("close", stop)
  to.on("close", () => from.destroy())
}

/** Passes all on to `port` and back; what comes back after the first frame of all waits `stallMs`. */
async function startStallingPath(t: TestContext, port: number, stallMs: number): Promise<string> {
  const connections = new Map<Socket, Socket>()
  let hasStalled = false
  const stall = (): void => {
    hasStalled = true
    for (const socket of connections.values()) socket.pause()
    setTimeout(() => {
      for (const socket of connections.values()) socket.resume()
    }, stallMs)
  }
  const server = createServer((client) => {
    const backend = connect(port, "127.0.0.1")
    connections.set(client, backend)
    client.on("data", (data) => {
      // A text, not the Close of the handshakes before.
      if (!hasStalled && data[0] === 0x81) stall()
      backend.write(data)
    })
    backend.on("data", (data) => client.write(data)).on("end", () => client.end())
    backend.on("error", () => client.destroy())
    client
      .on("error", () => {})
      .on("close", () => {
        connections.delete(client)
        backend.destroy()
      })
  })
  return `ws://127.0.0.1:${await listen(t, server)}/`
}

/** An HTTP proxy that knows CONNECT. */
async function startProxy(t: TestContext): Promise<string> {
  const server: Server = createHttpServer().on("connect", (request, client: Socket) => {
    const { hostname, port } = new URL(`http://${request.url}`)
    const way = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n")
      client.pipe(way).pipe(client)
    })
    way.on("error", () => client.destroy())
    client.on("error", () => way.destroy())
  })
  return `http://127.0.0.1:${await listen(t, server)}`
}

const SNAPSHOT = 3000

// Most of their time is spent on waiting.
describe("healthy", { concurrency: 4 }, () => {
  test("an echo that puts its name before each text", async (t) => {
    const url = await serve(t, (webSocket) => {
      webSocket.on("message", (data) => webSocket.send(`ws-1: ${data}`))
    })
    await assertHealthy(
      [url],
      "ok",
      /^echo in a text of its own \(p50 .*\), 126 B to 1 MB, pong, clean close$/,
    )
  })

  test("an echo inside JSON is an application's, and is not sent a megabyte", async (t) => {
    const url = await serve(t, (webSocket) => {
      webSocket.on("message", (data) => webSocket.send(JSON.stringify({ text: String(data) })))
    })
    await assertHealthy([url], "info", /^no echo, so no sizes are tried: other messages came, pong/)
  })

  test("an application that answers a long message with another one", async (t) => {
    const url = await serve(t, (webSocket) => {
      webSocket.on("message", (data: Buffer) =>
        webSocket.send(data.length > 2000 ? "too long" : String(data)),
      )
    })
    await assertHealthy([url, "--timeout", "1s"], "ok", /, 1 B to 300 B, pong, clean close$/)
  })

  test("a path that stands still for a while behind the first message", async (t) => {
    const url = await startStallingPath(t, await echo(t), 3300)
    await assertHealthy([url], "ok", /^echo \(p50 .*\), 1 B to 1 MB, pong, clean close$/)
  })

  test("a path on which a megabyte takes longer than --timeout", async (t) => {
    const url = await startSlowPath(t, await echo(t), 250_000)
    await assertHealthy([url, "--timeout", "2s"], "ok", /, 1 B to 64 KB, pong, clean close$/)
  })

  test("one cut is chance", async (t) => {
    let hasCut = false
    const url = await serve(t, (webSocket) => {
      webSocket.on("message", (data: Buffer, isBinary) => {
        if (hasCut || data.length < 1_000_000) return webSocket.send(data, { binary: isBinary })
        hasCut = true
        webSocket.terminate()
      })
    })
    await assertHealthy([url], "ok", /, 1 B to 1 MB, pong, clean close$/)
    assert.ok(hasCut)
  })

  test("a snapshot of many messages", async (t) => {
    const url = await serve(t, (webSocket) => {
      for (let row = 0; row < SNAPSHOT; row++) webSocket.send(`{"row":${row}}`)
    })
    await assertHealthy([url], "info", /^no echo, so no sizes are tried, pong, clean close$/)
  })

  test("a server that says hello and closes without a code", async (t) => {
    const url = await serve(t, (webSocket) => {
      webSocket.send("hello")
      webSocket.close()
    })
    const report = await probe([url])
    assert.deepEqual(
      report.diagnoses.map(({ severity, suspects }) => `${severity} ${suspects[0]?.id}`),
      ["info closed-in-peace"],
    )
    assert.equal(messagesOf(report).outcome, "info")
  })

  test("ws: through a proxy", async (t) => {
    const url = `ws://127.0.0.1:${await echo(t)}/`
    await assertHealthy(
      [url, "--proxy", await startProxy(t)],
      "ok",
      /^echo .*, 1 B to 1 MB, pong, clean close$/,
    )
  })
})

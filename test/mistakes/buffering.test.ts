import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { it } from "node:test"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { exchange, RawClient } from "../support/raw-client.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { ask, hangUp, startMistake, UPGRADE_HEADERS } from "./mistake.ts"

const EVENT_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
const FIRST_EVENT = "data: first\n\n"
const REQUEST = "GET /ws/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
const OTHER_REQUESTS = 20

/** A server of one stream of events, as polling fallbacks have them. */
interface EventSource extends Disposable {
  readonly port: number
  /** The connection, once a request has come. */
  readonly came: Promise<Socket>
}

async function startEventSource(): Promise<EventSource> {
  const server = createServer()
  const came = once(server, "connection").then(([socket]) => {
    const connection = socket as Socket
    connection.on("error", () => {})
    return once(connection, "data").then(() => connection)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { port, came, [Symbol.dispose]: () => void server.close() }
}

/** Asks for the events through a server with `directives`, and gives what came before the buffer was full. */
async function streamEvents(directives: string, http: string): Promise<{ early: string; all: string }> {
  await using other = await startRawBackend(httpAnswer("other"))
  using source = await startEventSource()
  await using edge = await startMistake(
    `location /ws/ { proxy_pass http://127.0.0.1:${source.port}; ${directives} }
     location /other { proxy_pass http://127.0.0.1:${other.port}; }`,
    http,
  )
  using client = await RawClient.connect({ port: edge.port })
  await client.send(REQUEST)
  const backend = await source.came
  backend.write(EVENT_HEAD + FIRST_EVENT)
  const isHeld = !directives.includes("off") && !http.includes("off")
  if (isHeld) {
    // The edge has read the event long before it has answered all of these.
    for (let count = 0; count < OTHER_REQUESTS; count++) {
      await exchange({ port: edge.port }, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    }
  } else {
    await client.readUntil("data: first")
  }
  const early = client.received
  backend.end("data: and so on\n\n".repeat(20_000))
  await client.readToEnd()
  return { early, all: client.received }
}

it("proxy_buffering on: an event is held until a buffer is full", async () => {
  const { early, all } = await streamEvents("proxy_buffering on;", "")
  assert.ok(!early.includes("data: first"), early)
  assert.ok(all.includes("data: first") && all.includes("data: and so on"))
})

it("proxy_buffering off: an event goes on at once", async () => {
  const { early } = await streamEvents("proxy_buffering off;", "")
  assert.ok(early.includes("data: first"))
})

it("proxy_buffering off for all of http covers a location that does not say otherwise", async () => {
  const { early } = await streamEvents("", "proxy_buffering off;")
  assert.ok(early.includes("data: first"))
})

it("frames are never held after 101, whatever proxy_buffering says", async () => {
  await using backend = await startEchoBackend("ws")
  await using edge = await startMistake(
    `location /ws/ {
      proxy_pass http://127.0.0.1:${backend.port};
      proxy_http_version 1.1;
      proxy_buffering on;
      ${UPGRADE_HEADERS}
    }`,
  )
  const webSocket = await edge.connect()
  for (let count = 0; count < 100; count++) assert.equal(await ask(webSocket, `${count}`), `${count}`)
  await hangUp(webSocket)
})

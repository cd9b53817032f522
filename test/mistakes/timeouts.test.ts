import assert from "node:assert/strict"
import { once } from "node:events"
import { it } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import type { WebSocket } from "ws"
import { proxyDirectives } from "../../src/modules/proxy/directives.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { ask, hangUp, type Mistake, startMistake, UPGRADE_HEADERS } from "./mistake.ts"

const SHORT = "600ms"
const PING_EVERY_MS = 150
const PINGS = 10

function startShort(port: number): Promise<Mistake> {
  return startMistake(`location /ws/ {
    proxy_pass http://127.0.0.1:${port};
    proxy_http_version 1.1;
    ${UPGRADE_HEADERS}
    proxy_read_timeout ${SHORT};
    proxy_send_timeout ${SHORT};
  }`)
}

it("both timeouts are 60 seconds where they are left out", () => {
  assert.equal(proxyDirectives.proxy_read_timeout.default, "60s")
  assert.equal(proxyDirectives.proxy_send_timeout.default, "60s")
})

it("an idle WebSocket is closed, quietly for both sides, once proxy_read_timeout has passed", async () => {
  await using backend = await startEchoBackend("ws")
  await using edge = await startShort(backend.port)
  const webSocket = await edge.connect()
  assert.equal(await ask(webSocket, "hello"), "hello")
  const [there] = backend.clients
  const goneThere = once(there, "close")
  // No Close frame: the client cannot know why.
  assert.equal((await once(webSocket, "close"))[0], 1006)
  assert.equal((await goneThere)[0], 1006)
  await edge.edge.waitForLog(
    /upstream timed out \(110: Connection timed out\) while proxying upgraded connection, client: 127\.0\.0\.1/,
  )
})

async function pingOften(webSocket: WebSocket, ponging: WebSocket): Promise<void> {
  for (let count = 0; count < PINGS; count++) {
    const pong = once(webSocket, "pong")
    webSocket.ping()
    await pong
    await pause(PING_EVERY_MS)
  }
  assert.equal(ponging.readyState, ponging.OPEN)
}

it("pings of the client or of the backend keep it open", async () => {
  await using backend = await startEchoBackend("ws")
  await using edge = await startShort(backend.port)
  const webSocket = await edge.connect()
  const [there] = backend.clients
  await pingOften(webSocket, there)
  await pingOften(there, webSocket)
  assert.equal(await ask(webSocket, "still here?"), "still here?")
  await hangUp(webSocket)
})

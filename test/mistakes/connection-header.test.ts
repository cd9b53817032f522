import assert from "node:assert/strict"
import { it } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { type BackendRequest, httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { exchange } from "../support/raw-client.ts"
import { startMistake } from "./mistake.ts"

// What a browser sends: two tokens.
const HANDSHAKE =
  "GET /ws/ HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/** A backend that takes the header's value as a whole, as many a hand-written server does. */
function strictBackend(request: BackendRequest) {
  if (headerOf(request, "connection")?.toLowerCase() !== "upgrade")
    return httpAnswer("", "", "400 Bad Request")
  return {
    send: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    after: "echo" as const,
  }
}

function location(port: number, connection: string): string {
  return `location /ws/ {
    proxy_pass http://127.0.0.1:${port};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection ${connection};
  }`
}

it("$http_connection: the backend gets all tokens that the client sent, and may refuse them", async () => {
  await using backend = await startRawBackend(strictBackend)
  await using edge = await startMistake(location(backend.port, "$http_connection"))
  assert.equal((await exchange({ port: edge.port }, HANDSHAKE)).status, 400)
  assert.equal(headerOf(backend.requests[0], "connection"), "keep-alive, Upgrade")
})

it('"upgrade": the backend gets that, whatever the client sent', async () => {
  await using backend = await startRawBackend(strictBackend)
  await using edge = await startMistake(location(backend.port, '"upgrade"'))
  assert.equal((await exchange({ port: edge.port }, HANDSHAKE)).status, 101)
  assert.equal(headerOf(backend.requests[0], "connection"), "upgrade")
})

it("$http_connection lets any client close the connections that are kept to the backend", async () => {
  await using backend = await startRawBackend(httpAnswer("x"))
  await using edge = await startMistake(location(backend.port, "$http_connection"))
  await exchange({ port: edge.port }, "GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  assert.equal(headerOf(backend.requests[0], "connection"), "close")
})

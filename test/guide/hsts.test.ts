import assert from "node:assert/strict"
import { it } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { freePorts } from "../support/ports.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { exchange } from "../support/raw-client.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { HOST, startGuide } from "./guide.ts"

const HSTS = "max-age=31536000; includeSubDomains"
const HANDSHAKE =
  "GET /ws/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

it("Strict-Transport-Security is there on every status of the https server, and only there", async () => {
  const statuses = [
    "200 OK",
    "204 No Content",
    "304 Not Modified",
    "404 Not Found",
    "500 Internal Server Error",
  ]
  await using app = await startRawBackend(({ target }) => {
    const status = statuses.find((text) => target === `/${text.slice(0, 3)}`) ?? "400 Bad Request"
    return status.startsWith("204") || status.startsWith("304")
      ? `HTTP/1.1 ${status}\r\n\r\n`
      : httpAnswer("x", "", status)
  })
  await using webSockets = await startEchoBackend("ws")
  await using guide = await startGuide({
    webSocket: [webSockets.port, webSockets.port],
    app: [app.port, app.port],
  })
  for (const status of statuses) {
    const answer = await guide.request(`GET /${status.slice(0, 3)} HTTP/1.1`)
    assert.equal(answer.status, Number(status.slice(0, 3)))
    assert.equal(headerOf(answer, "strict-transport-security"), HSTS, status)
  }
  const upgraded = await guide.request(HANDSHAKE)
  assert.equal(upgraded.status, 101)
  assert.equal(headerOf(upgraded, "strict-transport-security"), HSTS)
  const redirected = await exchange({ port: guide.httpPort }, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  assert.equal(headerOf(redirected, "strict-transport-security"), undefined)
})

it("Strict-Transport-Security is there on the answers that the proxy itself makes", async () => {
  // Nobody listens on these.
  const [first, second] = await freePorts(2)
  await using guide = await startGuide({ webSocket: [first, second], app: [first, second] })
  for (const head of ["GET / HTTP/1.1", HANDSHAKE]) {
    const answer = await guide.request(head)
    assert.equal(answer.status, 502)
    assert.equal(headerOf(answer, "strict-transport-security"), HSTS)
  }
  const refused = await guide.request("GET / HTTP/1.1\r\nBad Name: x\r\nContent-Length: 1x")
  assert.equal(refused.status, 400)
  assert.equal(headerOf(refused, "strict-transport-security"), HSTS)
  const plain = await exchange({ port: guide.httpsPort }, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  assert.equal(plain.status, 400)
  assert.equal(headerOf(plain, "strict-transport-security"), HSTS)
})

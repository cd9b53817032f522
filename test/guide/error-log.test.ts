import assert from "node:assert/strict"
import { it } from "node:test"
import { freePorts } from "../support/ports.ts"
import { type BackendScript, startRawBackend } from "../support/raw-backend.ts"
import { type Guide, startGuide } from "./guide.ts"

const HANDSHAKE =
  "GET /ws/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="

/** All of nginx's line around one of the guide's messages. */
function logLine(message: string, port: number): RegExp {
  const stamp = "^\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[error\\] \\d+#\\d+: \\*\\d+ "
  const context =
    ", client: 127\\.0\\.0\\.1, server: solvethenetwork\\.com, " +
    `request: "GET /ws/ HTTP/1\\.1", upstream: "http://127\\.0\\.0\\.1:${port}/ws/", host: "solvethenetwork\\.com"`
  // Holdfast may say more in parentheses after the message.
  return new RegExp(`${stamp}${message}(?: \\(.*\\))?${context}`, "m")
}

/** Runs the guide's configuration with one backend that answers by `script`. */
async function withBackend(
  script: BackendScript,
  changes: Readonly<Record<string, string>>,
  run: (guide: Guide, port: number) => Promise<void>,
): Promise<void> {
  await using backend = await startRawBackend(script)
  await using guide = await startGuide({ webSocket: [backend.port, backend.port], changes })
  await run(guide, backend.port)
}

it("a backend that is not there: connect() failed, and 502", async () => {
  const [port, other] = await freePorts(2)
  await using guide = await startGuide({ webSocket: [port, other] })
  assert.equal((await guide.request(HANDSHAKE)).status, 502)
  const message = "connect\\(\\) failed \\(111: Connection refused\\) while connecting to upstream"
  // Both are tried.
  await guide.edge.waitForLog(logLine(message, port))
  await guide.edge.waitForLog(logLine(message, other))
})

it("a backend that does not answer in time: upstream timed out, and 504", async () => {
  const changes = { "proxy_read_timeout 3600s": "proxy_read_timeout 200ms" }
  await withBackend({}, changes, async (guide, port) => {
    assert.equal((await guide.request(HANDSHAKE)).status, 504)
    const message =
      "upstream timed out \\(110: Connection timed out\\) while reading response header from upstream"
    await guide.edge.waitForLog(logLine(message, port))
  })
})

it("a backend that does not speak HTTP: upstream sent invalid header, and 502", async () => {
  const script = { send: "HTTP/1.1 101 Switching Protocols\r\nno header\x01at all\r\n\r\n" }
  await withBackend(script, {}, async (guide, port) => {
    assert.equal((await guide.request(HANDSHAKE)).status, 502)
    // nginx 1.21.1 and later add what was sent, up to where it stopped to be a header.
    const message = 'upstream sent invalid header(?:: ".*")? while reading response header from upstream'
    await guide.edge.waitForLog(logLine(message, port))
  })
})

/** permessage-deflate with context takeover between two real endpoints: one byte lost or moved, and nothing inflates. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { WebSocket, WebSocketServer } from "ws"
import { issueCertificate } from "../support/certificates.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"

const MESSAGES = 400

for (const isTls of [false, true])
  test(`compressed messages both ways, pings between them, and a goodbye, ${isTls ? "TLS" : "plain"}`, async (t) => {
    const leaf = await issueCertificate(["localhost"])
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } })
    t.after(() => server.close())
    await once(server, "listening")
    const { port: backendPort } = server.address() as { port: number }
    const port = await freePort()
    const listen = isTls
      ? `${port} ssl; ssl_certificate ${leaf.certificateFile}; ssl_certificate_key ${leaf.keyFile}`
      : port
    const config = (peer: string): string => `events {} http { access_log off;
      upstream app { server 127.0.0.1:${backendPort} ${peer}; drain close after=0; }
      server { listen 127.0.0.1:${listen}; location / { proxy_pass http://app; websocket on; websocket_ping 50ms both; } } }`
    await using edge = await startHoldfast(config(""))
    const closes: number[] = []
    server.on("connection", (socket) => {
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
      socket.on("close", (code) => closes.push(code))
    })
    const client = new WebSocket(`${isTls ? "wss" : "ws"}://127.0.0.1:${port}/`, {
      rejectUnauthorized: false,
      perMessageDeflate: { threshold: 0 },
    })
    await once(client, "open")
    assert.match(client.extensions, /permessage-deflate/)
    let pings = 0
    client.on("ping", () => {
      pings++
    })
    let echoes = 0
    const all = new Promise<void>((resolve, reject) => {
      client.on("message", (data) => {
        if (data.toString() !== messageOf(echoes)) reject(new Error(`message ${echoes} is another`))
        else if (++echoes === MESSAGES) resolve()
        // A pause halfway, so that pings have their place.
        if (echoes === MESSAGES / 2) setTimeout(sendHalf, 300)
      })
    })
    let sent = 0
    function sendHalf(): void {
      for (let at = 0; at < MESSAGES / 2; at++) client.send(messageOf(sent++))
    }
    sendHalf()
    await all
    assert.ok(pings > 0)
    edge.writeConfig(holdfastProgram, config("down"))
    edge.signal("SIGHUP")
    const [code] = (await once(client, "close")) as [number]
    assert.equal(code, 1001)
    if (closes.length === 0) await Promise.all([...server.clients].map((socket) => once(socket, "close")))
    assert.deepEqual(closes, [1001])
  })

function messageOf(at: number): string {
  return `message ${at} `.repeat(1 + (at % 97) * (at % 13))
}

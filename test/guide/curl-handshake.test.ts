import assert from "node:assert/strict"
import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { it } from "node:test"
import { WebSocketServer } from "ws"
import { type RunResult, run } from "../support/holdfast.ts"
import { type Guide, HOST, startGuide } from "./guide.ts"

/** The guide's curl command, told where the name is and whom to trust. */
function curlHandshake(guide: Guide): Promise<RunResult> {
  const args = [
    ...["-i", "-N"],
    ...["-H", "Connection: Upgrade"],
    ...["-H", "Upgrade: websocket"],
    ...["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    ...["-H", "Sec-WebSocket-Version: 13"],
    `https://${HOST}/ws/`,
  ]
  const place = ["--connect-to", `${HOST}:443:127.0.0.1:${guide.httpsPort}`]
  return run("curl", [...args, ...place, "--cacert", guide.authority.certificateFile])
}

/** A WebSocket server that breaks off after each handshake: without a terminal curl prints when it ends. */
async function startHandshakeServer(requests: IncomingMessage[]): Promise<WebSocketServer> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
  server.on("connection", (webSocket, request) => {
    requests.push(request)
    webSocket.terminate()
  })
  await once(server, "listening")
  return server
}

it("the guide's curl command is answered with 101 and the right Sec-WebSocket-Accept", async () => {
  const requests: IncomingMessage[] = []
  const server = await startHandshakeServer(requests)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => server.close())
  const { port } = server.address() as AddressInfo
  const guide = stack.use(await startGuide({ webSocket: [port, port] }))
  const result = await curlHandshake(guide)
  const lines = result.stdout.split("\r\n")
  const all = `${result.stdout}${result.stderr}`
  assert.equal(lines[0], "HTTP/1.1 101 Switching Protocols", all)
  assert.ok(lines.includes("Upgrade: websocket"), all)
  assert.ok(
    lines.some((line) => line.toLowerCase() === "connection: upgrade"),
    all,
  )
  assert.ok(lines.includes("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), all)
  const [request] = requests
  assert.equal(request.headers.host, HOST)
  assert.equal(request.headers["x-forwarded-proto"], "https")
  assert.equal(request.headers["x-real-ip"], "127.0.0.1")
  assert.equal(request.headers["x-forwarded-for"], "127.0.0.1")
})

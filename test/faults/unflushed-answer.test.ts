import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:net"
import { test } from "node:test"
import { closed, receive, receiveHead } from "./byte-streams.ts"
import { type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"

/** Larger than what the kernels on the way hold, so that its end waits inside of the proxy. */
const BYTES = 16 * 1024 * 1024

/** A location whose answer is given in one piece. */
async function startLarge(more: string): Promise<ProxyUnderTest> {
  const page = "x".repeat(BYTES)
  return startProxy({
    backendPort: 0,
    server: `${more} location /large { return 200 ${page}; }`,
  })
}

/** Waits for the end of a connection on which nothing was sent: so long as `keepalive_timeout` and the like last. */
async function waitAsLongAs(proxy: ProxyUnderTest): Promise<void> {
  const idle = await proxy.connectSocket()
  idle.write("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
  idle.resume()
  idle.on("end", () => idle.end())
  await closed(idle)
}

for (const isKept of [true, false])
  test(`an answer that a slow client is still reading is not cut: ${isKept ? "kept" : "closing"} connection`, async () => {
    await using proxy = await startLarge(
      "keepalive_timeout 200ms; lingering_timeout 200ms; lingering_time 200ms; location /other { return 204; }",
    )
    const client = await proxy.connectSocket()
    client.write(`GET /large HTTP/1.1\r\nHost: a\r\n${isKept ? "" : "Connection: close\r\n"}\r\n`)
    await receiveHead(client)
    for (let i = 0; i < 3; i++) await waitAsLongAs(proxy)
    const { bytes } = await receive(client, BYTES)
    assert.equal(bytes, BYTES)
    client.destroy()
  })

for (const isKept of [true, false])
  test(`a client that never reads its answer is cut after send_timeout: ${isKept ? "kept" : "closing"} connection`, async () => {
    await using proxy = await startLarge("send_timeout 300ms; lingering_close off;")
    const client = await proxy.connectSocket()
    client.write(`GET /large HTTP/1.1\r\nHost: a\r\n${isKept ? "" : "Connection: close\r\n"}\r\n`)
    await proxy.waitForStatus(({ active }) => active === 2)
    await proxy.waitForStatus(({ active }) => active === 1)
    client.destroy()
  })

test("SIGQUIT lets an answer that is on the way to a slow client come to its end", async () => {
  const page = Buffer.alloc(BYTES, "y")
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BYTES}\r\n\r\n`)
      socket.write(page)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  await using proxy = await startProxy({
    backendPort: typeof address === "object" && address !== null ? address.port : 0,
  })
  const client = await proxy.connectSocket()
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  await receiveHead(client)
  proxy.edge.signal("SIGQUIT")
  await proxy.edge.waitForLog(/gracefully shutting down/)
  const { bytes } = await receive(client)
  assert.equal(bytes, BYTES)
  client.destroy()
  assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  server.close()
})

import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { test } from "node:test"
import { connect as connectTls, TLSSocket } from "node:tls"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { receive } from "./byte-streams.ts"
import { type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
const PLAIN = { isTls: true, backendPort: 0, server: "location / { return 200 fine; }" }

function tcp(proxy: ProxyUnderTest): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }, () =>
      resolve(socket),
    )
    socket.on("error", () => {})
  })
}

async function assertServes(proxy: ProxyUnderTest): Promise<void> {
  await proxy.waitForStatus(({ active }) => active === 1)
  const client = await proxy.connect()
  await client.send(GET)
  assert.equal((await client.readResponse()).status, 200)
  client.destroy()
}

/** A ClientHello, as this process's own TLS sends it. */
async function clientHello(): Promise<Buffer> {
  const catcher = createServer()
  catcher.listen(0, "127.0.0.1")
  await once(catcher, "listening")
  const address = catcher.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const accepted = once(catcher, "connection")
  const client = connectTls({ port, host: "127.0.0.1", servername: "localhost" })
  client.on("error", () => {})
  const [socket] = (await accepted) as [Socket]
  const [hello] = (await once(socket, "data")) as [Buffer]
  client.destroy()
  socket.destroy()
  catcher.close()
  return hello
}

test("clients that reset within the handshake, at any of its bytes, leave nothing behind", async () => {
  await using proxy = await startProxy(PLAIN)
  const hello = await clientHello()
  for (const end of [0, 1, 5, 6, 50, hello.length - 1, hello.length]) {
    const socket = await tcp(proxy)
    socket.write(hello.subarray(0, end))
    if (end === hello.length) await receive(socket, 1)
    socket.resetAndDestroy()
  }
  await assertServes(proxy)
  assert.doesNotMatch(proxy.edge.errorLog(), /unhandled/)
})

test("a handshake that never ends is cut after client_header_timeout", async () => {
  await using proxy = await startProxy({ ...PLAIN, server: `client_header_timeout 300ms; ${PLAIN.server}` })
  const hello = await clientHello()
  for (const end of [0, 3, 60, hello.length]) {
    const socket = await tcp(proxy)
    socket.write(hello.subarray(0, end))
    await receive(socket)
    socket.destroy()
  }
  await proxy.edge.waitForLog(/client timed out \(110: Connection timed out\) while SSL handshaking/)
  await assertServes(proxy)
})

test("200 TLS clients at once are all served", async () => {
  await using backend = await startRawBackend(httpAnswer("fine\n"))
  await using proxy = await startProxy({ backendPort: backend.port, isTls: true })
  const answers = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const client = await RawClient.connect(proxy.target, 30_000)
      await client.send(GET)
      const { status } = await client.readResponse()
      client.destroy()
      return status
    }),
  )
  assert.deepEqual([...new Set(answers)], [200])
  await proxy.waitForStatus(({ active }) => active === 1)
})

test("renegotiation is refused, and costs its own connection only", async () => {
  await using proxy = await startProxy(PLAIN)
  const child = spawn("openssl", ["s_client", "-tls1_2", "-connect", `127.0.0.1:${proxy.port}`], {
    stdio: ["pipe", "pipe", "pipe"],
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("latin1").on("data", (text: string) => {
      output += text
      // The session's summary comes once the handshake is done; then "R" asks for another one.
      if (text.includes("---\n") && output.includes("Verify return code") && child.stdin.writable)
        child.stdin.end("R\n")
    })
  child.stdin.on("error", () => {})
  await new Promise((resolve) => child.once("close", resolve))
  assert.match(output, /RENEGOTIATING[\s\S]*no renegotiation/i)
  await assertServes(proxy)
})

test("a head of many kilobytes arrives whole over TLS, in pieces of any size", async () => {
  await using backend = await startRawBackend(httpAnswer("fine\n"))
  await using proxy = await startProxy({
    backendPort: backend.port,
    isTls: true,
    http: "large_client_header_buffers 8 32k;",
  })
  const fields = Array.from({ length: 6 }, (_unused, index) => `X-${index}: ${String(index).repeat(20_000)}`)
  const head = `GET / HTTP/1.1\r\nHost: a\r\n${fields.join("\r\n")}\r\n\r\n`
  for (const size of [1_000, 16_384, head.length]) {
    const client = await proxy.connect()
    const pieces: string[] = []
    for (let at = 0; at < head.length; at += size) pieces.push(head.slice(at, at + size))
    await client.sendPieces(pieces)
    assert.equal((await client.readResponse()).status, 200)
    client.destroy()
    const request = backend.requests.at(-1)
    for (const field of fields) assert.ok(request?.rawHead.includes(field))
  }
})

test("a client that ends with close_notify after its request and reads on gets the whole answer of this server", async () => {
  const page = "x".repeat(1_000_000)
  await using proxy = await startProxy({ ...PLAIN, server: `location / { return 200 ${page}; }` })
  const socket = await proxy.connectSocket()
  assert.ok(socket instanceof TLSSocket)
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  const all = receive(socket)
  assert.ok((await all).bytes > 1_000_000)
  socket.end()
  await proxy.waitForStatus(({ active }) => active === 1)
})

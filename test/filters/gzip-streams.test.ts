import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import type { Socket } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { constants, createGunzip, createGzip, type Gunzip, gzipSync } from "node:zlib"
import { receive, receiveHead, sendPattern } from "../faults/byte-streams.ts"
import { type ProxyUnderTest, startProxy } from "../faults/proxy-under-test.ts"
import { SMALL_ANSWER, type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"

const MB = 1024 * 1024
const EVENTS = ["data: one\n\n", "data: two\n\n", "data: three\n\n"]
const CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"

const chunk = (bytes: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from("\r\n")])

/** Sends a request for an answer that ends with the connection, so that its body has no framing. */
async function ask(proxy: ProxyUnderTest, backend: SocketBackend, fields = ""): Promise<[Socket, Socket]> {
  const client = await proxy.connectSocket()
  client.write(`GET /x HTTP/1.0\r\nHost: a\r\n${fields}\r\n`)
  const peer = await backend.next()
  await receiveHead(peer)
  return [client, peer]
}

const GZIP = "gzip on; gzip_types *; gzip_http_version 1.0;"
const ACCEPT = "Accept-Encoding: gzip\r\n"

/** The next piece of text that comes out of `stream`. */
function nextText(stream: Gunzip | Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    stream.once("data", (bytes: Buffer) => resolve(bytes.toString()))
    stream.once("error", reject)
  })
}

for (const [name, location, fields] of [
  ["proxy_buffering off", `proxy_buffering off; ${GZIP}`, ""],
  ["X-Accel-Buffering: no", GZIP, "X-Accel-Buffering: no\r\n"],
] as const)
  test(`events come one by one through gzip: ${name}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, location })
    const [client, peer] = await ask(proxy, backend, ACCEPT)
    peer.write(`${CHUNKED}${fields}\r\n`)
    await receiveHead(client)
    const unzip = createGunzip()
    client.pipe(unzip)
    for (const event of EVENTS) {
      const text = nextText(unzip)
      peer.write(chunk(event))
      assert.equal(await text, event)
    }
    peer.write("0\r\n\r\n")
    await new Promise((resolve) => unzip.once("end", resolve).resume())
    assert.equal((await proxy.accessLine(/x/)).completion, "OK")
  })

test("events come one by one through gunzip", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: "proxy_buffering off; gunzip on;",
  })
  const [client, peer] = await ask(proxy, backend)
  peer.write(`${CHUNKED}Content-Encoding: gzip\r\n\r\n`)
  const head = await receiveHead(client)
  assert.doesNotMatch(head, /content-encoding/i)
  const zip = createGzip()
  zip.on("data", (bytes: Buffer) => peer.write(chunk(bytes)))
  for (const event of EVENTS) {
    const text = nextText(client)
    client.resume()
    zip.write(event)
    zip.flush(constants.Z_SYNC_FLUSH)
    assert.equal(await text, event)
  }
  peer.destroy()
})

test("a client that reads nothing of an answer in gzip: memory stays, and all comes in the end", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: `proxy_max_temp_file_size 0; ${GZIP}`,
  })
  const [client, peer] = await ask(proxy, backend, ACCEPT)
  const before = proxy.residentBytes()
  const total = 48 * MB
  peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\nContent-Type: a/b\r\n\r\n`)
  const sent = sendNoise(peer, total)
  await receiveHead(client)
  let grown = 0
  for (let i = 0; i < 8; i++) {
    await receive(client, MB / 4)
    await proxy.status()
    grown = Math.max(grown, proxy.residentBytes() - before)
  }
  assert.ok(grown < 40 * MB, `memory grew by ${grown}`)
  await receive(client)
  await sent
  const line = await proxy.accessLine(/x/)
  assert.deepEqual([line.completion, line.upstreamBytesReceived > total], ["OK", true])
})

/** Bytes that cannot be compressed, as fast as they are taken. */
async function sendNoise(socket: Socket, bytes: number): Promise<void> {
  await sendPattern(socket, bytes, 7)
}

test("a bomb: 200 MB out of 200 KB to a client that reads nothing", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: "gunzip on; proxy_max_temp_file_size 0;",
  })
  const bomb = gzipSync(Buffer.alloc(200 * MB))
  const [client, peer] = await ask(proxy, backend)
  const before = proxy.residentBytes()
  peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bomb.length}\r\nContent-Encoding: gzip\r\n\r\n`)
  peer.write(bomb)
  await receiveHead(client)
  await receive(client, MB)
  for (let i = 0; i < 20; i++) await proxy.status()
  const grown = proxy.residentBytes() - before
  assert.ok(grown < 40 * MB, `memory grew by ${grown}`)
  client.destroy()
  await proxy.waitForStatus(({ active }) => active === 1)
})

test("clients that leave in the middle of answers in gzip leave nothing behind", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: `proxy_buffering off; ${GZIP}`,
  })
  for (let i = 0; i < 20; i++) {
    const [client, peer] = await ask(proxy, backend, ACCEPT)
    peer.write(`${CHUNKED}\r\n`)
    peer.write(chunk("some text ".repeat(1000)))
    await receiveHead(client)
    const closed = new Promise((resolve) => peer.once("close", resolve).resume())
    client.destroy()
    peer.on("end", () => peer.end())
    await closed
  }
  await proxy.waitForStatus(({ active }) => active === 1)
  const [client, peer] = await ask(proxy, backend)
  peer.end(SMALL_ANSWER)
  await receiveHead(client)
})

test("an upstream that breaks off in the middle: the client sees that its gzip is cut", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    location: `proxy_buffering off; ${GZIP}`,
  })
  const client = await proxy.connect()
  await client.send(`GET /x HTTP/1.1\r\nHost: a\r\n${ACCEPT}\r\n`)
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(`${CHUNKED}\r\n`)
  peer.write(chunk("some text ".repeat(1000)))
  await client.readUntil("\r\n\r\n")
  peer.destroy()
  const rest = await client.readToEnd()
  assert.doesNotMatch(rest, /\r\n0\r\n\r\n$/)
  assert.equal((await proxy.accessLine(/x/)).completion, "")
})

test("$gzip_ratio, of an answer that is coded at once and of one that goes through a stream", async () => {
  await using proxy = await startProxy({
    backendPort: 0,
    http: "log_format r '$uri $gzip_ratio $body_bytes_sent';",
    server: `${GZIP} access_log {prefix}/logs/r.log r; root {prefix}; default_type text/html;
      location /small { return 200 "${"a".repeat(1000)}"; }`,
  })
  writeFileSync(join(proxy.edge.prefix, "large"), "a".repeat(100_000))
  for (const path of ["/small", "/large"]) {
    const client = await proxy.connect()
    await client.send(`GET ${path} HTTP/1.0\r\n${ACCEPT}\r\n`)
    await client.readToEnd()
  }
  await proxy.edge.waitForFile("logs/r.log", /large .*\n/)
  const lines = proxy.edge.readFile("logs/r.log").trimEnd().split("\n")
  const bytes: Readonly<Record<string, number>> = { "/small": 1000, "/large": 100_000 }
  for (const line of lines) {
    const [uri = "", ratio, sent] = line.split(" ")
    assert.ok(Math.abs(Number(ratio) - (bytes[uri] as number) / Number(sent)) <= 0.01, line)
  }
  assert.equal(lines.length, 2)
})

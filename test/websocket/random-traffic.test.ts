/** Many WebSockets with random traffic, pings and a goodbye: nothing is lost, doubled, reordered or made up. */
import assert from "node:assert/strict"
import { connect, type Socket } from "node:net"
import { test } from "node:test"
import { connect as connectTls } from "node:tls"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { receiveHead } from "../faults/byte-streams.ts"
import { type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"
import { issueCertificate } from "../support/certificates.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { FrameSocket } from "./frame-socket.ts"
import { RandomEnd, randomFrom } from "./random-end.ts"

const SEED = Number(process.env.HOLDFAST_TEST_SEED ?? 20_261)
const TUNNELS = 36
/** When the goodbyes begin, and over how long they are spread. */
const TRAFFIC_MS = 1200
const DRAIN_SECONDS = 3

interface Pair {
  readonly name: string
  readonly client: RandomEnd
  readonly backend: RandomEnd
  /** Bytes that the client and the backend got, heads included. */
  readonly clientBytes: () => number
  readonly backendBytes: () => number
  /** Which end was cut off in the middle: what it got and said last is not judged. */
  cut: "client" | "backend" | ""
}

test(`random traffic, seed ${SEED}`, async () => {
  const leaf = await issueCertificate(["localhost"])
  const backends = [
    await startSocketBackend(),
    await startSocketBackend({ cert: leaf.certificate, key: leaf.key }),
  ] as const
  const ports = [await freePort(), await freePort()] as const
  const config = (peer: string): string => `worker_processes 2; events {} http {
    log_format t '$uri|$status|$bytes_sent|$upstream_bytes_sent'; access_log {prefix}/logs/access.log t;
    upstream plain { server 127.0.0.1:${backends[0].port} ${peer}; drain close after=${DRAIN_SECONDS}s; }
    upstream tls { server 127.0.0.1:${backends[1].port} ${peer}; drain close after=${DRAIN_SECONDS}s; }
    server {
      listen 127.0.0.1:${ports[0]}; listen 127.0.0.1:${ports[1]} ssl;
      ssl_certificate ${leaf.certificateFile}; ssl_certificate_key ${leaf.keyFile};
      websocket on; websocket_ping 100ms timeout=30s both; websocket_close_timeout 30s;
      location /plain/ { proxy_pass http://plain; }
      location /tls/ { proxy_pass https://tls; }
    }
  }`
  await using edge = await startHoldfast(config(""))
  await using _plain = backends[0]
  await using _tls = backends[1]
  const random = randomFrom(SEED)
  const pairs: Pair[] = []
  for (let at = 0; at < TUNNELS; at++) {
    const isTls = at % 2 === 1
    const name = `${isTls ? "/tls" : "/plain"}/${at}`
    pairs.push(await open(name, ports[at % 4 < 2 ? 0 : 1], at % 4 >= 2, backends[isTls ? 1 : 0], SEED + at))
  }
  for (const pair of pairs) disturb(pair, random)
  await new Promise((resolve) => setTimeout(resolve, TRAFFIC_MS))
  edge.writeConfig(holdfastProgram, config("down"))
  edge.signal("SIGHUP")
  await Promise.all(pairs.map(({ client, backend }) => Promise.all([client.over, backend.over])))

  for (const pair of pairs) judge(pair)
  assert.ok(
    pairs.some(({ client }) => client.proxyPings > 0) && pairs.some(({ backend }) => backend.proxyPings > 0),
  )
  await edge.waitForFile("logs/access.log", new RegExp(`^(?:.*\\|101\\|.*\\n){${TUNNELS}}$`))
  judgeLog(edge.readFile("logs/access.log"), pairs)
  assert.doesNotMatch(
    pairs.some(({ cut }) => cut !== "") ? withoutCuts(edge.errorLog()) : edge.errorLog(),
    /failed|unhandled|invalid|timed out|did not answer|write after end/,
  )
})

async function open(
  name: string,
  port: number,
  isTls: boolean,
  server: SocketBackend,
  seed: number,
): Promise<Pair> {
  const options = { port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true }
  const socket: Socket = isTls ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options)
  socket.on("error", () => {})
  const key = Buffer.from("sixteen-byte-key").toString("base64")
  socket.write(
    `GET ${name} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  const peer = await server.next()
  const requestHead = await receiveHead(peer)
  const backendBytes = counter(peer, requestHead.length)
  peer.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  )
  // Speaks at once: some of it comes right behind the head.
  const backend = new RandomEnd(new FrameSocket(peer, false, Buffer.alloc(0)), false, seed * 2 + 1)
  const head = await receiveHead(socket)
  const clientBytes = counter(socket, head.length)
  const client = new RandomEnd(new FrameSocket(socket, true, Buffer.alloc(0)), true, seed * 2)
  return { name, client, backend, clientBytes, backendBytes, cut: "" }
}

function counter(socket: Socket, from: number): () => number {
  let count = from
  socket.on("data", (chunk: Buffer) => {
    count += chunk.length
  })
  return () => count
}

/** Some ends say goodbye themselves, some are cut off. */
function disturb(pair: Pair, random: () => number): void {
  const kind = random()
  const end = random() < 0.5 ? pair.client : pair.backend
  const atMs = random() * (TRAFFIC_MS + DRAIN_SECONDS * 1000)
  if (kind < 0.3) setTimeout(() => end.close(), atMs).unref()
  else if (kind < 0.45)
    setTimeout(() => {
      if (pair.client.closesReceived.length + pair.backend.closesReceived.length > 0) return
      pair.cut = end === pair.client ? "client" : "backend"
      end.end.socket.destroy()
    }, atMs).unref()
}

function judge(pair: Pair): void {
  const { name, client, backend, cut } = pair
  for (const [side, end, other] of [
    ["client", client, backend],
    ["backend", backend, client],
  ] as const) {
    const which = `${name}, ${side}`
    assert.deepEqual(end.received, other.sent.slice(0, end.received.length), `${which}: not what was said`)
    assert.equal(end.leakedPongs, 0, `${which}: pongs of the proxy's own`)
    assert.equal(end.framesBehindClose, 0, `${which}: frames behind a Close`)
    if (cut !== "") continue
    assert.equal(end.closesReceived.length, 1, `${which}: Closes ${end.closesReceived} (${end.end.ending})`)
    assert.equal(end.end.ending, "end", which)
    assert.equal(end.end.partialBytes, 0, `${which}: half a frame`)
    const code = end.closesReceived[0]
    const isOwnWord = code === other.closeSent && code !== 1001
    // All that a client says arrives; what a backend says behind a goodbye does not.
    if (side === "backend" || isOwnWord)
      assert.equal(end.received.length, other.sent.length, `${which}, ${code}`)
    if (!isOwnWord) assert.equal(code === end.closeSent || code === 1001, true, `${which}: ${code}`)
  }
}

function judgeLog(text: string, pairs: readonly Pair[]): void {
  const lines = new Map<string, string[]>()
  for (const line of text.trimEnd().split("\n")) {
    const [uri = "", ...fields] = line.split("|")
    assert.ok(!lines.has(uri), `two lines for ${uri}`)
    lines.set(uri, fields)
  }
  for (const { name, cut, clientBytes, backendBytes } of pairs) {
    const [status, sent, sentUp] = lines.get(name) ?? []
    assert.equal(status, "101", name)
    if (cut !== "") continue
    assert.equal(Number(sent), clientBytes(), `${name}: $bytes_sent`)
    assert.equal(Number(sentUp), backendBytes(), `${name}: $upstream_bytes_sent`)
  }
}

/** Without the lines that tell of an end that was cut off. */
function withoutCuts(log: string): string {
  return log.replaceAll(/^.*\[info\].* (?:client connection|recv\(\)|send\(\)) failed \(.*$/gm, "")
}

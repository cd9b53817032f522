/** What a hostile client may do over HTTP/2, and what it comes to: its connection's end, and nobody else's. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { constants } from "node:http2"
import { after, before, describe, it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  FrameClient,
  fields,
  frame,
  GET,
  HEADERS,
  indexed,
  PING,
  PREFACE,
  PRIORITY,
  RST_STREAM,
  resetFrame,
  SETTINGS,
  WINDOW_UPDATE,
} from "./frames.ts"

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants
const { NGHTTP2_REFUSED_STREAM } = constants

const BODY = "x".repeat(300_000)

function drained(client: FrameClient): Promise<void> {
  return new Promise((resolve) => {
    client.socket.once("drain", () => resolve())
  })
}

describe("over HTTP/2", () => {
  let edge: Edge
  let port: number
  let backend: RawBackend

  before(async () => {
    backend = await startRawBackend({ send: [] })
    port = await freePort()
    edge = await startHoldfast(`worker_processes 1; events { } http { access_log off;
      server { listen 127.0.0.1:${port}; http2 on; http2_max_concurrent_streams 20; send_timeout 500ms;
        location / { return 200 ok; }
        location /big { return 200 ${BODY}; }
        location /slow { proxy_pass http://127.0.0.1:${backend.port}; } } }`)
  })
  after(async () => {
    await edge.stop()
    await backend.close()
  })

  /** All is as before for others. */
  async function assertServes(): Promise<void> {
    const client = await FrameClient.open(port)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
    assert.ok(await client.until(HEADERS))
    assert.equal((await client.until(DATA))?.payload.toString(), "ok")
    client.socket.destroy()
    assert.equal(edge.exited, undefined)
  }

  /** Sends `piece` until the server has had enough. */
  async function flood(client: FrameClient, piece: Buffer): Promise<void> {
    let isClosed = false
    client.closed.then(() => {
      isClosed = true
    })
    while (!isClosed) {
      if (!client.socket.write(piece)) await Promise.race([drained(client), client.closed])
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }

  it("streams that are opened and reset in one go end the connection (CVE-2023-44487)", async () => {
    const client = await FrameClient.open(port)
    const frames: Buffer[] = []
    const head = fields({ ":method": "GET", ":scheme": "http", ":path": "/slow", ":authority": "a.test" })
    for (let stream = 1; stream < 4000; stream += 2)
      frames.push(frame(HEADERS, END_HEADERS | END_STREAM, stream, head), resetFrame(stream, NGHTTP2_CANCEL))
    client.send(...frames)
    assert.notEqual(await client.goawayCode(), NGHTTP2_NO_ERROR)
    await client.closed
    await edge.waitForLog(
      /client sent too many refused streams while processing HTTP\/2 connection, client: 127\.0\.0\.1/,
    )
    await assertServes()
  })

  it("streams that are opened and reset one after the other end it, too", async () => {
    const client = await FrameClient.open(port)
    let stream = 1
    let isClosed = false
    client.closed.then(() => {
      isClosed = true
    })
    while (!isClosed) {
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, GET), resetFrame(stream, NGHTTP2_CANCEL))
      stream += 2
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(stream < 100_000)
    await assertServes()
  })

  it("a head without an end, in CONTINUATION frames", async () => {
    const client = await FrameClient.open(port)
    client.send(frame(HEADERS, 0, 1, GET))
    await flood(client, frame(CONTINUATION, 0, 1, fields({ "x-a": "y".repeat(1000) })))
    await assertServes()
  })

  it("a head that unpacks to a hundred times its size", async () => {
    const client = await FrameClient.open(port)
    // One field of 4000 octets in the table, and then two thousand times its index: 8 MB.
    const bomb = Buffer.concat([GET, indexed("x", "y".repeat(3900)), Buffer.alloc(2000, 0xbe)])
    for (let stream = 1; stream < 20; stream += 2)
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, bomb))
    const reset = await client.until(RST_STREAM)
    if (reset !== undefined) assert.equal(reset.payload.readUInt32BE(), NGHTTP2_ENHANCE_YOUR_CALM)
    client.socket.destroy()
    await assertServes()
  })

  for (const [name, piece] of [
    ["PING", frame(PING, 0, 0, "12345678")],
    ["SETTINGS", frame(SETTINGS, 0, 0)],
    ["PRIORITY", frame(PRIORITY, 0, 7, "\0\0\0\0\x10")],
  ] as const) {
    it(`a flood of ${name} frames`, async () => {
      const client = await FrameClient.open(port)
      await flood(client, Buffer.concat(new Array(1000).fill(piece)))
      await edge.waitForLog(
        /http2 flood detected while processing HTTP\/2 connection|client broke the protocol/,
      )
      await assertServes()
    })
  }

  it("a flood of empty DATA frames", async () => {
    const client = await FrameClient.open(port)
    const head = fields({ ":method": "POST", ":scheme": "http", ":path": "/slow", ":authority": "a.test" })
    client.send(frame(HEADERS, END_HEADERS, 1, head))
    await flood(client, Buffer.concat(new Array(1000).fill(frame(DATA, 0, 1))))
    await assertServes()
  })

  it("a flood of PINGs whose answers are not read", async () => {
    const client = await FrameClient.open(port)
    client.socket.pause()
    const piece = Buffer.concat(new Array(1000).fill(frame(PING, 0, 0, "12345678")))
    // The kernel's buffers fill, then ours has a limit, then the connection ends: reading again shows it.
    for (let round = 0; round < 600 && !client.socket.destroyed; round++)
      await new Promise<void>((resolve) => client.socket.write(piece, () => resolve()))
    client.socket.resume()
    await client.closed
    await assertServes()
  })

  it("more streams than allowed are refused before the client knows the limit, and end the connection later", async () => {
    const slow = fields({ ":method": "GET", ":scheme": "http", ":path": "/slow", ":authority": "a.test" })
    const held = Array.from({ length: 21 }, (_, at) =>
      frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, slow),
    )
    const early = new FrameClient(port)
    await once(early.socket, "connect")
    early.send(Buffer.from(PREFACE, "latin1"), frame(SETTINGS, 0, 0), ...held)
    const reset = await early.until(RST_STREAM)
    assert.equal(reset?.stream, 41)
    assert.equal(reset?.payload.readUInt32BE(), NGHTTP2_REFUSED_STREAM)
    early.socket.destroy()
    const late = await FrameClient.open(port)
    late.send(...held)
    assert.equal(await late.goawayCode(), NGHTTP2_PROTOCOL_ERROR)
    await late.closed
    await assertServes()
  })

  it("a window that is never opened: the stream is reset after send_timeout, the connection stays", async () => {
    // SETTINGS_INITIAL_WINDOW_SIZE 10
    const client = await FrameClient.open(port, "\0\x04\0\0\0\x0a")
    const big = fields({ ":method": "GET", ":scheme": "http", ":path": "/big", ":authority": "a.test" })
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, big))
    const reset = await client.until(RST_STREAM)
    assert.equal(reset?.payload.readUInt32BE(), NGHTTP2_PROTOCOL_ERROR)
    await edge.waitForLog(
      /client timed out \(110: Connection timed out\) while sending to client.*"GET \/big HTTP\/2\.0"/,
    )
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, GET))
    assert.equal((await client.until(DATA, 3))?.payload.toString(), "ok")
    client.socket.destroy()
  })

  it("frames that break the protocol end the connection with a line in the log", async () => {
    for (const broken of [
      frame(DATA, 0, 0, "x"),
      frame(HEADERS, END_HEADERS | END_STREAM, 2, GET),
      frame(WINDOW_UPDATE, 0, 0, "\0\0\0\0"),
      frame(SETTINGS, 0, 0, "\0"),
      frame(0x5, END_HEADERS, 1, GET),
    ]) {
      const client = await FrameClient.open(port)
      client.send(broken)
      assert.notEqual(await client.goawayCode(), NGHTTP2_NO_ERROR)
      await client.closed
    }
    await edge.waitForLog(
      /\[info\] .*client broke the protocol of HTTP\/2 \(.*\) while processing HTTP\/2 connection, client: 127\.0\.0\.1/,
    )
    await assertServes()
  })

  it("malformed heads cost their stream only", async () => {
    const client = await FrameClient.open(port)
    const heads: Record<string, string>[] = [
      { ":method": "GET", ":scheme": "http", ":path": "/" },
      { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "a.test", connection: "close" },
      { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "a.test", "X-Up": "1" },
      { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "a.test", ":odd": "1" },
      { ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "a.test", te: "gzip" },
      { ":method": "GET", ":path": "/", ":authority": "a.test" },
    ]
    for (const [at, head] of heads.entries()) {
      const stream = 2 * at + 1
      client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, fields(head)))
      for (;;) {
        const answer = await client.next()
        assert.ok(answer, `the connection has ended at ${JSON.stringify(head)}`)
        if (answer.stream !== stream) continue
        if (answer.type === RST_STREAM) break
        // 400, with its page.
        if (answer.type === DATA && (answer.flags & END_STREAM) !== 0) {
          assert.match(answer.payload.toString(), /400 Bad Request/)
          break
        }
      }
    }
    // A value with a line's end is dropped.
    client.send(
      frame(HEADERS, END_HEADERS | END_STREAM, 101, Buffer.concat([GET, fields({ "x-a": "a\r\nb" })])),
    )
    assert.equal((await client.until(DATA, 101))?.payload.toString(), "ok")
    client.socket.destroy()
  })
})

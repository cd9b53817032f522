/** HTTP/1.1 and HTTP/2 on one plain port: which it is, the first octets tell. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { after, before, describe, it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  FrameClient,
  frame,
  GET,
  HEADERS,
  PREFACE,
  SETTINGS,
} from "./frames.ts"

describe("on a plain port with http2 on", () => {
  let edge: Edge
  let port: number

  before(async () => {
    port = await freePort()
    edge = await startHoldfast(`events { } http { client_header_timeout 700ms;
      server { listen 127.0.0.1:${port}; http2 on; location / { return 200 "$server_protocol [$http2]"; }
        location /status { stub_status; } } }`)
  })
  after(() => edge.stop())

  it("HTTP/1.1 is served, in pieces of any size", async () => {
    const text = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    for (const cut of [0, 1, 2, 5, text.length - 1]) {
      const client = await RawClient.connect({ port })
      await client.sendPieces([text.slice(0, cut), text.slice(cut)].filter((piece) => piece !== ""))
      assert.equal((await client.readResponse()).body, "HTTP/1.1 []")
      await client.send(text)
      assert.equal((await client.readResponse()).body, "HTTP/1.1 []")
      client.destroy()
    }
  })

  it("what begins like the preface, and is none, is HTTP/1.1", async () => {
    for (const [line, status] of [
      ["POST / HTTP/1.1", 200],
      ["PRI / HTTP/1.1", 200],
      ["PROPFIND / HTTP/1.1", 200],
      ["PRI * HTTP/2.0", 505],
    ] as const) {
      const client = await RawClient.connect({ port })
      await client.send(`${line}\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n`)
      assert.equal((await client.readResponse()).status, status, line)
      client.destroy()
    }
  })

  it("the preface may come in pieces", async () => {
    const bytes = Buffer.concat([
      Buffer.from(PREFACE, "latin1"),
      frame(SETTINGS, 0, 0),
      frame(HEADERS, END_HEADERS | END_STREAM, 1, GET),
    ])
    for (const cut of [1, 3, 4, 23, 24, 25, 33, 40]) {
      const client = new FrameClient(port)
      await once(client.socket, "connect")
      client.socket.setNoDelay(true)
      client.send(bytes.subarray(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      client.send(bytes.subarray(cut))
      assert.equal((await client.until(DATA))?.payload.toString(), "HTTP/2.0 [h2c]", `cut at ${cut}`)
      client.socket.destroy()
    }
  })

  it("connections that say nothing are closed after client_header_timeout", async () => {
    for (const begin of ["", "PRI * HTTP", `${PREFACE}\0\0\0\x04\0\0\0\0\0`]) {
      const client = new FrameClient(port)
      await once(client.socket, "connect")
      if (begin !== "") client.send(Buffer.from(begin, "latin1"))
      await client.closed
    }
  })

  it("connections and requests are counted", async () => {
    const client = await FrameClient.open(port)
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
    await client.until(DATA)
    const other = await RawClient.connect({ port })
    await other.send("GET /status HTTP/1.1\r\nHost: a.test\r\n\r\n")
    const { body } = await other.readResponse()
    assert.match(body, /^Active connections: 2 \n[\s\S]*Reading: 0 Writing: 1 Waiting: 1 \n$/)
    client.socket.destroy()
    other.destroy()
  })
})

it("without http2 the preface is a bad request, and TLS offers no h2", async () => {
  const port = await freePort()
  await using _edge = await startHoldfast(
    `events { } http { server { listen 127.0.0.1:${port}; return 200; } }`,
  )
  const client = await RawClient.connect({ port })
  await client.send(PREFACE)
  assert.equal((await client.readResponse()).status, 505)
  client.destroy()
})

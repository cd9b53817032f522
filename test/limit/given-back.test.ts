/** Whatever clients do in the middle of a request, the connection that it counted as is given back. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { type ProxyUnderTest, startProxy } from "../faults/proxy-under-test.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { exchange, RawClient } from "../support/raw-client.ts"

const LARGE = "x".repeat(200_000)

/** What a client sends, and how much of the answer it waits for before it leaves. */
const LEAVERS: readonly { readonly what: string; readonly send: string; readonly reads: number }[] = [
  { what: "at once", send: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", reads: 0 },
  {
    what: "in the middle of its body",
    send: "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbo",
    reads: 0,
  },
  {
    what: "in the middle of an answer that is slowed down",
    send: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
    reads: 1,
  },
  { what: "after pipelined requests", send: "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3), reads: 1 },
  { what: "while the request waits for its turn", send: "GET /turn HTTP/1.1\r\nHost: a\r\n\r\n", reads: 0 },
  {
    what: "after a broken chunk",
    send: "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
    reads: 1,
  },
  { what: "after an answer", send: "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", reads: 1 },
  { what: "from where nobody answers", send: "GET /dead HTTP/1.1\r\nHost: a\r\n\r\n", reads: 1 },
]

async function leave(proxy: ProxyUnderTest, send: string, reads: number): Promise<void> {
  const client = await RawClient.connect({ port: proxy.port })
  await client.send(send)
  if (reads > 0) await client.waitForBytesOrEnd()
  client.destroy()
}

test("connections that were counted are given back", async (t) => {
  const backend = await startRawBackend(({ target }) => httpAnswer(target === "/large" ? LARGE : "ok"))
  t.after(() => backend.close())
  const proxy = await startProxy({
    backendPort: backend.port,
    http: "limit_conn_zone $server_port zone=one:32k; limit_req_zone $server_port zone=turn:32k rate=6r/m;",
    server: `location = /turn { limit_conn one 100; limit_req zone=turn burst=100; proxy_pass http://backend; }
      location = /dead { limit_conn one 100; proxy_pass http://127.0.0.1:1; }
      location = /limited { limit_conn one 1; stub_status; }`,
    location: "limit_conn one 100; limit_rate 30k;",
  })
  t.after(() => proxy[Symbol.asyncDispose]())
  for (const { what, send, reads } of LEAVERS)
    await t.test(`by a client that leaves ${what}`, async () => {
      await Promise.all(Array.from({ length: 6 }, () => leave(proxy, send, reads)))
      await proxy.waitForStatus((status) => status.active === 1)
      const { status } = await exchange({ port: proxy.port }, "GET /limited HTTP/1.0\r\n\r\n")
      assert.equal(status, 200)
    })
})

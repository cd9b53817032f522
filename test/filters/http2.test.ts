/** Body filters and trailers stand in front of a stream of HTTP/2 as they do in front of HTTP/1.1. */
import assert from "node:assert/strict"
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2"
import { test } from "node:test"
import { gunzipSync } from "node:zlib"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"

interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders | undefined
  readonly body: Buffer
}

function get(session: ClientHttp2Session, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, "accept-encoding": "gzip" })
    const pieces: Buffer[] = []
    let headers: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders | undefined
    stream.once("response", (fields) => {
      headers = fields
    })
    stream.once("trailers", (fields) => {
      trailers = fields
    })
    stream.on("data", (piece: Buffer) => pieces.push(piece))
    stream.once("error", reject)
    stream.once("close", () => resolve({ headers, trailers, body: Buffer.concat(pieces) }))
  })
}

test("gzip, trailers and a mirror for a client of HTTP/2", async () => {
  const text = "some text ".repeat(5000)
  await using backend = await startRawBackend(httpAnswer(text, "Content-Type: text/html\r\n"))
  await using copies = await startRawBackend(httpAnswer("x"))
  const port = await freePort()
  const edge = await startHoldfast(`events {} http { access_log off; gzip on; add_trailer X-Sum $status;
    server { listen 127.0.0.1:${port}; http2 on;
      location / { mirror /m; proxy_pass http://127.0.0.1:${backend.port}; }
      location = /m { proxy_pass http://127.0.0.1:${copies.port}$request_uri; }
      location /small { default_type text/html; return 200 "${text.slice(0, 1000)}"; } } }`)
  const session = connect(`http://127.0.0.1:${port}`)
  try {
    for (const [path, expected] of [
      ["/large", text],
      ["/small", text.slice(0, 1000)],
    ] as const) {
      const { headers, trailers, body } = await get(session, path)
      assert.deepEqual([headers[":status"], headers["content-encoding"]], [200, "gzip"])
      assert.equal(headers["content-length"], undefined)
      assert.equal(gunzipSync(body).toString(), expected)
      assert.equal(trailers?.["x-sum"], "200")
    }
    await copies.until(({ received }) => received.includes("GET /large HTTP/1.1"))
  } finally {
    session.close()
    await edge.stop()
  }
})

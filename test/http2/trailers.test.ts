/** Trailer sections of answers (RFC 9113 §8.1), and answers without a body. */
import assert from "node:assert/strict"
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2"
import { after, before, describe, it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer, type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import { closed } from "./extended-connect.ts"

describe("with add_trailer, over HTTP/2", () => {
  let edge: Edge
  let backend: RawBackend
  let session: ClientHttp2Session

  before(async () => {
    backend = await startRawBackend(httpAnswer("from the backend"))
    const port = await freePort()
    edge = await startHoldfast(`events { } http { add_trailer X-T "$uri"; add_trailer X-U 2;
      server { listen 127.0.0.1:${port}; http2 on; location / { return 200 own; } location /none { return 204; }
        location /empty { return 200; } location /b { proxy_pass http://127.0.0.1:${backend.port}; } } }`)
    session = connect(`http://127.0.0.1:${port}`)
  })
  after(async () => {
    session.destroy()
    await edge.stop()
    await backend.close()
  })

  async function ask(
    path: string,
    method = "GET",
  ): Promise<{ body: string; trailers: IncomingHttpHeaders; code: number }> {
    const stream = session.request({ ":path": path, ":method": method })
    let trailers: IncomingHttpHeaders = {}
    stream.on("trailers", (fields) => {
      trailers = fields
    })
    let body = ""
    stream.on("data", (chunk: Buffer) => {
      body += chunk.toString()
    })
    const code = await closed(stream)
    return { body, trailers: { ...trailers }, code }
  }

  it("fields come behind the body", async () => {
    for (const [path, body] of [
      ["/x", "own"],
      ["/b", "from the backend"],
    ] as const) {
      const answer = await ask(path)
      assert.equal(answer.body, body)
      assert.equal(answer.trailers["x-t"], path)
      assert.equal(answer.trailers["x-u"], "2")
      assert.equal(answer.code, 0)
    }
  })

  it("answers without a body end all the same", async () => {
    for (const [path, method] of [
      ["/none", "GET"],
      ["/empty", "GET"],
      ["/x", "HEAD"],
      ["/b", "HEAD"],
    ] as const) {
      const answer = await ask(path, method)
      assert.equal(answer.body, "", path)
      assert.equal(answer.code, 0, path)
    }
  })
})

describe("what an upstream may say, over HTTP/2", () => {
  async function answerTo(
    answer: string,
  ): Promise<{ status: number; trailers: IncomingHttpHeaders; code: number }> {
    await using backend = await startRawBackend(answer)
    const port = await freePort()
    await using edge = await startHoldfast(`events { } http { proxy_http_version 1.1; proxy_pass_trailers on;
      server { listen 127.0.0.1:${port}; http2 on; location / { proxy_pass http://127.0.0.1:${backend.port}; } } }`)
    const session = connect(`http://127.0.0.1:${port}`)
    try {
      const stream = session.request({ ":path": "/" })
      let status = 0
      let trailers: IncomingHttpHeaders = {}
      stream.on("response", (fields) => {
        status = fields[":status"] ?? 0
      })
      stream.on("trailers", (fields) => {
        trailers = fields
      })
      stream.resume()
      const code = await closed(stream)
      assert.doesNotMatch(edge.errorLog(), /unhandled error/)
      return { status, trailers, code }
    } finally {
      session.destroy()
    }
  }

  it("trailers have any name", async () => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    const answer = await answerTo(`${head}1\r\na\r\n0\r\nconstructor: 1\r\n__proto__: 2\r\nx-t: 3\r\n\r\n`)
    assert.equal(answer.code, 0)
    assert.equal(answer.trailers["constructor"], "1")
    assert.equal(answer.trailers["x-t"], "3")
  })

  it("a status that is none is a 500", async () => {
    for (const status of [600, 999]) {
      const answer = await answerTo(`HTTP/1.1 ${status} Odd\r\nContent-Length: 2\r\n\r\nok`)
      assert.deepEqual([answer.status, answer.code], [500, 0])
    }
  })
})

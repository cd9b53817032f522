/** A line end that a decoded URI brings ends no line of a head, whatever the configuration does with $uri. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { headerOf } from "../support/message-reader.ts"
import { freePort } from "../support/ports.ts"
import { type BackendRequest, httpAnswer, type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import { exchange, type RawResponse } from "../support/raw-client.ts"

describe("a line end in a URI", () => {
  let edge: Edge
  let backend: RawBackend
  let port: number
  const seen: BackendRequest[] = []

  before(async () => {
    backend = await startRawBackend((request) => {
      seen.push(request)
      return httpAnswer("ok")
    })
    port = await freePort()
    edge = await startHoldfast(`events {} http { server { listen 127.0.0.1:${port};
      location /field { add_header X-U $uri; return 200 ok; }
      location /return { return 302 http://a.test$uri; }
      location /rewrite { rewrite ^ http://a.test$uri redirect; }
      location /variable { proxy_pass http://127.0.0.1:${backend.port}$uri; }
      location /set { proxy_set_header X-U $uri; proxy_pass http://127.0.0.1:${backend.port}; }
      location /args { set $args a=$uri; rewrite ^ /x break; proxy_pass http://127.0.0.1:${backend.port}; } } }`)
  })
  after(async () => {
    await edge.stop()
    await backend.close()
  })

  function get(path: string): Promise<RawResponse> {
    return exchange({ port }, `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`)
  }

  async function upstreamOf(path: string): Promise<BackendRequest> {
    seen.length = 0
    await get(path)
    assert.equal(seen.length, 1)
    return seen[0] as BackendRequest
  }

  it("is a space in a field of an answer", async () => {
    for (const end of ["%0d%0a", "%0a", "%0d"]) {
      const message = await get(`/field${end}Evil:%201`)
      assert.equal(headerOf(message, "evil"), undefined)
      assert.equal(headerOf(message, "x-u"), `/field${" ".repeat(end.length / 3)}Evil: 1`)
    }
  })

  it("stays escaped in a redirect", async () => {
    for (const path of ["/return", "/rewrite"]) {
      const message = await get(`${path}%0d%0aEvil:%201`)
      assert.equal(headerOf(message, "evil"), undefined)
      assert.match(headerOf(message, "location") ?? "", /%0D%0AEvil:/)
    }
  })

  it("ends neither the request line to an upstream nor a field", async () => {
    const smuggled = "%20HTTP/1.1%0d%0aHost:%20a%0d%0a%0d%0aGET%20/evil%20HTTP/1.1%0d%0aZ:"
    const { startLine } = await upstreamOf(`/variable${smuggled}`)
    assert.match(startLine, /^GET \/variable HTTP\/1\.1%0D%0AHost: a%0D%0A%0D%0AGET/)
    const message = await upstreamOf("/set%0d%0aEvil:%201")
    assert.equal(headerOf(message, "evil"), undefined)
    assert.equal(headerOf(message, "x-u"), "/set  Evil: 1")
    assert.match((await upstreamOf("/args%0aEvil:1")).target, /a=\/args%0AEvil:1$/)
  })
})

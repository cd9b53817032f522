/** proxy_pass_trailers, which nginx has since 1.27.2: as its documentation and source say. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { type ProxyUnderTest, startProxy } from "../faults/proxy-under-test.ts"
import { startRawBackend } from "../support/raw-backend.ts"

const ANSWER =
  "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n" +
  "4\r\nbody\r\n0\r\nX-Sum: 42\r\nDate: yesterday\r\nX-Hidden: h\r\n\r\n"

async function bodyOf(proxy: ProxyUnderTest, lines = "", version = "1.1"): Promise<string> {
  const client = await proxy.connect()
  await client.send(`GET /x HTTP/${version}\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`)
  const text = await client.readToEnd()
  return text.slice(text.indexOf("\r\n\r\n") + 4)
}

async function withProxy(
  setup: { readonly location: string; readonly http?: string },
  use: (proxy: ProxyUnderTest) => Promise<void>,
): Promise<void> {
  await using backend = await startRawBackend(ANSWER)
  await using proxy = await startProxy({ backendPort: backend.port, ...setup })
  await use(proxy)
}

test("off: none is passed on", async () => {
  await withProxy({ location: "" }, async (proxy) => {
    assert.equal(await bodyOf(proxy), "4\r\nbody\r\n0\r\n\r\n")
  })
})

test("on: those that are not hidden are passed on, before those that are added", async () => {
  await withProxy(
    {
      location:
        "proxy_pass_trailers on; proxy_hide_header X-Hidden; add_trailer X-Added $upstream_trailer_x_hidden;",
    },
    async (proxy) => {
      assert.equal(await bodyOf(proxy), "4\r\nbody\r\n0\r\nX-Sum: 42\r\nX-Added: h\r\n\r\n")
    },
  )
})

test("on, without buffering", async () => {
  await withProxy({ location: "proxy_pass_trailers on; proxy_buffering off;" }, async (proxy) => {
    assert.match(await bodyOf(proxy), /\r\n0\r\nX-Sum: 42\r\nX-Hidden: h\r\n\r\n$/)
  })
})

test("on, for a client of HTTP/1.0, which has no place for them", async () => {
  await withProxy({ location: "proxy_pass_trailers on;" }, async (proxy) => {
    assert.equal(await bodyOf(proxy, "", "1.0"), "body")
  })
})

test("on, through gzip", async () => {
  await withProxy({ location: "proxy_pass_trailers on; gzip on;" }, async (proxy) => {
    const body = await bodyOf(proxy, "Accept-Encoding: gzip\r\n")
    assert.match(body, /\r\n0\r\nX-Sum: 42\r\nX-Hidden: h\r\n\r\n$/)
  })
})

test("variables: what came and what went", async () => {
  await withProxy(
    {
      location: "proxy_pass_trailers on; access_log {prefix}/logs/t.log t;",
      http: "log_format t '$upstream_trailer_x_sum $sent_trailer_x_sum $upstream_trailer_date $sent_trailer_date';",
    },
    async (proxy) => {
      await bodyOf(proxy)
      const [line] = await proxy.edge.waitForFile("logs/t.log", /^.*\n/)
      assert.equal(line, "42 42 yesterday -\n")
    },
  )
})

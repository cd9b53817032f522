import assert from "node:assert/strict"
import { test } from "node:test"
import { httpDate } from "./date.ts"
import { HeaderList } from "./header-list.ts"
import {
  appendHeaders,
  joinHeadAndBody,
  joinHeadAndChunk,
  requestHead,
  responseHead,
  statusLine,
} from "./serialize.ts"
import { reasonPhrase } from "./status.ts"

test("heads", () => {
  const headers = new HeaderList()
  headers.add("A", "1")
  headers.add("b", "\xe4")
  assert.equal(responseHead(302, headers), "HTTP/1.1 302 Moved Temporarily\r\nA: 1\r\nb: \xe4\r\n\r\n")
  assert.equal(responseHead(200, headers, "Fine"), "HTTP/1.1 200 Fine\r\nA: 1\r\nb: \xe4\r\n\r\n")
  assert.equal(requestHead("GET", "/x", 0, headers), "GET /x HTTP/1.0\r\nA: 1\r\nb: \xe4\r\n\r\n")
  assert.equal(appendHeaders("", new HeaderList()), "")
  assert.equal(statusLine(599), "HTTP/1.1 599 \r\n")
  assert.equal(reasonPhrase(413), "Request Entity Too Large")
})

test("a head and a body in one buffer", () => {
  const body = Buffer.from("xhellox")
  assert.equal(joinHeadAndBody("H\xe4\r\n\r\n", body).toString("latin1"), "H\xe4\r\n\r\nxhellox")
  assert.equal(joinHeadAndBody("H\r\n\r\n", body, 1, 6).toString("latin1"), "H\r\n\r\nhello")
  assert.equal(joinHeadAndChunk("H\r\n\r\n", body, 1, 6).toString("latin1"), "H\r\n\r\n5\r\nhello\r\n")
  const large = Buffer.alloc(70000, "y")
  assert.equal(joinHeadAndChunk("H", large).toString("latin1"), `H11170\r\n${"y".repeat(70000)}\r\n`)
})

test("dates", () => {
  assert.equal(httpDate(784111777000), "Sun, 06 Nov 1994 08:49:37 GMT")
})

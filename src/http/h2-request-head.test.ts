import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { fieldBytes, headExcess, readHttp2Head } from "./h2-request-head.ts"

const LIMITS = {
  maxLineBytes: 100,
  maxHeadBytes: 250,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: true,
}
const BASIC = [":method", "GET", ":scheme", "https", ":path", "/a?b", ":authority", "A.test:8443"]

function read(raw: readonly string[], isEnd = true, limits = LIMITS): ReturnType<typeof readHttp2Head> {
  return readHttp2Head(raw, isEnd, limits)
}

describe("a head of HTTP/2", () => {
  it("is one of HTTP/1.1", () => {
    const { head, status, dropped } = read([...BASIC, "x-a", "1", "x-a", "2"])
    assert.equal(status, 0)
    assert.equal(dropped, null)
    assert.equal(head.requestLine, "GET /a?b HTTP/2.0")
    assert.equal(head.hostName, "a.test")
    assert.deepEqual(head.headers.keys, ["host", "x-a", "x-a"])
    assert.equal(head.headers.get("host"), "A.test:8443")
    assert.ok(head.isHttp2 && head.keepAlive && !head.chunked)
    assert.equal(head.contentLength, -1)
  })

  it("has one cookie at its end", () => {
    const { head } = read([...BASIC, "cookie", "a=1", "x-a", "1", "cookie", "b=2"])
    assert.equal(head.headers.get("cookie"), "a=1; b=2")
    assert.equal(head.headers.keys.at(-1), "cookie")
  })

  it("has a body of unknown length where it does not end", () => {
    assert.equal(read(BASIC, false).head.chunked, true)
    const { head } = read([...BASIC, "content-length", "5"], false)
    assert.equal(head.chunked, false)
    assert.equal(head.contentLength, 5)
  })

  it("leaves out names that nginx does not take", () => {
    assert.deepEqual(read([...BASIC, "x_y", "1", "x.z", "2"]).dropped, ["x_y", "x.z"])
    const under = { ...LIMITS, underscoresInHeaders: true }
    assert.deepEqual(read([...BASIC, "x_y", "1", "x.z", "2"], true, under).dropped, ["x.z"])
    const all = { ...LIMITS, ignoreInvalidHeaders: false }
    assert.deepEqual(read([...BASIC, "x_y", "1", "x.z", "2"], true, all).dropped, null)
  })

  it("may name its host twice, if it is the same", () => {
    const { head, status } = read([...BASIC, "x-a", "1", "host", "a.TEST:8443"])
    assert.equal(status, 0)
    assert.deepEqual(head.headers.keys, ["host", "x-a"])
    assert.equal(head.host, "A.test:8443")
    assert.equal(read([...BASIC, "host", "a.test"]).status, 400)
    assert.equal(read([...BASIC.slice(0, 6), "host", "a", "host", "a"]).status, 400)
  })

  for (const [raw, status, reason] of [
    [
      [":method", "get", ":scheme", "http", ":path", "/", ":authority", "a"],
      400,
      'client sent invalid method: "get"',
    ],
    [
      [...BASIC, "host", "b"],
      400,
      'client sent duplicate host header: "host: b", previous value: "host: A.test:8443"',
    ],
    [[":method", "CONNECT", ":authority", "a:1"], 400, "client sent no :scheme header"],
    [
      [":method", "GET", ":scheme", "http", ":path", "/"],
      400,
      'client sent HTTP/1.1 request without "Host" header',
    ],
    [[...BASIC, "content-length", "x"], 400, 'client sent invalid "Content-Length" header'],
    [
      [":method", "CONNECT", ":protocol", "x", ":scheme", "http", ":path", "/", ":authority", "a"],
      501,
      'client asked for an unsupported protocol "x" by CONNECT',
    ],
  ] as const) {
    it(`is refused: ${reason}`, () => {
      const result = read(raw)
      assert.equal(result.status, status)
      assert.equal(result.reason, reason)
      assert.equal(result.head.requestLine, "")
    })
  }

  it("of an extended CONNECT is a handshake, with a key of our own", () => {
    const raw = [
      ":method",
      "CONNECT",
      ":protocol",
      "WebSocket",
      ":scheme",
      "https",
      ":path",
      "/",
      ":authority",
      "a",
    ]
    const { head, status } = read([...raw, "sec-websocket-version", "13", "sec-websocket-key", "mine"], false)
    assert.equal(status, 0)
    assert.equal(head.requestLine, "CONNECT / HTTP/2.0")
    assert.equal(head.method, "GET")
    assert.equal(head.upgrade, "websocket")
    assert.ok(head.connectionUpgrade && !head.chunked)
    assert.equal(head.headers.get("upgrade"), "websocket")
    assert.equal(head.headers.get("sec-websocket-key"), head.ownWebSocketKey)
    assert.equal(Buffer.from(head.ownWebSocketKey, "base64").length, 16)
    assert.notEqual(read(raw, false).head.ownWebSocketKey, head.ownWebSocketKey)
  })

  it("has limits of its fields and of all of them", () => {
    assert.equal(fieldBytes(["ab", "c"]), 3)
    assert.equal(headExcess(["a", "x".repeat(100)], LIMITS), undefined)
    assert.equal(headExcess(["a", "x".repeat(101)], LIMITS), "client sent too large header field")
    const many = ["a", "x".repeat(90), "b", "x".repeat(90), "c", "x".repeat(90)]
    assert.equal(headExcess(many, LIMITS), "client sent too large header")
  })

  it("of any fields is read without an error of ours", () => {
    const name = fc.constantFrom(
      ":method",
      ":path",
      ":scheme",
      ":authority",
      ":protocol",
      "host",
      "cookie",
      "expect",
      "content-length",
      "transfer-encoding",
      "connection",
      "upgrade",
      "x",
      ":",
      "",
    )
    const value = fc.oneof(fc.string(), fc.constantFrom("GET", "/", "websocket", "5", "chunked"))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), fc.boolean(), (pairs, isEnd) => {
        const { head, status } = read(pairs.flat(), isEnd)
        assert.ok(status === 0 || status === 400 || status === 501)
        assert.equal(status === 0, head.requestLine !== "")
      }),
    )
  })
})

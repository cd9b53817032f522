import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { HeaderList } from "./header-list.ts"
import { HeaderNameTable } from "./header-names.ts"
import {
  HEAD_COMPLETE,
  HEAD_INCOMPLETE,
  HEAD_INVALID,
  type RequestHead,
  type RequestHeadLimits,
  RequestHeadParser,
} from "./request-head.ts"
import { requestHead } from "./serialize.ts"
import { TEST_LIMITS } from "./testing.ts"

function parse(bytes: string, limits: Partial<RequestHeadLimits> = {}): RequestHeadParser {
  const parser = new RequestHeadParser({ ...TEST_LIMITS, ...limits })
  parser.execute(Buffer.from(bytes, "latin1"), 0)
  return parser
}

function head(bytes: string, limits: Partial<RequestHeadLimits> = {}): RequestHead {
  const parser = parse(bytes, limits)
  assert.equal(parser.state, HEAD_COMPLETE, parser.errorReason)
  return parser.head
}

function fails(bytes: string, status: number, reason: string, limits: Partial<RequestHeadLimits> = {}): void {
  const parser = parse(bytes, limits)
  assert.equal(parser.state, HEAD_INVALID)
  assert.equal(parser.errorStatus, status)
  assert.equal(parser.errorReason, reason)
}

const LINE = "GET / HTTP/1.1\r\n"
const IN_LINE = " while reading client request line"
const IN_HEADERS = " while reading client request headers"

test("a head's parts", () => {
  const bytes =
    "POST /a?b=c HTTP/1.1\r\nHost: Example.com:80\r\nContent-Length: 12\r\nX-Own:  two  words \r\nEMPTY:\r\n" +
    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nExpect: 100-Continue\r\nX-Own: \xe4\r\n\r\n"
  const it = head(bytes)
  assert.equal(it.method, "POST")
  assert.equal(it.target, "/a?b=c")
  assert.equal(it.requestLine, "POST /a?b=c HTTP/1.1")
  assert.equal(it.versionMinor, 1)
  assert.equal(it.contentLength, 12)
  assert.equal(it.chunked, false)
  assert.equal(it.keepAlive, true)
  assert.equal(it.upgrade, "websocket")
  assert.equal(it.connectionUpgrade, true)
  assert.equal(it.expectContinue, true)
  assert.equal(it.host, "Example.com:80")
  assert.equal(it.hostName, "example.com")
  assert.equal(it.headBytes, bytes.length)
  assert.deepEqual(it.headers.names.slice(2, 4), ["X-Own", "EMPTY"])
  assert.deepEqual(it.headers.keys.slice(2, 4), ["x-own", "empty"])
  assert.deepEqual(it.headers.values.slice(2, 4), ["two  words", ""])
  assert.equal(it.headers.getJoined("x-own"), "two  words, \xe4")
})

test("what keeps a connection", () => {
  assert.equal(head("GET / HTTP/1.0\r\n\r\n").keepAlive, false)
  assert.equal(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepAlive, true)
  assert.equal(head(`${LINE}Host: a\r\n\r\n`).keepAlive, true)
  assert.equal(head(`${LINE}Host: a\r\nConnection: foo ,Close\r\n\r\n`).keepAlive, false)
  assert.equal(head(`${LINE}Host: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n`).keepAlive, false)
  assert.equal(head(`${LINE}Host: a\r\nConnection: disclosed\r\n\r\n`).keepAlive, true)
  assert.equal(head("GET / HTTP/1.7\r\nHost: a\r\n\r\n").versionMinor, 1)
  assert.equal(head("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expectContinue, false)
})

test("bytes behind the head stay with the caller", () => {
  const parser = new RequestHeadParser(TEST_LIMITS)
  const bytes = Buffer.from(`xx\r\n${LINE}Host: a\r\n\r\nGET /next HTTP/1.0\r\n\r\nrest`)
  const first = parser.execute(bytes, 2)
  assert.equal(bytes.toString("latin1", first, first + 9), "GET /next")
  assert.equal(parser.head.headBytes, first - 2)
  assert.equal(parser.execute(bytes, first), first)
  parser.reset()
  const second = parser.execute(bytes, first)
  assert.equal(parser.head.target, "/next")
  assert.equal(bytes.toString("latin1", second), "rest")
})

test("blank lines are no bytes of a head, and are bounded", () => {
  const parser = new RequestHeadParser(TEST_LIMITS)
  parser.execute(Buffer.from("\r\n\r"), 0)
  assert.equal(parser.hasBytes, false)
  parser.execute(Buffer.from("\nG"), 0)
  assert.equal(parser.hasBytes, true)
  fails("\r\n".repeat(600), 400, `client sent invalid request${IN_LINE}`)
})

test("garbage is refused before a line ends", () => {
  fails("\x16\x03\x01\x02", 400, `client sent invalid method${IN_LINE}`)
  fails("\0", 400, `client sent invalid method${IN_LINE}`)
  fails(" ", 400, `client sent invalid method${IN_LINE}`)
  fails("GET %", 400, `client sent invalid request${IN_LINE}`)
})

test("each fault in nginx's words", () => {
  fails("GET x\x01", 400, `client sent invalid request${IN_LINE}`)
  fails("GET / FTP", 400, `client sent invalid request${IN_LINE}`)
  fails("GET /\r\n", 400, `client sent invalid request${IN_LINE}`)
  fails("GET / HTTP/2", 505, `client sent invalid version${IN_LINE}`)
  fails("GET / HTTP/11", 505, `client sent invalid version${IN_LINE}`)
  fails(`${LINE}Ho st`, 400, `client sent invalid header line: "Ho\\x20..."${IN_HEADERS}`)
  fails(`${LINE}A: b\0`, 400, `client sent invalid header line: "A: b\\x00..."${IN_HEADERS}`)
  fails(`${LINE}A: b\rc`, 400, `client sent invalid header line: "A: b\\x0d..."${IN_HEADERS}`)
  fails(`${LINE}\r\n`, 400, `client sent HTTP/1.1 request without "Host" header${IN_HEADERS}`)
  fails(`${LINE}Host: a/\r\n\r\n`, 400, `client sent invalid host header${IN_HEADERS}`)
  fails(
    `${LINE}Host: a\r\nhost: b\r\n\r\n`,
    400,
    `client sent duplicate host header: "host: b", previous value: "Host: a"${IN_HEADERS}`,
  )
  fails(
    `${LINE}Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    400,
    `client sent duplicate header line: "Content-Length: 1", previous value: "Content-Length: 1"${IN_HEADERS}`,
  )
  fails(
    `${LINE}Host: a\r\nContent-Length: -1\r\n\r\n`,
    400,
    `client sent invalid "Content-Length" header${IN_HEADERS}`,
  )
  fails(
    `${LINE}Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
    `client sent "Content-Length" and "Transfer-Encoding" headers at the same time${IN_HEADERS}`,
  )
  fails(
    `${LINE}Host: a\r\nTransfer-Encoding: gzip\r\n\r\n`,
    400,
    `client sent unknown "Transfer-Encoding": "gzip"${IN_HEADERS}`,
  )
  fails(
    "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    400,
    `client sent HTTP/1.0 request with "Transfer-Encoding" header${IN_HEADERS}`,
  )
})

test("names that nginx does not take are dropped or taken", () => {
  const bytes = `${LINE}Host: a\r\nX_Y: 1\r\nX.Y: 2\r\nZ: 3\r\n\r\n`
  assert.deepEqual(head(bytes).headers.names, ["Host", "Z"])
  assert.deepEqual(head(bytes, { underscoresInHeaders: true }).headers.names, ["Host", "X_Y", "Z"])
  assert.deepEqual(head(bytes, { ignoreInvalidHeaders: false }).headers.names, ["Host", "X_Y", "X.Y", "Z"])
})

test("a head that breaks or is abandoned tells what came of it", () => {
  const parser = new RequestHeadParser(TEST_LIMITS)
  parser.execute(Buffer.from(`${LINE}Host: a\r\nX: 1\r\nY`), 0)
  parser.abandon()
  assert.equal(parser.partialLine, LINE.trimEnd())
  assert.deepEqual(parser.head.headers.names, ["Host", "X"])
  parser.reset()
  parser.execute(Buffer.from("GET / HT"), 0)
  parser.abandon()
  assert.equal(parser.partialLine, "GET / HT")
  assert.equal(parser.head.headers.length, 0)
  parser.reset()
  parser.execute(Buffer.from(`${LINE}Host: a\r\nX : 1\r\n`), 0)
  assert.equal(parser.state, HEAD_INVALID)
  assert.deepEqual(parser.head.headers.names, ["Host"])
})

test("a table that learns names takes none that another server would drop", () => {
  const names = new HeaderNameTable(8)
  const bytes = Buffer.from(`${LINE}Host: a\r\nX_Y: 1\r\nX-Own: 2\r\n\r\n`)
  const known = names.names.length
  for (const underscoresInHeaders of [true, false, true, false]) {
    const parser = new RequestHeadParser({ ...TEST_LIMITS, underscoresInHeaders }, names)
    parser.execute(bytes, 0)
    assert.equal(parser.head.headers.has("x_y"), underscoresInHeaders)
    assert.equal(parser.head.headers.get("x-own"), "2")
  }
  assert.equal(names.names.length, known + 1)
})

test("limits hold to the byte, without waiting for a line's end", () => {
  const line = `GET /${"a".repeat(20)} HTTP/1.1\r\n`
  const limits = { maxLineBytes: line.length, maxHeadBytes: 1000 }
  assert.equal(parse(line, limits).state, HEAD_INCOMPLETE)
  fails(line.replace("a", "aa"), 414, `client sent too long URI${IN_LINE}`, limits)
  fails("A".repeat(line.length), 414, `client sent too long URI${IN_LINE}`, limits)
  assert.equal(parse("A".repeat(line.length - 1), limits).state, HEAD_INCOMPLETE)
  const field = `X: ${"b".repeat(line.length - 3)}`
  fails(line + field, 494, `client sent too long header line: "${field}..."${IN_HEADERS}`, limits)
  assert.equal(parse(line + field.slice(0, -1), limits).state, HEAD_INCOMPLETE)
  const whole = `${line}Host: a\r\n\r\n`
  head(whole, { maxHeadBytes: whole.length })
  const over = parse(whole, { maxHeadBytes: whole.length - 1 })
  assert.equal(over.errorStatus, 494)
  assert.equal(over.partialLine, line.trimEnd())
})

test("what came of the request line is kept for the log", () => {
  assert.equal(parse("GET /a b\r\nHost: a\r\n").partialLine, "GET /a b")
  assert.equal(parse("\x16\x03\x01").partialLine, "\x16\x03\x01")
  assert.equal(parse(`${LINE}A\0`).partialLine, "GET / HTTP/1.1")
  assert.equal(parse(`${LINE}\r\n`).partialLine, "GET / HTTP/1.1")
})

const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019-"), minLength: 1, maxLength: 20 })
const value = fc
  .string({
    unit: fc.integer({ min: 0x20, max: 0xff }).map((c) => String.fromCharCode(c === 0x7f ? 9 : c)),
    maxLength: 60,
  })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""))
const fields = fc.array(
  fc.tuple(
    token.map((name) => `X-${name}`),
    value,
  ),
  { maxLength: 60 },
)

test("property: what is written is read back, cut anywhere", () => {
  fc.assert(
    fc.property(fields, fc.array(fc.nat(3000), { maxLength: 6 }), fc.boolean(), (list, cuts, bareLf) => {
      const headers = new HeaderList()
      headers.add("Host", "a")
      for (const [name, text] of list) headers.add(name, text)
      const text = requestHead("GET", "/x?y", 1, headers)
      const bytes = Buffer.from(`${bareLf ? text.replaceAll("\r\n", "\n") : text}rest`, "latin1")
      const parser = new RequestHeadParser(TEST_LIMITS)
      let offset = 0
      let consumed = 0
      for (const cut of [...cuts.map((c) => c % bytes.length).sort((a, b) => a - b), bytes.length]) {
        const piece = Buffer.from(bytes.subarray(offset, cut))
        consumed = offset + parser.execute(piece, 0)
        piece.fill(0)
        offset = cut
        if (parser.state !== HEAD_INCOMPLETE) break
      }
      assert.equal(parser.state, HEAD_COMPLETE, parser.errorReason)
      assert.deepEqual(parser.head.headers, headers)
      assert.equal(bytes.toString("latin1", consumed), "rest")
    }),
  )
})

test("property: random bytes never throw, and the verdict does not hang on the cuts", () => {
  const piece = fc.oneof(
    fc.constantFrom("GET ", "/", " HTTP/1.1", "\r\n", "\n", "Host: a\r\n", "X: y\r\n", ":", " ", "\r", "\0"),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 5 }),
  )
  const limits = { ...TEST_LIMITS, maxLineBytes: 60, maxHeadBytes: 100 }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, valid) => {
      const bytes = Buffer.from((valid ? `${LINE}Host: a\r\n` : "") + pieces.join(""), "latin1")
      const whole = new RequestHeadParser(limits)
      whole.execute(bytes, 0)
      const split = new RequestHeadParser(limits)
      for (let i = 0; i < bytes.length && split.state === HEAD_INCOMPLETE; i++)
        assert.ok([0, 1].includes(split.execute(bytes.subarray(i, i + 1), 0)))
      assert.equal(split.state, whole.state)
      assert.equal(split.errorStatus, whole.errorStatus)
      assert.equal(split.errorReason, whole.errorReason)
      if (whole.state === HEAD_COMPLETE) assert.deepEqual(split.head, whole.head)
      assert.ok(whole.partialLine.startsWith(split.partialLine))
    }),
    { numRuns: 2000 },
  )
})

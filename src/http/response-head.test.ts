import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { HeaderList } from "./header-list.ts"
import { HEAD_COMPLETE, HEAD_INCOMPLETE, HEAD_INVALID } from "./request-head.ts"
import { type ResponseHead, ResponseHeadParser } from "./response-head.ts"
import { responseHead } from "./serialize.ts"

function parse(bytes: string, maxHeadBytes: number = 4096): ResponseHeadParser {
  const parser = new ResponseHeadParser(maxHeadBytes)
  parser.execute(Buffer.from(bytes, "latin1"), 0)
  return parser
}

function head(bytes: string): ResponseHead {
  const parser = parse(bytes)
  assert.equal(parser.state, HEAD_COMPLETE, parser.errorDetail)
  return parser.head
}

function fails(bytes: string, detail: string): void {
  const parser = parse(bytes)
  assert.equal(parser.state, HEAD_INVALID, JSON.stringify(bytes))
  assert.equal(parser.errorReason, "upstream sent invalid header")
  assert.equal(parser.errorDetail, detail)
}

test("a head's parts", () => {
  const bytes =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\nConnection: Upgrade\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n"
  const it = head(bytes)
  assert.equal(it.status, 101)
  assert.equal(it.reason, "Switching Protocols")
  assert.equal(it.statusLine, "HTTP/1.1 101 Switching Protocols")
  assert.equal(it.upgrade, "websocket")
  assert.equal(it.connectionUpgrade, true)
  assert.equal(it.keepAlive, true)
  assert.equal(it.headBytes, bytes.length)
  assert.deepEqual(it.headers.names, ["Upgrade", "Connection", "Set-Cookie", "set-cookie"])
})

test("status lines as servers write them", () => {
  assert.equal(head("HTTP/1.1 200\r\n\r\n").reason, "")
  assert.equal(head("HTTP/1.1 200 \n\n").reason, "")
  assert.equal(head("HTTP/1.0 404 Not \xe4 Found\r\n\r\n").reason, "Not \xe4 Found")
  assert.equal(head("HTTP/1.0 200 OK\r\n\r\n").keepAlive, false)
  assert.equal(head("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").keepAlive, true)
  assert.equal(head("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").keepAlive, false)
  assert.equal(head("HTTP/1.1 200 OK\r\nX_odd.name: 1\r\n\r\n").headers.get("x_odd.name"), "1")
  assert.equal(head("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").contentLength, 7)
  assert.equal(head("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n").chunked, true)
})

test("what is no HTTP/1 response is refused at its first octet", () => {
  const detail = "upstream sent no valid HTTP/1.0 header"
  for (const bytes of [
    "h",
    "\x81",
    "HTTPS",
    "HTTP/2",
    "HTTP/1.x",
    "HTTP/1.1x",
    "HTTP/1.1 2x",
    "HTTP/1.1 099",
    "SSH-2.0",
  ])
    fails(bytes, detail)
  for (const bytes of [
    "HTTP/1.1\r",
    "HTTP/1.1 20\r",
    "HTTP/1.1 2000",
    "HTTP/1.1 200 a\0",
    "HTTP/1.1 200 a\rb",
  ])
    fails(bytes, detail)
})

test("faults in fields", () => {
  const line = "HTTP/1.1 200 OK\r\n"
  fails(`${line}A b`, 'upstream sent invalid header: "A\\x20..."')
  fails(`${line} A: b`, 'upstream sent invalid header: "\\x20..."')
  fails(`${line}A: b\rc`, 'upstream sent invalid header: "A: b\\x0d..."')
  fails(
    `${line}Content-Length: 1\r\ncontent-length: 1\r\n\r\n`,
    'upstream sent duplicate header line: "content-length: 1", previous value: "Content-Length: 1"',
  )
  fails(`${line}Content-Length: +1\r\n\r\n`, 'upstream sent invalid "Content-Length" header: "+1"')
  fails(
    `${line}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    'upstream sent unknown "Transfer-Encoding": "gzip, chunked"',
  )
  fails(
    `${line}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`,
    'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time',
  )
})

test("the limit holds to the byte", () => {
  const bytes = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
  assert.equal(parse(bytes, bytes.length).state, HEAD_COMPLETE)
  for (const limit of [bytes.length - 1, 20, 10, 3])
    assert.equal(parse(bytes, limit).errorReason, "upstream sent too big header")
  assert.equal(parse("HTTP/1.1 200 ".padEnd(50, "x"), 50).errorReason, "upstream sent too big header")
})

test("property: what is written is read back, cut at any two places; the rest is left", () => {
  const name = fc
    .string({ unit: fc.constantFrom(..."aZ-_.9"), minLength: 1, maxLength: 12 })
    .map((n) => `X${n}`)
  const value = fc.string({ unit: fc.constantFrom(...'a,"=;\xff'), maxLength: 30 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value)),
      fc.integer({ min: 100, max: 999 }),
      fc.nat(),
      fc.nat(),
      (list, status, a, b) => {
        const headers = new HeaderList()
        for (const [key, text] of list) headers.add(key, text)
        const bytes = Buffer.from(`${responseHead(status, headers)}rest`, "latin1")
        const [first, second] = [a % bytes.length, b % bytes.length].sort((x, y) => x - y)
        const parser = new ResponseHeadParser(65536)
        let end = 0
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, bytes.length],
        ]) {
          if (parser.state === HEAD_INCOMPLETE)
            end = from + parser.execute(Buffer.from(bytes.subarray(from, to)), 0)
        }
        assert.equal(parser.state, HEAD_COMPLETE)
        assert.equal(parser.head.status, status)
        assert.deepEqual(parser.head.headers, headers)
        assert.equal(bytes.toString("latin1", end), "rest")
      },
    ),
  )
})

test("property: random bytes never throw, and the verdict does not hang on the cuts", () => {
  const piece = fc.oneof(
    fc.constantFrom("HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n", "\n", "\r", " ", ":", "Content-Length: 1\r\n"),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.boolean(), (pieces, valid) => {
      const bytes = Buffer.from((valid ? "HTTP/1.0 200 \n" : "") + pieces.join(""), "latin1")
      const whole = new ResponseHeadParser(80)
      whole.execute(bytes, 0)
      const split = new ResponseHeadParser(80)
      for (let i = 0; i < bytes.length && split.state === HEAD_INCOMPLETE; i++)
        assert.ok([0, 1].includes(split.execute(bytes.subarray(i, i + 1), 0)))
      assert.deepEqual(
        [split.state, split.errorReason, split.errorDetail],
        [whole.state, whole.errorReason, whole.errorDetail],
      )
      assert.deepEqual(split.head, whole.head)
    }),
    { numRuns: 2000 },
  )
})

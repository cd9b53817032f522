import assert from "node:assert/strict"
import { test } from "node:test"
import { RequestHeadParser } from "../http/request-head.ts"
import { ResponseHeadParser } from "../http/response-head.ts"
import { acceptKey, handshakeFault, isWebSocketHandshake, responseFault } from "./handshake.ts"

const LIMITS = {
  maxLineBytes: 8192,
  maxHeadBytes: 32768,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: true,
}
const KEY = "dGhlIHNhbXBsZSBub25jZQ=="

const GOOD = [
  "GET /ws/ HTTP/1.1",
  "Host: a",
  "Connection: keep-alive, Upgrade",
  "Upgrade: WebSocket",
  `Sec-WebSocket-Key: ${KEY}`,
  "Sec-WebSocket-Version: 13",
]

function fault(lines: string[]): string | undefined {
  const parser = new RequestHeadParser(LIMITS)
  parser.execute(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), 0)
  assert.equal(isWebSocketHandshake(parser.head), handshakeFault(parser.head) === undefined)
  return handshakeFault(parser.head)
}

function without(name: string, ...instead: string[]): string[] {
  return [...GOOD.filter((line) => !line.startsWith(name)), ...instead]
}

test("the key of RFC 6455 §1.3", () => {
  assert.equal(acceptKey(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
})

test("a handshake, and what keeps a request from being one", () => {
  assert.equal(fault(GOOD), undefined)
  assert.match(fault(["POST / HTTP/1.1", ...GOOD.slice(1)])!, /POST/)
  assert.match(fault(["GET / HTTP/1.0", ...GOOD.slice(1)])!, /HTTP\/1\.0/)
  assert.match(fault(without("Upgrade"))!, /no Upgrade/)
  assert.match(fault(without("Upgrade", "Upgrade: h2c"))!, /h2c/)
  assert.match(fault(without("Connection"))!, /no Connection/)
  assert.match(fault(without("Connection", "Connection: close"))!, /"close"/)
  assert.match(fault(without("Sec-WebSocket-Key"))!, /no Sec-WebSocket-Key/)
  assert.match(fault(without("Sec-WebSocket-Key", "Sec-WebSocket-Key: abc"))!, /sixteen bytes/)
  assert.match(fault(without("Sec-WebSocket-Version"))!, /no Sec-WebSocket-Version/)
  assert.match(fault(without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"))!, /"8"/)
})

test("what keeps a response from accepting", () => {
  const response = (text: string): string | undefined => {
    const parser = new ResponseHeadParser(4096)
    parser.execute(Buffer.from(text), 0)
    return responseFault(parser.head, KEY)
  }
  const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
  assert.equal(response(`${head}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`), undefined)
  assert.match(response(`${head}\r\n`)!, /no Sec-WebSocket-Accept/)
  assert.match(response(`${head}Sec-WebSocket-Accept: x\r\n\r\n`)!, /"x"/)
  assert.match(response("HTTP/1.1 200 OK\r\n\r\n")!, /200/)
  assert.match(response("HTTP/1.1 101 \r\n\r\n")!, /no Upgrade/)
})

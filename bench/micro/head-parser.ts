/**
 * Time to read a request head: `node bench/micro/head-parser.ts`.
 * Prints nanoseconds per head, the best and the median of several rounds, for each kind of head.
 */
import { chunkHeader } from "../../src/http/chunked.ts"
import { HeaderNameTable } from "../../src/http/header-names.ts"
import { HEAD_COMPLETE, RequestHeadParser } from "../../src/http/request-head.ts"
import { ResponseHeadParser } from "../../src/http/response-head.ts"
import { parseTarget } from "../../src/http/target.ts"
import { Meter } from "./meter.ts"

const LIMITS = {
  maxLineBytes: 8192,
  maxHeadBytes: 32768 + 1024,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: true,
}

const CURL = `GET /ws/ HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n`

const HANDSHAKE = `GET /ws/ HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`

const BROWSER = `GET /index.html?utm_source=newsletter&page=2 HTTP/1.1\r\nHost: www.example.com\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r
Accept-Language: en-US,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r
Referer: https://www.example.com/section/overview\r\nConnection: keep-alive\r
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\nUpgrade-Insecure-Requests: 1\r
Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r
sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r
Priority: u=0, i\r\nCache-Control: max-age=0\r\n\r\n`

const UNKNOWN = `GET / HTTP/1.1\r\nHost: a\r\nX-First-Own: 1\r\nX-Second-Own: 2\r\nX-Third-Own: 3\r\n\r\n`

const RESPONSE = `HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r
Content-Length: 12\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n`

interface HeadParser {
  state: number
  execute(chunk: Buffer, offset: number): number
  reset(): void
}

const meter = new Meter()

function measure(label: string, text: string, run: (input: Buffer) => void): void {
  const input = Buffer.from(text, "latin1")
  meter.measure(`${label}, ${input.length} B`, () => run(input))
}

function whole(parser: HeadParser): (input: Buffer) => void {
  return (input) => {
    parser.reset()
    parser.execute(input, 0)
    if (parser.state !== HEAD_COMPLETE) throw new Error("head refused")
  }
}

function split(parser: HeadParser): (input: Buffer) => void {
  return (input) => {
    parser.reset()
    const middle = input.length >> 1
    parser.execute(input.subarray(0, middle), 0)
    parser.execute(input.subarray(middle), 0)
    if (parser.state !== HEAD_COMPLETE) throw new Error("head refused")
  }
}

measure("request, curl", CURL, whole(new RequestHeadParser(LIMITS)))
measure("request, WebSocket handshake", HANDSHAKE, whole(new RequestHeadParser(LIMITS)))
measure("request, browser", BROWSER, whole(new RequestHeadParser(LIMITS)))
measure("request, browser, in two chunks", BROWSER, split(new RequestHeadParser(LIMITS)))
measure("request, unknown names", UNKNOWN, whole(new RequestHeadParser(LIMITS)))
measure(
  "request, unknown names, learned",
  UNKNOWN,
  whole(new RequestHeadParser(LIMITS, new HeaderNameTable(64))),
)
measure("response, small", RESPONSE, whole(new ResponseHeadParser(4096)))
measure("target, plain", "/index.html?utm_source=newsletter", () =>
  parseTarget("GET", "/index.html?a=1", true),
)
measure("target, to be normalized", "/a/./b/../%7Euser//x", () =>
  parseTarget("GET", "/a/./b/../%7Euser//x", true),
)
measure("chunk header", "4096", () => chunkHeader(4096))

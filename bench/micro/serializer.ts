/** Time to write a head: `node bench/micro/serializer.ts`. Nanoseconds per head. */
import { HeaderList } from "../../src/http/header-list.ts"
import { joinHeadAndBody, joinHeadAndChunk, requestHead, responseHead } from "../../src/http/serialize.ts"
import { Meter } from "./meter.ts"

const REQUEST = [
  ["Host", "backend"],
  ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"],
  ["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
  ["Accept-Language", "en-US,en;q=0.9"],
  ["Accept-Encoding", "gzip, deflate, br"],
  ["X-Real-IP", "192.0.2.1"],
  ["X-Forwarded-For", "192.0.2.1"],
  ["X-Forwarded-Proto", "https"],
  ["Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"],
] as const

const RESPONSE = [
  ["Server", "holdfast"],
  ["Date", "Sun, 06 Nov 1994 08:49:37 GMT"],
  ["Content-Type", "text/plain"],
  ["Content-Length", "13"],
  ["Connection", "keep-alive"],
] as const

function listOf(fields: ReadonlyArray<readonly [string, string]>): HeaderList {
  const list = new HeaderList()
  for (const [name, value] of fields) list.add(name, value)
  return list
}

const meter = new Meter()
const request = listOf(REQUEST)
const response = listOf(RESPONSE)
const small = Buffer.from("Hello, world\n")
const large = Buffer.alloc(16384, 0x61)
let bytes = 0
meter.measure("request head, 9 fields, as text", () => {
  bytes += requestHead("GET", "/index.html?page=2", 1, request).length
})
meter.measure("request head, 9 fields, as bytes", () => {
  bytes += Buffer.from(requestHead("GET", "/index.html?page=2", 1, request), "latin1").length
})
meter.measure("response head, 5 fields, as text", () => {
  bytes += responseHead(200, response).length
})
meter.measure("response head, 5 fields, with 13 bytes of body", () => {
  bytes += joinHeadAndBody(responseHead(200, response), small).length
})
meter.measure("response head, 5 fields, with 16 KiB of body", () => {
  bytes += joinHeadAndBody(responseHead(200, response), large).length
})
meter.measure("response head, 5 fields, with 13 bytes as a chunk", () => {
  bytes += joinHeadAndChunk(responseHead(200, response), small).length
})
if (bytes === 0) throw new Error("nothing was made")

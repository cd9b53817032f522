/**
 * The codec beside Node's own server, whose parser is llhttp in its strict mode: what that refuses must not
 * pass here. What may differ, on purpose, and is taken out before the verdicts are compared:
 * - a bare LF ends a line in a head (as nginx);
 * - any method of capitals, "_" and "-" passes (as nginx): llhttp has a list;
 * - HTTP/1.2 and up count as HTTP/1.1 (RFC 9110 §2.5, nginx): llhttp knows 1.0 and 1.1.
 */
import assert from "node:assert/strict"
import http, { METHODS } from "node:http"
import net, { type AddressInfo } from "node:net"
import { after, before, test } from "node:test"
import fc from "fast-check"
import { SMUGGLING_CORPUS, type SmugglingMessage } from "./smuggling-corpus.ts"
import { readMessages } from "./testing.ts"

/** Faults of Node's that are no verdict on what was read: the client left, or went on after "close". */
const NO_REFUSAL = new Set(["HPE_INVALID_EOF_STATE", "HPE_CLOSED_CONNECTION", "ECONNRESET", "EPIPE"])

interface Verdict {
  /** Node's code for the refusal, or "". */
  code: string
  targets: string[]
}

const verdicts = new Map<number, Verdict>()
const server = http.createServer({ insecureHTTPParser: false, requestTimeout: 0, headersTimeout: 0 })

before(async () => {
  server.on("connection", (socket) => {
    verdicts.set(socket.remotePort!, { code: "", targets: [] })
  })
  server.on("request", (request, response) => {
    verdicts.get(request.socket.remotePort!)?.targets.push(request.url!)
    request.resume()
    request.on("end", () => response.end())
    request.on("error", () => {})
  })
  server.on("clientError", (error: NodeJS.ErrnoException, socket: net.Socket) => {
    const verdict = verdicts.get(socket.remotePort!)
    if (verdict !== undefined && !NO_REFUSAL.has(error.code ?? ""))
      verdict.code ||= error.code ?? error.message
    socket.destroy()
  })
  server.listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
})

after(() => {
  server.close()
  server.closeAllConnections()
})

/** What Node's server makes of `bytes` on a connection of their own. */
async function askNode(bytes: string): Promise<Verdict> {
  const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1")
  socket.on("error", () => {})
  await new Promise((resolve) => socket.once("connect", resolve))
  const port = socket.localPort!
  let answer = ""
  socket.on("data", (data) => {
    answer += data.toString("latin1")
  })
  socket.end(bytes, "latin1")
  await new Promise((resolve) => socket.once("close", resolve))
  const verdict = verdicts.get(port) ?? { code: "", targets: [] }
  verdicts.delete(port)
  // Node refuses some heads, such as one without Host, with an answer of its own.
  if (verdict.code === "" && answer.includes("HTTP/1.1 400 ")) verdict.code = "400"
  return verdict
}

/** `bytes` without what may differ on purpose, but for methods. */
function withoutDifferences(bytes: string): string {
  return bytes.replace(/\r?\n/g, "\r\n").replace(/ HTTP\/1\.[2-9](?=\r\n)/g, " HTTP/1.1")
}

/** Fails where `bytes` pass here and Node refuses them or finds other requests in them. */
async function compare(bytes: string): Promise<void> {
  const { verdict, messages } = readMessages(bytes)
  if (verdict !== "complete" || messages.some(({ method }) => !METHODS.includes(method))) return
  const node = await askNode(bytes)
  if (node.code === "") return sameRequests(bytes, node, messages)
  const plain = withoutDifferences(bytes)
  const reading = readMessages(plain)
  if (reading.verdict !== "complete") return
  const again = await askNode(plain)
  assert.equal(again.code, "", `Node refuses (${again.code}) what passes here: ${printable(plain)}`)
  sameRequests(plain, again, reading.messages)
}

function sameRequests(bytes: string, node: Verdict, messages: readonly SmugglingMessage[]): void {
  const targets = messages.map((message) => message.target)
  assert.deepEqual(node.targets, targets, `Node finds other requests in: ${printable(bytes)}`)
}

function printable(bytes: string): string {
  return bytes.replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)
}

for (const { name, bytes } of SMUGGLING_CORPUS)
  test(`node:http refuses nothing that passes here: ${name}`, () => compare(bytes))

test("every octet, in each place of a head and of the chunked coding", async () => {
  const places: [string, string][] = [
    ["G", "T /g HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET /", " HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET /a", "b HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET /?a", "b HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET /#a", "b HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET ", "/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET http://a", "b/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET http://a:8", "0/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET ht", "tp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["GET / HTTP/1.", "\r\nHost: a\r\n\r\n"],
    ["GET / HTTP/1.1", "\r\nHost: a\r\n\r\n"],
    ["GET / HTTP/1.1\r\nHost: a\r\nX", ": b\r\n\r\n"],
    ["GET / HTTP/1.1\r\nHost: a\r\n", "X: b\r\n\r\n"],
    ["GET / HTTP/1.1\r\nHost: a\r\nX:", "b\r\n\r\n"],
    ["GET / HTTP/1.1\r\nHost: a\r\nX: b", "c\r\n\r\n"],
    ["GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n", "\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", "1\r\n\r\n12345678901"],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1", "\r\n\r\n12345678901234567890"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", "\r\n\r\n0\r\n\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1", "\r\na\r\n0\r\n\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na", "\r\n0\r\n\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a", "\r\na\r\n0\r\n\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=", "\r\na\r\n0\r\n\r\n"],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a="b', '"\r\na\r\n0\r\n\r\n'],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a="\\', '"\r\na\r\n0\r\n\r\n'],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX", ": a\r\n\r\n"],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: a", "\r\n\r\n"],
  ]
  for (const [prefix, suffix] of places)
    for (let octet = 0; octet < 256; octet++) await compare(prefix + String.fromCharCode(octet) + suffix)
})

test("mutations of the corpus", async () => {
  const octet = fc.oneof(
    fc.constantFrom(...'\r\n\0\t :;,\x0b\x7f\x80\xff0a1-+_"\\/?#%[]@*'),
    fc.constantFrom(
      "\r\n",
      "\r\n ",
      "0\r\n\r\n",
      "HTTP/1.1",
      "chunked",
      "Content-Length: 1\r\n",
      "Host: b\r\n",
    ),
    fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
  )
  const mutation = fc.record({
    at: fc.nat(400),
    cut: fc.integer({ min: 0, max: 2 }),
    put: fc.oneof(octet, fc.constant("")),
  })
  const bytes = fc
    .tuple(fc.constantFrom(...SMUGGLING_CORPUS), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([{ bytes }, mutations]) =>
      mutations.reduce((text, { at, cut, put }) => {
        const from = at % (text.length + 1)
        return text.slice(0, from) + put + text.slice(from + cut)
      }, bytes),
    )
  await fc.assert(fc.asyncProperty(bytes, compare), { numRuns: Number(process.env["FUZZ_RUNS"] ?? 3000) })
})

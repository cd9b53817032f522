import { createHash } from "node:crypto"
import { connect } from "node:net"
import { parseMessage } from "../support/message-reader.ts"
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import type { Wire } from "./client-script.ts"

/** More than the sockets between can hold, so that a client which does not read is behind. */
const HUGE = Buffer.alloc(24_000_000, "0123456789abcdef")
const BIG = "0123456789abcdef".repeat(8192)

const LENGTH: BackendScript = {
  send: [`HTTP/1.1 200 OK\r\nContent-Length: ${HUGE.length}\r\n\r\n`, HUGE],
}
const CHUNKED: BackendScript = {
  send: [
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${HUGE.length.toString(16)}\r\n`,
    HUGE,
    "\r\n0\r\n\r\n",
  ],
}
const UNTIL_CLOSE: BackendScript = { send: ["HTTP/1.0 200 OK\r\n\r\n", HUGE], after: "end" }
const CUT: BackendScript = {
  send: [`HTTP/1.1 200 OK\r\nContent-Length: ${HUGE.length + 10}\r\n\r\n`, HUGE],
  after: "end",
}

const LOG = "error_log {prefix}/logs/{id}.err notice;"

/** Sends `request` and reads nothing of the answer before the backend is rid of it; notes what it is then. */
async function readLate(wire: Wire, request: string): Promise<void> {
  const socket = connect({ port: Number(wire.expand("{port}")), host: "127.0.0.1" })
  try {
    socket.pause()
    socket.write(wire.expand(request))
    await wire.backendSent("b", HUGE.length)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    const answer = parseMessage(Buffer.concat(chunks).toString("latin1"), {
      bodiless: false,
      untilClose: true,
      ended: true,
    })
    if (answer === undefined) return wire.note("no answer")
    const { startLine, body, complete } = answer.message
    wire.statuses.push(Number(startLine.split(" ")[1]))
    const digest = createHash("sha256").update(body, "latin1").digest("hex")
    wire.note(`${startLine}, ${complete ? "complete" : "cut off"}, ${body.length} bytes, ${digest}`)
  } finally {
    socket.destroy()
  }
}

/** The client reads only when the backend is rid of its answer: what it has not taken is kept. */
function kept(
  name: string,
  backend: BackendScript,
  settings = "",
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    server: `${LOG} location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_temp_path {prefix}/{id}_temp 1 2; ${settings} }`,
    backends: { b: backend },
    send: (wire) => readLate(wire, get("/", "Connection: close\r\n")),
    status: 200,
    ...more,
  }
}

/** The client reads all the time. */
function relayed(
  name: string,
  backend: BackendScript,
  settings: string,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    server: `${LOG} location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_temp_path {prefix}/{id}_temp 1 2; ${settings} }`,
    backends: { b: backend },
    send: get("/"),
    status: 200,
    probe: false,
    ...more,
  }
}

const OK: BackendScript = httpAnswer("ok")
const BIG_ANSWER: BackendScript = httpAnswer(BIG)

export const proxyTempCases: readonly ComparisonCase[] = [
  kept("an answer of known length to a client that does not read", LENGTH),
  kept("a chunked answer to a client that does not read", CHUNKED),
  kept("an answer that ends by closing to a client that does not read", UNTIL_CLOSE),
  kept("an answer that breaks off, to a client that does not read", CUT),
  kept("buffers of another size", LENGTH, "proxy_buffers 4 64k; proxy_buffer_size 16k;"),
  kept(
    "X-Accel-Buffering: yes",
    {
      send: [`HTTP/1.1 200 OK\r\nX-Accel-Buffering: yes\r\nContent-Length: ${HUGE.length}\r\n\r\n`, HUGE],
    },
    "proxy_buffering off;",
  ),
  kept("without levels", LENGTH, "", {
    server: `${LOG} location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_temp_path {prefix}/{id}_temp; }`,
  }),
  kept("the largest file is as large as the answer", LENGTH, `proxy_max_temp_file_size ${HUGE.length};`),
  relayed("no file for a client that reads", BIG_ANSWER, ""),
  relayed("a limit of no file", BIG_ANSWER, "proxy_max_temp_file_size 0;"),
  relayed("a limit of a small file", BIG_ANSWER, "proxy_max_temp_file_size 4k;"),
  relayed("many small buffers", BIG_ANSWER, "proxy_buffers 100 1k; proxy_buffer_size 1k;"),
  relayed("a rate that is not reached", OK, "proxy_limit_rate 100k;"),
  relayed("a rate that is", httpAnswer(BIG.slice(0, 5000)), "proxy_limit_rate 4k;"),
  relayed(
    "a rate and an answer that ends by closing",
    { send: `HTTP/1.0 200 OK\r\n\r\n${BIG.slice(0, 5000)}`, after: "end" },
    "proxy_limit_rate 4k;",
  ),
  relayed(
    "a rate and a chunked answer",
    {
      send: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n${BIG.slice(0, 5000)}\r\n0\r\n\r\n`,
    },
    "proxy_limit_rate 4k;",
  ),
  relayed("a rate without buffers", BIG_ANSWER, "proxy_limit_rate 4k; proxy_buffering off;"),
  relayed("no rate", BIG_ANSWER, "proxy_limit_rate 0;"),
  {
    name: "a small limit_rate does not hold the upstream",
    server: `${LOG} location / { ${HTTP_1_1} limit_rate 4k; proxy_pass http://{b}; }`,
    backends: { b: httpAnswer(BIG.slice(0, 6000)) },
    send: get("/"),
    status: 200,
    probe: false,
  },
  {
    name: "a file for the body, and one for the answer",
    server: `${LOG} location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_temp_path {prefix}/{id}_temp 1 2; client_body_temp_path {prefix}/{id}_temp 1 2; }`,
    backends: { b: LENGTH },
    send: (wire) => readLate(wire, post("/", BIG, "Connection: close\r\n")),
    status: 200,
  },
]

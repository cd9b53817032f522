import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post, postChunked } from "./case.ts"
import { errorPage } from "./differences.ts"

const OK: BackendScript = httpAnswer("ok")
const BIG = "0123456789abcdef".repeat(8192)

function sent(
  name: string,
  request: ComparisonCase["send"],
  status: number | readonly number[],
  settings = "",
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = `error_log {prefix}/logs/{id}.err error; location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`
  return { name, server, backends: { b: OK }, send: request, status, ...more }
}

const UNBUFFERED = "proxy_request_buffering off;"

export const bodyCases: readonly ComparisonCase[] = [
  sent("a body with its length, unbuffered", post("/", "body"), 200, UNBUFFERED),
  sent("a chunked body, unbuffered", postChunked("/", ["ab", "cde"]), 200, UNBUFFERED),
  sent("a chunked body, unbuffered, to HTTP/1.0", postChunked("/", ["ab", "cde"]), 200, "", {
    server: `location / { proxy_pass http://{b}; proxy_http_version 1.0; proxy_set_header Connection close; ${UNBUFFERED} }`,
  }),
  sent(
    "a chunked body whose end comes later, unbuffered",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
      await wire.backendGets("b", "abc")
      await wire.send("2\r\nde\r\n0\r\n\r\n")
      await wire.response()
      await wire.probe()
    },
    200,
    UNBUFFERED,
  ),
  sent(
    "the client leaves inside a body that is passed on at once",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
      await wire.backendGets("b", "abc")
      wire.close()
    },
    [],
    UNBUFFERED,
    {
      http: 'log_format {id} "$status $request";',
      server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; ${UNBUFFERED} }`,
    },
  ),
  sent("an empty chunked body", postChunked("/", []), 200),
  sent("an empty chunked body, unbuffered", postChunked("/", []), 200, UNBUFFERED),
  sent(
    "a body in pieces",
    async (wire) => {
      await wire.sendPieces(["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab", "cd", "ef"])
      await wire.response()
    },
    200,
  ),
  sent(
    "a body in pieces, unbuffered",
    async (wire) => {
      await wire.sendPieces(["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab", "cd", "ef"])
      await wire.response()
    },
    200,
    UNBUFFERED,
  ),
  sent(
    "a chunked body in pieces",
    async (wire) => {
      await wire.sendPieces([
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "3\r",
        "\nab",
        "c\r\n",
        "2;x=y\r\nde\r\n0",
        "\r\nT: 1\r\n",
        "\r\n",
      ])
      await wire.response()
    },
    200,
  ),
  sent("a large body", post("/", BIG), 200),
  sent("a large body, unbuffered", post("/", BIG), 200, UNBUFFERED),
  sent(
    "a large chunked body",
    postChunked("/", [BIG, BIG.slice(0, 5000)]),
    200,
    "client_body_buffer_size 256k;",
  ),
  sent("a large chunked body, unbuffered", postChunked("/", [BIG, BIG.slice(0, 5000)]), 200, UNBUFFERED),
  sent("a body with a small buffer", post("/", BIG), 200, "client_body_buffer_size 1k;"),
  sent(
    "a chunk size that is no number",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    400,
  ),
  sent(
    "a chunk size beyond all numbers",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    400,
  ),
  sent(
    "a chunk that is longer than its size",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    400,
  ),
  sent(
    "a negative chunk size",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    400,
  ),
  sent(
    "a chunk ended by a bare LF",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    200,
    "",
    {
      differs: {
        why: "lines of the chunked framing end with CRLF (RFC 9112 section 7.1); nginx takes a bare LF",
        holdfast: () => ({ client: [errorPage(400, "Bad Request"), "then closed"], backends: { b: "" } }),
      },
      server: `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    },
  ),
  sent("too large by its length", post("/", "123456"), 413, "client_max_body_size 5;"),
  sent("just as large as allowed", post("/", "12345"), 200, "client_max_body_size 5;"),
  sent("too large in chunks", postChunked("/", ["123", "456"]), 413, "client_max_body_size 5;"),
  sent(
    "too large in chunks, unbuffered",
    postChunked("/", ["123", "456"]),
    413,
    `client_max_body_size 5; ${UNBUFFERED}`,
    {
      differs: {
        why: "a backend was chosen already, and the log line names it",
        holdfast: ({ errorLog }) => ({
          errorLog: errorLog.map((line) =>
            line.replace(', host: "', ', upstream: "http://127.0.0.1:{b}/", host: "'),
          ),
        }),
      },
    },
  ),
  sent("too large in chunks, over HTTP", postChunked("/", ["12345"]), 200, "client_max_body_size 5;"),
  sent("without a limit", post("/", BIG), 200, "client_max_body_size 0;"),
  sent(
    "413 by the default of one megabyte",
    async (wire) => {
      await wire.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
    },
    413,
  ),
  sent(
    "Expect: 100-continue",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
      wire.note(await (await wire.client()).readUntil("\r\n\r\n"))
      await wire.send("body")
      await wire.response()
      await wire.probe()
    },
    200,
  ),
  sent(
    "Expect: 100-continue, unbuffered",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
      wire.note(await (await wire.client()).readUntil("\r\n\r\n"))
      await wire.send("body")
      await wire.response()
      await wire.probe()
    },
    200,
    UNBUFFERED,
  ),
  sent(
    "Expect: 100-continue with a body that comes at once",
    post("/", "body", "Expect: 100-continue\r\n"),
    200,
  ),
  sent(
    "Expect: 100-continue, chunked",
    async (wire) => {
      await wire.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
      )
      wire.note(await (await wire.client()).readUntil("\r\n\r\n"))
      await wire.send("1\r\na\r\n0\r\n\r\n")
      await wire.response()
    },
    200,
  ),
  sent(
    "Expect: 100-continue from HTTP/1.0",
    "POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody",
    200,
  ),
  sent("Expect with something else", post("/", "body", "Expect: 200-ok\r\n"), 200),
  sent(
    "Expect: 100-continue and a body that is too large",
    async (wire) => {
      await wire.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n")
    },
    413,
    "client_max_body_size 5;",
  ),
  sent("a body that is never read, then another request", [post("/", "body"), get("/")], [200, 200], "", {
    server: 'return 200 "$request_method\\n";',
    backends: {},
  }),
  sent(
    "a chunked body that is never read, then another request",
    [postChunked("/", ["body"]), get("/")],
    [200, 200],
    "",
    {
      server: 'return 200 "$request_method\\n";',
      backends: {},
    },
  ),
  sent(
    "the client leaves inside the body",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
      ;(await wire.client()).halfClose()
      await wire.response()
    },
    0,
    "",
    {
      http: 'log_format {id} "$status $request";',
      server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    },
  ),
  sent(
    "the body does not come in time",
    async (wire) => {
      await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
      await wire.response()
    },
    0,
    "client_body_timeout 200ms;",
  ),
  sent("$content_length and $content_type", post("/", "body", "Content-Type: a/b\r\n"), 200, "", {
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_set_header X "[$content_length] [$content_type] [$http_content_length]"; }`,
  }),
  sent("$request_body", post("/", 'bo"dy'), 200, "", {
    http: "log_format {id} '$request_body $request_length';",
    server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    send: async (wire) => wire.exchange(post("/", 'bo"dy')),
  }),
]

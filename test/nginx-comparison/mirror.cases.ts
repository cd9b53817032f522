import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post, postChunked } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const COPY = `${HTTP_1_1} proxy_pass http://{m}$request_uri;`
const BACKENDS = { b: httpAnswer("the answer"), m: httpAnswer("nobody sees this") }

/** Sends each request and waits until its copies have come: `copies` for each. */
function copied(requests: readonly string[], copies = 1): ClientScript {
  return async (wire) => {
    for (const [index, request] of requests.entries()) {
      await wire.exchange(request)
      await wire.backendHas("m", (index + 1) * copies)
    }
  }
}

function mirrored(
  name: string,
  server: string,
  requests: readonly string[],
  more: Partial<ComparisonCase> = {},
  copies = 1,
): ComparisonCase {
  return {
    name,
    server,
    backends: BACKENDS,
    send: copied(requests, copies),
    status: requests.map(() => 200),
    ...more,
  }
}

const BOTH = `mirror /m; location / { ${PASS} } location = /m { internal; ${COPY} }`

const silent: BackendScript = { on: "request", after: "end" }

export const mirrorCases: readonly ComparisonCase[] = [
  mirrored("a GET", BOTH, [get("/a?b=c", "X-A: 1\r\nCookie: k=v\r\n")]),
  mirrored("several requests of a connection", BOTH, [get("/1"), get("/2"), get("/3")]),
  mirrored("a POST with its body", BOTH, [post("/p", "hello body")]),
  mirrored("a chunked body", BOTH, [postChunked("/p", ["hello", " ", "body"])]),
  mirrored("a client that waits for 100 Continue", BOTH, [post("/p", "hello", "Expect: 100-continue\r\n")]),
  mirrored("a body in pieces", BOTH, [], {
    send: async (wire) => {
      const request = post("/p", "hello body")
      await wire.sendPieces([request.slice(0, 30), request.slice(30, -4), request.slice(-4)])
      await wire.response()
      await wire.backendHas("m", 1)
    },
    status: 200,
  }),
  mirrored("an empty body", BOTH, [post("/p", "")]),
  mirrored("another method", BOTH, [`DELETE /d HTTP/1.1\r\nHost: a.test\r\n\r\n`]),
  mirrored("a HEAD", BOTH, ["HEAD /h HTTP/1.1\r\nHost: a.test\r\n\r\n"], {
    backends: {
      b: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
      m: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    },
  }),
  mirrored(
    "without a URI of its own: that of the mirror, with the arguments",
    `mirror /m; location / { ${PASS} } location = /m { ${HTTP_1_1} proxy_pass http://{m}; }`,
    [get("/a?b=c")],
  ),
  mirrored(
    "no body: mirror_request_body off",
    `mirror /m; mirror_request_body off; location / { ${PASS} } location = /m { ${COPY} proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header X-Original-URI $request_uri; }`,
    [post("/p?q=1", "hello body")],
  ),
  mirrored(
    "no body: proxy_pass_request_body off in the mirror",
    `mirror /m; location / { ${PASS} } location = /m { ${COPY} proxy_pass_request_body off; proxy_set_header Content-Length ""; }`,
    [post("/p", "hello body")],
  ),
  mirrored(
    "two mirrors",
    `mirror /m; mirror /n; location / { ${PASS} } location = /m { ${COPY} } location = /n { ${HTTP_1_1} proxy_set_header X-N n; proxy_pass http://{n}/n; }`,
    [post("/p", "hello")],
    { backends: { ...BACKENDS, n: httpAnswer("n") } },
  ),
  mirrored(
    "off in a location",
    `mirror /m; location / { ${PASS} } location /off { mirror off; ${PASS} } location = /m { ${COPY} }`,
    [get("/off")],
    {},
    0,
  ),
  mirrored(
    "another one in a location takes the place of the inherited",
    `mirror /m; location / { ${PASS} } location /l { mirror /n; ${PASS} } location = /m { ${COPY} } location = /n { ${HTTP_1_1} proxy_set_header X-N n; proxy_pass http://{m}/n; }`,
    [get("/l"), get("/")],
  ),
  mirrored("a mirror that answers with an error", BOTH, [get("/")], {
    backends: { ...BACKENDS, m: httpAnswer("x", "", "500 Internal Server Error") },
  }),
  mirrored("a mirror that closes", BOTH, [get("/")], { backends: { ...BACKENDS, m: silent } }),
  mirrored(
    "a mirror that is not there",
    `mirror /m; error_log logs/{id}.err error; location / { ${PASS} } location = /m { ${HTTP_1_1} proxy_pass http://{dead}; }`,
    [post("/p", "hello")],
    {},
    0,
  ),
  mirrored("a location that does not exist", `mirror /none; location /a { ${PASS} }`, [get("/a")], {}, 0),
  mirrored(
    "an answer of this server's own is no reason for a copy: return comes before",
    `mirror /m; location / { return 200 x; } location = /m { ${COPY} }`,
    [get("/")],
    {},
    0,
  ),
  mirrored(
    "access is not asked for copies",
    `mirror /m; location / { ${PASS} } location = /m { deny all; ${COPY} }`,
    [get("/")],
  ),
  mirrored(
    "who may not come in is not copied",
    `mirror /m; location / { deny all; ${PASS} } location = /m { ${COPY} }`,
    [get("/")],
    { status: 403, probe: false },
    0,
  ),
  mirrored(
    "after auth_request",
    `mirror /m; auth_request /auth; location / { ${PASS} } location = /auth { auth_request off; mirror off; return 204; } location = /m { ${COPY} }`,
    [post("/p", "hello")],
  ),
  mirrored(
    "variables of the request in the copy",
    `mirror /m; set $who $arg_u; location / { ${PASS} } location = /m { ${HTTP_1_1} proxy_set_header X-Who $who; proxy_set_header X-Line "$request"; proxy_set_header X-Method $request_method; proxy_set_header X-Uri "$uri $document_uri $args"; proxy_pass http://{m}/; }`,
    [get("/a?u=me")],
  ),
  mirrored(
    "a rewrite in the mirror",
    `mirror /m; location / { ${PASS} } location = /m { rewrite ^ /x?r=1 break; ${HTTP_1_1} proxy_pass http://{m}; }`,
    [get("/a?u=me")],
  ),
  mirrored(
    "the log: one line",
    `mirror /m; access_log logs/{id}.log {id}; location / { ${PASS} } location = /m { ${COPY} }`,
    [post("/p", "hello")],
    { http: `log_format {id} '$status $request $request_body';` },
  ),
  mirrored(
    "a body beyond client_max_body_size",
    `client_max_body_size 3; ${BOTH}`,
    [post("/p", "hello")],
    { status: 413, probe: false },
    0,
  ),
  mirrored(
    "a chunked body beyond client_max_body_size",
    `client_max_body_size 3; ${BOTH}`,
    [postChunked("/p", ["he", "llo"])],
    { status: 413, probe: false },
    0,
  ),
  mirrored("a large body", `client_body_buffer_size 1k; ${BOTH}`, [
    post("/p", "0123456789abcdef".repeat(4096)),
  ]),
  mirrored(
    "before an unbuffered upstream",
    `mirror /m; location / { proxy_request_buffering off; ${PASS} } location = /m { ${COPY} }`,
    [post("/p", "hello"), postChunked("/c", ["he", "llo"])],
  ),
  mirrored(
    "beside gzip and limit_rate",
    `mirror /m; gzip on; limit_rate 1m; location / { ${PASS} } location = /m { ${COPY} }`,
    [get("/")],
  ),
  mirrored(
    "the answer's page of error_page",
    `mirror /m; location / { proxy_intercept_errors on; error_page 500 =200 /e; ${PASS} } location = /e { return 200 e; } location = /m { ${COPY} }`,
    [get("/")],
    { backends: { ...BACKENDS, b: httpAnswer("x", "", "500 Internal Server Error") } },
  ),
]

import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post, postChunked } from "./case.ts"

const OK: BackendScript = httpAnswer("ok")
const BIG = "0123456789abcdef".repeat(8192)
const MIDDLE = BIG.slice(0, 40_000)

const LOG = "error_log {prefix}/logs/{id}.err notice;"
const VARIABLES = "access_log {prefix}/logs/{id}.log {id};"
const FORMAT = "log_format {id} '$status [$request_body_file] [$request_body] $request_length';"

/** A case whose backend has the body to compare, and whose error log has the lines of files. */
function sent(
  name: string,
  request: ComparisonCase["send"],
  status: number | readonly number[],
  settings = "",
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = `${LOG} location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`
  return { name, server, backends: { b: OK }, send: request, status, probe: false, ...more }
}

/** With the variables of the body in the access log, and shown to the backend. */
function shown(
  name: string,
  request: ComparisonCase["send"],
  status: number | readonly number[],
  settings = "",
): ComparisonCase {
  return sent(name, request, status, "", {
    http: FORMAT,
    server: `${LOG} ${VARIABLES} location / { ${HTTP_1_1} proxy_set_header X-File $request_body_file;
      proxy_set_header X-Body $request_body; proxy_pass http://{b}; ${settings} }`,
  })
}

/** The first upstream fails after it has got the request; the body goes to the next one, whole. */
function repeated(
  name: string,
  request: string,
  settings = "",
  first: BackendScript = FAILS,
): ComparisonCase {
  return {
    name,
    http: "upstream u{id} { server {a}; server {b} backup; }",
    server: `location / { ${HTTP_1_1} proxy_pass http://u{id}; proxy_next_upstream error http_503 non_idempotent; ${settings} }`,
    backends: { a: first, b: OK },
    send: request,
    status: 200,
  }
}

const FAILS: BackendScript = { send: httpAnswer("no", "", "503 Service Unavailable") }
const RESETS: BackendScript = { on: "request", after: "reset" }

export const clientBodyCases: readonly ComparisonCase[] = [
  sent("a body beyond the buffer", post("/", MIDDLE), 200),
  sent("a body far beyond the buffer", post("/", BIG), 200, "client_body_buffer_size 1k;"),
  sent("a chunked body beyond the buffer", postChunked("/", [MIDDLE, "abc", MIDDLE]), 200),
  sent("a chunked body within the buffer", postChunked("/", ["abc", "de"]), 200),
  sent("a body within the buffer", post("/", MIDDLE), 200, "client_body_buffer_size 64k;"),
  sent(
    "a body of a quarter more than the buffer",
    post("/", BIG.slice(0, 12_000)),
    200,
    "client_body_buffer_size 10000;",
  ),
  sent(
    "a body of half as much more than the buffer",
    post("/", BIG.slice(0, 15_000)),
    200,
    "client_body_buffer_size 10000;",
  ),
  sent("a chunked body beyond the buffer to HTTP/1.0", postChunked("/", [MIDDLE]), 200, "", {
    server: `${LOG} location / { proxy_http_version 1.0; proxy_set_header Connection close; proxy_pass http://{b}; }`,
  }),
  sent("a chunked body to HTTP/1.0 is buffered whatever is said", postChunked("/", [MIDDLE]), 200, "", {
    server: `${LOG} location / { proxy_http_version 1.0; proxy_set_header Connection close; proxy_pass http://{b}; proxy_request_buffering off; }`,
  }),
  sent("two large bodies on one connection", [post("/", MIDDLE), post("/", BIG)], [200, 200]),
  sent("a large body, then a request without one", [post("/", MIDDLE), get("/")], [200, 200]),
  sent(
    "a large body in pieces",
    async (wire) => {
      await wire.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIDDLE.length}\r\n\r\n`)
      await wire.sendPieces([MIDDLE.slice(0, 10_000), MIDDLE.slice(10_000, 10_001), MIDDLE.slice(10_001)])
      await wire.response()
    },
    200,
  ),
  sent(
    "a large body whose length is not passed on",
    post("/", MIDDLE),
    200,
    'proxy_pass_request_body off; proxy_set_header Content-Length "";',
  ),
  sent("a large body with another in its place", post("/", MIDDLE), 200, 'proxy_set_body "own";'),
  sent("a small body that is not passed on", post("/", "abc"), 200, "proxy_pass_request_body off;", {
    backends: { b: { on: "head", send: httpAnswer("ok"), after: "end" } },
    differs: {
      why: "a length that nothing follows would leave the backend waiting",
      holdfast: ({ backends }) => ({
        backends: { b: String(backends["b"]).replace("Content-Length: 3\r\n", "") },
      }),
    },
  }),
  sent("a large body, too large", post("/", BIG), 413, "client_max_body_size 100k;"),
  sent(
    "a large chunked body, too large in the end",
    postChunked("/", [MIDDLE, MIDDLE]),
    413,
    "",
    // How much had come by then is in the log, and no two readers read the same.
    { server: `client_max_body_size 70k; location / { ${HTTP_1_1} proxy_pass http://{b}; }` },
  ),
  sent("a large chunked body that breaks", `${postChunked("/", [MIDDLE]).slice(0, -5)}xyz\r\n`, 400),
  sent(
    "Expect: 100-continue with a large body",
    async (wire) => {
      await wire.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\nExpect: 100-continue\r\n\r\n`)
      wire.note(await (await wire.client()).readUntil("\r\n\r\n"))
      await wire.send(MIDDLE)
      await wire.response()
    },
    200,
  ),
  sent("a path of its own", post("/", MIDDLE), 200, "client_body_temp_path {prefix}/own_{id}_temp;"),
  sent("a path with levels", post("/", MIDDLE), 200, "client_body_temp_path {prefix}/own_{id}_temp 1 2;"),
  sent(
    "a path with three levels",
    post("/", MIDDLE),
    200,
    "client_body_temp_path {prefix}/own_{id}_temp/ 2 1 3;",
  ),
  sent("a path below the prefix", post("/", MIDDLE), 200, "client_body_temp_path own_{id}_temp;"),
  shown("the variables of a small body", post("/", "abc"), 200),
  shown("the variables of a body in a file", post("/", MIDDLE), 200),
  shown("the variables of no body", get("/"), 200),
  shown("the variables of an empty body", post("/", ""), 200),
  shown("the variables of a chunked body", postChunked("/", ["ab", "c"]), 200),
  shown(
    "the variables of a body that is passed on at once",
    post("/", "abc"),
    200,
    "proxy_request_buffering off;",
  ),
  shown("all bodies in files", post("/", "abc"), 200, "client_body_in_file_only on;"),
  shown("all bodies in files, chunked", postChunked("/", ["abc", "d"]), 200, "client_body_in_file_only on;"),
  shown("all bodies in files, and none", get("/"), 200, "client_body_in_file_only on;"),
  shown("all bodies in files, an empty one", post("/", ""), 200, "client_body_in_file_only on;"),
  shown(
    "all bodies in files, an empty chunked one",
    postChunked("/", []),
    200,
    "client_body_in_file_only on;",
  ),
  shown(
    "all bodies in files that go with the request",
    post("/", MIDDLE),
    200,
    "client_body_in_file_only clean;",
  ),
  shown("in a single buffer", post("/", "abc"), 200, "client_body_in_single_buffer on;"),
  repeated("a small body goes to the next upstream", post("/", "abc")),
  repeated("a large body goes to the next upstream", post("/", MIDDLE)),
  repeated("a large chunked body goes to the next upstream", postChunked("/", [MIDDLE, "x"])),
  repeated("a large body goes to the next upstream after a reset", post("/", BIG), "", RESETS),
  {
    name: "a body that was read goes on to what error_page leads to",
    server: `location / { ${HTTP_1_1} proxy_pass http://{dead}; error_page 502 = @next; } location @next { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: OK },
    send: [post("/", "abc"), post("/", MIDDLE), postChunked("/", [MIDDLE, "y"])],
    status: [200, 200, 200],
  },
  {
    name: "a body that was read goes on to a URI",
    server: `location / { ${HTTP_1_1} proxy_pass http://{dead}; error_page 502 /next; } location /next { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: OK },
    send: [post("/", "abc"), post("/", MIDDLE)],
    status: [502, 502],
  },
  {
    name: "a body goes on from an answer that is intercepted",
    server: `location / { ${HTTP_1_1} proxy_pass http://{a}; proxy_intercept_errors on; error_page 503 = @next; } location @next { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { a: FAILS, b: OK },
    send: [post("/", "abc"), post("/", BIG)],
    status: [200, 200],
  },
  {
    name: "a body goes on by X-Accel-Redirect",
    server: `location / { ${HTTP_1_1} proxy_pass http://{a}; } location @next { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { a: httpAnswer("", "X-Accel-Redirect: @next\r\n"), b: OK },
    send: [post("/", "abc"), post("/", MIDDLE)],
    status: [200, 200],
  },
  {
    name: "a body is read after auth_request has let its request in",
    server: `location / { auth_request /auth; ${HTTP_1_1} proxy_pass http://{b}; }
      location /auth { internal; ${HTTP_1_1} proxy_pass http://{a}; proxy_pass_request_body off; proxy_set_header Content-Length ""; }`,
    backends: { a: OK, b: OK },
    send: [post("/", MIDDLE), postChunked("/", [MIDDLE])],
    status: [200, 200],
  },
  {
    name: "a body is read after auth_request has refused its request",
    server: `location / { auth_request /auth; ${HTTP_1_1} proxy_pass http://{b}; error_page 401 = @login; }
      location @login { ${HTTP_1_1} proxy_pass http://{b}; }
      location /auth { return 401; }`,
    backends: { b: OK },
    send: [post("/", MIDDLE)],
    status: [200],
  },
  {
    name: "a body that was refused for its size does not go on",
    server: `client_max_body_size 10; location / { ${HTTP_1_1} proxy_pass http://{b}; error_page 413 = @next; } location @next { return 200 "next"; }`,
    backends: { b: OK },
    send: post("/", MIDDLE),
    status: 200,
    probe: false,
  },
]

import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

const LOGS = "access_log logs/{id}.log {id}; error_log logs/{id}.err notice;"
const FORMAT = 'log_format {id} "$status $request $uri";'
const PASS = `${HTTP_1_1} proxy_pass http://{b};`

const request = (method: string, target = "/"): string =>
  `${method} ${target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n`
const HEAD = "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n"

/** HEAD has no body. */
const answer: BackendScript = ({ method }) =>
  method === "HEAD" ? "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" : httpAnswer("ok\n")

function limited(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const backends = { b: answer, c: httpAnswer("other\n") }
  return { name, http: FORMAT, server: `${LOGS} ${server}`, backends, send, status, ...more }
}

const inLocation = (text: string): string => `location / { ${text} ${PASS} }`

export const limitExceptCases: readonly ComparisonCase[] = [
  limited(
    "GET stands for HEAD",
    inLocation("limit_except GET { deny all; }"),
    [get("/"), HEAD, post("/", "x"), request("DELETE")],
    [200, 200, 403, 403],
  ),
  limited(
    "HEAD does not stand for GET",
    inLocation("limit_except HEAD { deny all; }"),
    [HEAD, get("/")],
    [200, 403],
  ),
  limited(
    "several methods, in any case",
    inLocation("limit_except post Put dElete { deny all; }"),
    [post("/", "x"), request("PUT"), request("DELETE"), request("PATCH"), get("/")],
    [200, 200, 200, 403, 403],
  ),
  limited(
    "all methods that can be named",
    inLocation(
      "limit_except GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH { deny all; }",
    ),
    "MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH"
      .split(" ")
      .map((method) => request(method)),
    [200, 200, 200, 200, 200, 200, 200, 200, 200],
  ),
  limited(
    "a method that nobody knows is not excepted",
    inLocation("limit_except GET POST { deny all; }"),
    [request("FOO"), get("/")],
    [403, 200],
  ),
  limited(
    "allow and deny inside",
    inLocation("limit_except GET { allow 127.0.0.7; deny all; }"),
    async (wire) => {
      await wire.connect({ from: "127.0.0.7" })
      await wire.exchange(post("/", "x"))
      await wire.connect({ from: "127.0.0.8" })
      await wire.exchange(post("/", "x"))
      await wire.exchange(get("/"))
    },
    [200, 403, 200],
  ),
  limited(
    "an empty block changes nothing",
    inLocation("limit_except GET { }"),
    [get("/"), post("/", "x")],
    [200, 200],
  ),
  limited(
    "rules outside hold for the methods that are named, those inside take their place for others",
    inLocation("deny all; limit_except GET { allow all; }"),
    [get("/"), post("/", "x")],
    [403, 200],
  ),
  limited(
    "rules outside hold inside where the block has none",
    inLocation("deny all; limit_except GET { }"),
    [get("/"), post("/", "x")],
    [403, 403],
  ),
  limited(
    "proxy_pass inside",
    inLocation("limit_except GET { proxy_pass http://{c}; }"),
    [get("/"), post("/", "x")],
    [200, 200],
  ),
  limited(
    "return outside does not answer for other methods",
    'location / { limit_except GET { deny all; } return 200 "returned\\n"; }',
    [get("/"), post("/", "x")],
    [200, 403],
  ),
  limited(
    "rewrite outside does not rewrite for other methods",
    `location / { limit_except GET { } rewrite ^ /new break; ${PASS} }`,
    [get("/old"), post("/old", "x")],
    [200, 200],
  ),
  limited(
    "settings outside hold inside",
    `location / { limit_except GET { } add_header X-A b; proxy_set_header X-B c; ${PASS} }`,
    [get("/"), post("/", "x")],
    [200, 200],
  ),
  limited(
    "a nested location has a block of its own, or none",
    `location / { limit_except GET { deny all; } location /in { ${PASS} } location /own { limit_except POST { deny all; } ${PASS} } ${PASS} }`,
    [post("/", "x"), post("/in", "x"), get("/in"), post("/own", "x"), get("/own")],
    [403, 200, 200, 200, 403],
  ),
  limited(
    "an error page is fetched by GET",
    `location / { ${HTTP_1_1} proxy_intercept_errors on; error_page 404 /page; proxy_pass http://{d}; } location = /page { limit_except GET { deny all; } ${PASS} }`,
    [post("/", "x"), post("/page", "x")],
    [404, 403],
    {
      backends: {
        b: httpAnswer("ok\n"),
        c: httpAnswer("other\n"),
        d: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      },
    },
  ),
  limited(
    "a page for the refusal, in another location",
    `location / { limit_except GET { deny all; } error_page 403 /no; ${PASS} } location = /no { ${PASS} }`,
    [post("/", "x"), get("/")],
    [403, 200],
  ),
  limited(
    "a named location",
    `location / { error_page 418 @named; return 418; } location @named { limit_except GET { deny all; } ${PASS} }`,
    [get("/"), post("/", "x")],
    [418, 403],
  ),
  limited(
    "a regular expression with captures",
    `location ~ ^/(\\w+)$ { limit_except GET { proxy_set_header X-Got $1; proxy_pass http://{c}; } ${PASS} }`,
    [get("/abc"), post("/abc", "x")],
    [200, 200],
    {
      server: `${LOGS} location ~ ^/(\\w+)$ { limit_except GET { proxy_pass http://{c}; } proxy_set_header X-Got $1; ${PASS} }`,
    },
  ),
  limited(
    "a body that is too large",
    inLocation("client_max_body_size 2; limit_except GET { deny all; }"),
    post("/", "body"),
    413,
  ),
]

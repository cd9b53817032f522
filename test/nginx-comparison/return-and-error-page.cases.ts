import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

/** A `return` alone in a server. */
function returned(
  name: string,
  directive: string,
  status: number,
  request = get("/p/x.html?q=1"),
): ComparisonCase {
  return { name: `return: ${name}`, server: `location / { ${directive} }`, send: request, status }
}

function page(
  name: string,
  server: string,
  status: number | number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `error_page: ${name}`, server, send: get("/"), status, ...more }
}

export const returnAndErrorPageCases: readonly ComparisonCase[] = [
  returned("200 with text", 'return 200 "hello\\n";', 200),
  returned("200 with an empty text", 'return 200 "";', 200),
  returned("200 alone", "return 200;", 200),
  returned("204", "return 204;", 204),
  returned("204 with text", 'return 204 "x";', 204),
  returned("301", "return 301 https://b.test$request_uri;", 301),
  returned("302", "return 302 http://b.test/;", 302),
  returned("303", "return 303 http://b.test/;", 303),
  returned("307", "return 307 http://b.test/;", 307),
  returned("308", "return 308 http://b.test/;", 308),
  returned("a URL alone", "return http://b.test/x;", 302),
  returned("a URL alone, https", "return https://b.test/x;", 302),
  returned("a path in a redirect becomes a whole URL", "return 302 /other;", 302),
  returned("a redirect to something that is no URL", "return 302 other;", 302),
  returned("a redirect without a URL", "return 302;", 302),
  returned("304", "return 304;", 304),
  returned("400", "return 400;", 400),
  returned("401", "return 401;", 401),
  returned("403", "return 403;", 403),
  returned("404", "return 404;", 404),
  returned("404 with text", 'return 404 "gone\\n";', 404),
  returned("405", "return 405;", 405),
  returned("413", "return 413;", 413),
  returned("418, of which nginx knows nothing", "return 418;", 418),
  returned("426 with text", 'return 426 "x";', 426),
  returned("429", "return 429;", 429),
  returned("444 closes without an answer", "return 444;", 0),
  returned("495 shows as 400", "return 495;", 400),
  returned("499 closes without an answer", "return 499;", 0),
  returned("500", "return 500;", 500),
  returned("502", "return 502;", 502),
  returned("503 with text", 'return 503 "busy\\n";', 503),
  returned("504", "return 504;", 504),
  returned("599", "return 599;", 599),
  returned("999", "return 999;", 999),
  returned("HEAD", 'return 200 "hello\\n";', 200, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
  {
    // Its length has that of the program's name in it, and is not compared.
    name: "return: HEAD of an error page",
    server: "location / { return 404; }",
    send: async (wire) => {
      await wire.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      const text = await (await wire.client()).readToEnd()
      wire.note(`${text.split("\r\n")[0]} and ${text.split("\r\n\r\n")[1]?.length} bytes`)
    },
    status: [],
  },
  returned("POST reads the body and keeps the connection", 'return 200 "x";', 200, post("/", "abc")),
  returned("with default_type", 'default_type application/json; return 200 "{}";', 200, get("/p")),
  returned("with types", 'types { text/x-own html; } return 200 "x";', 200),
  returned("with an empty default_type", 'default_type ""; return 200 "x";', 200, get("/p")),
  returned("with server_tokens off", "server_tokens off; return 404;", 404),
  returned("200 with server_tokens off", 'server_tokens off; return 200 "";', 200),
  returned("a text with all kinds of quotes", "return 200 'a\"b\\'c\\\\d\\te$';".replace("$'", "'"), 200),
  {
    name: "return: in the server wins over locations",
    server: 'return 200 "server\\n"; location / { return 200 "location\\n"; }',
    send: get("/"),
    status: 200,
  },
  {
    name: "return: the first of two",
    server: 'location / { return 200 "one\\n"; return 200 "two\\n"; }',
    send: get("/"),
    status: 200,
  },
  page(
    "an own location for an intercepted answer",
    `error_page 404 /e; location = / { ${HTTP_1_1} proxy_pass http://{b}; proxy_intercept_errors on; } location = /e { return 200 "page $uri\\n"; }`,
    404,
    {
      backends: { b: httpAnswer("theirs", "X-Theirs: 1\r\n", "404 Not Found") },
    },
  ),
  page(
    "`return` of an error with a page for it",
    'error_page 404 /e; location = / { return 404; } location = /e { return 200 "p\\n"; }',
    404,
  ),
  page(
    "deny with a page that is proxied",
    `error_page 403 /e; location = / { deny all; } location = /e { allow all; ${HTTP_1_1} proxy_pass http://{b}; }`,
    403,
    {
      backends: { b: httpAnswer("a page from behind", "X-Page: 1\r\n") },
    },
  ),
  page(
    "with another status",
    `error_page 403 =200 /e; location = / { deny all; } location = /e { ${HTTP_1_1} proxy_pass http://{b}; }`,
    200,
    {
      backends: { b: httpAnswer("fine") },
    },
  ),
  page(
    "with the page's own status",
    `error_page 403 = /e; location = / { deny all; } location = /e { ${HTTP_1_1} proxy_pass http://{b}; }`,
    201,
    {
      backends: { b: httpAnswer("fine", "", "201 Created") },
    },
  ),
  page(
    "a POST becomes a GET",
    `error_page 403 /e; location = / { deny all; } location = /e { ${HTTP_1_1} proxy_pass http://{b}; }`,
    403,
    {
      backends: { b: httpAnswer("page") },
      send: post("/", "body"),
    },
  ),
  page(
    "a URL",
    "error_page 404 http://b.test/missing; location = / { deny all; error_page 403 http://b.test/no; }",
    302,
  ),
  page("a URL with a status", "location = / { deny all; error_page 403 =301 http://b.test/no; }", 301),
  page(
    "several statuses",
    'error_page 403 404 /e; location = / { deny all; } location = /e { return 200 "x"; }',
    [403, 404],
    {
      server: `error_page 403 404 /e; location = / { deny all; } location /gone { ${HTTP_1_1} proxy_pass http://{b}; proxy_intercept_errors on; }
      location = /e { ${HTTP_1_1} proxy_pass http://{b2}; }`,
      backends: { b: httpAnswer("no", "", "404 Not Found"), b2: httpAnswer("page") },
      send: [get("/"), get("/gone")],
    },
  ),
  page(
    "a named location",
    `error_page 403 @no; location = / { deny all; } location @no { return 200 "named $uri\\n"; }`,
    403,
  ),
  page(
    "a named location that is proxied keeps URI and method",
    `error_page 403 = @no; location / { deny all; } location @no { ${HTTP_1_1} proxy_pass http://{b}; }`,
    200,
    {
      backends: { b: httpAnswer("fallback") },
      send: post("/some?x", "body"),
    },
  ),
  page(
    "502 of a dead backend",
    'error_page 502 /e; location = / { proxy_pass http://{dead}; } location = /e { return 200 "sorry\\n"; }',
    502,
  ),
  page(
    "502 of a dead backend with another status",
    'error_page 502 =503 /e; location = / { proxy_pass http://{dead}; } location = /e { return 200 "sorry\\n"; }',
    503,
  ),
  page(
    "replaced as a whole at a lower level",
    'error_page 403 /e; location = / { deny all; error_page 404 /f; } location = /e { return 200 "x"; }',
    403,
  ),
  page("for a 400 of the head", 'error_page 400 /e; location = /e { return 200 "bad\\n"; }', 400, {
    send: "get / HTTP/1.1\r\n\r\n",
  }),
  page(
    "the page fails too",
    `error_page 403 /e; location = / { deny all; } location = /e { proxy_pass http://{dead}; }`,
    502,
  ),
]

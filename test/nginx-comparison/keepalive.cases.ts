/** Which connections to servers are kept, for whom, and which go first. ngx_http_upstream_keepalive_module. */
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, post } from "./case.ts"

const HTTP_1_1 = 'proxy_http_version 1.1; proxy_set_header Connection "";'

const says = (name: string): BackendScript => httpAnswer(name)
const ABC: Readonly<Record<string, BackendScript>> = { a: says("a"), b: says("b"), c: says("c") }

type Options = Partial<ComparisonCase> & { readonly settings?: string; readonly more?: string }

/** Requests one after the other; the servers' connections are compared one by one. */
function kept(
  name: string,
  upstream: string,
  send: number | readonly string[],
  { settings = "", more = "", ...rest }: Options = {},
): ComparisonCase {
  const requests = typeof send === "number" ? Array.from({ length: send }, (_, i) => get(`/${i}`)) : send
  return {
    name,
    http: `upstream {id} { ${upstream} }`,
    server: `location / { ${HTTP_1_1} proxy_pass http://{id}; ${settings} } ${more}`,
    backends: ABC,
    send: requests,
    status: requests.map(() => 200),
    connections: true,
    ...rest,
  }
}

/** Goes to one server each, by `?to=`. */
const BY_NAME = "hash $arg_to; server {a}; server {b}; server {c};"
const to = (names: string): string[] => names.split("").map((name, i) => get(`/${i}?to=${name}`))

export const keepaliveCases: readonly ComparisonCase[] = [
  // --- how many
  kept("one place, one server", "server {a}; keepalive 1;", 4),
  kept("one place, two servers in turn: none is ever used again", "server {a}; server {b}; keepalive 1;", 6),
  kept("two places, two servers", "server {a}; server {b}; keepalive 2;", 6),
  kept("two places, three servers in turn", "server {a}; server {b}; server {c}; keepalive 2;", 9),
  kept("three places, three servers", "server {a}; server {b}; server {c}; keepalive 3;", 9),
  kept("the least recently used goes first", `${BY_NAME} keepalive 2;`, to("xyxzxyxzzyxxyz")),
  kept("weights", "server {a} weight=3; server {b}; keepalive 1;", 8),
  kept("a backup's connection is kept, too", "server {dead}; server {b} backup; keepalive 2;", 4),

  // --- how many requests
  kept("keepalive_requests 1", "server {a}; keepalive 4; keepalive_requests 1;", 3),
  kept("keepalive_requests 0", "server {a}; keepalive 4; keepalive_requests 0;", 3),
  kept("keepalive_requests 3", "server {a}; keepalive 4; keepalive_requests 3;", 7),
  kept(
    "keepalive_requests counts for each connection",
    "server {a}; server {b}; keepalive 4; keepalive_requests 2;",
    8,
  ),
  kept("keepalive_timeout", "server {a}; keepalive 4; keepalive_timeout 1m;", 3),
  kept("keepalive_time", "server {a}; keepalive 4; keepalive_time 1m;", 3),

  // --- for whom
  kept("locations share", "server {a}; keepalive 4;", [get("/1"), get("/x/2"), get("/3")], {
    more: `location /x/ { ${HTTP_1_1} proxy_pass http://{id}; }`,
  }),
  kept(
    "another group of the same server does not",
    "server {a}; keepalive 4;",
    [get("/1"), get("/x/2"), get("/3")],
    {
      http: "upstream {id} { server {a}; keepalive 4; } upstream {id}.x { server {a}; keepalive 4; }",
      more: `location /x/ { ${HTTP_1_1} proxy_pass http://{id}.x; }`,
    },
  ),
  kept("lines of one server share its connections", "server {a}; server {a}; keepalive 4;", 4),
  kept("without keepalive in HTTP/1.0", "server {a}; keepalive 4;", 3, {
    settings: "proxy_http_version 1.0;",
    server: 'location / { proxy_http_version 1.0; proxy_set_header Connection ""; proxy_pass http://{id}; }',
  }),
  kept("a request that asks for close is answered with it", "server {a}; keepalive 4;", 2, {
    server:
      "location / { proxy_http_version 1.1; proxy_set_header Connection close; proxy_pass http://{id}; }",
  }),

  // --- after which answers
  kept("a chunked answer", "server {a}; keepalive 4;", 3, {
    backends: { a: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
  }),
  kept("an answer until the connection's end", "server {a}; keepalive 4;", 2, {
    backends: { a: { send: "HTTP/1.1 200 OK\r\n\r\nabc", after: "end" } },
  }),
  kept("an error", "server {a} max_fails=0; keepalive 4;", 3, {
    backends: { a: httpAnswer("no", "", "500 Internal Server Error") },
    status: [500, 500, 500],
  }),
  kept(
    "a status for the next server closes the connection",
    "server {a} max_fails=0; server {b}; keepalive 4;",
    4,
    {
      settings: "proxy_next_upstream http_503;",
      backends: { a: httpAnswer("no", "", "503 Service Unavailable"), b: says("b") },
    },
  ),
  kept("an error page of the edge's own", "server {a} max_fails=0; keepalive 4;", 2, {
    settings: "proxy_intercept_errors on; error_page 500 = /own;",
    more: "location = /own { return 200 own; }",
    backends: { a: httpAnswer("no", "", "500 Internal Server Error") },
  }),
  kept("a body", "server {a}; keepalive 4;", [post("/1", "body"), get("/2"), post("/3", "more")]),
  kept("more than the body that was announced", "server {a}; keepalive 4;", 2, {
    backends: { a: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc" },
  }),
  kept("Connection: close", "server {a}; keepalive 4;", 3, {
    backends: { a: httpAnswer("a", "Connection: close\r\n") },
  }),
  kept("Connection: keep-alive, and Keep-Alive", "server {a}; keepalive 4;", 3, {
    backends: { a: httpAnswer("a", "Connection: keep-alive\r\nKeep-Alive: timeout=1, max=1\r\n") },
  }),
  kept("with least_conn", "least_conn; server {a}; server {b}; keepalive 2;", 6),
  kept("with ip_hash", "ip_hash; server {a}; server {b}; keepalive 2;", 4),
  kept(
    "max_conns does not count connections that are only kept",
    "zone {id} 64k; server {a} max_conns=1; keepalive 4;",
    4,
  ),
  kept(
    "max_conns with two servers",
    "zone {id} 64k; server {a} max_conns=1; server {b} max_conns=1; keepalive 1;",
    6,
  ),
]

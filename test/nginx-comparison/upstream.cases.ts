import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

const says = (name: string): BackendScript => httpAnswer(name)
const ABC: Readonly<Record<string, BackendScript>> = { a: says("a"), b: says("b"), c: says("c") }

/** Several requests to one upstream; which backend answers is what counts. */
function balanced(
  name: string,
  upstream: string,
  send: number | readonly string[] | ClientScript,
  more: Partial<ComparisonCase> & { settings?: string } = {},
): ComparisonCase {
  const requests =
    typeof send === "number" ? Array.from({ length: send }, (_, index) => get(`/${index}`)) : send
  const status = typeof requests === "function" ? [] : requests.map(() => 200)
  const { settings = "", ...rest } = more
  return {
    name,
    http: `upstream {id} { ${upstream} }`,
    server: `error_log {prefix}/logs/{id}.err error; location / { ${HTTP_1_1} proxy_pass http://{id}; ${settings} }`,
    backends: ABC,
    send: requests,
    status,
    ...rest,
  }
}

/** A request from each of the addresses, each on a connection of its own. */
function from(addresses: readonly string[]): ClientScript {
  return async (wire) => {
    for (const address of addresses) {
      await wire.connect({ from: address })
      await wire.exchange(get("/"))
    }
  }
}

const ADDRESSES = [
  "127.0.0.1",
  "127.0.0.99",
  "127.0.1.1",
  "127.1.1.1",
  "127.2.3.4",
  "127.9.8.7",
  "127.77.66.55",
  "127.200.100.1",
]
const ALL_OK = ADDRESSES.map(() => 200)

const fails = (status: string): BackendScript => httpAnswer(status, "", status)

export const upstreamCases: readonly ComparisonCase[] = [
  balanced("round-robin", "server {a}; server {b}; server {c};", 7),
  balanced("weights are spread smoothly", "server {a} weight=5; server {b}; server {c};", 14),
  balanced("weights of two to three", "server {a} weight=2; server {b} weight=3;", 10),
  balanced("down", "server {a}; server {b} down; server {c};", 4),
  balanced("backup is left out while others live", "server {a}; server {b} backup;", 3),
  balanced("backup takes over", "server {dead}; server {b} backup; server {c} backup;", 4),
  balanced("ip_hash", "ip_hash; server {a}; server {b}; server {c};", from(ADDRESSES), { status: ALL_OK }),
  balanced(
    "ip_hash with weights",
    "ip_hash; server {a} weight=3; server {b}; server {c} weight=2;",
    from(ADDRESSES),
    { status: ALL_OK },
  ),
  balanced("ip_hash with one down", "ip_hash; server {a}; server {b} down; server {c};", from(ADDRESSES), {
    status: ALL_OK,
  }),
  balanced("ip_hash with two", "ip_hash; server {a}; server {b};", from(ADDRESSES), { status: ALL_OK }),
  balanced("ip_hash with one dead", "ip_hash; server {a}; server {dead}; server {c};", from(ADDRESSES), {
    status: ALL_OK,
    server: `location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
  }),
  balanced("ip_hash over a connection that is kept", "ip_hash; server {a}; server {b}; server {c};", 4),
  balanced(
    "ip_hash and IPv6",
    "ip_hash; server {a}; server {b}; server {c};",
    async (wire) => {
      for (let count = 0; count < 3; count++) {
        await wire.connect({ host: "::1" })
        await wire.exchange(get("/"))
      }
    },
    {
      servers: `server { listen [::1]:{port}; location / { ${HTTP_1_1} proxy_pass http://{id}; } }`,
      status: [200, 200, 200],
    },
  ),
  balanced("a dead one is passed over", "server {dead}; server {b};", 4),
  balanced("all are dead", "server {dead}; server {dead};", 2, {
    status: [502, 502],
    server: `location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
  }),
  balanced("one alone is never marked", "server {dead};", 3, { status: [502, 502, 502] }),
  balanced("no live upstreams", "server {dead} down;", 1, { status: [502] }),
  balanced("max_fails=0 tries each time", "server {dead} max_fails=0; server {b};", 4),
  balanced("max_fails=2", "server {dead} max_fails=2; server {b};", 6),
  balanced("the next after a closed connection", "server {a}; server {b};", 2, {
    backends: { a: { after: "end" }, b: says("b") },
  }),
  balanced("the next after a reset", "server {a}; server {b};", 2, {
    backends: { a: { after: "reset" }, b: says("b") },
  }),
  balanced("the next after a time-out", "server {a}; server {b};", 1, {
    backends: { a: { on: "request" }, b: says("b") },
    settings: "proxy_read_timeout 200ms;",
  }),
  balanced("no next after an answer with 500", "server {a}; server {b};", 2, {
    backends: { a: fails("500 Internal Server Error"), b: says("b") },
    status: [500, 200],
  }),
  balanced("the next after 500 where asked for", "server {a}; server {b};", 2, {
    backends: { a: fails("500 Internal Server Error"), b: says("b") },
    settings: "proxy_next_upstream http_500;",
  }),
  balanced("all with 503: the last one's answer", "server {a}; server {b};", 2, {
    backends: { a: fails("503 A"), b: fails("503 B") },
    settings: "proxy_next_upstream http_503;",
    status: [503, 502],
  }),
  balanced("404 as a reason does not mark", "server {a}; server {b};", 3, {
    backends: { a: fails("404 Not Found"), b: says("b") },
    settings: "proxy_next_upstream http_404;",
  }),
  balanced("the next after an invalid head", "server {a}; server {b};", 1, {
    backends: { a: "HTTP/1.1 200 OK\r\nbad header: 1\r\n\r\n", b: says("b") },
    settings: "proxy_next_upstream invalid_header;",
  }),
  balanced("off", "server {a}; server {b};", 2, {
    backends: { a: { after: "end" }, b: says("b") },
    settings: "proxy_next_upstream off;",
    status: [502, 200],
  }),
  balanced(
    "proxy_next_upstream_tries",
    "server {dead} max_fails=0; server {dead} max_fails=0; server {c};",
    1,
    { settings: "proxy_next_upstream_tries 2;", status: [502] },
  ),
  balanced("a POST that was sent is not sent again", "server {a}; server {b};", [post("/", "body")], {
    backends: { a: { after: "end" }, b: says("b") },
    status: [502],
  }),
  balanced(
    "a POST that was sent is sent again where allowed",
    "server {a}; server {b};",
    [post("/", "body")],
    {
      backends: { a: { after: "end" }, b: says("b") },
      settings: "proxy_next_upstream error non_idempotent;",
    },
  ),
  balanced("a POST to a dead one goes on to the next", "server {dead}; server {b};", [post("/", "body")]),
  balanced(
    "a PUT that was sent is sent again",
    "server {a}; server {b};",
    ["PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"],
    { backends: { a: { after: "end" }, b: says("b") } },
  ),
  balanced(
    "a PATCH that was sent is not",
    "server {a}; server {b};",
    ["PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"],
    { backends: { a: { after: "end" }, b: says("b") }, status: [502] },
  ),
  balanced(
    "no next once a part of the answer is out",
    "server {a}; server {b};",
    async (wire) => wire.exchangeCutOff(get("/")),
    {
      backends: {
        a: { send: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", after: "end" },
        b: says("b"),
      },
    },
  ),
  balanced("connections are kept", "server {a}; keepalive 4;", 3, { connections: true }),
  balanced("connections are kept, one for each backend", "server {a}; server {b}; keepalive 4;", 6, {
    connections: true,
  }),
  balanced("a kept connection serves so many requests", "server {a}; keepalive 4; keepalive_requests 2;", 5, {
    connections: true,
  }),
  balanced("an answer with close ends a kept connection", "server {a}; keepalive 4;", 3, {
    backends: { a: httpAnswer("a", "Connection: close\r\n") },
    connections: true,
  }),
  balanced("an answer in HTTP/1.0 is not kept", "server {a}; keepalive 4;", 2, {
    backends: { a: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na" },
    connections: true,
  }),
  balanced("an answer in HTTP/1.0 with keep-alive is not kept either", "server {a}; keepalive 4;", 2, {
    backends: { a: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na" },
    connections: true,
  }),
  balanced(
    "HEAD, 204 and 304 leave the connection usable",
    "server {a}; keepalive 4;",
    ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", get("/204"), get("/304"), get("/")],
    {
      backends: {
        a: ({ method, target }) =>
          method === "HEAD"
            ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            : target === "/"
              ? httpAnswer("a")
              : `HTTP/1.1 ${target.slice(1)} X\r\n\r\n`,
      },
      status: [200, 204, 304, 200],
      connections: true,
    },
  ),
  balanced(
    "a kept connection that the backend has closed",
    "server {a}; keepalive 4;",
    async (wire) => {
      await wire.exchange(get("/0"))
      await wire.exchange(get("/1"))
    },
    { backends: { a: { send: httpAnswer("a"), after: "end" } }, status: [200, 200] },
  ),
  {
    name: "a backend on a unix socket",
    http: "upstream {id} { server unix:{prefix}/{id}.none; server {a}; }",
    server: `location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
    backends: { a: says("a") },
    send: get("/"),
    status: 200,
  },
  {
    name: "proxy_pass to a unix socket that is not there",
    server: `error_log {prefix}/logs/{id}.err error; location / { ${HTTP_1_1} proxy_pass http://unix:{prefix}/{id}.none:/uri/; }`,
    send: get("/x"),
    status: 502,
  },
  {
    name: "a dead backend in the error log",
    server: `error_log {prefix}/logs/{id}.err error; server_name n.test; location / { proxy_pass http://{dead}; }`,
    send: get("/x?y"),
    status: 502,
  },
]

import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

/** Rules of allow and deny, met by several client addresses. */
function guarded(
  name: string,
  rules: string,
  from: readonly string[],
  status: readonly number[],
): ComparisonCase {
  const send: ClientScript = async (wire) => {
    for (const address of from) {
      await wire.connect({ from: address })
      await wire.exchange(get("/"))
    }
  }
  return {
    name: `access: ${name}`,
    server: `location / { ${rules} ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("in") },
    send,
    status,
  }
}

function added(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `add_header: ${name}`, server, send, status, ...more }
}

const FOUR = ["127.0.0.1", "127.0.0.2", "127.0.1.1", "127.9.9.9"]

export const accessAndHeadersCases: readonly ComparisonCase[] = [
  guarded("deny all", "deny all;", FOUR.slice(0, 1), [403]),
  guarded("one address allowed", "allow 127.0.0.1; deny all;", FOUR, [200, 403, 403, 403]),
  guarded("a network", "allow 127.0.0.0/24; deny all;", FOUR, [200, 200, 403, 403]),
  guarded("a network with host bits", "allow 127.0.1.77/16; deny all;", FOUR, [200, 200, 200, 403]),
  guarded(
    "the first match decides",
    "deny 127.0.0.2; allow 127.0.0.0/8; deny 127.9.9.9;",
    FOUR,
    [200, 403, 200, 200],
  ),
  guarded("no match lets in", "deny 127.0.0.2;", FOUR, [200, 403, 200, 200]),
  guarded("allow all before deny all", "allow all; deny all;", FOUR.slice(0, 1), [200]),
  guarded("/0 and /32", "deny 127.0.0.2/32; allow 0.0.0.0/0; deny all;", FOUR.slice(0, 2), [200, 403]),
  guarded(
    "IPv6 rules do not match IPv4",
    "deny ::/0; allow 127.0.0.1; deny all;",
    FOUR.slice(0, 2),
    [200, 403],
  ),
  {
    name: "access: IPv6",
    servers: `server { listen [::1]:{port}; location / { allow ::1; deny all; ${HTTP_1_1} proxy_pass http://{b}; }
      location /net { allow ::/64; deny all; return 200 "x"; } location /no { deny ::1/128; ${HTTP_1_1} proxy_pass http://{b}; } }`,
    backends: { b: httpAnswer("in") },
    send: async (wire) => {
      for (const target of ["/", "/net", "/no"]) {
        await wire.connect({ host: "::1" })
        await wire.exchange(get(target))
      }
    },
    status: [200, 200, 403],
  },
  {
    name: "access: unix",
    servers: `server { listen unix:{prefix}/{id}.sock; location / { allow unix:; deny all; ${HTTP_1_1} proxy_pass http://{b}; }
      location /no { deny unix:; ${HTTP_1_1} proxy_pass http://{b}; } location /ip { allow 127.0.0.1; deny all; ${HTTP_1_1} proxy_pass http://{b}; } }`,
    backends: { b: httpAnswer("in") },
    send: async (wire) => {
      for (const target of ["/", "/no", "/ip"]) {
        await wire.connect({ path: "{id}.sock" })
        await wire.exchange(get(target))
      }
    },
    status: [200, 403, 403],
  },
  {
    name: "access: rules of the server are inherited, and replaced as a whole",
    server: `deny all; location / { ${HTTP_1_1} proxy_pass http://{b}; } location /own { allow 127.0.0.1; ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("in") },
    send: [get("/"), get("/own")],
    status: [403, 200],
  },
  {
    name: "access: return comes before the rules",
    server: 'location / { deny all; return 200 "returned\\n"; }',
    send: get("/"),
    status: 200,
  },
  {
    name: "access: the error log",
    server: "error_log {prefix}/logs/{id}.err error; server_name s.test; location / { deny all; }",
    send: get("/x"),
    status: 403,
  },
  added(
    "on answers of the edge itself",
    'location / { add_header X-One 1; add_header X-Two "$request_method $uri"; return 200 "x"; }',
    get("/a"),
    200,
  ),
  added(
    "on proxied answers, beside the backend's own",
    `location / { add_header X-One edge; ${HTTP_1_1} proxy_pass http://{b}; }`,
    get("/"),
    200,
    { backends: { b: httpAnswer("x", "X-One: backend\r\n") } },
  ),
  added("not on errors", "location / { add_header X-One 1; return 404; }", get("/"), 404),
  added("always", "location / { add_header X-One 1 always; return 404; }", get("/"), 404),
  ...[200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 500, 503].map((status) =>
    added(
      `status ${status}`,
      `location / { add_header X-Some 1; add_header X-Always 2 always; ${HTTP_1_1} proxy_pass http://{b}; }`,
      get("/"),
      status,
      {
        backends: {
          b:
            status === 204 || status === 304
              ? `HTTP/1.1 ${status} X\r\n\r\n`
              : httpAnswer("x", "", `${status} X`),
        },
      },
    ),
  ),
  added(
    "inherited from the server",
    'add_header X-Level server; location / { return 200 "x"; }',
    get("/"),
    200,
  ),
  added(
    "replaced as a whole by the location's",
    'add_header X-Level server; add_header X-Other 1; location / { add_header X-Own 1; return 200 "x"; }',
    get("/"),
    200,
  ),
  added(
    "inherited into nested locations",
    'add_header X-Level server; location /a { add_header X-A 1; location /a/b { return 200 "x"; } }',
    get("/a/b"),
    200,
  ),
  added(
    "an empty value",
    'location / { add_header X-Empty ""; add_header X-None $arg_none; add_header X-Some 1; return 200 "x"; }',
    get("/"),
    200,
  ),
  added(
    "the same twice",
    'location / { add_header X-A 1; add_header X-A 2; return 200 "x"; }',
    get("/"),
    200,
  ),
  added(
    "HSTS on every status",
    'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always; location / { return 200 "x"; } location /n { return 404; } location /r { return 301 /; } location /u { proxy_pass http://{dead}; }',
    [get("/"), get("/n"), get("/r"), get("/u")],
    [200, 404, 301, 502],
  ),
  added(
    "not on a 400 of the request line, but always ones are",
    'add_header X-Some 1; add_header X-Always 1 always; location / { return 200 "x"; }',
    "nonsense\r\n\r\n",
    400,
  ),
  added(
    "variables of the upstream",
    `location / { add_header X-Up "$upstream_status $upstream_addr $upstream_http_x_b" always; ${HTTP_1_1} proxy_pass http://{b}; }`,
    get("/"),
    200,
    { backends: { b: httpAnswer("x", "X-B: 7\r\n") } },
  ),
  added(
    "on an error page's own location",
    'error_page 404 /e; location / { add_header X-First 1 always; return 404; } location = /e { add_header X-Page 1 always; return 200 "p"; }',
    get("/"),
    404,
  ),
  added(
    "Cache-Control and Last-Modified",
    'location / { add_header Cache-Control no-store; add_header Last-Modified "Thu, 01 Jan 1970 00:00:00 GMT"; return 200 "x"; }',
    get("/"),
    200,
  ),
  {
    name: "stub_status",
    server: "location /status { stub_status; }",
    send: async (wire) => {
      await wire.send(get("/status"))
      const response = await (await wire.client()).readResponse()
      wire.note(`${response.status} ${response.headers.find(([name]) => name === "Content-Type")?.[1]}`)
      wire.note(response.body.replaceAll(/\d+/g, "N"))
    },
    status: [],
  },
  {
    name: "stub_status refuses other methods than GET and HEAD",
    server: "location /status { stub_status; }",
    send: [
      "POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      "DELETE /status HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    status: [405, 405],
  },
  {
    name: "stub_status behind allow and deny",
    server: "location /status { stub_status; allow 127.0.0.2; deny all; }",
    send: get("/status"),
    status: 403,
  },
  {
    name: "server_tokens off",
    server:
      'server_tokens off; location / { return 200 "x"; } location /e { return 500; } location /on { server_tokens on; return 404; }',
    send: [get("/"), get("/on"), get("/e")],
    status: [200, 404, 500],
  },
]

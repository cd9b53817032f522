import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

/** Which of the requests with these arguments fulfil a condition, in a location and in the server. */
function asked(
  name: string,
  condition: string,
  expected: Readonly<Record<string, boolean>>,
): ComparisonCase[] {
  const send = Object.keys(expected).map((query) => get(`/${query}`))
  const status = Object.values(expected).map((holds) => (holds ? 200 : 404))
  const body = `if (${condition}) { return 200 "yes\\n"; }`
  return [
    { name: `if: ${name}`, server: `location / { ${body} return 404; }`, send, status },
    { name: `if: ${name}, in the server`, server: `${body} location / { return 404; }`, send, status },
  ]
}

function inLocation(
  name: string,
  server: string,
  status: number | readonly number[],
  send: ComparisonCase["send"] = get("/"),
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `if in location: ${name}`, server, send, status, ...more }
}

/** With backends `a` and `b`, each of which says who it is. */
function proxied(
  name: string,
  server: string,
  status: number | readonly number[],
  send?: ComparisonCase["send"],
): ComparisonCase {
  return inLocation(name, `${HTTP_1_1} ${server}`, status, send, {
    backends: { a: httpAnswer("backend a"), b: httpAnswer("backend b") },
  })
}

/** Without a version it is none of RFC 6455: the bytes that follow are no frames. */
const HANDSHAKE_FIELDS =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

const ROOT = "{prefix}/files/{id}"

/** -f and the like over paths of one folder. */
function files(operator: string, expected: Readonly<Record<string, boolean>>): ComparisonCase {
  return {
    name: `if: ${operator}`,
    server: `location / { if (${operator} ${ROOT}$uri) { return 200 "yes\\n"; } return 404; }`,
    files: { "files/{id}/file": "x", "files/{id}/folder/inner": "y" },
    send: Object.keys(expected).map((path) => get(path)),
    status: Object.values(expected).map((holds) => (holds ? 200 : 404)),
  }
}

const PATHS = ["/file", "/folder", "/folder/", "/none", "/file/none"]

function answers(...values: readonly boolean[]): Readonly<Record<string, boolean>> {
  return Object.fromEntries(PATHS.map((path, index) => [path, values[index] === true]))
}

export const ifCases: readonly ComparisonCase[] = [
  ...asked("a variable", "$arg_x", { "?x=1": true, "?x=0": false, "?x=": false, "?y": false, "?x=00": true }),
  ...asked("a variable with blanks around", " $arg_x ", { "?x=1": true, "?x=0": false }),
  ...asked("=", "$arg_x = y", { "?x=y": true, "?x=Y": false, "?x=yy": false, "": false }),
  ...asked("= with nothing", '$arg_x = ""', { "?x=y": false, "?x=": true, "": true }),
  ...asked("= with quotes", '$arg_x = "a b"', { "?x=a%20b": false, "?x=ab": false }),
  ...asked("= with a variable", "$arg_x = $arg_y", { "?x=1&y=1": true, "?x=1&y=2": false, "": true }),
  ...asked("!=", "$arg_x != y", { "?x=y": false, "?x=z": true, "": true }),
  ...asked("~", "$arg_x ~ ^a.c$", { "?x=abc": true, "?x=ABC": false, "?x=abcd": false }),
  ...asked("~*", "$arg_x ~* ^a.c$", { "?x=abc": true, "?x=ABC": true, "?x=abcd": false }),
  ...asked("!~", "$arg_x !~ b", { "?x=abc": false, "?x=ABC": true, "": true }),
  ...asked("!~*", "$arg_x !~* b", { "?x=abc": false, "?x=ABC": false, "": true }),
  ...asked("a quoted expression with groups", '$arg_x ~* "(a|b)"', { "?x=A": true, "?x=c": false }),
  ...asked("an expression that ends with a parenthesis", "$arg_x ~ (a|b)", { "?x=a": true, "?x=c": false }),
  ...asked("the method", "$request_method != GET", { "": false }),
  files("-f", answers(true, false, false, false, false)),
  files("!-f", answers(false, true, true, true, true)),
  files("-d", answers(false, true, true, false, false)),
  files("!-d", answers(true, false, false, true, true)),
  files("-e", answers(true, true, true, false, false)),
  files("!-e", answers(false, false, false, true, true)),
  files("-x", answers(false, true, true, false, false)),
  files("!-x", answers(true, false, false, true, true)),
  {
    name: "if: -f of a text without variables",
    server: `location / { if (-f ${ROOT}/file) { return 200 "yes\\n"; } return 404; }`,
    files: { "files/{id}/file": "x" },
    send: get("/"),
    status: 200,
  },

  inLocation(
    "captures of the condition",
    'location / { if ($uri ~ ^/(.)(.*)$) { return 200 "$2$1\\n"; } }',
    200,
    get("/abc"),
  ),
  inLocation(
    "captures are gone after a condition that does not match",
    'location ~ ^/(.*)$ { if ($uri ~ ^/no(.*)) { return 403; } return 200 "[$1]\\n"; }',
    200,
    get("/abc"),
  ),
  inLocation(
    "named groups",
    'location / { if ($arg_x ~ ^(?<first>.)(?<rest>.*)$) { return 200 "$rest$first\\n"; } return 200 "[$first]\\n"; }',
    [200, 200],
    [get("/?x=abc"), get("/")],
  ),
  inLocation(
    "the classic of several conditions",
    'location / { set $t ""; if ($arg_a) { set $t A; } if ($arg_b) { set $t "$' +
      '{t}B"; } if ($t = AB) { return 200 "both\\n"; } return 200 "[$t]\\n"; }',
    [200, 200, 200],
    [get("/?a=1&b=1"), get("/?a=1"), get("/?b=1")],
  ),
  inLocation(
    "add_header inside",
    'location / { if ($arg_x) { add_header X-If yes; } add_header X-Out yes; return 200 "x"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "the last one that holds counts",
    'location / { add_header X-Out yes; if ($arg_a) { add_header X-A yes; } if ($arg_b) { add_header X-B yes; } return 200 "x"; }',
    [200, 200, 200],
    [get("/?a=1"), get("/?a=1&b=1"), get("/?b=1")],
  ),
  inLocation(
    "a block without anything inherits",
    'location / { add_header X-Out yes; if ($arg_a) { } return 200 "x"; }',
    [200],
    [get("/?a=1")],
  ),
  inLocation(
    "an empty block after another replaces it",
    'location / { add_header X-Out yes; if ($arg_a) { add_header X-A yes; } if ($arg_a) { set $x y; } return 200 "x"; }',
    200,
    get("/?a=1"),
  ),
  inLocation(
    "error_page inside",
    'location / { error_page 403 /out; if ($arg_x) { error_page 403 /in; } deny all; } location /in { return 200 "in\\n"; } location /out { return 200 "out\\n"; }',
    [403, 403],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "error_page inside, for a return inside",
    'location / { if ($arg_x) { error_page 404 =200 /in; return 404; } return 404; } location /in { return 200 "in\\n"; }',
    [404, 200],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "deny is inherited",
    "location / { deny all; if ($arg_x) { add_header X-If yes always; } }",
    [403, 403],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "rewrite inside, last",
    'location / { if ($arg_x) { rewrite ^ /n last; } return 200 "out\\n"; } location /n { return 200 "n $args\\n"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "rewrite inside without a flag goes on outside",
    'location / { if ($arg_x) { rewrite ^ /n; } set $v "$uri"; } location /n { return 200 "n $v\\n"; }',
    200,
    get("/?x=1"),
  ),
  inLocation(
    "rewrite inside, redirect",
    "location / { if ($arg_x) { rewrite ^ /n redirect; } return 404; }",
    302,
    get("/?x=1"),
  ),
  inLocation(
    "break inside ends the outer directives too",
    'location / { if ($arg_x) { break; } return 200 "x"; }',
    [200, 404],
    [get("/"), get("/?x=1")],
  ),
  inLocation(
    "in a regular expression's location",
    'location ~ ^/r/(.*) { if ($arg_x) { add_header X-If $1; } return 200 "$1\\n"; }',
    [200, 200],
    [get("/r/one"), get("/r/one?x=1")],
  ),
  inLocation(
    "access_log inside",
    'access_log off; location / { if ($arg_x) { access_log {prefix}/logs/{id}.log {id}; } return 200 "x"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
    { http: "log_format {id} '$uri $args';", probe: false },
  ),
  inLocation(
    "access_log off inside",
    'access_log {prefix}/logs/{id}.log {id}; location / { if ($arg_x) { access_log off; } return 200 "x"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
    { http: "log_format {id} '$uri $args';", probe: false },
  ),

  proxied(
    "a proxy around is inherited",
    "location /p/ { proxy_pass http://{a}/x/; if ($arg_x) { add_header X-If yes; } }",
    [200, 200],
    [get("/p/u%20v"), get("/p/u%20v?x=1")],
  ),
  proxied(
    "proxy_pass inside",
    "location / { if ($arg_x) { proxy_pass http://{b}; } proxy_pass http://{a}; }",
    [200, 200],
    [get("/u%20v"), get("/u%20v?x=1")],
  ),
  proxied(
    "proxy_pass inside only",
    'location / { if ($arg_x) { proxy_pass http://{b}; } return 200 "out\\n"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  proxied(
    "proxy_pass inside, and break",
    'location / { if ($arg_x) { proxy_pass http://{b}; break; } return 200 "out\\n"; }',
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  proxied(
    "proxy_pass inside two: the last wins",
    "location / { if ($arg_x) { proxy_pass http://{a}; } if ($arg_y) { proxy_pass http://{b}; } }",
    [200, 200, 200],
    [get("/?x=1"), get("/?y=1"), get("/?x=1&y=1")],
  ),
  proxied(
    "an empty block after one with proxy_pass: the outer proxy",
    "location / { proxy_pass http://{a}; if ($arg_x) { proxy_pass http://{b}; } if ($arg_x) { set $v y; } }",
    200,
    get("/?x=1"),
  ),
  proxied(
    "proxy_set_header is inherited",
    "location / { proxy_set_header Connection ''; proxy_set_header X-Out $arg_x; if ($arg_x) { proxy_pass http://{b}; } proxy_pass http://{a}; }",
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  proxied(
    "proxy_pass with a variable inside",
    "location / { set $to {b}; if ($arg_x) { proxy_pass http://$to; } proxy_pass http://{a}; }",
    200,
    get("/u?x=1"),
  ),
  proxied(
    "proxy_pass inside after a rewrite",
    "location / { rewrite ^/u /v break; if ($arg_x) { proxy_pass http://{b}; } proxy_pass http://{a}; }",
    200,
    get("/u?x=1"),
  ),
  proxied(
    "proxy_pass inside after a rewrite in it",
    "location / { if ($arg_x) { rewrite ^/u /v break; proxy_pass http://{b}; } proxy_pass http://{a}; }",
    [200, 200],
    [get("/u?x=1"), get("/u")],
  ),
  proxied(
    "add_header inside, the answer is proxied",
    "location / { add_header X-Out yes; proxy_pass http://{a}; if ($arg_x) { add_header X-If $arg_x; } }",
    [200, 200],
    [get("/"), get("/?x=1")],
  ),
  proxied(
    "an intercepted error inside",
    'proxy_intercept_errors on; location / { proxy_pass http://{dead}; error_page 502 /out; if ($arg_x) { error_page 502 =200 /in; } } location /in { return 200 "in\\n"; } location /out { return 200 "out\\n"; }',
    [502, 200],
    [get("/"), get("/?x=1")],
  ),
  {
    name: "if in location: a WebSocket's handshake goes to a proxy of its own",
    http: 'log_format {id} "$uri $route $status";',
    server: `access_log {prefix}/logs/{id}.log {id}; location / { rewrite ^/old/(.*)$ /ws/$1; set $route page;
      if ($http_upgrade ~* ^websocket$) { set $route socket; proxy_pass http://{a}; }
      proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_pass http://{b}; }`,
    backends: { a: { send: SWITCH, after: "echo" }, b: httpAnswer("page") },
    send: async (wire) => {
      await wire.exchange(get("/old/x?q=1", HANDSHAKE_FIELDS))
      await wire.send("hello")
      await wire.bytes(5)
      ;(await wire.client()).halfClose()
      await wire.toEnd()
    },
    status: 101,
  },
  {
    name: "if in server: several, and their order",
    server:
      'set $v a; if ($arg_x) { set $v b; } if ($v = b) { set $w "$v!"; } location / { return 200 "$v $w\\n"; }',
    send: get("/?x=1"),
    status: 200,
  },
  {
    name: "if in server: by host",
    server:
      "server_name _; if ($host != w.test) { return 301 http://w.test$request_uri; } location / { return 200 'w'; }",
    send: [get("/a?b"), "GET /a HTTP/1.1\r\nHost: w.test\r\n\r\n"],
    status: [301, 200],
  },
  {
    name: "if in server: rewrite inside",
    server:
      'if ($http_x ~ mobile) { rewrite ^/(.*)$ /m/$1 break; } location /m/ { return 200 "m $uri\\n"; } location / { return 200 "$uri\\n"; }',
    send: [get("/a", "X: mobile\r\n"), get("/a")],
    status: [200, 200],
  },
  {
    name: "if in server: cookies",
    server: 'if ($http_cookie ~* "id=([^;]+)(?:;|$)") { set $id $1; } location / { return 200 "[$id]\\n"; }',
    send: [get("/", "Cookie: a=b; id=77; c=d\r\n"), get("/")],
    status: [200, 200],
  },
]

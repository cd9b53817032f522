import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { Wire } from "./client-script.ts"

const KEY = "dGhlIHNhbXBsZSBub25jZQ=="
const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
const HANDSHAKE = get(
  "/ws/?k=key&q=%22",
  `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\nX-Quote: a"b\r\n`,
)
const ECHO: BackendScript = { send: SWITCH, after: "echo" }

/** A line of `format` for each request; `{log}` in `server` is the access_log. */
function logged(
  name: string,
  http: string,
  format: string,
  targets: readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `map in a log: ${name}`,
    http: `${http} log_format {id} '${format}';`,
    server: `access_log {prefix}/logs/{id}.log {id}; location / { return 200 "body\\n"; } location /no { return 404; }`,
    send: targets.map((target) => get(target)),
    status: targets.map((target) => (target.startsWith("/no") ? 404 : 200)),
    probe: false,
    ...more,
  }
}

/** The line of a tunnel through which five bytes and then four more went. */
function tunnelled(
  name: string,
  http: string,
  format: string,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `map in a tunnel's log: ${name}`,
    http: `${http} log_format {id} '${format}';`,
    server: `access_log {prefix}/logs/{id}.log {id};
      location ~ ^/(ws)/ { proxy_pass http://{b}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`,
    backends: { b: ECHO },
    send: async (wire: Wire) => {
      await wire.exchange(HANDSHAKE)
      await wire.send("hello")
      await wire.bytes(5)
      await wire.send("more")
      await wire.bytes(4)
      ;(await wire.client()).halfClose()
      await wire.toEnd()
    },
    status: 101,
    ...more,
  }
}

const CONDITION = "access_log {prefix}/logs/{id}.log {id} if=$m{id};"

export const mapLogCases: readonly ComparisonCase[] = [
  logged("by the status", "map $status $m{id} { ~^[23] good; default bad; }", "$status $m{id}", ["/", "/no"]),
  logged("an empty value", "map $arg_k $m{id} { a 1; }", "[$m{id}]", ["/?k=a", "/"]),
  logged("a value that has to be escaped", 'map $arg_k $m{id} { "~(.)" "a\\"b\\\\$1"; }', "$m{id}", [
    "/?k=x",
  ]),
  logged("by what was sent", "map $body_bytes_sent $m{id} { 5 five; default other; }", "$m{id}", [
    "/",
    "/no",
  ]),
  logged(
    "by a field of the answer",
    "map $sent_http_content_type $m{id} { ~^text text; default none; }",
    "$m{id}",
    ["/", "/no"],
  ),
  logged("by completion", "map $request_completion $m{id} { OK whole; default part; }", "$m{id}", ["/"]),
  logged(
    "which requests are logged",
    "map $status $m{id} { ~^[23] 0; default 1; }",
    "$status $uri",
    ["/", "/no", "/2"],
    {
      server: `${CONDITION} location / { return 200 "body\\n"; } location /no { return 404; }`,
    },
  ),
  logged(
    "health checks are left out",
    "map $http_user_agent $m{id} { ~*kube-probe 0; '' 0; default 1; }",
    "$uri",
    [],
    {
      server: `${CONDITION} location / { return 200 "body\\n"; }`,
      send: [
        get("/1", "User-Agent: kube-probe/1.2\r\n"),
        get("/2"),
        get("/3", "User-Agent: Kube-Probe\r\n"),
        get("/4", "User-Agent: curl\r\n"),
      ],
      status: [200, 200, 200, 200],
    },
  ),
  logged(
    "a backend's answer",
    "map $upstream_status $m{id} { 200 fine; default odd; } map $upstream_http_x_back $n{id} { ~b(.) $1; }",
    "$m{id} $n{id}",
    ["/"],
    {
      server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
      backends: { b: httpAnswer("answer", "X-Back: b1\r\n") },
    },
  ),
  tunnelled(
    "by what is known at its beginning",
    "map $status:$arg_k $m{id} { 101:key yes; default no; }",
    "$m{id}",
  ),
  tunnelled(
    "by what is known at its end",
    "map $body_bytes_sent $m{id} { 9 nine; 0 nothing; default other; }",
    "$m{id} $body_bytes_sent",
  ),
  tunnelled(
    "a key of both",
    'map "$arg_k/$body_bytes_sent" $m{id} { key/9 yes; default no; }',
    "$m{id} $uri",
  ),
  tunnelled("no key matches", "map $body_bytes_sent $m{id} { 0 nothing; }", "[$m{id}]"),
  tunnelled(
    "default with variables",
    'map $body_bytes_sent $m{id} { 0 nothing; default "$arg_k $1"; }',
    "$m{id}",
  ),
  tunnelled(
    "a regular expression and its captures",
    'map "$uri $body_bytes_sent" $m{id} { "~^/(\\w+)/ (?<count{id}>\\d)$" "$1 $count{id} $arg_k"; default no; }',
    "$m{id}",
  ),
  tunnelled(
    "a value with the location's captures",
    'map $body_bytes_sent $m{id} { 9 "<$1>"; default no; }',
    "$m{id}",
  ),
  tunnelled(
    "a value that is known at the end",
    'map $arg_k $m{id} { key "$body_bytes_sent bytes"; default no; }',
    "$m{id}",
  ),
  tunnelled(
    "maps of maps",
    'map $a{id} $b{id} { many "lots of $upstream_bytes_received"; default few; } map $body_bytes_sent $a{id} { ~^\\d$ many; default none; }',
    "$a{id} $b{id}",
  ),
  tunnelled("escaped values", 'map $body_bytes_sent $m{id} { ~. "$http_x_quote"; }', "$m{id}"),
  tunnelled("volatile", "map $body_bytes_sent $m{id} { volatile; 9 nine; default other; }", "$m{id}"),
  tunnelled(
    "an earlier value is kept",
    "map $body_bytes_sent $m{id} { 9 nine; 0 nothing; default other; }",
    "$m{id}",
    {
      server: `access_log {prefix}/logs/{id}.log {id};
        location / { proxy_pass http://{b}; proxy_http_version 1.1; proxy_set_header X-Map $m{id};
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`,
    },
  ),
  tunnelled(
    "logged by a condition of its end",
    "map $body_bytes_sent $m{id} { 9 1; default 0; }",
    "$body_bytes_sent",
    {
      server: `access_log {prefix}/logs/{id}.log {id} if=$m{id};
      location / { proxy_pass http://{b}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`,
    },
  ),
  tunnelled(
    "not logged by a condition of its end",
    "map $body_bytes_sent $m{id} { 9 0; default 1; }",
    "$body_bytes_sent",
    {
      server: `access_log {prefix}/logs/{id}.log {id} if=$m{id};
        location / { proxy_pass http://{b}; proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`,
    },
  ),
  tunnelled(
    "split_clients",
    'split_clients "$arg_k$body_bytes_sent" $m{id} { 30% a; 30% b; * c; }',
    "$m{id}",
  ),
  tunnelled(
    "geo of another variable",
    'map $body_bytes_sent $a{id} { 9 10.0.0.1; default ""; } geo $a{id} $m{id} { 10.0.0.0/8 ten; default none; }',
    "$m{id}",
  ),
]

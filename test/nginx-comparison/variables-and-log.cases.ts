import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

/** Log lines of a format; what is written to the file is what counts. */
function logged(
  name: string,
  format: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `log: ${name}`,
    http: `log_format {id} ${format};`,
    server: `access_log {prefix}/logs/{id}.log {id}; server_name log.test; location / { return 200 "body\\n"; }`,
    send,
    status,
    ...more,
  }
}

/** The same with a backend. */
function proxiedLog(
  name: string,
  format: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return logged(name, format, send, status, {
    server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("answer", "X-Back: b1\r\nSet-Cookie: s=1; Path=/\r\n") },
    ...more,
  })
}

/** Values of variables, as the answer's text. */
function valued(
  name: string,
  text: string,
  send: ComparisonCase["send"],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = `server_name v.test; location / { return 200 "${text}\\n"; }`
  const status = typeof send === "string" ? 200 : Array.isArray(send) ? send.map(() => 200) : []
  return { name: `variables: ${name}`, server, send, status, ...more }
}

const ODD = get('/a%22b\\"?x="y"\\z', 'User-Agent: a"b\\c\x09\xc3\xa4\r\nReferer: http://r/\r\n')

export const variablesAndLogCases: readonly ComparisonCase[] = [
  logged(
    "request and status",
    "'$remote_addr - $remote_user [$status] \"$request\" $body_bytes_sent'",
    [get("/a?b"), get("/c")],
    [200, 200],
    {
      probe: false,
    },
  ),
  logged("escape=default", "'$request|$http_user_agent|$http_referer|$http_none|$uri|$args'", ODD, 200),
  logged(
    "escape=json",
    'escape=json \'{"r":"$request","a":"$http_user_agent","n":"$http_none","u":"$uri"}\'',
    ODD,
    200,
  ),
  logged("escape=none", "escape=none '$request|$http_user_agent|$http_none|$uri'", ODD, 200),
  logged("control bytes in json", "escape=json '$uri'", get("/%01%0a%1f%7f%c3%a4"), 200),
  logged("control bytes by default", "'$uri'", get("/%01%0a%1f%7f%c3%a4"), 200),
  logged("a format in several strings", "'a $status' ' b' \" c\"", get("/"), 200),
  logged("braces around names", `'\${status}x$status'`, get("/"), 200),
  logged(
    "bad requests",
    "'$status [$request] [$request_method] [$uri] [$host] [$http_host] [$server_protocol] $request_length'",
    "nonsense\r\n\r\n",
    400,
  ),
  logged(
    "a bad request with a good line",
    "'$status [$request] [$request_method] [$uri] [$host] [$server_protocol]'",
    "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
    400,
  ),
  logged(
    "a bad header after good ones",
    "'$status [$request] [$host] [$http_a]'",
    "GET /x HTTP/1.1\r\nA: 1\r\nHost: h\r\nB : 2\r\n\r\n",
    400,
  ),
  logged(
    "lengths",
    "'$request_length $body_bytes_sent $content_length'",
    [get("/"), post("/", "12345")],
    [200, 200],
    { probe: false },
  ),
  logged(
    "HEAD and 204 have no body",
    "'$request_method $status $body_bytes_sent'",
    ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", get("/none")],
    [200, 204],
    {
      probe: false,
      server:
        'access_log {prefix}/logs/{id}.log {id}; location / { return 200 "body"; } location /none { return 204; }',
    },
  ),
  logged("444", "'$status $body_bytes_sent'", get("/"), 0, {
    server: "access_log {prefix}/logs/{id}.log {id}; return 444;",
  }),
  logged(
    "$sent_http_",
    "'$sent_http_content_type|$sent_http_content_length|$sent_http_location|$sent_http_x_own|$sent_http_server_none'",
    get("/"),
    200,
    {
      probe: false,
      server: 'access_log {prefix}/logs/{id}.log {id}; add_header X-Own v; location / { return 200 "body"; }',
    },
  ),
  logged(
    "cookies and arguments",
    "'$cookie_a|$cookie_b|$cookie_none|$arg_q|$is_args'",
    get("/?q=1", 'Cookie: a=1; b="2"; A=3\r\n'),
    200,
  ),
  logged(
    "connection",
    "'$connection_requests $server_port $server_name $server_addr $scheme $pipe'",
    [get("/1"), get("/2")],
    [200, 200],
  ),
  logged(
    "pipelining",
    "'$request_uri $pipe'",
    async (wire) => {
      await wire.send(get("/1") + get("/2"))
      await wire.response()
      await wire.response()
    },
    [200, 200],
  ),
  logged(
    "if=",
    "'$uri'",
    [get("/?log=1"), get("/?log=0"), get("/"), get("/x?log=yes")],
    [200, 200, 200, 200],
    {
      server: 'access_log {prefix}/logs/{id}.log {id} if=$arg_log; location / { return 200 "x"; }',
    },
  ),
  logged("off in a location, another file by the server", "'$uri'", [get("/"), get("/quiet")], [200, 200], {
    server:
      'access_log {prefix}/logs/{id}.log {id}; location / { return 200 "x"; } location /quiet { access_log off; return 200 "y"; }',
  }),
  logged("two logs in one level", "'$uri'", get("/"), 200, {
    server:
      'access_log {prefix}/logs/{id}.log {id}; access_log {prefix}/logs/{id}.log {id}; location / { return 200 "x"; }',
  }),
  logged("buffered lines are there at the end", "'$uri'", [get("/1"), get("/2")], [200, 200], {
    server: 'access_log {prefix}/logs/{id}.log {id} buffer=32k flush=1m; location / { return 200 "x"; }',
  }),
  logged("the predefined combined", "'unused'", get("/a", "User-Agent: ua\r\nReferer: rf\r\n"), 200, {
    probe: false,
    server: 'access_log {prefix}/logs/{id}.log; location / { return 200 "x"; }',
  }),
  logged(
    "an internal redirect logs in its last location",
    "'$uri $request_uri $status'",
    get("/first"),
    404,
    {
      server:
        'access_log off; error_page 404 /page; location / { return 404; } location /page { access_log {prefix}/logs/{id}.log {id}; return 200 "x"; }',
    },
  ),
  logged("the time's forms", "'$status $time_local|$time_iso8601|$msec|$request_time'", get("/"), 200, {
    server: 'access_log {prefix}/logs/{id}.log {id}; location / { return 200 "x"; }',
  }),
  proxiedLog(
    "the backend's part",
    "'$upstream_response_time|$upstream_header_time|$upstream_connect_time|$upstream_addr|$upstream_status|$upstream_response_length|$upstream_bytes_sent|$upstream_bytes_received|$upstream_http_x_back|$upstream_cookie_s'",
    get("/"),
    200,
  ),
  proxiedLog(
    "the backend's part without a backend",
    "'$upstream_addr|$upstream_status|$upstream_response_time|$upstream_response_length'",
    get("/"),
    404,
    {
      server: "access_log {prefix}/logs/{id}.log {id}; location / { return 404; }",
      backends: {},
    },
  ),
  proxiedLog("several backends were tried", "'$upstream_addr|$upstream_status|$status'", get("/"), 200, {
    http: "log_format {id} '$upstream_addr|$upstream_status|$upstream_response_length|$status'; upstream {id} { server {dead}; server {b}; }",
    server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
  }),
  proxiedLog("no live upstream", "''", get("/"), 502, {
    http: "log_format {id} '$upstream_addr|$upstream_status|$status'; upstream {id} { server {dead} down; }",
    server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
  }),
  proxiedLog("backends of an internal redirect", "'$upstream_addr|$upstream_status|$status'", get("/"), 404, {
    server: `access_log {prefix}/logs/{id}.log {id}; error_page 404 /e; proxy_intercept_errors on; location / { ${HTTP_1_1} proxy_pass http://{b}; } location /e { ${HTTP_1_1} proxy_pass http://{b2}; }`,
    backends: { b: httpAnswer("no", "", "404 Not Found"), b2: httpAnswer("page") },
  }),
  proxiedLog(
    "a dead backend",
    "'$upstream_addr|$upstream_status|$upstream_response_length|$upstream_bytes_received|$status'",
    get("/"),
    502,
    {
      server: `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{dead}; }`,
      backends: {},
    },
  ),
  proxiedLog(
    "$proxy_",
    "'$proxy_host|$proxy_port|$proxy_add_x_forwarded_for'",
    get("/", "X-Forwarded-For: 9.9.9.9\r\n"),
    200,
  ),
  valued(
    "of the request line",
    "$request|$request_method|$request_uri|$uri|$document_uri|$args|$query_string|$is_args|$server_protocol",
    get("/a%20b/?x=y"),
  ),
  valued("of the host", "$host|$http_host|$server_name", get("/").replace("a.test", "X.Test:99")),
  valued(
    "of the client",
    "$remote_addr|$remote_user|$server_addr|$scheme|$https|$connection_requests",
    get("/"),
  ),
  valued("$remote_user", "[$remote_user]", get("/", "Authorization: Basic dXNlcjpwYXNz\r\n")),
  valued("$remote_user of a bad header", "[$remote_user]", get("/", "Authorization: Basic ***\r\n")),
  valued(
    "$http_",
    "$http_x_one|$http_X_ONE|$http_user_agent|$http_none",
    get("/", "X-One: 1\r\nUser-Agent: ua\r\n"),
  ),
  valued("$content_", "$content_type|$content_length", post("/", "x", "Content-Type: a/b\r\n")),
  valued("$request_completion before the end", "[$request_completion]", get("/")),
  valued("text without variables", "100% {x}", get("/")),
  {
    name: "variables: $request_id is 32 hexadecimal digits, the same in one request, another in the next",
    server: 'location / { return 200 "$request_id $request_id\\n"; }',
    send: async (wire) => {
      const client = await wire.client()
      const ids: string[] = []
      for (let count = 0; count < 2; count++) {
        await client.send(get("/"))
        ids.push((await client.readResponse()).body)
      }
      wire.note(ids.map((id) => /^([0-9a-f]{32}) \1\n$/.test(id)).join())
      wire.note(String(ids[0] === ids[1]))
    },
    status: [],
  },
]

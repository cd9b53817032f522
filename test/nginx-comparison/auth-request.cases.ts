import { httpAnswer } from "../support/raw-backend.ts"
import { basic, USERS } from "./auth-users.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

const LOG = "error_log {prefix}/logs/{id}.err info;"
const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const SERVICE = `location = /auth { internal; ${HTTP_1_1} proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_set_header X-Original-URI $request_uri; proxy_pass http://{a}; }`

/** A service at the backend `a` that answers so, and an application at `b`. */
function asked(
  name: string,
  answer: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `auth_request: ${name}`,
    server: `${LOG} location / { auth_request /auth; ${PASS} } ${SERVICE}`,
    backends: { a: answer, b: httpAnswer("in") },
    send,
    status,
    ...more,
  }
}

/** A location of the edge itself answers. */
function answered(
  name: string,
  service: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `auth_request: ${name}`,
    server: `${LOG} location / { auth_request /auth; ${PASS} } ${service}`,
    backends: { b: httpAnswer("in") },
    send: get("/"),
    status,
    ...more,
  }
}

const statusAnswer = (line: string, headers = ""): string => httpAnswer("service", headers, line)

export const authRequestCases: readonly ComparisonCase[] = [
  asked("200 lets in", statusAnswer("200 OK"), get("/path?q=1", "X-Token: t\r\n"), 200),
  asked("204 lets in", "HTTP/1.1 204 No Content\r\n\r\n", get("/"), 200),
  asked("299 lets in", statusAnswer("299 Fine"), get("/"), 200),
  asked(
    "401 is passed on with its question",
    statusAnswer("401 No", 'WWW-Authenticate: Bearer realm="x"\r\nX-Other: 1\r\n'),
    get("/"),
    401,
  ),
  asked("403 is passed on", statusAnswer("403 No", "WWW-Authenticate: Basic\r\n"), get("/"), 403),
  ...[302, 304, 404, 500].map((status) =>
    asked(
      `${status} is an error`,
      status === 304 ? "HTTP/1.1 304 X\r\n\r\n" : statusAnswer(`${status} X`),
      get("/"),
      500,
      { probe: false },
    ),
  ),
  asked("the requests of one connection", statusAnswer("200 OK"), [get("/1"), get("/2")], [200, 200]),
  asked("a request with a body", statusAnswer("200 OK"), post("/", "body"), 200),
  asked("a HEAD", statusAnswer("200 OK"), "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", 200, {
    backends: { a: statusAnswer("200 OK"), b: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" },
  }),
  asked(
    "variables of the service's answer",
    statusAnswer("200 OK", "X-User: joe\r\nX-Groups: a\r\n"),
    get("/"),
    200,
    {
      server: `location / { auth_request /auth; auth_request_set $user $upstream_http_x_user; auth_request_set $all "$upstream_status:$upstream_http_x_groups:$uri";
      proxy_set_header X-User $user; proxy_set_header X-All $all; proxy_set_header X-Uri $uri; ${PASS} } ${SERVICE}`,
    },
  ),
  asked(
    "variables of a refusal, in its page and its log",
    statusAnswer("401 No", "X-Why: because\r\n"),
    get("/"),
    401,
    {
      http: "log_format {id} '$status $why $uri';",
      server: `access_log {prefix}/logs/{id}.log {id}; error_page 401 /page; location / { auth_request /auth; auth_request_set $why $upstream_http_x_why; ${PASS} }
      location = /page { return 200 "page: $why\\n"; } ${SERVICE}`,
    },
  ),
  asked("401 to a login page", statusAnswer("401 No"), get("/secret"), 302, {
    server: `location / { auth_request /auth; error_page 401 = @login; ${PASS} } location @login { return 302 /login?to=$request_uri; } ${SERVICE}`,
  }),
  asked("inherited, and off", statusAnswer("403 No"), [get("/"), get("/open")], [403, 200], {
    server: `auth_request /auth; location / { ${PASS} } location /open { auth_request off; ${PASS} } ${SERVICE}`,
  }),
  asked("access first", statusAnswer("200 OK"), get("/"), 403, {
    server: `${LOG} location / { deny all; auth_request /auth; ${PASS} } ${SERVICE}`,
  }),
  asked("access is not asked of the subrequest", statusAnswer("200 OK"), get("/"), 200, {
    server: `${LOG} location / { auth_request /auth; ${PASS} } location = /auth { deny all; ${HTTP_1_1} proxy_pass http://{a}; }`,
  }),
  asked("satisfy any: by address, nobody is asked", statusAnswer("403 No"), get("/"), 200, {
    server: `${LOG} location / { satisfy any; allow all; auth_request /auth; ${PASS} } ${SERVICE}`,
  }),
  asked("satisfy any: by the service", statusAnswer("200 OK"), get("/"), 200, {
    server: `${LOG} location / { satisfy any; deny all; auth_request /auth; ${PASS} } ${SERVICE}`,
  }),
  asked(
    "satisfy any: nobody lets in",
    statusAnswer("401 No", "WWW-Authenticate: Bearer\r\n"),
    get("/"),
    401,
    {
      server: `${LOG} location / { satisfy any; deny all; auth_request /auth; ${PASS} } ${SERVICE}`,
    },
  ),
  asked(
    "satisfy any: by password, though the service refuses",
    statusAnswer("403 No"),
    get("/", basic("plain", "secret")),
    200,
    {
      files: { "{id}.users": USERS },
      server: `${LOG} location / { satisfy any; auth_basic r; auth_basic_user_file {prefix}/{id}.users; auth_request /auth; ${PASS} } ${SERVICE}`,
    },
  ),
  asked("the service is down", statusAnswer("200 OK"), get("/"), 500, {
    probe: false,
    server: `${LOG} location / { auth_request /auth; ${PASS} } location = /auth { ${HTTP_1_1} proxy_pass http://{dead}; }`,
    backends: { b: httpAnswer("in") },
  }),
  answered("a location that returns", "location = /auth { return 204; }", 200),
  answered("a location that refuses", "location = /auth { return 403; }", 403),
  answered("there is no such location", "location = /other { return 204; }", 200, {
    server: `${LOG} location / { auth_request /nothing; ${PASS} } location /nothing { return 404; }`,
    status: 500,
    probe: false,
  }),
  answered(
    "an error page of the subrequest",
    "error_page 403 /ok; location = /ok { return 200; } location = /auth { return 403; }",
    403,
  ),
  answered(
    "the variables of the client's request",
    "location = /auth { if ($arg_in) { return 204; } if ($http_x_in) { return 204; } return 403; }",
    [403, 200],
    {
      send: [get("/?in=1"), get("/", "X-In: 1\r\n")],
    },
  ),
  answered("$request_uri and $request_method are the client's", "", 200, {
    server: `${LOG} location / { auth_request /auth; auth_request_set $seen "$request_method $request_uri $uri $args"; proxy_set_header X-Seen $seen; ${PASS} } location = /auth { return 204; }`,
    send: post("/p?q", "body"),
  }),
  asked("limits of the server hold once for both", statusAnswer("200 OK"), [get("/"), get("/")], [200, 503], {
    http: "limit_req_zone $server_addr zone={id}:1m rate=1r/m; limit_conn_zone $server_port zone={id}c:1m;",
    server: `limit_req zone={id}; limit_conn {id}c 1; limit_rate 1m; location / { auth_request /auth; ${PASS} } ${SERVICE}`,
  }),
  asked("the same $request_id for both", statusAnswer("200 OK"), get("/"), 200, {
    server: `location / { auth_request /auth; auth_request_set $seen $request_id; if ($request_id = "") { return 500; } add_header X-Same "$same"; ${PASS} } ${SERVICE}`,
    http: 'map "$seen:$request_id" $same { default no; "~^([0-9a-f]{32}):\\1$" yes; }',
  }),
  asked("log_subrequest on: a line for each", statusAnswer("200 OK"), get("/p?q"), 200, {
    http: 'log_format {id} "$uri $args $status $request $body_bytes_sent";',
    server: `access_log {prefix}/logs/{id}.log {id}; log_subrequest on; location / { auth_request /auth; ${PASS} } ${SERVICE}`,
    probe: false,
  }),
  asked("log_subrequest on where the subrequest ends", statusAnswer("403 Forbidden"), get("/p"), 403, {
    http: 'log_format {id} "$uri $status";',
    server: `access_log {prefix}/logs/{id}.log {id}; location / { auth_request /auth; ${PASS} } ${SERVICE.replace("internal;", "internal; log_subrequest on;")}`,
    probe: false,
  }),
]

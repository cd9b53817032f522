import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

/** Where error pages lead to, and what it shows. */
const PAGE = 'location /e { return 200 "page $uri ? $args $request_method\\n"; }'

function page(
  name: string,
  server: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `error page: ${name}`, server: `${server} ${PAGE}`, send: get("/x?q=1"), status, ...more }
}

/** With an error log. */
function logged(
  name: string,
  server: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return page(name, `error_log {prefix}/logs/{id}.err error; ${server}`, status, more)
}

/** Behind `/`, a backend that answers with `status`; `settings` stand beside proxy_pass. */
function intercepted(
  name: string,
  answer: string,
  settings: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return page(
    name,
    `${HTTP_1_1} proxy_intercept_errors on; location / { proxy_pass http://{b}; ${settings} }`,
    status,
    { backends: { b: httpAnswer("theirs", "X-Theirs: 1\r\n", answer) }, ...more },
  )
}

export const errorPageCases: readonly ComparisonCase[] = [
  page("arguments in the URI", "location / { error_page 403 /e?a=b; deny all; }", 403),
  page("variables in the URI", "location / { error_page 403 /e$uri?was=$uri&$args; deny all; }", 403),
  page("the status in the URI", "location / { error_page 403 404 /e/$status; return 404; }", 404),
  page("a URL with variables", "location / { error_page 403 http://b.test$request_uri; deny all; }", 302),
  page(
    "a URL for a redirect status stays 302",
    "location / { error_page 301 http://b.test/; return 301 /x; }",
    302,
  ),
  page("a URL with 307", "location / { error_page 403 =307 http://b.test/; deny all; }", 307),
  page(
    "a URL with a status that is no redirect",
    "location / { error_page 403 =200 http://b.test/; deny all; }",
    302,
  ),
  page("a URL with =", "location / { error_page 403 = http://b.test/; deny all; }", 302),
  page("a URL for a POST", "location / { error_page 403 http://b.test/; deny all; }", 302, {
    send: post("/x", "body"),
  }),
  page("a redirect status gets a page", "location / { error_page 302 =200 /e; return 302 /other; }", 200),
  page(
    "a page with = and its own status",
    "location / { error_page 404 = /f; return 404; } location /f { return 201 'made'; }",
    201,
  ),
  page("a page with = and no error", "location / { error_page 404 = /e; return 404; }", 200),
  page("a page with =, a POST becomes a GET", "location / { error_page 404 = /e; return 404; }", 200, {
    send: post("/x", "body"),
  }),
  page("the text of a return is no error", 'location / { error_page 404 /e; return 404 "own\\n"; }', 404),
  page("=404 for another error", "location / { error_page 403 =404 /e; deny all; }", 404),
  page("=503", "location / { error_page 403 =503 /e; deny all; }", 503),
  page(
    "the first of two for a status",
    "location / { error_page 403 /e?1; error_page 403 /e?2; deny all; }",
    403,
  ),
  page("inherited", "error_page 403 /e; location / { deny all; }", 403),
  page(
    "one at a lower level replaces all",
    "error_page 404 /e; location / { error_page 403 /e; return 404; }",
    404,
  ),
  page(
    "add_header of the page's location",
    "add_header X-S s always; location / { error_page 403 /f; add_header X-A a always; deny all; } location /f { add_header X-F f; return 200 'f'; }",
    403,
  ),
  page("a 400 for a bad head", "error_page 400 =200 /e; location / { return 200 'no'; }", 200, {
    send: "GET / HTTP/1.1\r\n\r\n",
  }),
  page("a 413", "client_max_body_size 2; error_page 413 /e; location / { return 200 'no'; }", 413, {
    send: post("/x", "body"),
  }),
  page(
    "an internal location",
    "location / { error_page 403 /i; deny all; } location /i { internal; return 200 'internal'; }",
    [403, 404],
    {
      send: [get("/"), get("/i")],
    },
  ),
  page(
    "an internal location has an error page of its own",
    "location /i { internal; error_page 404 /e; }",
    404,
    { send: get("/i") },
  ),
  page(
    "a location inside of an internal one",
    "location /i { internal; location /i/j { return 200 'j'; } }",
    404,
    { send: get("/i/j") },
  ),
  page(
    "a server's return sees the page's URI again",
    "if ($arg_deny) { return 403; } error_page 403 /e; location / { return 200 'ok'; }",
    403,
    {
      send: get("/?deny=1"),
    },
  ),
  page(
    "a rewrite in the server sees the page's URI",
    "rewrite ^/f$ /e; error_page 403 /f; location / { deny all; }",
    403,
  ),

  page(
    "an error of the page",
    "error_page 403 404 /f; location / { deny all; } location /f { return 404; }",
    404,
  ),
  page(
    "an error of the page, with a page there",
    "location / { error_page 403 /f; deny all; } location /f { error_page 404 /e; return 404; }",
    404,
  ),
  page(
    "recursive_error_pages",
    "recursive_error_pages on; location / { error_page 403 /f; deny all; } location /f { error_page 404 /e; return 404; }",
    404,
  ),
  page(
    "recursive_error_pages with other statuses",
    "recursive_error_pages on; location / { error_page 403 =200 /f; deny all; } location /f { error_page 404 =402 /e; return 404; }",
    402,
  ),
  page(
    "recursive_error_pages only in the first location",
    "location / { recursive_error_pages on; error_page 403 /f; deny all; } location /f { error_page 404 /g; return 404; } location /g { error_page 402 /e; return 402; }",
    402,
  ),
  logged(
    "recursive_error_pages in a cycle",
    "recursive_error_pages on; error_page 403 /f; location / { deny all; } location /f { deny all; }",
    500,
    {
      probe: false,
    },
  ),
  logged(
    "recursive_error_pages of a missing named location",
    "recursive_error_pages on; error_page 500 @none; location / { return 500; }",
    500,
  ),
  logged("a named location that is not there", "error_page 403 @none; location / { return 403; }", 500),
  logged(
    "a page that is not there",
    "error_page 403 /none; location / { return 403; } location /none { return 404; }",
    404,
  ),

  intercepted("an intercepted 404", "404 Not Found", "error_page 404 /e;", 404),
  intercepted("an intercepted 404 as 200", "404 Not Found", "error_page 404 =200 /e;", 200),
  intercepted("an intercepted 500", "500 Oops", "error_page 500 502 503 504 /e;", 500),
  intercepted("an intercepted redirect", "302 Found", "error_page 302 = /e;", 200),
  intercepted("a status without a page goes through", "404 Not Found", "error_page 403 /e;", 404),
  intercepted("no error_page at all", "404 Not Found", "", 404),
  intercepted("not intercepted", "404 Not Found", "proxy_intercept_errors off; error_page 404 /e;", 404),
  intercepted("a status that nginx does not know", "477 Odd", "error_page 477 /e;", 477),
  intercepted("a named location takes over", "404 Not Found", "error_page 404 = @f;", 200, {
    server: `${HTTP_1_1} proxy_intercept_errors on; location / { proxy_pass http://{b}; error_page 404 = @f; }
      location @f { proxy_pass http://{b2}; }`,
    backends: { b: httpAnswer("no", "", "404 Not Found"), b2: httpAnswer("fallback") },
    send: post("/x?q=1", "body"),
  }),
  intercepted("an intercepted error of the page itself", "404 Not Found", "error_page 404 /x2;", 404),
  intercepted("a 401 keeps its challenge", "401 Unauthorized", "error_page 401 /e;", 401, {
    backends: {
      b: httpAnswer("no", 'WWW-Authenticate: Basic realm="x"\r\nX-Theirs: 1\r\n', "401 Unauthorized"),
    },
  }),
  intercepted("before an X-Accel-Redirect", "404 Not Found", "error_page 404 /e;", 404, {
    backends: { b: httpAnswer("no", "X-Accel-Redirect: /e/accel\r\n", "404 Not Found") },
  }),
  intercepted("the error of a dead backend", "200 OK", "proxy_pass http://{dead};", 502, {
    server: `${HTTP_1_1} location / { proxy_pass http://{dead}; error_page 502 =503 /e; } ${PAGE}`,
    backends: {},
    status: 503,
  }),
  intercepted("a fallback for a dead backend", "200 OK", "", 200, {
    server:
      `${HTTP_1_1} location / { proxy_pass http://{dead}; error_page 502 504 = @f; } location @f { proxy_pass http://{b}/; }`.replace(
        "{b}/",
        "{b}",
      ),
    send: post("/x?q=1", "body"),
  }),
  {
    name: "error page: $request_method and $uri in the log",
    http: "log_format {id} '$request_method $uri $args $status $request';",
    server:
      "access_log {prefix}/logs/{id}.log {id}; error_page 403 /e?a; location / { deny all; } location /e { return 200 'e'; }",
    send: [post("/x?q=1", "body"), get("/y")],
    status: [403, 403],
    probe: false,
  },
]

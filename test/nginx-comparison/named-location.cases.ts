import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

function named(
  name: string,
  server: string,
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `named location: ${name}`, server, send: get("/x?q=1"), status, ...more }
}

const TO_NAMED = "error_page 404 = @n; location / { return 404; }"

export const namedLocationCases: readonly ComparisonCase[] = [
  named(
    "keeps URI, arguments and method",
    `${TO_NAMED} location @n { return 200 "$uri $args $request_method\\n"; }`,
    200,
  ),
  named(
    "a rewrite in it",
    `${TO_NAMED} location @n { rewrite ^/(.*)$ /r/$1 last; } location /r/ { return 200 "$uri\\n"; }`,
    200,
  ),
  named(
    "a rewrite in it, break",
    `${TO_NAMED} location @n { rewrite ^ /r break; return 200 "$uri\\n"; }`,
    404,
  ),
  named(
    "an if in it",
    `${TO_NAMED} location @n { if ($arg_q) { return 200 "q\\n"; } return 200 "none\\n"; }`,
    [200, 200],
    {
      send: [get("/?q=1"), get("/")],
    },
  ),
  named("an error in it", `${TO_NAMED} location @n { return 403; }`, 403),
  named(
    "an error in it with a page",
    `${TO_NAMED} location @n { error_page 403 /p; return 403; } location /p { return 200 "p"; }`,
    403,
  ),
  named(
    "one after the other with recursive_error_pages",
    `recursive_error_pages on; location / { error_page 404 = @n; return 404; } location @n { error_page 403 =200 @m; return 403; } location @m { return 200 "m $uri\\n"; }`,
    200,
  ),
  named("access rules in it", `${TO_NAMED} location @n { deny all; }`, 403),
  named("add_header in it", `${TO_NAMED} location @n { add_header X-N n; return 200 "n"; }`, 200),
  named(
    "by a variable",
    `error_page 404 = @$arg_to; location / { return 404; } location @n { return 200 "n"; }`,
    200,
    {
      send: get("/?to=n"),
    },
  ),
  named(
    "cannot be asked for",
    'location / { return 200 "root $uri\\n"; } location @n { return 200 "n"; }',
    200,
    { send: get("/@n") },
  ),
  named(
    "a proxy with a body",
    `${HTTP_1_1} location / { proxy_pass http://{dead}; error_page 502 = @n; } location @n { proxy_pass http://{b}; }`,
    200,
    { backends: { b: httpAnswer("named") }, send: post("/a%20b?q=1", "body") },
  ),
  named(
    "a proxy after a rewrite",
    `${HTTP_1_1} location / { return 404; error_page 404 = @n; } location @n { rewrite ^/x /y/z? break; proxy_pass http://{b}; }`,
    200,
    { backends: { b: httpAnswer("named") } },
  ),
  named(
    "X-Accel-Redirect to it",
    `${HTTP_1_1} location / { proxy_pass http://{b}; } location @n { return 200 "n $uri\\n"; }`,
    200,
    { backends: { b: httpAnswer("", "X-Accel-Redirect: @n\r\n") } },
  ),
  named(
    "X-Accel-Redirect to an internal location",
    `${HTTP_1_1} location / { proxy_pass http://{b}; } location /i/ { internal; return 200 "i $uri $args\\n"; }`,
    [200, 404],
    { backends: { b: httpAnswer("", "X-Accel-Redirect: /i/f%20g?h=1\r\n") }, send: [get("/"), get("/i/")] },
  ),
]

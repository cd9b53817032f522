import { gzipSync } from "node:zlib"
import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import { unpacking } from "./gzip-script.ts"

/**
 * `add_header` through all levels, written so that nginx 1.22 can run it, which has no add_header_inherit:
 * test/filters/inherit.test.ts has that.
 */
function levels(
  name: string,
  server: string,
  targets: readonly string[],
  status: readonly number[],
): ComparisonCase {
  return { name, server, send: targets.map((target) => get(target)), status, probe: false }
}

const TEXT = "All work and no play makes Jack a dull boy. ".repeat(4)

export const headerInheritCases: readonly ComparisonCase[] = [
  levels("from the server", "add_header X-S s; location / { return 200 x; }", ["/"], [200]),
  levels(
    "replaced in a location",
    "add_header X-S s; location / { add_header X-L l; return 200 x; }",
    ["/"],
    [200],
  ),
  levels(
    "replaced in a location within",
    "add_header X-S s; location / { add_header X-L l; location /i { add_header X-I i; return 200 x; } location /j { return 200 x; } }",
    ["/i", "/j"],
    [200, 200],
  ),
  levels(
    "replaced in an if",
    "location / { add_header X-L l; if ($arg_i) { add_header X-I i; return 200 x; } return 200 x; }",
    ["/?i=1", "/"],
    [200, 200],
  ),
  levels(
    "always on each status",
    "add_header X-A a always; add_header X-B b; location / { return 500; } location /404 { return 404 x; } location /204 { return 204; } location /302 { return 302 /; }",
    ["/", "/404", "/204", "/302"],
    [500, 404, 204, 302],
  ),
  {
    name: "on an answer in gzip",
    server: `gzip on; default_type text/html; add_header X-Frame-Options DENY always; add_header Vary Origin; location / { expires 1h; return 200 "${TEXT}"; }`,
    send: unpacking(get("/", "Accept-Encoding: gzip\r\n")),
    status: 200,
  },
  {
    name: "on an answer that gunzip unpacks",
    server: `gunzip on; gzip_vary on; add_header X-A a; expires -1; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer(gzipSync(TEXT).toString("latin1"), 'Content-Encoding: gzip\r\nETag: "e"\r\n') },
    send: get("/"),
    status: 200,
  },
]

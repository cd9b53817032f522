import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

function own(name: string, location: string, status = 200, target = "/"): ComparisonCase {
  const log = "error_log {prefix}/logs/{id}.err;"
  return { name, server: `${log} location / { ${location} }`, send: get(target), status }
}

/** Of an answer with fields of its own. */
function relayed(name: string, settings: string, fields: string): ComparisonCase {
  return {
    name,
    server: `error_log {prefix}/logs/{id}.err; location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`,
    backends: { b: httpAnswer("x", fields) },
    send: get("/"),
    status: 200,
  }
}

export const charsetCases: readonly ComparisonCase[] = [
  own("off is the default", "default_type text/html; return 200 x;"),
  own("added to text/html", "charset utf-8; default_type text/html; return 200 x;"),
  own("a name as it is written", "charset Windows-1251; default_type text/plain; return 200 x;"),
  own("not to a type that is not listed", "charset utf-8; default_type text/css; return 200 x;"),
  own("to one that is", "charset utf-8; charset_types text/css; default_type text/css; return 200 x;"),
  own(
    "text/html is always listed",
    "charset utf-8; charset_types text/css; default_type text/html; return 200 x;",
  ),
  own("others are not then", "charset utf-8; charset_types text/css; default_type text/xml; return 200 x;"),
  own("to all types", "charset utf-8; charset_types *; default_type image/png; return 200 x;"),
  own("not where there is no type", 'charset utf-8; charset_types *; default_type ""; return 200 x;'),
  own("type in other letters", "charset utf-8; default_type Text/HTML; return 200 x;"),
  own("pages of errors", "charset utf-8; return 404;", 404),
  own("not on redirects of 301", "charset utf-8; return 301 /x;", 301),
  own("not on redirects of 302", "charset utf-8; return 302 /x;", 302),
  own("on those of 307", "charset utf-8; return 307 /x;", 307),
  own("by variable", "charset $arg_c; default_type text/html; return 200 x;", 200, "/?c=koi8-r"),
  own(
    "source_charset of the same name",
    "charset utf-8; source_charset UTF-8; default_type text/html; return 200 x;",
  ),
  own(
    "source_charset by variable of another name",
    "charset utf-8; source_charset $arg_c; default_type text/html; return 200 x;",
    200,
    "/?c=koi8-r",
  ),
  own("javascript by default", "charset utf-8; default_type application/javascript; return 200 x;"),
  own(
    "in a log and a map's sight",
    "charset utf-8; default_type text/html; add_header X-T $sent_http_content_type; return 200 x;",
  ),
  own(
    "within if",
    "default_type text/html; if ($arg_a) { charset utf-8; return 200 x; } return 200 y;",
    200,
    "/?a=1",
  ),
  relayed("added to a backend's type", "charset utf-8;", "Content-Type: text/plain\r\n"),
  relayed("a backend's own stays", "charset utf-8;", "Content-Type: text/plain; charset=koi8-r\r\n"),
  relayed("other parameters stay", "charset utf-8;", "Content-Type: text/plain; format=flowed\r\n"),
  relayed(
    "override of the same",
    "charset utf-8; override_charset on;",
    "Content-Type: text/plain; charset=UTF-8\r\n",
  ),
  relayed(
    "override of another",
    "charset utf-8; override_charset on;",
    "Content-Type: text/plain; charset=koi8-r\r\n",
  ),
  relayed("X-Accel-Charset", "charset utf-8;", "Content-Type: text/plain\r\nX-Accel-Charset: utf-8\r\n"),
  relayed(
    "X-Accel-Charset where there is no charset",
    "",
    "Content-Type: text/plain\r\nX-Accel-Charset: utf-8\r\n",
  ),
  relayed("X-Accel-Charset off", "charset utf-8;", "Content-Type: text/plain\r\nX-Accel-Charset: off\r\n"),
  relayed(
    "X-Accel-Charset ignored",
    "proxy_ignore_headers X-Accel-Charset;",
    "Content-Type: text/plain\r\nX-Accel-Charset: utf-8\r\n",
  ),
]

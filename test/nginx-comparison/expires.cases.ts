import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

function expires(name: string, location: string, status = 200, target = "/"): ComparisonCase {
  return { name, server: `location / { ${location} }`, send: get(target), status }
}

/** Of an answer that has some of the fields already. */
function relayed(name: string, settings: string, fields: string): ComparisonCase {
  return {
    name,
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`,
    backends: { b: httpAnswer("x", fields) },
    send: get("/"),
    status: 200,
  }
}

export const expiresCases: readonly ComparisonCase[] = [
  expires("a time", "expires 1h; return 200 x;"),
  expires("a time with a sign", "expires +90; return 200 x;"),
  expires("days and hours", 'expires "1d 2h"; return 200 x;'),
  expires("a time in the past", "expires -1; return 200 x;"),
  expires("none at all", "expires 0; return 200 x;"),
  expires("epoch", "expires epoch; return 200 x;"),
  expires("max", "expires max; return 200 x;"),
  expires("off", "expires off; return 200 x;"),
  expires("modified without Last-Modified", "expires modified 10m; return 200 x;"),
  expires("not on errors", "expires 1h; return 404;", 404),
  expires("on redirects", "expires 1h; return 301 /x;", 301),
  expires("by variable", "expires $arg_e; return 200 x;", 200, "/?e=5m"),
  expires("by a variable that says off", "expires $arg_e; return 200 x;", 200, "/?e=off"),
  expires("by a variable that is no time", "expires $arg_e; return 200 x;", 200, "/?e=soon"),
  expires("beside add_header", "expires 1h; add_header Cache-Control public; return 200 x;"),
  {
    name: "inherited and taken back",
    server: "expires 1h; location / { return 200 x; } location /off { expires off; return 200 x; }",
    send: [get("/"), get("/off")],
    status: [200, 200],
  },
  relayed("in place of a backend's", "expires 1h;", "Expires: Thu, 01 Dec 1994 16:00:00 GMT\r\n"),
  relayed("in place of several", "expires 1h;", "Cache-Control: a\r\nX-A: 1\r\nCache-Control: b\r\n"),
  relayed("a backend's stays without it", "", "Expires: 0\r\nCache-Control: private\r\n"),
  relayed(
    "modified, of a backend's time",
    "expires modified 1h;",
    "Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
  ),
  relayed("modified, of a time that is none", "expires modified 1h;", "Last-Modified: 2020-01-01\r\n"),
  relayed(
    "modified, of a time in the older form",
    "expires modified 1h;",
    "Last-Modified: Wednesday, 01-Jan-20 00:00:00 GMT\r\n",
  ),
]

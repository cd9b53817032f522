import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

const LOCATIONS = `
location / { return 200 "root $uri\\n"; }
location = / { return 200 "exact root\\n"; }
location = /exact { return 200 "exact\\n"; }
location /exact { return 200 "below exact $uri\\n"; }
location /images/ { return 200 "images $uri\\n"; }
location ^~ /images/raw/ { return 200 "raw $uri\\n"; }
location ~ \\.php$ { return 200 "first regex $uri\\n"; }
location ~* \\.(PHP|gif)$ { return 200 "second regex $1\\n"; }
location ~ ^/user/(?<who>[a-z]+)/(\\d+)$ { return 200 "who=$who id=$2 one=$1\\n"; }
location /nest/ {
  return 200 "nest $uri\\n";
  location /nest/inner/ { return 200 "inner $uri\\n"; }
  location ~ \\.txt$ { return 200 "nested regex $uri\\n"; }
  location = /nest/one { return 200 "nested exact\\n"; }
}
location /Case { return 200 "Case\\n"; }
location "/with space" { return 200 "space $uri\\n"; }
location /%41 { return 200 "percent $uri\\n"; }
location /\xe4 { return 200 "umlaut\\n"; }
`

/** Which of the locations above takes the target, and what it makes of the URI. */
function located(name: string, target: string, status = 200): ComparisonCase {
  return { name, server: LOCATIONS, send: get(target), status }
}

const WHOLE = 'location / { return 200 "[$uri] [$request_uri] [$args] [$is_args] [$query_string]\\n"; }'

/** What `$uri` and its kin are for the target. */
function decoded(name: string, target: string, status = 200, settings = ""): ComparisonCase {
  return { name, server: `${settings} ${WHOLE}`, send: get(target), status }
}

export const uriAndLocationCases: readonly ComparisonCase[] = [
  located("an exact location for the root", "/"),
  located("an exact location wins over a prefix", "/exact"),
  located("an exact location takes nothing below it", "/exactly"),
  located("a query does not take part", "/exact?x=/images/"),
  located("the longest prefix", "/images/a"),
  located("a regular expression wins over a prefix", "/images/a.php"),
  located("a ^~ prefix wins over a regular expression", "/images/raw/a.php"),
  located("regular expressions in the order of the file", "/x.php"),
  located("a regular expression without regard to case", "/x.GIF"),
  located("named and numbered captures", "/user/bob/42"),
  located("captures do not match in other cases", "/user/Bob/42"),
  located("a nested prefix", "/nest/inner/x"),
  located("a nested regular expression", "/nest/a.txt"),
  located("a nested exact location", "/nest/one"),
  located("a nested regular expression wins over an outer one", "/nest/inner/a.php"),
  located("the outer location of nested ones", "/nest/x"),
  located("prefixes are case-sensitive", "/case"),
  located("a prefix in its own case", "/Case/x"),
  located("a location with a space", "/with%20space/x"),
  located("a location's percent sign is no escape", "/%41"),
  located("a location is compared with the decoded URI", "/im%61ges/a"),
  located("an escaped percent sign", "/%2541"),
  located("a location with a byte above 127", "/%E4x"),
  located("a slash that is escaped counts as one", "/images%2fa"),
  located("dot segments are removed before the choice", "/images/../exact"),
  located("dot segments above the root", "/images/../../exact", 400),
  decoded("percent escapes", "/a%20b%2Fc%3fd%23e"),
  decoded("an escape that is no hex", "/a%zz", 400),
  decoded("an escape cut off", "/a%2", 400),
  decoded("an escaped NUL", "/a%00b", 400),
  decoded("an escaped line end", "/a%0d%0ab"),
  decoded("an escaped percent sign stays one", "/a%2525"),
  decoded("a plus sign is not a space", "/a+b?c+d"),
  decoded("slashes are merged", "//a///b//"),
  decoded("slashes are not merged where off", "//a///b//", 200, "merge_slashes off;"),
  decoded("merged slashes that came escaped", "/a%2f/b"),
  decoded("a single dot", "/./a/./b/."),
  decoded("two dots", "/a/b/../c/.."),
  decoded("two dots at the end", "/a/b/.."),
  decoded("two dots after several slashes", "/a//../b"),
  decoded("two dots after several slashes, not merged", "/a//../b", 200, "merge_slashes off;"),
  decoded("escaped dots", "/a/%2e%2E/b"),
  decoded("three dots are a name", "/a/.../b"),
  decoded("dots inside a name", "/a/..b/c."),
  decoded("dots beyond the root", "/..", 400),
  decoded("dots beyond the root, escaped", "/%2e%2e/x", 400),
  decoded("dots in the query stay", "/a?/../b"),
  decoded("an empty query", "/a?"),
  decoded("a query with question marks", "/a?b?c=d"),
  decoded("a query is not decoded", "/a?b=%41%zz"),
  decoded("a fragment is cut off", "/a#b"),
  decoded("a fragment after a query", "/a?b#c"),
  decoded("a fragment before a query", "/a#b?c"),
  decoded("a backslash", "/a\\b\\..\\c"),
  decoded("quotes and brackets", "/a\"<>[]{}|^`'b"),
  decoded("escaped bytes above 127", "/%c3%a4"),
  decoded("a path with a semicolon", "/a;b=c/d"),
  decoded("a colon in the first segment", "/a:b@c"),
  {
    name: "arguments by their names",
    server: 'location / { return 200 "[$arg_a] [$arg_B] [$arg_none] [$arg_a_b]\\n"; }',
    send: get("/?a=1&b=2&a=3&A_B=%20x"),
    status: 200,
  },
  {
    name: "arguments without values, and names that only begin alike",
    server: 'location / { return 200 "[$arg_a] [$arg_b] [$arg_c]\\n"; }',
    send: get("/?ab=1&a&b=&xc=5&c=6=7"),
    status: 200,
  },
  {
    name: "a server without a location for the URI",
    server: 'location /only/ { return 200 "x"; }',
    send: get("/else"),
    status: 404,
  },
  {
    name: "a prefix location with a slash and proxy_pass redirects the path without it",
    server: "location /app/ { proxy_pass http://{dead}; }",
    send: [get("/app"), get("/app?x=1"), "GET /app HTTP/1.0\r\n\r\n"],
    status: [301, 301, 301],
  },
  {
    name: "that redirect without the port, and relative",
    servers: `server { listen {listen}; port_in_redirect off; location /app/ { proxy_pass http://{dead}; } }
      server { listen {listen}; server_name rel; absolute_redirect off; location /app/ { proxy_pass http://{dead}; } }`,
    send: [get("/app"), "GET /app HTTP/1.1\r\nHost: rel\r\n\r\n"],
    status: [301, 301],
  },
  {
    name: "an exact location beside it is no redirect",
    server: 'location /app/ { proxy_pass http://{dead}; } location = /app { return 200 "here\\n"; }',
    send: get("/app"),
    status: 200,
  },
  {
    name: "no redirect to the slash where the name without it has a location of its own",
    server: `location /ws { return 200 "without"; } location /ws/ { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("with") },
    send: [get("/ws"), get("/ws/"), get("/wsx")],
    status: [200, 200, 200],
  },
  {
    name: "nor where that is an exact one",
    server: `location = /ws { return 200 "without"; } location /ws/ { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("with") },
    send: [get("/ws"), get("/ws/")],
    status: [200, 200],
  },
  {
    name: "a redirect to the slash of an exact location",
    server: `location = /only/ { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("with") },
    send: [get("/only?a=1"), get("/only/"), get("/only/x")],
    status: [301, 200, 404],
  },
  {
    name: "a redirect to the slash where only one of two of that name proxies",
    server: `location = /a/ { return 200 "exact"; } location /a/ { ${HTTP_1_1} proxy_pass http://{b}; } location = /b/ { ${HTTP_1_1} proxy_pass http://{b}; } location /b/ { return 200 "prefix"; }`,
    backends: { b: httpAnswer("with") },
    send: [get("/a"), get("/a/"), get("/b"), get("/b/"), get("/b/c")],
    status: [301, 200, 301, 200, 200],
  },
]

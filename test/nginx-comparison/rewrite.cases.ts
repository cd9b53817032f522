import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

/** Says where a rewritten URI has led to. */
const SHOW = 'location /t/ { return 200 "t $uri ? $args\\n"; }'

function rewritten(
  name: string,
  server: string,
  status: number | readonly number[],
  send: ComparisonCase["send"] = get("/a/b.html?q=1"),
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name: `rewrite: ${name}`, server: `${server} ${SHOW}`, send, status, ...more }
}

/** The same with notes in the error log. */
function logged(
  name: string,
  server: string,
  status: number | readonly number[],
  send?: ComparisonCase["send"],
): ComparisonCase {
  return rewritten(name, `error_log {prefix}/logs/{id}.err notice; ${server}`, status, send)
}

/** A request that goes to a backend: what counts is the URI that it gets. */
function proxied(name: string, server: string, send = get("/a/b%20c?q=1")): ComparisonCase {
  return {
    name: `rewrite: ${name}`,
    server: `${HTTP_1_1} ${server}`,
    backends: { b: httpAnswer("answer") },
    send,
    status: 200,
  }
}

function sets(
  name: string,
  server: string,
  text: string,
  send: ComparisonCase["send"] = get("/a%20b/c+d?x=1"),
): ComparisonCase {
  return {
    name: `set: ${name}`,
    server: `error_log {prefix}/logs/{id}.err warn; location / { ${server} return 200 "${text}\\n"; }`,
    send,
    status: typeof send === "string" ? 200 : Array.isArray(send) ? send.map(() => 200) : [],
  }
}

export const rewriteCases: readonly ComparisonCase[] = [
  rewritten("in the server", "rewrite ^/a/(.*)$ /t/$1;", 200),
  rewritten("in the server, last", "rewrite ^/a/(.*)$ /t/$1 last; rewrite ^ /no;", 200),
  rewritten("in the server, one after the other", "rewrite ^/a/(.*)$ /x/$1; rewrite ^/x/(.*)$ /t/x$1;", 200),
  rewritten("in the server, break", "rewrite ^/a/(.*)$ /t/$1 break; rewrite ^ /no;", 200),
  rewritten("in a location", "location /a/ { rewrite ^/a/(.*)$ /t/$1; }", 200),
  rewritten("in a location, last", "location /a/ { rewrite ^/a/(.*)$ /t/$1 last; return 403; }", 200),
  rewritten("in a location, what follows runs", "location /a/ { rewrite ^/a/(.*)$ /t/$1; return 403; }", 403),
  rewritten(
    "in a location, break",
    "location /a/ { rewrite ^/a/(.*)$ /t/$1 break; deny all; return 200; }",
    403,
  ),
  rewritten("no match goes on", 'location /a/ { rewrite ^/b/ /t/ last; return 200 "here $uri\\n"; }', 200),
  rewritten("case counts", 'location /A/ { rewrite ^/a/ /t/ last; return 200 "here\\n"; }', 200, get("/A/x")),
  rewritten("case ignored inline", "location /A/ { rewrite (?i)^/a/ /t/ last; }", 200, get("/A/x")),
  rewritten("a named group", "rewrite ^/a/(?<rest>.*)$ /t/$rest last;", 200),
  rewritten("several captures", "rewrite ^/(a)/(b)\\.(.*)$ /t/$3/$2/$1$1 last;", 200),
  rewritten("a capture that took no part", "rewrite ^/(z)?a/(.*)$ /t/[$1]$2 last;", 200),
  rewritten("a group that is not there", "rewrite ^/a/ /t/[$4] last;", 200),
  rewritten("the arguments are added", "rewrite ^/a/ /t/?x=1 last;", 200),
  rewritten("no arguments to add", "rewrite ^/a/ /t/?x=1 last;", 200, get("/a/")),
  rewritten("a ? at the end drops the arguments", "rewrite ^/a/ /t/? last;", 200),
  rewritten("a ? at the end and arguments", "rewrite ^/a/ /t/?x=1? last;", 200),
  rewritten("two ? in the replacement", "rewrite ^/a/ /t/?x=1?y=2 last;", 200),
  rewritten("only a ? before the end", "rewrite ^/a/ /t/?? last;", 200),
  rewritten("a capture in the arguments", "rewrite ^/a/(.*)$ /t/?f=$1 last;", 200),
  rewritten(
    "a capture in the arguments is escaped where the path was",
    "rewrite ^/a/(.*)$ /t/$1?f=$1&g=$uri last;",
    200,
    get("/a/b%20c%26d+e?q=1"),
  ),
  rewritten("a + in the path escapes, too", "rewrite ^/a/(.*)$ /t/$1?f=$1 last;", 200, get("/a/b+c")),
  rewritten("a variable in the replacement", "rewrite ^ /t/$host/$request_method last;", 200),
  rewritten("braces", "rewrite ^/a/(.*)$ /t/$" + "{host}x last;", 200),
  rewritten("quotes and braces in the expression", 'rewrite "^/a/(.{1})" /t/$1 last;', 200),
  rewritten("to a URI of length zero", "location /a/ { rewrite ^ $arg_none last; }", 500),
  rewritten(
    "to a text that is no path",
    "rewrite ^ t/x last; location t/ { return 200 'no slash $uri'; }",
    200,
  ),
  rewritten(
    "the normalised URI is what is matched",
    "rewrite ^/a/b/c$ /t/ok last;",
    200,
    get("/a//x/../b/%63"),
  ),
  rewritten("$request_uri stays", 'rewrite ^ /r; location /r { return 200 "$request_uri $uri\\n"; }', 200),

  rewritten("redirect", "rewrite ^/a/(.*)$ /n/$1 redirect;", 302),
  rewritten("permanent", "rewrite ^/a/(.*)$ /n/$1 permanent;", 301),
  rewritten("redirect without the arguments", "rewrite ^/a/(.*)$ /n/$1? redirect;", 302),
  rewritten("redirect with arguments of its own", "rewrite ^/a/(.*)$ /n/$1?x=1 redirect;", 302),
  rewritten("a URL redirects", "rewrite ^/a/(.*)$ http://b.test/$1;", 302),
  rewritten("a URL with https", "rewrite ^/a/(.*)$ https://b.test/$1;", 302),
  rewritten("a URL with $scheme", "rewrite ^/a/(.*)$ $scheme://b.test/$1;", 302),
  rewritten("a URL, permanent", "rewrite ^/a/(.*)$ https://b.test/$1 permanent;", 301),
  rewritten("a URL with last", "rewrite ^/a/(.*)$ https://b.test/$1 last;", 302),
  rewritten("a URL with break", "rewrite ^/a/(.*)$ https://b.test/$1 break;", 302),
  rewritten(
    "a redirect escapes what was escaped",
    "rewrite ^/a/(.*)$ /n/$1 redirect;",
    [302, 302, 302, 302],
    [get("/a/b%20c"), get("/a/b%26c+d%3Fe"), get("/a/%25%41%c3%a4"), get("/a/b+c")],
  ),
  rewritten(
    "a redirect decodes what its text has escaped",
    "rewrite ^ /n/%41%20%2f%3F%41?%41 redirect;",
    302,
  ),
  rewritten(
    "a redirect in a location with an error page",
    "error_page 302 /t/e; location /a/ { rewrite ^ /n redirect; }",
    302,
  ),
  rewritten("HEAD and a redirect", "rewrite ^ /n redirect;", [], async (wire) => {
    await wire.send("HEAD /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    const text = await (await wire.client()).readToEnd()
    wire.note(text.split("\r\n")[0] ?? "")
    wire.note(/^Location: .*$/m.exec(text)?.[0] ?? "")
  }),

  logged("a cycle ends after ten", "location / { rewrite ^(.*)$ $1x last; }", 500, get("/a")),
  logged(
    "ten are no cycle",
    "location / { rewrite '^/(x{0,9})$' /x$1 last; return 200 $uri; }",
    200,
    get("/"),
  ),
  logged(
    "a cycle has no error page",
    "error_page 500 /t/e; location / { rewrite ^(.*)$ $1x last; }",
    500,
    get("/a"),
  ),
  logged("a zero length is logged", "location / { rewrite ^ $arg_none last; }", 500),
  logged(
    "rewrite_log",
    "rewrite_log on; rewrite ^/no / last; rewrite ^/a/(.*)$ /l/$1?x=1; location /l/ { rewrite ^/l/ /t/?; }",
    200,
  ),
  logged("rewrite_log of a redirect", "rewrite_log on; rewrite ^/a/(.*)$ /n/$1 redirect;", 302),
  logged(
    "rewrite_log of conditions",
    "rewrite_log on; if ($uri ~ ^/no) { return 403; } if ($uri !~* ^/(A)) { return 403; } rewrite ^ /t/$1;",
    200,
  ),
  logged(
    "rewrite_log off in a location",
    "rewrite_log on; location / { rewrite_log off; rewrite ^ /t/; }",
    200,
  ),

  proxied(
    "break before a proxy without URI",
    "location /a/ { rewrite ^/a/(.*)$ /n/$1 break; proxy_pass http://{b}; }",
  ),
  proxied(
    "break before a proxy with URI",
    "location /a/ { rewrite ^/a/(.*)$ /n/$1 break; proxy_pass http://{b}/uri/; }",
  ),
  proxied("break without a change", "location /a/ { break; proxy_pass http://{b}/uri/; }"),
  proxied("break after a change", "location /a/ { rewrite ^/a/ /n/; break; proxy_pass http://{b}/uri/; }"),
  proxied(
    "last before a proxy with URI",
    "rewrite ^/a/ /n/ last; location /n/ { proxy_pass http://{b}/uri/; }",
  ),
  proxied(
    "last before a proxy without URI",
    "rewrite ^/a/ /n/ last; location /n/ { proxy_pass http://{b}; }",
  ),
  proxied(
    "break in the server, then a proxy with URI",
    "rewrite ^/a/ /n/ break; location /n/ { proxy_pass http://{b}/uri/; }",
  ),
  proxied("dropped arguments", "location /a/ { rewrite ^ /n? break; proxy_pass http://{b}; }"),
  proxied("set $args", "location /a/ { set $args z=$arg_q; proxy_pass http://{b}; }"),
  proxied("set $args to nothing", 'location /a/ { set $args ""; proxy_pass http://{b}/x; }'),
  proxied("a proxy by a variable", "location /a/ { set $to {b}; proxy_pass http://$to; }"),
  proxied(
    "a proxy by a variable after a change",
    "location /a/ { set $to {b}; rewrite ^ /n/x%20y break; proxy_pass http://$to; }",
  ),
  proxied(
    "a proxy by a variable with URI",
    "location /a/ { set $to {b}; rewrite ^ /n break; proxy_pass http://$to/uri$uri; }",
  ),
  proxied(
    "a header by a variable",
    'location /a/ { set $v x$arg_q; proxy_set_header Connection ""; proxy_set_header X-V $v; proxy_pass http://{b}; }',
  ),
  proxied(
    "a POST keeps its body",
    "rewrite ^/a/ /n/ last; location /n/ { proxy_pass http://{b}; }",
    post("/a/", "body"),
  ),

  sets("a text", "set $v text;", "$v"),
  sets("an empty text", 'set $v "";', "[$v]"),
  sets("a variable", "set $v $host; set $w $v$v;", "$w"),
  sets("twice", "set $v a; set $v $v.b;", "$v"),
  sets("a capture is escaped where the path was", "if ($uri ~ ^/(.*)$) { set $v $1; } ", "$v"),
  sets(
    "a capture is escaped until something is rewritten",
    "rewrite ^/(.*)$ /$1; set $v $1;",
    "$v $uri",
    get("/a%20b+c?x=1"),
  ),
  sets("a capture without escapes in the path", "if ($uri ~ ^/(.*)$) { set $v $1; } ", "$v", get("/a&b")),
  sets("a variable is not escaped", "set $v $uri;", "$v"),
  sets("not run is not set, and logged once", 'if ($arg_y) { set $v x; } set $w "$v$v";', "[$v][$w]"),
  sets(
    "uninitialized_variable_warn off",
    "uninitialized_variable_warn off; if ($arg_y) { set $v x; }",
    "[$v]",
  ),
  sets("$args", "set $args n=2&m=3;", "$args $is_args $arg_m $request_uri"),
  sets("$args, then a member", "set $args n=2; set $v $arg_n;", "$v $arg_x"),
  sets(
    "the name of a header's variable",
    "set $before $http_x; set $http_x own;",
    "$before $http_x",
    get("/", "X: theirs\r\n"),
  ),
  sets(
    "a named group and set share a variable",
    "set $n own; if ($uri ~ ^/(?<n>.)) { set $w $n; } set $v $n;",
    "$v $w",
  ),
  sets("break ends it", "set $v a; if ($arg_x) { break; } set $v b;", "$v", [get("/"), get("/?x=0")]),
  {
    name: "set: over a map",
    http: "map $arg_x $m_{id} { default none; 1 one; }",
    server:
      'location / { set $before $m_{id}; if ($arg_y) { set $m_{id} own; } return 200 "$before $m_{id}\\n"; }',
    send: [get("/?x=1"), get("/?x=1&y=1"), get("/")],
    status: [200, 200, 200],
  },
  {
    name: "set: a map of a variable that is set",
    http: "map $k_{id} $m_{id} { default none; ~^(.)b $1; }",
    server: 'set $k_{id} ab; location / { if ($m_{id}) { set $k_{id} c; } return 200 "$k_{id} $m_{id}\\n"; }',
    send: get("/"),
    status: 200,
  },
  {
    name: "set: names count in any case",
    server: 'location / { set $Own a; return 200 "$own $OWN\\n"; }',
    send: get("/"),
    status: 200,
  },
  {
    name: "set: in the server, read in log and location",
    http: "log_format {id} '$v $w';",
    server: `access_log {prefix}/logs/{id}.log {id}; set $v $arg_x; location / { set $w "$v!"; return 200 "$v\\n"; }`,
    send: [get("/?x=1"), get("/?x=2")],
    status: [200, 200],
    probe: false,
  },
  {
    name: "set: break ends the directives of a location, not the request",
    server: 'location / { set $v a; break; return 403; } location = /x { return 200 "x\\n"; }',
    send: get("/x"),
    status: 200,
  },
  {
    name: "set: break in the server",
    server: 'break; return 403; location / { return 200 "location\\n"; }',
    send: get("/"),
    status: 200,
  },
  {
    name: "return: an empty text of an error is none",
    server: 'location / { return 404 ""; }',
    send: get("/"),
    status: 404,
  },
  {
    name: "return: 444 with a text",
    server: 'location / { return 444 "x"; }',
    send: get("/"),
    status: 444,
  },
  {
    name: "return: 408 closes without an answer",
    server: "location / { return 408; }",
    send: get("/"),
    status: 0,
  },
  {
    name: "return: with captures of the location",
    server: 'location ~ ^/(.)(.*)$ { return 200 "$1 $2\\n"; }',
    send: get("/a%20b+c"),
    status: 200,
  },
  {
    name: "return: URL with variables and captures",
    server: "location ~ ^/(.*)$ { return 301 $scheme://b.test/$1$is_args$args; }",
    send: get("/a%20b?q"),
    status: 301,
  },
  {
    name: "rewrite: makes a location internal",
    server:
      'rewrite ^/in$ /i; location /i { internal; return 200 "internal\\n"; } location / { rewrite ^/o(.) /$1 last; return 404; }',
    send: [get("/in"), get("/i"), get("/oi")],
    status: [200, 404, 200],
  },
  {
    name: "rewrite: to where no location is",
    server: "deny all; location /a { allow all; rewrite ^ /none last; }",
    send: get("/a"),
    status: 403,
  },
  {
    name: "rewrite: types follow the new URI",
    server:
      'types { text/x-one one; text/x-two two; } rewrite ^(.*)\\.one$ $1.two; location / { return 200 "x"; }',
    send: [get("/a.one"), get("/a.two"), get("/a.three")],
    status: [200, 200, 200],
  },
  {
    name: "set of $proxy_host, which is what Host is made of",
    server: `location / { set $proxy_host other; ${HTTP_1_1} proxy_set_header X-Host $proxy_host; proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("x") },
    send: get("/"),
    status: 200,
  },
]

import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get } from "./case.ts"

/** What a map of the argument `k` gives for each of `keys`. `$m` in `lines` is the map's own variable. */
function mapped(
  name: string,
  lines: string,
  keys: readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `map: ${name}`,
    http: `map $arg_k $m{id} { ${lines} }`,
    server: 'return 200 "[$m{id}]\\n";',
    send: keys.map((key) => get(`/?k=${key}`)),
    status: keys.map(() => 200),
    ...more,
  }
}

/** A map with whatever is around it. */
function around(
  name: string,
  http: string,
  server: string,
  targets: readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const send = targets.map((target) => get(target))
  return { name: `map: ${name}`, http, server, send, status: targets.map(() => 200), ...more }
}

const HOSTS = `hostnames; default none; example.com exact; *.example.com below; .dot.test dotted;
  *.sub.example.com deeper; www.* front; www.example.* longer; *.test any; mail.dot.test mail;`

const HOST_NAMES = [
  "example.com",
  "EXAMPLE.com",
  "example.com.",
  "example.com..",
  "a.example.com",
  "a.b.example.com",
  "sub.example.com",
  "x.sub.example.com",
  "x.sub.example.com.",
  "notexample.com",
  ".example.com",
  "dot.test",
  "a.dot.test",
  "mail.dot.test",
  "other.test",
  "test",
  "www.other",
  "www.example.org",
  "www.example.org.uk",
  "www.example",
  "www",
  "www.",
  "www.example.",
  "com",
  "",
  ".",
]

const NO_HOSTNAMES = mapped(
  "wildcards without hostnames are texts",
  "*.a.test star; .b.test dot; c.* tail; a.test name;",
  ["x.a.test", "*.a.test", ".b.test", "b.test", "c.x", "c.*", "a.test."],
)

const LOGGED_ONCE: Partial<ComparisonCase> = {
  differs: {
    why: "nginx evaluates a text twice, for its length and for itself, and says it each time",
    holdfast: ({ errorLog }) => ({ errorLog: errorLog.slice(errorLog.length / 2) }),
  },
}

export const mapCases: readonly ComparisonCase[] = [
  mapped("texts in any case", "default d; abc 1; DEF 2; 'g h' 3;", [
    "abc",
    "ABC",
    "aBc",
    "def",
    "DEF",
    "abcd",
    "ab",
    "g%20h",
  ]),
  mapped("without default", "a 1;", ["a", "b", ""]),
  mapped("an empty key", '"" empty; a 1; default d;', ["", "a", "x"]),
  mapped("an empty value", 'a ""; default d;', ["a", "b"]),
  mapped("no regular expression is asked of an empty text", "~^$ matched; ~.* all; default d;", ["", "x"]),
  mapped("an empty text beside regular expressions", '~.* all; "" empty;', ["", "x"]),
  mapped("an empty block", "", ["a", ""]),
  mapped("only a default", "default d;", ["a", ""]),
  mapped("default in the middle", "a 1; default d; b 2;", ["a", "b", "c"]),
  mapped("the word default as a key", "\\default word; default d;", ["default", "x"]),
  mapped("escaped words", "\\include i; \\hostnames h; \\volatile v; \\~x tilde; \\\\y slash;", [
    "include",
    "hostnames",
    "volatile",
    "~x",
    "x",
    "\\y",
    "y",
  ]),
  mapped("keys that are special only alone", "hostnames h; volatile v;", ["hostnames", "volatile", "x"]),
  mapped("texts win over regular expressions", "~a regex; abc text; default d;", ["abc", "ABC", "xax", "b"]),
  mapped("the first regular expression wins", "~^ab first; ~^abc second; ~c third;", ["abc", "xc", "x"]),
  mapped("regular expressions and case", "~^a lower; ~*^A any; ~*b bee;", ["a", "A", "B", "c"]),
  mapped("captures", '~^(\\w+)-(\\w+)$ "$2/$1"; ~^(x)?y "[$1]"; default "none $1";', [
    "one-two",
    "xy",
    "y",
    "z",
  ]),
  mapped(
    "named captures",
    '"~^(?<first{id}>\\w+)-(?<second{id}>\\w+)$" "$second{id}.$first{id}"; default -;',
    ["one-two", "one"],
  ),
  mapped("a regular expression with a quantifier", '"~^[a-z]{2,3}$" word; default d;', ["ab", "abc", "abcd"]),
  mapped("values with variables", 'a "<$arg_k $arg_v>"; b $arg_v; default "$arg_v$arg_none";', [
    "a&v=1",
    "b&v=2",
    "b",
    "c&v=3",
    "c",
  ]),
  mapped("quotes and blanks", "a 'two words'; b \"it's\"; c 'say \"x\"'; d x\\;y;", ["a", "b", "c", "d"]),
  mapped("hostnames", HOSTS, HOST_NAMES),
  mapped("hostnames and regular expressions", "hostnames; *.a.test wild; ~^x regex; default d;", [
    "x.a.test",
    "x.b.test",
    "x.",
    "y.",
  ]),
  mapped("a regular expression sees the name without its last dot", "hostnames; ~^(.*)$ <$1>;", [
    "a.",
    "b..",
  ]),
  mapped("keys above hostnames are texts", "*.a.test star; hostnames; *.b.test wild; default d;", [
    "x.a.test",
    "*.a.test",
    "x.b.test",
    "*.a.test.",
  ]),
  mapped("a name with a dot in front wins over a shorter wildcard", "hostnames; *.test short; .a.test dot;", [
    "a.test",
    "b.a.test",
    "b.test",
  ]),
  NO_HOSTNAMES,
  mapped("bytes beyond ASCII", "\xe4 lower; \xc4 upper; default d;", ["x"], {
    http: "map $http_k $m{id} { \xe4 lower; \xc4 upper; default d; }",
    send: ["\xe4", "\xc4", "\xe4\xe4"].map((value) => get("/", `K: ${value}\r\n`)),
    status: [200, 200, 200],
  }),
  mapped(
    "includes",
    "include {id}-one.map; include {id}-many-*.map; include {id}-none-*.map; default d;",
    ["one", "a", "b", "1x", "z"],
    {
      files: {
        "{id}-one.map": "one 1;\n# a comment\n~^(\\d) $1;\n",
        "{id}-many-a.map": "a A;\n",
        "{id}-many-b.map": "b B;\n",
      },
    },
  ),
  mapped("an include in an include", "include {id}-outer.map;", ["inner", "outer", "none"], {
    files: { "{id}-outer.map": "include inner.map; outer o;", "inner.map": "inner i; default d;" },
  }),
  around(
    "a key of several variables",
    "map $request_method:$arg_a:$arg_b $m{id} { GET:1:2 hit; GET:1: half; default miss; }",
    'return 200 "$m{id}\\n";',
    ["/?a=1&b=2", "/?a=1", "/?b=2"],
  ),
  around(
    "a key without variables",
    "map text $m{id} { text hit; default miss; }",
    'return 200 "$m{id}\\n";',
    ["/"],
  ),
  around(
    "maps of maps, in any order",
    "map $a{id} $b{id} { x 1; default 0; } map $arg_k $a{id} { y x; default $arg_k; }",
    'return 200 "$a{id} $b{id}\\n";',
    ["/?k=y", "/?k=x", "/?k=z", "/"],
  ),
  around(
    "a value that is another map",
    'map $arg_k $a{id} { 1 one; default many; } map $arg_k $b{id} { 0 none; default "<$a{id}>"; }',
    'return 200 "$b{id}\\n";',
    ["/?k=0", "/?k=1", "/?k=2"],
  ),
  around(
    "the last of two maps of one variable counts",
    "map $arg_k $m{id} { a 1; } map $arg_j $m{id} { a 2; }",
    'return 200 "[$m{id}]\\n";',
    ["/?k=a", "/?j=a"],
  ),
  around(
    "names in any case",
    "map $ARG_K $Mapped{id} { a 1; default 0; }",
    'return 200 "$mapped{id} $MAPPED{id} $Request_Method\\n";',
    ["/?k=a", "/?k=b"],
  ),
  around(
    "captures of a map take the place of the location's",
    'map $arg_k $m{id} { "~^(.)(.)" "$2$1"; default d; }',
    'location ~ ^/(\\w+)$ { return 200 "$1 $m{id} $1\\n"; }',
    ["/word?k=ab", "/word?k=a"],
  ),
  around(
    "a map is computed once a request: its captures, too",
    'map $arg_k $m{id} { "~^(.)" "$1"; } map $arg_j $n{id} { "~^(.)" "$1"; }',
    'location / { return 200 "$m{id} $1 $n{id} $1 $m{id} $1\\n"; }',
    ["/?k=a&j=b"],
  ),
  around(
    "the value is kept when its sources change",
    "map $x{id} $m{id} { one 1; two 2; default 0; }",
    'set $x{id} one; set $y{id} $m{id}; set $x{id} two; location / { return 200 "$y{id} $m{id}\\n"; }',
    ["/"],
  ),
  around(
    "volatile",
    "map $x{id} $m{id} { volatile; one 1; two 2; default 0; }",
    'set $x{id} one; set $y{id} $m{id}; set $x{id} two; location / { return 200 "$y{id} $m{id}\\n"; }',
    ["/"],
  ),
  around(
    "set takes the place of the map's value",
    "map $arg_k $m{id} { a 1; default 0; }",
    'location / { return 200 "$m{id}\\n"; } location /set { set $m{id} own; return 200 "$m{id}\\n"; }',
    ["/?k=a", "/set?k=a"],
  ),
  around(
    "the value is kept over an internal redirect",
    "map $uri $m{id} { /first 1; /second 2; default 0; }",
    `error_page 404 = /second; location /first { set $seen{id} $m{id}; return 404; }
     location /second { return 200 "$m{id}\\n"; }`,
    ["/first", "/second"],
  ),
  around(
    "a map made of itself",
    'map $b{id} $a{id} { default "x$b{id}"; } map $a{id} $b{id} { default "y$a{id}"; }',
    'error_log {prefix}/logs/{id}.err; location / { return 200 "$a{id}\\n"; }',
    ["/"],
    LOGGED_ONCE,
  ),
  around(
    "a map of its own variable",
    'map $a{id} $a{id} { "" empty; empty full; default more; }',
    'error_log {prefix}/logs/{id}.err; location / { return 200 "$a{id}\\n"; }',
    ["/"],
    LOGGED_ONCE,
  ),
  around(
    "an unset variable of nginx's is an empty key",
    'map $http_none $m{id} { "" unset; default set; }',
    'return 200 "$m{id}\\n";',
    ["/"],
  ),
  {
    name: "map: the Connection header of a proxied handshake",
    http: "map $http_upgrade $c{id} { default upgrade; '' close; }",
    server:
      "location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $c{id}; proxy_pass http://{b}; }",
    backends: { b: httpAnswer("ok") },
    send: [get("/"), get("/", "Upgrade: websocket\r\nConnection: Upgrade\r\n"), get("/", "Upgrade:\r\n")],
    status: [200, 200, 200],
  },
  {
    name: "map: the backend by the host's name",
    http: "map $host $b{id} { hostnames; .one.test {one}; .two.test {two}; default {two}; }",
    server:
      'location / { proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-To $b{id}; proxy_pass http://{one}; }',
    backends: { one: httpAnswer("one"), two: httpAnswer("two") },
    send: ["one.test", "a.two.test", "none"].map((host) => get("/").replace("a.test", host)),
    status: [200, 200, 200],
  },
  {
    name: "map: the target of a redirect",
    http: 'map $uri $to{id} { "~^/old/(?<rest{id}>.*)$" "/new/$rest{id}"; /a /b; default ""; }',
    server: 'location / { return 301 $to{id}; } location /same { return 200 "[$to{id}]"; }',
    send: [get("/old/x/y"), get("/a"), get("/same")],
    status: [301, 301, 200],
  },
]

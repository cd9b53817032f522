/** health_check, match, slow_start and queue with mistakes. All are of nginx's commercial build: it cannot be asked. */
import {
  type BadInput,
  describeBadInput,
  inHttp,
  inLocation,
  inServer,
  inUpstream,
} from "../bad-input/bad-input.ts"

const nginx = { error: null, why: "Debian's nginx is not the commercial build" }
const GROUP = "upstream backend { zone backend 64k; server 127.0.0.1:1; server 127.0.0.1:2; }"

/** A mistake in the parameters of `health_check`. */
function check(parameters: string, error: string): BadInput {
  return {
    name: `health_check ${parameters}`,
    config: inHttp(
      `${GROUP}\nserver {\nlisten 127.0.0.1:{port};\nlocation / {\nproxy_pass http://backend;\nhealth_check ${parameters}; #!\n}\n}`,
    ),
    error,
    nginx,
  }
}

const parameter = (text: string): BadInput => check(text, `invalid parameter "${text}"`)

describeBadInput("health_check", [
  ...[
    "interval=",
    "interval=0",
    "interval=soon",
    "interval",
    "jitter=-1",
    "jitter=x",
    "keepalive_time=0",
  ].map(parameter),
  ...[
    "fails=0",
    "fails=x",
    "passes=0",
    "passes=-1",
    "port=0",
    "port=x",
    "match=",
    "max=1",
    "on",
    "mandatory=1",
  ].map(parameter),
  check("port=65536", 'invalid port "65536"'),
  check("uri=", 'invalid URI ""'),
  check("uri=check", 'invalid URI "check"'),
  check('"uri=/a b"', 'invalid URI "/a b"'),
  check("type=tcp", 'invalid type "tcp"'),
  check("type=grpc", 'the "grpc" type of "health_check" is not supported by Holdfast'),
  check("persistent", '"persistent" requires "mandatory"'),
  check("ping", '"ping" requires "type=websocket"'),
  check("type=websocket keepalive_time=1s", '"keepalive_time" cannot be used with "type=websocket"'),
  check("match=nothing", 'unknown match "nothing"'),
  check("; health_check", '"health_check" directive is duplicate'),
  {
    name: "health_check without proxy_pass",
    config: inLocation("health_check; #!"),
    error: 'no "proxy_pass" in the location of "health_check"',
    nginx,
  },
  {
    name: "health_check of an address",
    config: inLocation("proxy_pass http://127.0.0.1:1;\nhealth_check; #!"),
    error: 'health checks require upstream "127.0.0.1:1" in shared memory',
    nginx,
  },
  {
    name: "health_check of a group without zone",
    config: inHttp(
      "upstream u { server 127.0.0.1:1; }\nserver {\nlisten 127.0.0.1:{port};\nlocation / {\nproxy_pass http://u;\nhealth_check; #!\n}\n}",
    ),
    error: 'health checks require upstream "u" in shared memory',
    nginx,
  },
  {
    name: "health_check with variables in proxy_pass",
    config: inLocation("proxy_pass http://$arg_a;\nhealth_check; #!"),
    error: '"health_check" cannot be used with variables in "proxy_pass"',
    nginx,
  },
  {
    name: "health_check in a server",
    config: inServer("health_check; #!"),
    error: '"health_check" directive is not allowed here',
    nginx,
  },
  {
    name: "a body test for WebSockets",
    config: inHttp(
      `match m { body ~ x; }\n${GROUP}\nserver {\nlisten 127.0.0.1:{port};\nlocation / {\nproxy_pass http://backend;\nhealth_check type=websocket match=m; #!\n}\n}`,
    ),
    error: 'match "m" tests a body, which a WebSocket does not have',
    nginx,
  },
  {
    name: "nine checks of one group",
    config: inHttp(
      `${GROUP}\nserver {\nlisten 127.0.0.1:{port};\n${"12345678"
        .split("")
        .map((n) => `location /${n} { proxy_pass http://backend; health_check; }`)
        .join("\n")}\nlocation /9 {\nproxy_pass http://backend;\nhealth_check; #!\n}\n}`,
    ),
    error: 'upstream "backend" has more than 8 health checks',
    nginx,
  },
])

/** A mistake in a line of a `match` block. */
function line(text: string, error: string): BadInput {
  return { name: `match: ${text}`, config: inHttp(`match m {\n${text} #!\n}`), error, nginx }
}

const count = (kind: string): string => `invalid number of arguments in "${kind}" test`

describeBadInput("match", [
  line("status;", count("status")),
  line("status !;", count("status")),
  line("status ok;", 'invalid status "ok"'),
  line("status 99;", 'invalid status "99"'),
  line("status 200-;", 'invalid status "200-"'),
  line("status 300-200;", 'invalid status "300-200"'),
  line("status 200-300-400;", 'invalid status "200-300-400"'),
  line("status 200 ! 300;", 'invalid status "!"'),
  line("header;", count("header")),
  line("header !;", count("header")),
  line("header ! A B;", count("header")),
  line("header A =;", count("header")),
  line("header A = b c;", count("header")),
  line("header A == b;", 'invalid operator "==" in "header" test'),
  line('header A ~ "(";', 'pcre2_compile() failed: Unterminated group in "("'),
  line("body x;", count("body")),
  line("body ~;", count("body")),
  line("body = x;", 'invalid operator "=" in "body" test'),
  line('body ~ "[";', 'pcre2_compile() failed: Unterminated character class in "["'),
  line("require;", count("require")),
  line("require x;", 'invalid variable name "x"'),
  line("require $no_such_variable;", 'unknown "no_such_variable" variable'),
  line("expect 200;", 'unknown test "expect" in "match"'),
  line("status { 200; }", 'unexpected "{"'),
  {
    name: "match twice",
    config: inHttp("match m { status 200; }\nmatch m { status 200; } #!"),
    error: 'duplicate match "m"',
    nginx,
  },
  {
    name: "match without a name",
    config: inHttp("match { status 200; } #!"),
    error: 'invalid number of arguments in "match" directive',
    nginx,
  },
  {
    name: "match in a server",
    config: inServer("match m { status 200; } #!"),
    error: '"match" directive is not allowed here',
    nginx,
  },
])

describeBadInput("slow_start and queue", [
  ...["hash $uri", "ip_hash", "random", "random two"].map((method) => ({
    name: `slow_start with ${method}`,
    config: inUpstream(`${method};\nserver 127.0.0.1 slow_start=30s; #!`),
    error: 'balancing method does not support parameter "slow_start=30s"',
    nginx,
  })),
  ...["slow_start=", "slow_start=x", "slow_start"].map((word) => ({
    name: word,
    config: inUpstream(`server 127.0.0.1 ${word}; #!`),
    error: `invalid parameter "${word}"`,
    nginx,
  })),
  {
    name: "queue without a number",
    config: inUpstream("server 127.0.0.1;\nqueue; #!"),
    error: 'invalid number of arguments in "queue" directive',
    nginx,
  },
  ...["0", "x", "-1"].map((text) => ({
    name: `queue ${text}`,
    config: inUpstream(`server 127.0.0.1;\nqueue ${text}; #!`),
    error: `invalid value "${text}" in "queue" directive`,
    nginx,
  })),
  ...["timeout=", "timeout=x", "60s"].map((text) => ({
    name: `queue 1 ${text}`,
    config: inUpstream(`server 127.0.0.1;\nqueue 1 ${text}; #!`),
    error: `invalid parameter "${text}"`,
    nginx,
  })),
  {
    name: "queue twice",
    config: inUpstream("server 127.0.0.1;\nqueue 1;\nqueue 2; #!"),
    error: '"queue" directive is duplicate',
    nginx,
  },
])

/** Here nginx can be asked. */
describeBadInput("zone and keepalive", [
  {
    name: "a zone whose size nobody says",
    config: inUpstream("zone z;\nserver 127.0.0.1;"),
    error: 'zero size shared memory zone "z"',
  },
  {
    name: "a zone of two sizes",
    config: inHttp(
      "upstream a { zone z 64k; server 127.0.0.1; }\nupstream b { zone z 128k; server 127.0.0.1; } #!",
    ),
    error: 'the size 131072 of shared memory zone "z" conflicts with already declared size 65536',
  },
  {
    name: "a zone of two uses",
    config: inHttp(
      "upstream a { zone z 64k; server 127.0.0.1; }\nlimit_req_zone $uri zone=z:64k rate=1r/s; #!",
    ),
    error: 'the shared memory zone "z" is already declared for a different use',
  },
  {
    name: "the same the other way round",
    config: inHttp("limit_conn_zone $uri zone=z:64k;\nupstream a { zone z 64k; server 127.0.0.1; } #!"),
    error: 'the shared memory zone "z" is already declared for a different use',
  },
  {
    name: "a zone that is too small",
    config: inUpstream("zone z 31k; #!\nserver 127.0.0.1;"),
    error: 'zone "z" is too small',
  },
  {
    name: "a zone without a name",
    config: inUpstream('zone "" 64k; #!\nserver 127.0.0.1;'),
    error: 'invalid zone name ""',
  },
  {
    name: "a zone of a bad size",
    config: inUpstream("zone z 64x; #!\nserver 127.0.0.1;"),
    error: 'invalid zone size "64x"',
  },
  {
    name: "keepalive of no number",
    config: inUpstream("server 127.0.0.1;\nkeepalive x; #!"),
    error: 'invalid value "x" in "keepalive" directive',
  },
  {
    name: "keepalive twice",
    config: inUpstream("server 127.0.0.1;\nkeepalive 1;\nkeepalive 2; #!"),
    error: '"keepalive" directive is duplicate',
  },
  {
    name: "keepalive with another word",
    config: inUpstream("server 127.0.0.1;\nkeepalive 1 shared; #!"),
    error: 'invalid parameter "shared"',
    nginx: {
      error: 'invalid number of arguments in "keepalive" directive in {dir}/test.conf:5',
      why: "it is older than local",
    },
  },
  {
    name: "keepalive_time is no time",
    config: inUpstream("server 127.0.0.1;\nkeepalive_time x; #!"),
    error: '"keepalive_time" directive invalid value',
  },
  {
    name: "keepalive_timeout is no time",
    config: inUpstream("server 127.0.0.1;\nkeepalive_timeout -1; #!"),
    error: '"keepalive_timeout" directive invalid value',
  },
  {
    name: "keepalive_requests is no number",
    config: inUpstream("server 127.0.0.1;\nkeepalive_requests 1k; #!"),
    error: '"keepalive_requests" directive invalid number',
  },
])

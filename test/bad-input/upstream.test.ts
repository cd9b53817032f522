import { describeBadInput, inHttp, inLocation, inServer, inUpstream } from "./bad-input.ts"

const URI_PART =
  '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block'
const NO_LINE = { error: 'unknown "nothing" variable', why: "nginx does not know the line any more" }
const parameter = (text: string): string => `invalid parameter "${text}"`

describeBadInput("upstream", [
  {
    name: "the same name twice",
    config: inHttp("upstream a {\nserver 127.0.0.1;\n}\nupstream a { #!\nserver 127.0.0.1;\n}"),
    error: 'duplicate upstream "a"',
  },
  { name: "without servers", config: inUpstream(""), error: "no servers are inside upstream", line: 5 },
  {
    name: "with settings, without servers",
    config: inUpstream("keepalive 5;\n"),
    error: "no servers are inside upstream",
    line: 6,
  },
  {
    name: "with backups alone",
    config: inHttp("upstream backend { #!\nserver 127.0.0.1 backup;\n}"),
    error: 'no servers in upstream "backend"',
  },
  {
    name: "a host that is not found",
    config: inUpstream("server nowhere.invalid:80; #!"),
    error: 'host not found in upstream "nowhere.invalid:80"',
  },
  {
    name: "the first of two that are not found",
    config: inUpstream("server nowhere.invalid; #!\nserver nothing.invalid;"),
    error: 'host not found in upstream "nowhere.invalid"',
  },
  {
    name: "a port that is none",
    config: inUpstream("server 127.0.0.1:http; #!"),
    error: 'invalid port in upstream "127.0.0.1:http"',
  },
  {
    name: "a port that is too large",
    config: inUpstream("server 127.0.0.1:65536; #!"),
    error: 'invalid port in upstream "127.0.0.1:65536"',
  },
  {
    name: "a port of 0",
    config: inUpstream("server 127.0.0.1:0; #!"),
    error: 'invalid port in upstream "127.0.0.1:0"',
  },
  { name: "no host", config: inUpstream('server ""; #!'), error: 'no host in upstream ""' },
  { name: "no host before a port", config: inUpstream("server :80; #!"), error: 'no host in upstream ":80"' },
  {
    name: "a URL",
    config: inUpstream("server http://127.0.0.1; #!"),
    error: 'invalid host in upstream "http://127.0.0.1"',
  },
  {
    name: "a path",
    config: inUpstream("server 127.0.0.1/x; #!"),
    error: 'invalid host in upstream "127.0.0.1/x"',
  },
  {
    name: "a broken IPv6 address",
    config: inUpstream("server [::g]:80; #!"),
    error: 'invalid IPv6 address in upstream "[::g]:80"',
  },
  {
    name: "an IPv6 address without its bracket",
    config: inUpstream("server [::1; #!"),
    error: 'invalid host in upstream "[::1"',
  },
  {
    name: "a unix socket without a path",
    config: inUpstream("server unix:; #!"),
    error: 'no path in the unix domain socket in upstream "unix:"',
  },
  { name: "an unknown parameter", config: inUpstream("server 127.0.0.1 fast; #!"), error: parameter("fast") },
  {
    name: "a weight that is none",
    config: inUpstream("server 127.0.0.1 weight=heavy; #!"),
    error: parameter("weight=heavy"),
  },
  {
    name: "max_fails",
    config: inUpstream("server 127.0.0.1 max_fails=x; #!"),
    error: parameter("max_fails=x"),
  },
  {
    name: "fail_timeout",
    config: inUpstream("server 127.0.0.1 fail_timeout=x; #!"),
    error: parameter("fail_timeout=x"),
  },
  {
    name: "max_conns",
    config: inUpstream("server 127.0.0.1 max_conns=-1; #!"),
    error: parameter("max_conns=-1"),
  },
  {
    name: "backup with ip_hash before it",
    config: inUpstream("ip_hash;\nserver 127.0.0.1;\nserver 127.0.0.2 backup; #!"),
    error: 'balancing method does not support parameter "backup"',
  },
  {
    name: "two ports",
    config: inUpstream("server 127.0.0.1:80:90; #!"),
    error: 'invalid port in upstream "127.0.0.1:80:90"',
  },
  {
    name: "keepalive with a word",
    config: inUpstream("server 127.0.0.1;\nkeepalive many; #!"),
    error: 'invalid value "many" in "keepalive" directive',
  },
  {
    name: "a zone that is too small",
    config: inUpstream("zone a 1k; #!\nserver 127.0.0.1;"),
    error: 'zone "a" is too small',
  },
  {
    name: "a zone with a bad size",
    config: inUpstream("zone a big; #!\nserver 127.0.0.1;"),
    error: 'invalid zone size "big"',
  },
  {
    name: "a zone without a name",
    config: inUpstream('zone "" 64k; #!\nserver 127.0.0.1;'),
    error: 'invalid zone name ""',
  },
  {
    name: "the port that proxy_pass names for a group",
    config: `${inHttp("upstream a {\nserver 127.0.0.1;\n}\nserver {\nlocation / {\nproxy_pass http://a:80; #!\n}\n}")}`,
    error: 'upstream "a" may not have port 80',
  },
])

describeBadInput("proxy_pass", [
  { name: "without a scheme", config: inLocation("proxy_pass backend; #!"), error: "invalid URL prefix" },
  {
    name: "with another scheme",
    config: inLocation("proxy_pass ws://127.0.0.1; #!"),
    error: "invalid URL prefix",
  },
  { name: "without a host", config: inLocation("proxy_pass http://; #!"), error: 'no host in upstream ""' },
  {
    name: "without a host before the path",
    config: inLocation("proxy_pass http:///x; #!"),
    error: 'no host in upstream "/x"',
  },
  {
    name: "without a host before a port",
    config: inLocation("proxy_pass http://:80; #!"),
    error: 'no host in upstream ":80"',
  },
  {
    name: "a port that is none",
    config: inLocation("proxy_pass http://127.0.0.1:http; #!"),
    error: 'invalid port in upstream "127.0.0.1:http"',
  },
  {
    name: "a port that is none before a path",
    config: inLocation("proxy_pass http://127.0.0.1:http/x; #!"),
    error: 'invalid port in upstream "127.0.0.1:http/x"',
  },
  {
    name: "a port that is too large",
    config: inLocation("proxy_pass http://127.0.0.1:70000; #!"),
    error: 'invalid port in upstream "127.0.0.1:70000"',
  },
  {
    name: "a host that is not found",
    config: inLocation("proxy_pass http://nowhere.invalid/; #!"),
    error: 'host not found in upstream "nowhere.invalid"',
  },
  {
    name: "a misspelt group",
    config: inHttp(
      "upstream backend {\nserver 127.0.0.1;\n}\nserver {\nlocation / {\nproxy_pass http://backnd; #!\n}\n}",
    ),
    error: 'host not found in upstream "backnd"',
  },
  {
    name: "a URI in a regular expression",
    config: inServer("location ~ ^/a {\nproxy_pass http://127.0.0.1/x; #!\n}"),
    error: URI_PART,
  },
  {
    name: "a slash in a regular expression",
    config: inServer("location ~* ^/a {\nproxy_pass http://127.0.0.1/; #!\n}"),
    error: URI_PART,
  },
  {
    name: "a URI in a named location",
    config: inServer("location @a {\nproxy_pass http://127.0.0.1/x; #!\n}"),
    error: URI_PART,
  },
  {
    name: "a unix socket without a path",
    config: inLocation("proxy_pass http://unix:; #!"),
    error: 'no path in the unix domain socket in upstream "unix:"',
  },
  {
    name: "a broken IPv6 address",
    config: inLocation("proxy_pass http://[::g]/; #!"),
    error: 'invalid IPv6 address in upstream "[::g]/"',
  },
  {
    name: "an IPv6 address without its bracket",
    config: inLocation("proxy_pass http://[::1/; #!"),
    error: 'invalid host in upstream "[::1/"',
  },
  {
    name: "proxy_redirect default without proxy_pass",
    config: inLocation("proxy_redirect default; #!"),
    error: '"proxy_redirect default" should be placed after the "proxy_pass" directive',
  },
  {
    name: "proxy_redirect default with variables",
    config: inLocation("proxy_pass http://$host;\nproxy_redirect default; #!"),
    error: '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
  },
  {
    name: "proxy_redirect with another word",
    config: inLocation("proxy_redirect sometimes; #!"),
    error: parameter("sometimes"),
  },
  {
    name: "a cache",
    config: inLocation("proxy_cache zone; #!"),
    error:
      '"proxy_cache zone" is not supported by Holdfast: put a cache (Varnish, nginx) between Holdfast and the backend, or remove the line',
    nginx: { error: null, why: "nginx has one" },
  },
])

describeBadInput("variables", [
  {
    name: "an unknown one in a header",
    config: inLocation("proxy_set_header X $nothing; #!"),
    error: 'unknown "nothing" variable',
    nginx: NO_LINE,
  },
  {
    name: "an unknown one in proxy_pass",
    config: inLocation("proxy_pass http://$nothing; #!"),
    error: 'unknown "nothing" variable',
    nginx: NO_LINE,
  },
  {
    name: "an unknown one in return",
    config: inLocation("return 200 $nothing; #!"),
    error: 'unknown "nothing" variable',
    nginx: NO_LINE,
  },
  {
    name: "an unknown one in a log format",
    config: inHttp("log_format a $nothing; #!"),
    error: 'unknown "nothing" variable',
    nginx: NO_LINE,
  },
  {
    name: "a bracket that is not closed",
    config: inLocation('return 200 "${host"; #!'),
    error: 'the closing bracket in "host" variable is missing',
  },
  { name: "a dollar sign alone", config: inLocation('return 200 "a$"; #!'), error: "invalid variable name" },
  { name: "an empty name", config: inLocation('return 200 "${}"; #!'), error: "invalid variable name" },
  {
    name: "a bracket that is not closed in a log format",
    config: inHttp("log_format a '${host'; #!"),
    error: 'the closing bracket in "host" variable is missing',
  },
  {
    name: "a dollar sign alone in a log format",
    config: inHttp("log_format a '$'; #!"),
    error: 'invalid parameter "$"',
  },
])

describeBadInput("logs", [
  {
    name: "an unknown format",
    config: inHttp("access_log {dir}/a.log main; #!"),
    error: 'unknown log format "main"',
  },
  {
    name: "a format that stands below",
    config: inHttp("access_log {dir}/a.log main; #!\nlog_format main a;"),
    error: 'unknown log format "main"',
  },
  {
    name: "a format twice",
    config: inHttp("log_format a b;\nlog_format a c; #!"),
    error: 'duplicate "log_format" name "a"',
  },
  {
    name: "the predefined format",
    config: inHttp("log_format combined b; #!"),
    error: 'duplicate "log_format" name "combined"',
  },
  {
    name: "an unknown escaping",
    config: inHttp("log_format a escape=html b; #!"),
    error: 'unknown log format escaping "html"',
  },
  {
    name: "a buffer that is none",
    config: inHttp("access_log {dir}/a.log combined buffer=x; #!"),
    error: 'invalid buffer size "x"',
  },
  {
    name: "a time that is none",
    config: inHttp("access_log {dir}/a.log combined buffer=1k flush=x; #!"),
    error: 'invalid flush time "x"',
  },
  {
    name: "a time without a buffer",
    config: inHttp("access_log {dir}/a.log combined flush=1s; #!"),
    error: 'no buffer is defined for access_log "{dir}/a.log"',
  },
  {
    name: "an unknown parameter",
    config: inHttp("access_log {dir}/a.log combined fast; #!"),
    error: 'invalid parameter "fast"',
  },
  {
    name: "a folder that is not there",
    config: inServer("access_log {dir}/nowhere/a.log;"),
    error: 'open() "{dir}/nowhere/a.log" failed (2: No such file or directory)',
  },
  {
    name: "an error log in a folder that is not there",
    config: "error_log {dir}/nowhere/e.log;\nevents {}\n",
    error: 'open() "{dir}/nowhere/e.log" failed (2: No such file or directory)',
  },
  {
    name: "a log that is a folder",
    config: inServer("access_log {dir}/logs;"),
    error: 'open() "{dir}/logs" failed (21: Is a directory)',
  },
])

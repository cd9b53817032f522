import { describeBadInput, inHttp, inServer } from "./bad-input.ts"

const SERVERS =
  "nginx looks closer at names only where an address has several servers, and names no line then"

/** The reason of a broken regular expression is PCRE's in nginx and V8's here. */
function pcre(reason: string, pattern: string, line: number) {
  return {
    error: `pcre2_compile() failed: ${reason} in "${pattern}" in {dir}/test.conf:${line}`,
    why: "the reason is PCRE's in nginx and V8's here",
  }
}

describeBadInput("listen", [
  {
    name: "a port that is none",
    config: inHttp("server {\nlisten 127.0.0.1:http; #!\n}"),
    error: 'invalid port in "127.0.0.1:http" of the "listen" directive',
  },
  {
    name: "a port that is too large",
    config: inHttp("server {\nlisten 65536; #!\n}"),
    error: 'invalid port in "65536" of the "listen" directive',
  },
  {
    name: "port 0",
    config: inHttp("server {\nlisten 127.0.0.1:0; #!\n}"),
    error: 'invalid port in "127.0.0.1:0" of the "listen" directive',
  },
  {
    name: "a port alone of 0",
    config: inHttp("server {\nlisten 0; #!\n}"),
    error: 'invalid port in "0" of the "listen" directive',
  },
  {
    name: "an empty port",
    config: inHttp("server {\nlisten 127.0.0.1:; #!\n}"),
    error: 'invalid port in "127.0.0.1:" of the "listen" directive',
  },
  {
    name: "a port alone behind a colon",
    config: inHttp("server {\nlisten :8080; #!\n}"),
    error: 'no host in ":8080" of the "listen" directive',
  },
  {
    name: "no text",
    config: inHttp('server {\nlisten ""; #!\n}'),
    error: 'no host in "" of the "listen" directive',
  },
  {
    name: "a host that is not found",
    config: inHttp("server {\nlisten nowhere.invalid:80; #!\n}"),
    error:
      'host not found in "nowhere.invalid:80" of the "listen" directive (Holdfast takes addresses there and "localhost", no other name)',
    nginx: {
      error: 'host not found in "nowhere.invalid:80" of the "listen" directive in {dir}/test.conf:4',
      why: "nginx resolves names here",
    },
  },
  {
    name: "an IPv4 address that is none",
    config: inHttp("server {\nlisten 300.0.0.1:80; #!\n}"),
    error:
      'host not found in "300.0.0.1:80" of the "listen" directive (Holdfast takes addresses there and "localhost", no other name)',
    nginx: {
      error: 'host not found in "300.0.0.1:80" of the "listen" directive in {dir}/test.conf:4',
      why: "nginx resolves names here",
    },
  },
  {
    name: "an IPv6 address that is none",
    config: inHttp("server {\nlisten [::g]:80; #!\n}"),
    error: 'invalid IPv6 address in "[::g]:80" of the "listen" directive',
  },
  {
    name: "an IPv6 address without its bracket",
    config: inHttp("server {\nlisten [::1; #!\n}"),
    error: 'invalid host in "[::1" of the "listen" directive',
  },
  {
    name: "an IPv6 address with a bad port",
    config: inHttp("server {\nlisten [::1]:x; #!\n}"),
    error: 'invalid port in "[::1]:x" of the "listen" directive',
  },
  {
    name: "an IPv6 address with more behind it",
    config: inHttp("server {\nlisten [::1]x; #!\n}"),
    error: 'invalid host in "[::1]x" of the "listen" directive',
  },
  {
    name: "a unix socket without a path",
    config: inHttp("server {\nlisten unix:; #!\n}"),
    error: 'no path in the unix domain socket in "unix:" of the "listen" directive',
  },
  {
    name: "a URL",
    config: inHttp("server {\nlisten http://a; #!\n}"),
    error: 'invalid host in "http://a" of the "listen" directive',
  },
  {
    name: "a path behind the port",
    config: inHttp("server {\nlisten 127.0.0.1:80/x; #!\n}"),
    error: 'invalid host in "127.0.0.1:80/x" of the "listen" directive',
  },
  {
    name: "an unknown parameter",
    config: inHttp("server {\nlisten 80 fast; #!\n}"),
    error: 'invalid parameter "fast"',
  },
  {
    name: "a backlog that is none",
    config: inHttp("server {\nlisten 80 backlog=x; #!\n}"),
    error: 'invalid backlog "backlog=x"',
  },
  {
    name: "a backlog of 0",
    config: inHttp("server {\nlisten 80 backlog=0; #!\n}"),
    error: 'invalid backlog "backlog=0"',
  },
  {
    name: "an unknown word for ipv6only that begins as one",
    config: inHttp("server {\nlisten [::1]:80 ipv6only=of; #!\n}"),
    error: 'invalid ipv6only flags "of"',
  },
  {
    name: "so_keepalive without any value",
    config: inHttp("server {\nlisten 80 so_keepalive=::; #!\n}"),
    error: 'invalid so_keepalive value: "::"',
  },
  {
    name: "a range of ports",
    config: inHttp("server {\nlisten 127.0.0.1:8080-8081; #!\n}"),
    error: 'port ranges as in "127.0.0.1:8080-8081" of the "listen" directive are not supported by Holdfast',
    nginx: { error: null, why: "nginx listens on each" },
  },
  {
    name: "a range of ports that is empty",
    config: inHttp("server {\nlisten 127.0.0.1:8081-8080; #!\n}"),
    error: 'invalid port range in "127.0.0.1:8081-8080" of the "listen" directive',
  },
  {
    name: "a path of a unix socket that is too long",
    config: inHttp(`server {\nlisten unix:/${"x".repeat(107)}; #!\n}`),
    error: `too long path in the unix domain socket in "unix:/${"x".repeat(107)}" of the "listen" directive`,
  },
  {
    name: "ipv6only with another word",
    config: inHttp("server {\nlisten [::1]:80 ipv6only=maybe; #!\n}"),
    error: 'invalid parameter "ipv6only=maybe"',
  },
  {
    name: "so_keepalive with another word",
    config: inHttp("server {\nlisten 80 so_keepalive=maybe; #!\n}"),
    error: 'invalid so_keepalive value: "maybe"',
  },
  {
    name: "a parameter of nginx's that Holdfast lacks",
    config: inHttp("server {\nlisten 80 deferred fastopen=5; #!\n}"),
    error:
      'the "fastopen" parameter of the "listen" directive is not supported by Holdfast: Node.js has no such option of a socket; remove it',
    nginx: { error: null, why: "nginx has it" },
  },
  {
    name: "the same address twice in a server",
    config: inServer("listen 127.0.0.1:{port}; #!"),
    error: "a duplicate listen 127.0.0.1:{port}",
  },
  {
    name: "the same wildcard twice in a server",
    config: inHttp("server {\nlisten {port};\nlisten *:{port}; #!\n}"),
    error: "a duplicate listen 0.0.0.0:{port}",
  },
  {
    name: "two default servers",
    config: inHttp(
      "server {\nlisten 127.0.0.1:{port} default_server;\n}\nserver {\nlisten 127.0.0.1:{port} default_server; #!\n}",
    ),
    error: "a duplicate default server for 127.0.0.1:{port}",
  },
  {
    name: "two servers with parameters of one socket",
    config: inHttp(
      "server {\nlisten 127.0.0.1:{port} backlog=5;\n}\nserver {\nlisten 127.0.0.1:{port} backlog=6; #!\n}",
    ),
    error: "duplicate listen options for 127.0.0.1:{port}",
  },
])

describeBadInput("server_name", [
  { name: "a star alone", config: inServer("server_name *; #!"), error: 'server name "*" is invalid' },
  { name: "a dot alone", config: inServer("server_name .; #!"), error: 'server name "." is invalid' },
  {
    name: "a star and a dot alone",
    config: inServer("server_name *.; #!"),
    error: 'server name "*." is invalid',
  },
  {
    name: "a star without a dot",
    config: inServer("server_name *a.test; #!"),
    error: 'server name "*a.test" is invalid',
  },
  ...["a.*.test", "a..test", "*.*.test", "a*", "a.*.*", "*.a..test", "..a"].map((name) => ({
    name: `${name} where the address has two servers`,
    config: inHttp(
      `server {\nlisten 127.0.0.1:{port};\n}\nserver {\nlisten 127.0.0.1:{port};\nserver_name ${name}; #!\n}`,
    ),
    error: `invalid server name or wildcard "${name}"`,
    nginx: { error: `invalid server name or wildcard "${name}" on 127.0.0.1:{port}`, why: SERVERS },
  })),
  {
    name: "two dots in the name of a server alone",
    config: inServer("server_name a..test; #!"),
    error: 'invalid server name or wildcard "a..test"',
    nginx: { error: null, why: SERVERS },
  },
  {
    name: "a regular expression without text",
    config: inServer("server_name ~; #!"),
    error: 'empty regex in server name "~"',
  },
  {
    name: "a broken regular expression",
    config: inServer("server_name ~^(a; #!"),
    error: 'pcre2_compile() failed: Unterminated group in "^(a"',
    nginx: pcre("missing closing parenthesis", "^(a", 5),
  },
])

describeBadInput("location", [
  {
    name: "an unknown modifier",
    config: inServer("location ! / { #!\n}"),
    error: 'invalid location modifier "!"',
  },
  {
    name: "a broken regular expression",
    config: inServer("location ~ ^(a { #!\n}"),
    error: 'pcre2_compile() failed: Unterminated group in "^(a"',
    nginx: pcre("missing closing parenthesis", "^(a", 5),
  },
  {
    name: "a broken character class",
    config: inServer('location ~* "[a" { #!\n}'),
    error: 'pcre2_compile() failed: Unterminated character class in "[a"',
    nginx: pcre("missing terminating ] for character class", "[a", 5),
  },
  {
    name: "a quantifier of nothing",
    config: inServer("location ~ *a { #!\n}"),
    error: 'pcre2_compile() failed: Nothing to repeat in "*a"',
    nginx: {
      error:
        'pcre2_compile() failed: quantifier does not follow a repeatable item in "*a" at "*a" in {dir}/test.conf:5',
      why: "the reason is PCRE's in nginx and V8's here",
    },
  },
  {
    name: "the same prefix twice",
    config: inServer("location /a {\n}\nlocation /a { #!\n}"),
    error: 'duplicate location "/a"',
  },
  {
    name: "the same exact one twice",
    config: inServer("location = /a {\n}\nlocation = /a { #!\n}"),
    error: 'duplicate location "/a"',
  },
  {
    name: "the same prefix with another modifier",
    config: inServer("location /a {\n}\nlocation ^~ /a { #!\n}"),
    error: 'duplicate location "/a"',
  },
  {
    name: "the same name twice",
    config: inServer("location @a {\n}\nlocation @a { #!\n}"),
    error: 'duplicate location "@a"',
    nginx: { error: null, why: "nginx takes it without a word and never uses the second one" },
  },
  {
    name: "outside of the one around it",
    config: inServer("location /a {\nlocation /b { #!\n}\n}"),
    error: 'location "/b" is outside location "/a"',
  },
  {
    name: "an exact one outside of the one around it",
    config: inServer("location /a {\nlocation = /b { #!\n}\n}"),
    error: 'location "/b" is outside location "/a"',
  },
  {
    name: "inside an exact one",
    config: inServer("location = /a {\nlocation /a/b { #!\n}\n}"),
    error: 'location "/a/b" cannot be inside the exact location "/a"',
  },
  {
    name: "inside a named one",
    config: inServer("location @a {\nlocation /b { #!\n}\n}"),
    error: 'location "/b" cannot be inside the named location "@a"',
  },
  {
    name: "a named one inside another",
    config: inServer("location /a {\nlocation @b { #!\n}\n}"),
    error: 'named location "@b" can be on the server level only',
  },
  {
    name: "a prefix inside a regular expression",
    config: inServer("location ~ /a {\nlocation /b { #!\n}\n}"),
    error: 'location "/b" is outside location "/a"',
  },
  {
    name: "one without a slash",
    config: inServer("location a {\n}\nlocation a { #!\n}"),
    error: 'duplicate location "a"',
  },
])

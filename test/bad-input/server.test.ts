import { describeBadInput, inHttp, inServer } from "./bad-input.ts"

const NO_REASON = "the reason is PCRE's in nginx and V8's here; what stands around it is the same"

describeBadInput("listen", [
  { name: "a port that is none", config: inHttp("server {\nlisten 127.0.0.1:http; #!\n}"), error: 'invalid port in "127.0.0.1:http" of the "listen" directive' },
  { name: "a port that is too large", config: inHttp("server {\nlisten 65536; #!\n}"), error: 'invalid port in "65536" of the "listen" directive' },
  { name: "port 0", config: inHttp("server {\nlisten 127.0.0.1:0; #!\n}"), error: 'invalid port in "127.0.0.1:0" of the "listen" directive' },
  { name: "a port alone of 0", config: inHttp("server {\nlisten 0; #!\n}"), error: 'invalid port in "0" of the "listen" directive' },
  { name: "an empty port", config: inHttp("server {\nlisten 127.0.0.1:; #!\n}"), error: 'invalid port in "127.0.0.1:" of the "listen" directive' },
  { name: "a port alone behind a colon", config: inHttp("server {\nlisten :8080; #!\n}"), error: 'no host in ":8080" of the "listen" directive' },
  { name: "no text", config: inHttp('server {\nlisten ""; #!\n}'), error: 'no host in "" of the "listen" directive' },
  { name: "a host that is not found", config: inHttp("server {\nlisten nowhere.invalid:80; #!\n}"), error: 'host not found in "nowhere.invalid:80" of the "listen" directive' },
  { name: "an IPv4 address that is none", config: inHttp("server {\nlisten 300.0.0.1:80; #!\n}"), error: 'host not found in "300.0.0.1:80" of the "listen" directive' },
  { name: "an IPv6 address that is none", config: inHttp("server {\nlisten [::g]:80; #!\n}"), error: 'invalid IPv6 address in "[::g]:80" of the "listen" directive' },
  { name: "an IPv6 address without its bracket", config: inHttp("server {\nlisten [::1; #!\n}"), error: 'invalid host in "[::1" of the "listen" directive' },
  { name: "an IPv6 address with a bad port", config: inHttp("server {\nlisten [::1]:x; #!\n}"), error: 'invalid port in "[::1]:x" of the "listen" directive' },
  { name: "an IPv6 address with more behind it", config: inHttp("server {\nlisten [::1]x; #!\n}"), error: 'invalid port in "[::1]x" of the "listen" directive' },
  { name: "a unix socket without a path", config: inHttp("server {\nlisten unix:; #!\n}"), error: 'no path in the unix domain socket in "unix:" of the "listen" directive' },
  { name: "a URL", config: inHttp("server {\nlisten http://a; #!\n}"), error: 'invalid port in "http://a" of the "listen" directive' },
  { name: "a path behind the port", config: inHttp("server {\nlisten 127.0.0.1:80/x; #!\n}"), error: 'invalid host in "127.0.0.1:80/x" of the "listen" directive' },
  { name: "an unknown parameter", config: inHttp("server {\nlisten 80 fast; #!\n}"), error: 'invalid parameter "fast"' },
  { name: "a backlog that is none", config: inHttp("server {\nlisten 80 backlog=x; #!\n}"), error: 'invalid backlog "x"' },
  { name: "ipv6only for IPv4", config: inHttp("server {\nlisten 127.0.0.1:80 ipv6only=on; #!\n}"), error: 'ipv6only is not supported on addr "127.0.0.1:80"' },
  { name: "ipv6only with another word", config: inHttp("server {\nlisten [::1]:80 ipv6only=maybe; #!\n}"), error: 'invalid ipv6only flags "maybe"' },
  { name: "so_keepalive with another word", config: inHttp("server {\nlisten 80 so_keepalive=maybe; #!\n}"), error: 'invalid so_keepalive value: "maybe"' },
  { name: "a parameter of nginx's that Holdfast lacks", config: inHttp("server {\nlisten 80 proxy_protocol; #!\n}"),
    error: 'the "proxy_protocol" parameter of the "listen" directive is not supported by Holdfast', nginx: { error: null, why: "nginx has it" } },
  { name: "the same address twice in a server", config: inServer("listen 127.0.0.1:{port}; #!"), error: "a duplicate listen 127.0.0.1:{port}" },
  { name: "the same wildcard twice in a server", config: inHttp("server {\nlisten {port};\nlisten *:{port}; #!\n}"), error: "a duplicate listen 0.0.0.0:{port}" },
  { name: "two default servers", config: inHttp("server {\nlisten 127.0.0.1:{port} default_server;\n}\nserver {\nlisten 127.0.0.1:{port} default_server; #!\n}"),
    error: "a duplicate default server for 127.0.0.1:{port}" },
  { name: "two servers with parameters of one socket", config: inHttp("server {\nlisten 127.0.0.1:{port} backlog=5;\n}\nserver {\nlisten 127.0.0.1:{port} backlog=6; #!\n}"),
    error: "duplicate listen options for 127.0.0.1:{port}" },
])

describeBadInput("server_name", [
  { name: "a star inside", config: inServer("server_name a.*.test; #!"), error: 'invalid server name or wildcard "a.*.test" on 127.0.0.1:{port}' , line: 0},
  { name: "a star alone", config: inServer("server_name *; #!"), error: 'x' },
  { name: "two dots", config: inServer("server_name a..test; #!"), error: 'x' },
  { name: "a regular expression without text", config: inServer("server_name ~; #!"), error: 'empty regex in server name "~"' },
  { name: "a broken regular expression", config: inServer("server_name ~^(a; #!"), error: "x" },
])

describeBadInput("location", [
  { name: "an unknown modifier", config: inServer("location ! / { #!\n}"), error: 'invalid location modifier "!"' },
  { name: "a broken regular expression", config: inServer("location ~ ^(a { #!\n}"), error: "x" },
  { name: "the same prefix twice", config: inServer("location /a {\n}\nlocation /a { #!\n}"), error: 'duplicate location "/a"' },
  { name: "the same exact one twice", config: inServer("location = /a {\n}\nlocation = /a { #!\n}"), error: 'duplicate location "/a"' },
  { name: "the same prefix with another modifier", config: inServer("location /a {\n}\nlocation ^~ /a { #!\n}"), error: 'duplicate location "/a"' },
  { name: "the same name twice", config: inServer("location @a {\n}\nlocation @a { #!\n}"), error: 'duplicate location "@a"' },
  { name: "outside of the one around it", config: inServer("location /a {\nlocation /b { #!\n}\n}"), error: 'location "/b" is outside location "/a"' },
  { name: "an exact one outside of the one around it", config: inServer("location /a {\nlocation = /b { #!\n}\n}"), error: 'location "/b" is outside location "/a"' },
  { name: "inside an exact one", config: inServer("location = /a {\nlocation /a/b { #!\n}\n}"), error: 'location "/a/b" cannot be inside the exact location "/a"' },
  { name: "inside a named one", config: inServer("location @a {\nlocation /b { #!\n}\n}"), error: 'location "/b" cannot be inside the named location "@a"' },
  { name: "a named one inside another", config: inServer("location /a {\nlocation @b { #!\n}\n}"), error: 'named location "@b" can be on the server level only' },
  { name: "a prefix inside a regular expression", config: inServer("location ~ /a {\nlocation /b { #!\n}\n}"), error: 'location "/b" is outside location "/a"' },
  { name: "one without a slash", config: inServer("location a {\n}\nlocation a { #!\n}"), error: 'duplicate location "a"' },
])
void NO_REASON

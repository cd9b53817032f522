import { refusal } from "../../src/config/refusals.ts"
import { describeBadInput, inHttp, inLocation, inServer, inUpstream } from "./bad-input.ts"

const unknown = (name: string): string => `unknown directive "${name}"`
const misplaced = (name: string): string => `"${name}" directive is not allowed here`
const arity = (name: string): string => `invalid number of arguments in "${name}" directive`
const duplicate = (name: string): string => `"${name}" directive is duplicate`

describeBadInput("unknown directives", [
  {
    name: "in a location",
    config: inLocation("prox_pass http://127.0.0.1; #!"),
    error: unknown("prox_pass"),
  },
  {
    name: "in the main context",
    config: "wrker_processes 1; #!\nevents {}\n",
    error: unknown("wrker_processes"),
  },
  { name: "as a block", config: inHttp("serverr { #!\n}"), error: unknown("serverr") },
  { name: "in another case", config: inHttp("Keepalive_Timeout 5; #!"), error: unknown("Keepalive_Timeout") },
  {
    name: "a UTF-8 byte order mark",
    config: "\xef\xbb\xbfevents {} #!\n",
    error: unknown("\xef\xbb\xbfevents"),
    line: 1,
    nginx: { error: null, why: "the test puts directives before the mark for nginx" },
  },
  {
    name: "one of nginx's that Holdfast lacks",
    config: inLocation("ssi on; #!"),
    error: refusal("ssi"),
    nginx: { error: null, why: "nginx has it" },
  },
  {
    name: "a block of nginx's that Holdfast lacks",
    config: inHttp("charset_map koi8-r utf-8 { #!\n80 E282AC;\n}"),
    error: refusal("charset_map"),
    nginx: { error: null, why: "nginx has it" },
  },
  {
    name: "a context of nginx's that Holdfast lacks",
    config: "events {}\nstream { #!\n}\n",
    error: refusal("stream"),
    nginx: {
      error: 'unknown directive "stream" in {dir}/test.conf:2',
      why: "Debian's nginx has it in a module to load",
    },
  },
])

describeBadInput("directives in the wrong context", [
  {
    name: "proxy_pass in http",
    config: inHttp("proxy_pass http://127.0.0.1; #!"),
    error: misplaced("proxy_pass"),
  },
  {
    name: "proxy_pass in server",
    config: inServer("proxy_pass http://127.0.0.1; #!"),
    error: misplaced("proxy_pass"),
  },
  { name: "listen in location", config: inLocation("listen 80; #!"), error: misplaced("listen") },
  { name: "server in the main context", config: "server { #!\n}\n", error: misplaced("server") },
  { name: "server in server", config: inServer("server { #!\n}"), error: misplaced("server") },
  { name: "http in http", config: inHttp("http { #!\n}"), error: misplaced("http") },
  { name: "upstream in server", config: inServer("upstream u { #!\n}"), error: misplaced("upstream") },
  {
    name: "worker_processes in http",
    config: inHttp("worker_processes 1; #!"),
    error: misplaced("worker_processes"),
  },
  {
    name: "worker_connections in main",
    config: "worker_connections 1; #!",
    error: misplaced("worker_connections"),
  },
  { name: "location in http", config: inHttp("location / { #!\n}"), error: misplaced("location") },
  { name: "log_format in server", config: inServer("log_format a b; #!"), error: misplaced("log_format") },
  {
    name: "proxy_pass in upstream",
    config: inUpstream("proxy_pass http://a; #!"),
    error: misplaced("proxy_pass"),
  },
  { name: "ip_hash in location", config: inLocation("ip_hash; #!"), error: misplaced("ip_hash") },
  { name: "keepalive in server", config: inServer("keepalive 5; #!"), error: misplaced("keepalive") },
  {
    name: "ssl_certificate in location",
    config: inLocation("ssl_certificate a; #!"),
    error: misplaced("ssl_certificate"),
  },
  { name: "types in upstream", config: inUpstream("types { #!\n}"), error: misplaced("types") },
  { name: "user in http", config: inHttp("user nobody; #!"), error: misplaced("user") },
  {
    name: "server_name in location",
    config: inLocation("server_name a; #!"),
    error: misplaced("server_name"),
  },
  {
    name: "misplaced is said before a wrong number of arguments",
    config: inHttp("listen; #!"),
    error: misplaced("listen"),
  },
])

describeBadInput("wrong numbers of arguments", [
  { name: "none for one", config: inLocation("proxy_pass; #!"), error: arity("proxy_pass") },
  { name: "two for one", config: inLocation("proxy_pass http://a http://b; #!"), error: arity("proxy_pass") },
  { name: "one for two", config: inLocation("proxy_set_header Host; #!"), error: arity("proxy_set_header") },
  { name: "one for none", config: inUpstream("server 127.0.0.1;\nip_hash on; #!"), error: arity("ip_hash") },
  {
    name: "three for a flag",
    config: inLocation("proxy_buffering on off on; #!"),
    error: arity("proxy_buffering"),
  },
  { name: "none for a block with a name", config: inHttp("upstream { #!\n}"), error: arity("upstream") },
  { name: "a name for a block without one", config: inHttp("server a { #!\n}"), error: arity("server") },
  { name: "three for location", config: inServer("location ~ a b { #!\n}"), error: arity("location") },
  { name: "none for location", config: inServer("location { #!\n}"), error: arity("location") },
  { name: "none for listen", config: inServer("listen; #!"), error: arity("listen") },
  { name: "none for server_name", config: inServer("server_name; #!"), error: arity("server_name") },
  { name: "none for a server of an upstream", config: inUpstream("server; #!"), error: arity("server") },
  {
    name: "three for keepalive_timeout",
    config: inHttp("keepalive_timeout 1 2 3; #!"),
    error: arity("keepalive_timeout"),
  },
  { name: "none for error_log", config: "error_log; #!\nevents {}\n", error: arity("error_log") },
  { name: "one for error_page", config: inHttp("error_page /x; #!"), error: arity("error_page") },
  {
    name: "only =code for error_page",
    config: inHttp("error_page =200 /x; #!"),
    error: 'invalid value "=200"',
  },
  { name: "one for log_format", config: inHttp("log_format main; #!"), error: arity("log_format") },
  { name: "four for add_header", config: inHttp("add_header a b always x; #!"), error: arity("add_header") },
  { name: "two for include", config: inHttp("include a b; #!"), error: arity("include") },
  { name: "none for include", config: inHttp("include; #!"), error: arity("include") },
  { name: "one for events", config: "events a { #!\n}\n", error: arity("events") },
  { name: "two for env", config: "env A B; #!\nevents {}\n", error: arity("env") },
  { name: "three for user", config: "user a b c; #!\nevents {}\n", error: arity("user") },
  {
    name: "one for large_client_header_buffers",
    config: inHttp("large_client_header_buffers 4; #!"),
    error: arity("large_client_header_buffers"),
  },
  { name: "none for ssl_protocols", config: inHttp("ssl_protocols; #!"), error: arity("ssl_protocols") },
  {
    name: "three for ssl_session_cache",
    config: inHttp("ssl_session_cache a b c; #!"),
    error: arity("ssl_session_cache"),
  },
  { name: "three for return", config: inLocation("return 200 a b; #!"), error: arity("return") },
  { name: "one for stub_status", config: inLocation("stub_status a b; #!"), error: arity("stub_status") },
  { name: "two for allow", config: inLocation("allow all all; #!"), error: arity("allow") },
  { name: "two for internal", config: inLocation("internal on; #!"), error: arity("internal") },
])

describeBadInput("duplicate directives", [
  {
    name: "in location",
    config: inLocation("proxy_buffering on;\nproxy_buffering on; #!"),
    error: duplicate("proxy_buffering"),
  },
  {
    name: "proxy_pass",
    config: inLocation("proxy_pass http://127.0.0.1;\nproxy_pass http://127.0.0.1; #!"),
    error: duplicate("proxy_pass"),
  },
  {
    name: "in http",
    config: inHttp("keepalive_timeout 5;\nkeepalive_timeout 6; #!"),
    error: duplicate("keepalive_timeout"),
  },
  {
    name: "in the main context",
    config: "worker_processes 1;\nworker_processes 1; #!\nevents {}\n",
    error: duplicate("worker_processes"),
  },
  {
    name: "in events",
    config: "events {\nworker_connections 10;\nworker_connections 10; #!\n}\n",
    error: duplicate("worker_connections"),
  },
  {
    name: "in server",
    config: inServer("client_header_timeout 5;\nclient_header_timeout 5; #!"),
    error: duplicate("client_header_timeout"),
  },
  { name: "http", config: `${inHttp("")}http { #!\n}\n`, error: duplicate("http") },
  { name: "events", config: "events {}\nevents { #!\n}\n", error: duplicate("events") },
  { name: "user", config: "user root;\nuser root; #!\nevents {}\n", error: duplicate("user") },
  { name: "pid", config: "pid a.pid;\npid b.pid; #!\nevents {}\n", error: duplicate("pid") },
  { name: "daemon", config: "daemon off;\ndaemon off; #!\nevents {}\n", error: duplicate("daemon") },
  {
    name: "default_type",
    config: inHttp("default_type a/b;\ndefault_type a/b; #!"),
    error: duplicate("default_type"),
  },
  {
    name: "client_max_body_size",
    config: inHttp("client_max_body_size 1;\nclient_max_body_size 1; #!"),
    error: duplicate("client_max_body_size"),
  },
  {
    name: "large_client_header_buffers",
    config: inHttp("large_client_header_buffers 4 8k;\nlarge_client_header_buffers 4 8k; #!"),
    error: duplicate("large_client_header_buffers"),
  },
  {
    name: "ssl_protocols",
    config: inHttp("ssl_ciphers HIGH;\nssl_ciphers HIGH; #!"),
    error: duplicate("ssl_ciphers"),
  },
  {
    name: "keepalive in upstream",
    config: inUpstream("server 127.0.0.1;\nkeepalive 5;\nkeepalive 5; #!"),
    error: duplicate("keepalive"),
  },
  {
    name: "lingering_close",
    config: inHttp("lingering_close on;\nlingering_close on; #!"),
    error: duplicate("lingering_close"),
  },
  {
    name: "proxy_http_version",
    config: inHttp("proxy_http_version 1.1;\nproxy_http_version 1.1; #!"),
    error: duplicate("proxy_http_version"),
  },
  {
    name: "proxy_redirect off after another",
    config: inLocation("proxy_pass http://127.0.0.1;\nproxy_redirect off;\nproxy_redirect off; #!"),
    error: duplicate("proxy_redirect"),
  },
  { name: "internal", config: inLocation("internal;\ninternal; #!"), error: duplicate("internal") },
])

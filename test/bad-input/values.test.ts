import { describeBadInput, inHttp, inLocation, inServer, inUpstream } from "./bad-input.ts"

const invalidValue = (name: string): string => `"${name}" directive invalid value`
const invalidNumber = (name: string): string => `"${name}" directive invalid number`
const notFlag = (name: string, value: string): string =>
  `invalid value "${value}" in "${name}" directive, it must be "on" or "off"`

describeBadInput("values", [
  {
    name: "a time that is none",
    config: inLocation("proxy_read_timeout soon; #!"),
    error: invalidValue("proxy_read_timeout"),
  },
  {
    name: "a time with an unknown unit",
    config: inLocation("proxy_read_timeout 60x; #!"),
    error: invalidValue("proxy_read_timeout"),
  },
  {
    name: "a negative time",
    config: inLocation("proxy_read_timeout -1; #!"),
    error: invalidValue("proxy_read_timeout"),
  },
  {
    name: "an empty time",
    config: inLocation('proxy_read_timeout ""; #!'),
    error: invalidValue("proxy_read_timeout"),
  },
  {
    name: "units from small to large",
    config: inLocation('proxy_read_timeout "30m 1h"; #!'),
    error: invalidValue("proxy_read_timeout"),
  },
  {
    name: "milliseconds where seconds are counted",
    config: inServer("ssl_session_timeout 500ms; #!"),
    error: invalidValue("ssl_session_timeout"),
  },
  {
    name: "the second time of keepalive_timeout",
    config: inHttp("keepalive_timeout 5 x; #!"),
    error: invalidValue("keepalive_timeout"),
  },
  {
    name: "a size with a large unit",
    config: inLocation("proxy_buffer_size 1g; #!"),
    error: invalidValue("proxy_buffer_size"),
  },
  {
    name: "a size with two units",
    config: inLocation("proxy_buffer_size 4kk; #!"),
    error: invalidValue("proxy_buffer_size"),
  },
  {
    name: "a broken size",
    config: inLocation("client_body_buffer_size 1.5k; #!"),
    error: invalidValue("client_body_buffer_size"),
  },
  {
    name: "an offset that is none",
    config: inHttp("client_max_body_size big; #!"),
    error: invalidValue("client_max_body_size"),
  },
  {
    name: "an offset beyond the largest",
    config: inHttp("client_max_body_size 99999999999999999999; #!"),
    error: invalidValue("client_max_body_size"),
  },
  {
    name: "a flag that is none",
    config: inLocation("proxy_buffering yes; #!"),
    error: notFlag("proxy_buffering", "yes"),
  },
  {
    name: "a number for a flag",
    config: inHttp("merge_slashes 1; #!"),
    error: notFlag("merge_slashes", "1"),
  },
  {
    name: "a number that is none",
    config: inHttp("keepalive_requests many; #!"),
    error: invalidNumber("keepalive_requests"),
  },
  {
    name: "a negative number",
    config: "events {\nworker_connections -1; #!\n}\n",
    error: 'invalid number "-1"',
  },
  {
    name: "a number with a unit",
    config: "events {\nworker_connections 1k; #!\n}\n",
    error: 'invalid number "1k"',
  },
  {
    name: "no workers",
    config: "worker_processes none; #!\nevents {}\n",
    error: invalidValue("worker_processes"),
  },
  {
    name: "buffers without a size",
    config: inLocation("proxy_buffers 8 x; #!"),
    error: invalidValue("proxy_buffers"),
  },
  { name: "no buffers", config: inLocation("proxy_buffers 0 4k; #!"), error: invalidValue("proxy_buffers") },
  {
    name: "a word that is none of several",
    config: inHttp("lingering_close maybe; #!"),
    error: 'invalid value "maybe"',
  },
  {
    name: "a version of HTTP that is none",
    config: inLocation("proxy_http_version 3; #!"),
    error: 'invalid value "3"',
  },
  { name: "server_tokens", config: inHttp("server_tokens no; #!"), error: 'invalid value "no"' },
  {
    name: "one of several words",
    config: inLocation("proxy_next_upstream error sometimes; #!"),
    error: 'invalid value "sometimes"',
  },
  {
    name: "a version of TLS that is none",
    config: inServer("ssl_protocols TLSv1.4; #!"),
    error: 'invalid value "TLSv1.4"',
  },
  { name: "ssl_verify_client", config: inServer("ssl_verify_client yes; #!"), error: 'invalid value "yes"' },
  {
    name: "proxy_ignore_headers",
    config: inLocation("proxy_ignore_headers Server; #!"),
    error: 'invalid value "Server"',
  },
  { name: "a status of return", config: inLocation("return 2000; #!"), error: 'invalid return code "2000"' },
  {
    name: "a text alone for return",
    config: inLocation("return hello; #!"),
    error: 'invalid return code "hello"',
  },
  {
    name: "a URL with a text behind it for return",
    config: inLocation("return http://a/ x; #!"),
    error: 'invalid return code "http://a/"',
  },
  {
    name: "a status of error_page",
    config: inHttp("error_page 200 /x; #!"),
    error: 'value "200" must be between 300 and 599',
  },
  { name: "499 for error_page", config: inHttp("error_page 499 /x; #!"), error: 'invalid value "499"' },
  { name: "a word for error_page", config: inHttp("error_page abc /x; #!"), error: 'invalid value "abc"' },
  {
    name: "an answer of error_page",
    config: inHttp("error_page 404 =abc /x; #!"),
    error: 'invalid value "=abc"',
  },
  {
    name: "add_header's third argument",
    config: inHttp("add_header a b never; #!"),
    error: 'invalid parameter "never"',
  },
  {
    name: "an address of allow",
    config: inLocation("allow 10.0.0.300; #!"),
    error: 'invalid parameter "10.0.0.300"',
  },
  {
    name: "a network of deny",
    config: inLocation("deny 10.0.0.0/33; #!"),
    error: 'invalid parameter "10.0.0.0/33"',
  },
  {
    name: "a level of error_log",
    config: "error_log {dir}/e.log loud; #!\nevents {}\n",
    error: 'invalid log level "loud"',
  },
  {
    name: "two levels of error_log",
    config: "error_log {dir}/e.log warn info; #!\nevents {}\n",
    error: 'duplicate log level "info"',
  },
  {
    name: "a type twice in types",
    config: inHttp("types {\na/b {\n#!\n}\n}"),
    error: 'unexpected "{"',
    line: 4,
  },
  {
    name: "the weight of a server",
    config: inUpstream("server 127.0.0.1 weight=0; #!"),
    error: 'invalid parameter "weight=0"',
  },
  { name: "no URL prefix", config: inLocation("proxy_pass 127.0.0.1:3000; #!"), error: "invalid URL prefix" },
])

import { describeBadInput, inHttp, inLocation, inServer } from "../bad-input/bad-input.ts"

const arity = (name: string): string => `invalid number of arguments in "${name}" directive`
const NEWER = (why: string) => ({ error: null, why })

describeBadInput("gzip", [
  {
    name: "gzip of neither on nor off",
    config: inHttp("gzip yes; #!"),
    error: 'invalid value "yes" in "gzip" directive, it must be "on" or "off"',
  },
  { name: "gzip twice", config: inHttp("gzip on;\ngzip on; #!"), error: '"gzip" directive is duplicate' },
  {
    name: "gzip in the main context",
    config: "gzip on; #!\nevents {}\n",
    error: '"gzip" directive is not allowed here',
  },
  { name: "level 0", config: inHttp("gzip_comp_level 0; #!"), error: "value must be between 1 and 9" },
  { name: "level 10", config: inHttp("gzip_comp_level 10; #!"), error: "value must be between 1 and 9" },
  {
    name: "a level that is none",
    config: inHttp("gzip_comp_level x; #!"),
    error: '"gzip_comp_level" directive invalid number',
  },
  {
    name: "a length that is none",
    config: inHttp("gzip_min_length x; #!"),
    error: '"gzip_min_length" directive invalid value',
  },
  {
    name: "a window",
    config: inHttp("gzip_window 64k; #!"),
    error: '"gzip_window" directive must be 512, 1k, 2k, 4k, 8k, 16k, or 32k',
  },
  {
    name: "a hash",
    config: inHttp("gzip_hash 256k; #!"),
    error: '"gzip_hash" directive must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k',
  },
  {
    name: "buffers of nothing",
    config: inHttp("gzip_buffers 0 4k; #!"),
    error: '"gzip_buffers" directive invalid value',
  },
  { name: "one number of buffers", config: inHttp("gzip_buffers 4; #!"), error: arity("gzip_buffers") },
  { name: "no types", config: inHttp("gzip_types; #!"), error: arity("gzip_types") },
  { name: "another version", config: inHttp("gzip_http_version 2; #!"), error: 'invalid value "2"' },
  {
    name: "another word of gzip_proxied",
    config: inHttp("gzip_proxied all; #!"),
    error: 'invalid value "all"',
  },
  {
    name: "an expression that is none",
    config: inHttp('gzip_disable "("; #!'),
    error: 'pcre2_compile() failed: Unterminated group in "("',
    nginx: {
      error: 'pcre2_compile() failed: missing closing parenthesis in "(" in {dir}/test.conf:3',
      why: "another engine's words",
    },
  },
  {
    name: "gzip_types in an if",
    config: inLocation("if ($arg_a) { gzip_types *; #!\n}"),
    error: '"gzip_types" directive is not allowed here',
  },
  {
    name: "gunzip in an if",
    config: inLocation("if ($arg_a) { gunzip on; #!\n}"),
    error: '"gunzip" directive is not allowed here',
  },
  {
    name: "gunzip_buffers",
    config: inLocation("gunzip_buffers 4 x; #!"),
    error: '"gunzip_buffers" directive invalid value',
  },
])

describeBadInput("valid_referers", [
  {
    name: "in http",
    config: inHttp("valid_referers none a; #!"),
    error: '"valid_referers" directive is not allowed here',
  },
  { name: "nothing", config: inServer("valid_referers; #!"), error: arity("valid_referers") },
  { name: "an empty word", config: inServer('valid_referers ""; #!'), error: 'invalid referer ""' },
  { name: "an empty expression", config: inServer("valid_referers ~; #!"), error: 'empty regex in "~"' },
  {
    name: "two stars",
    config: inServer("valid_referers *.a.*; #!"),
    error: 'invalid hostname or wildcard "*.a.*"',
  },
  {
    name: "a star in the middle",
    config: inServer("valid_referers a.*.b; #!"),
    error: 'invalid hostname or wildcard "a.*.b"',
  },
  {
    name: "a name twice",
    config: inServer("valid_referers a b;\nvalid_referers A; #!"),
    error: 'conflicting parameter "A"',
    nginx: NEWER("nginx has put the name into lower case by then"),
  },
  {
    name: "a wildcard and its name",
    config: inServer("valid_referers a .a; #!"),
    error: 'conflicting parameter ".a"',
    nginx: NEWER("nginx names it without the dot"),
  },
  {
    name: "none without a name",
    config: inServer("valid_referers none blocked;"),
    error:
      'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer',
  },
])

describeBadInput("mirror", [
  {
    name: "off behind a URI",
    config: inServer("mirror /a;\nmirror off; #!"),
    error: '"mirror" directive is duplicate',
  },
  {
    name: "a URI behind off",
    config: inServer("mirror off;\nmirror /a; #!"),
    error: '"mirror" directive is duplicate',
  },
  { name: "two URIs in a line", config: inServer("mirror /a /b; #!"), error: arity("mirror") },
  {
    name: "in an if",
    config: inLocation("if ($arg_a) { mirror /m; #!\n}"),
    error: '"mirror" directive is not allowed here',
  },
  {
    name: "mirror_request_body",
    config: inServer("mirror_request_body 1; #!"),
    error: 'invalid value "1" in "mirror_request_body" directive, it must be "on" or "off"',
  },
])

describeBadInput("add_trailer, add_header_inherit", [
  { name: "another word", config: inServer("add_trailer a b c; #!"), error: 'invalid parameter "c"' },
  { name: "one argument", config: inServer("add_trailer a; #!"), error: arity("add_trailer") },
  {
    name: "another word of add_header_inherit",
    config: inServer("add_header_inherit yes; #!"),
    error: 'invalid value "yes"',
    nginx: NEWER("since 1.29.3"),
  },
  {
    name: "add_trailer_inherit twice",
    config: inServer("add_trailer_inherit on;\nadd_trailer_inherit on; #!"),
    error: '"add_trailer_inherit" directive is duplicate',
    nginx: NEWER("since 1.29.3"),
  },
  {
    name: "proxy_pass_trailers",
    config: inServer("proxy_pass_trailers 1; #!"),
    error: 'invalid value "1" in "proxy_pass_trailers" directive, it must be "on" or "off"',
    nginx: NEWER("since 1.27.2"),
  },
])

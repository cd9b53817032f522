import { describeBadInput, inHttp, inLocation, inServer } from "./bad-input.ts"

const UNEXPECTED_END = 'unexpected end of file, expecting "}"'
const UNEXPECTED_END_OF_WORD = 'unexpected end of file, expecting ";" or "}"'

describeBadInput("syntax", [
  { name: "a block that is not closed", config: "events {}\nhttp {\n\n", error: UNEXPECTED_END, line: 4 },
  {
    name: "a block that is not closed, without a last line feed",
    config: "events {}\nhttp {",
    error: UNEXPECTED_END,
    line: 2,
  },
  {
    name: "a directive that the file's end cuts off",
    config: "events {}\nhttp {\nkeepalive_timeout 5\n",
    error: UNEXPECTED_END_OF_WORD,
    line: 4,
  },
  {
    name: "a word that the file's end cuts off",
    config: "events {}\nhttp",
    error: UNEXPECTED_END_OF_WORD,
    line: 2,
  },
  {
    name: "a quoted word that is not closed",
    config: 'events {}\nhttp {\ndefault_type "text/plain;\n}\n',
    error: UNEXPECTED_END_OF_WORD,
    line: 5,
  },
  { name: "a closing brace too many", config: "events {}\nhttp {}\n} #!", error: 'unexpected "}"' },
  {
    name: "a semicolon that is missing before a closing brace",
    config: inLocation("return 200\n} #!"),
    error: 'unexpected "}"',
  },
  {
    name: "a semicolon that is missing before the next directive",
    config: inLocation("return 200 ok\nproxy_buffering off; #!"),
    error: 'invalid number of arguments in "return" directive',
  },
  {
    name: "a semicolon that is missing before a block",
    config: inServer("server_name a\nlocation / { #!\n}"),
    error: 'directive "server_name" is not terminated by ";"',
  },
  { name: "a semicolon alone", config: inHttp("; #!"), error: 'unexpected ";"' },
  { name: "a semicolon after a block", config: "events {}; #!\n", error: 'unexpected ";"' },
  { name: "an opening brace alone", config: inHttp("{ #!\n}"), error: 'unexpected "{"' },
  {
    name: "a quoted word with more behind it",
    config: inHttp('default_type "a"b; #!'),
    error: 'unexpected "b"',
  },
  {
    name: "two quoted words without a blank",
    config: inHttp(`default_type "a"'b'; #!`),
    error: `unexpected "'"`,
  },
  {
    name: "a brace behind a quoted word",
    config: inHttp('default_type "a"} #!'),
    error: 'unexpected "}"',
  },
  {
    name: "a directive without its block",
    config: "events {}\nhttp; #!\n",
    error: 'directive "http" has no opening "{"',
  },
  {
    name: "a server without its block",
    config: inHttp("server; #!"),
    error: 'directive "server" has no opening "{"',
  },
  {
    name: "a block that the directive has not",
    config: inHttp("keepalive_timeout 5 { #!\n}"),
    error: 'directive "keepalive_timeout" is not terminated by ";"',
  },
  {
    name: "an error in a value before a syntax error",
    config: inHttp("keepalive_timeout five; #!\nserver {"),
    error: '"keepalive_timeout" directive invalid value',
  },
  {
    name: "a quote in the name of a directive",
    config: inHttp('"prox_pass" on; #!'),
    error: 'unknown directive "prox_pass"',
  },
  {
    name: "a directive over several lines: its last line counts",
    config: inHttp("keepalive_timeout\n5\n6\n7; #!"),
    error: 'invalid number of arguments in "keepalive_timeout" directive',
  },
])

import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { parse } from "./parser.ts"
import { print } from "./printer.ts"

const reprinted = (text: string): string => print(parse("f", text))

describe("printer", () => {
  const cases: [name: string, text: string, printed: string][] = [
    ["no layout is kept", "a  b\n\tc ; # no\n", "a b c;\n"],
    [
      "blocks are indented",
      "http{server{listen 80;}}",
      "http {\n    server {\n        listen 80;\n    }\n}\n",
    ],
    ["an empty block", "events {\n}", "events {}\n"],
    ["quotes that were there stay", "a 'b' \"c\";", 'a "b" "c";\n'],
    ["the other quotes around double ones", `a 'say "x"';`, `a 'say "x"';\n`],
    ["both kinds", `a "\\"'";`, `a "\\"'";\n`],
    ["the empty word", 'a "";', 'a "";\n'],
    ["a regular expression", "location ~ \\.php$ {}", "location ~ \\.php$ {}\n"],
    ["braces of a variable", "a ${b}c;", "a ${b}c;\n"],
    ["other braces", 'a "x{2}";', 'a "x{2}";\n'],
    ["an if", 'if ($a = "b") { break; }', 'if ($a = "b" ) {\n    break;\n}\n'],
    ["a backslash at a word's end", 'a "b\\\\";', 'a "b\\\\";\n'],
    ["an escape that is none", 'a "\\d\\\\n";', 'a "\\d\\\\n";\n'],
    ["a hash inside", "a b#c;", "a b#c;\n"],
    ["names with blanks, in data", 'map $a $b { "x y" 1; }', 'map $a $b {\n    "x y" 1;\n}\n'],
  ]
  for (const [name, text, printed] of cases)
    it(name, () => {
      assert.equal(reprinted(text), printed)
      assert.equal(reprinted(printed), printed)
    })
})

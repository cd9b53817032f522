import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { HoldfastError } from "../base/error.ts"
import { BLOCK_END, BLOCK_START, END_OF_DIRECTIVE, END_OF_FILE, Lexer, type Statement } from "./lexer.ts"

function statements(text: string): Statement[] {
  const lexer = new Lexer("test.conf", text)
  const found: Statement[] = []
  do found.push(lexer.next())
  while (found.at(-1)?.ending !== END_OF_FILE)
  return found
}

function words(text: string): string[] {
  return (statements(text)[0] as Statement).words.map((word) => word.text)
}

function failure(text: string, isParameter = false): string {
  const lexer = new Lexer("test.conf", text, isParameter)
  try {
    while (lexer.next().ending !== END_OF_FILE);
  } catch (error) {
    assert.ok(error instanceof HoldfastError)
    assert.equal(error.code, "SYNTAX")
    return error.describe()
  }
  return "no error"
}

describe("words", () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["bare words", "a bc d;", ["a", "bc", "d"]],
    ["blanks of every kind", "a\tb\r\n  c\n;", ["a", "b", "c"]],
    ["no blank before the end", "a b;", ["a", "b"]],
    ["double quotes", 'a "b c";', ["a", "b c"]],
    ["single quotes", "a 'b \"c';", ["a", 'b "c']],
    ["an empty word", "a \"\" '';", ["a", "", ""]],
    ["a quote inside a bare word is itself", "a b'c\"d;", ["a", "b'c\"d"]],
    ["punctuation within quotes", "a ';{}#';", ["a", ";{}#"]],
    ["a line feed within quotes", 'a "b\nc";', ["a", "b\nc"]],
    ["escapes", String.raw`a \" \' \\ \t \r \n;`, ["a", '"', "'", "\\", "\t", "\r", "\n"]],
    ["escapes within quotes", String.raw`a "\"\'\\\t\r\n";`, ["a", "\"'\\\t\r\n"]],
    ["a backslash before anything else stays", String.raw`a \. "\d\$";`, ["a", "\\.", "\\d\\$"]],
    ["escaped punctuation keeps its backslash", String.raw`a \; b\{ c\ d;`, ["a", "\\;", "b\\{", "c\\ d"]],
    ["an escaped quote does not end the word", String.raw`a "b\"c";`, ["a", 'b"c']],
    ["an escaped backslash does not escape the quote", String.raw`a "b\\";`, ["a", "b\\"]],
    ["a hash sign inside a word", "a b#c;", ["a", "b#c"]],
    ["a closing brace inside a word", "a b}c;", ["a", "b}c"]],
    ["a braced variable", "a ${b}c x${d}${e};", ["a", "${b}c", "x${d}${e}"]],
    ["a brace ends a word but right behind a dollar sign", "a $b{", ["a", "$b"]],
    ["a regular expression with braces must be quoted", 'a "x{2}";', ["a", "x{2}"]],
    ["bytes beyond ASCII", "a \xe4\xff;", ["a", "\xe4\xff"]],
    ["a NUL is a byte as any", "a b\0c;", ["a", "b\0c"]],
  ]
  for (const [name, text, expected] of cases)
    it(name, () => {
      assert.deepEqual(words(text), expected)
    })

  it("tells quoted words from bare ones", () => {
    const [statement] = statements("a \"on\" 'on' on;") as [Statement]
    assert.deepEqual(
      statement.words.map((word) => word.quoted),
      [false, true, true, false],
    )
  })

  it("a closing parenthesis may stand behind a quoted word, as of `if`", () => {
    assert.deepEqual(words('if ($a = "b") {'), ["if", "($a", "=", "b", ")"])
  })
})

describe("statements", () => {
  it("endings", () => {
    assert.deepEqual(
      statements("a; b { c d; }").map(({ ending, words: found }) => [ending, found.length]),
      [
        [END_OF_DIRECTIVE, 1],
        [BLOCK_START, 1],
        [END_OF_DIRECTIVE, 2],
        [BLOCK_END, 0],
        [END_OF_FILE, 0],
      ],
    )
  })

  it("comments go to the end of their line", () => {
    assert.deepEqual(words("# x;\n  # y {\na # b ;\nc; # d"), ["a", "c"])
    assert.equal(statements("a;# no line feed").length, 2)
  })

  it("an empty file, white space alone, a comment alone", () => {
    for (const text of ["", " \t\r\n", "# a", "#"]) assert.equal(statements(text).length, 1)
  })

  it("lines and columns of words count from 1, the ending has its own line", () => {
    const [first, second] = statements('a b\n\n  "c\nd" e\n;\nf;') as [Statement, Statement]
    assert.deepEqual(
      first.words.map(({ position }) => [position.line, position.column]),
      [
        [1, 1],
        [1, 3],
        [3, 3],
        [4, 4],
      ],
    )
    assert.equal(first.line, 5)
    assert.deepEqual(second.words[0]?.position, { file: "test.conf", line: 6, column: 1 })
  })
})

describe("errors", () => {
  const end = 'unexpected end of file, expecting ";" or "}"'
  const cases: readonly (readonly [string, string])[] = [
    [";", 'unexpected ";" in test.conf:1'],
    ["\n{", 'unexpected "{" in test.conf:2'],
    ["a }", 'unexpected "}" in test.conf:1'],
    ['"a"b;', 'unexpected "b" in test.conf:1'],
    ['"a"}', 'unexpected "}" in test.conf:1'],
    ['"a"#', 'unexpected "#" in test.conf:1'],
    ["a", `${end} in test.conf:1`],
    ["a\n\n", `${end} in test.conf:3`],
    ['a "b\n', `${end} in test.conf:2`],
    ["a b\\", `${end} in test.conf:1`],
    ['a "b\\', `${end} in test.conf:1`],
    ['a "b\\\n', `${end} in test.conf:2`],
  ]
  for (const [text, message] of cases)
    it(JSON.stringify(text), () => {
      assert.equal(failure(text), message)
    })

  it("a parameter of the command line has no lines", () => {
    assert.equal(failure("a\nb", true), 'unexpected end of parameter, expecting ";" in test.conf')
  })
})

describe("properties", () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array).toString("latin1"))
  const tricky = fc
    .array(fc.constantFrom(" ", "\n", ";", "{", "}", '"', "'", "\\", "#", "$", "${", ")", "a", "\xff"), {
      maxLength: 40,
    })
    .map((parts) => parts.join(""))

  it("any bytes give statements or a HoldfastError with a position in the text, and come to an end", () => {
    fc.assert(
      fc.property(fc.oneof(bytes, tricky), (text) => {
        const lexer = new Lexer("test.conf", text)
        const lines = text.split("\n").length
        try {
          for (let count = 0; lexer.next().ending !== END_OF_FILE; count++) assert.ok(count <= text.length)
        } catch (error) {
          assert.ok(error instanceof HoldfastError, String(error))
          assert.ok(error.position !== undefined && error.position.line >= 1 && error.position.line <= lines)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

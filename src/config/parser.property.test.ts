/** Random trees printed and parsed again, and random text: what comes back, and that something comes back. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { HoldfastError } from "../base/error.ts"
import type { Word } from "./lexer.ts"
import { type Block, type Directive, parse } from "./parser.ts"
import { print } from "./printer.ts"

const NOWHERE = { file: "", line: 0, column: 0 }

/** What the language is made of, so that random text comes upon its corners. */
const TOKENS = [
  "{",
  "}",
  ";",
  '"',
  "'",
  "\\",
  "$",
  "#",
  "\n",
  "\r",
  "\t",
  " ",
  "(",
  ")",
  "\0",
  "=",
  "~",
  "a",
  "\xff",
]
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...TOKENS), maxLength: 12 }),
  fc.string({ unit: fc.integer({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 12 }),
  fc.constantFrom(
    "proxy_pass",
    "$http_upgrade",
    "${a}b",
    "~*",
    "\\.php$",
    "",
    "\\",
    "\\\\",
    "${{",
    "\\${a",
    "a\\;b",
  ),
)
const word: fc.Arbitrary<Word> = fc
  .record({ text, quoted: fc.boolean() })
  .map((made) => ({ ...made, position: NOWHERE }))

const { block } = fc.letrec<{ block: Block; directive: Directive }>((tie) => ({
  block: fc
    .array(tie("directive"), { maxLength: 5, depthIdentifier: "tree" })
    .map((directives) => ({ directives, endLine: 0, failure: null })),
  directive: fc.record({
    name: text,
    args: fc.array(word, { maxLength: 4 }),
    position: fc.constant(NOWHERE),
    endLine: fc.constant(0),
    block: fc.option(tie("block"), { depthSize: "small", depthIdentifier: "tree", nil: null }),
  }),
}))

/** The tree without its places. */
function shape({ directives, failure }: Block): unknown {
  assert.equal(failure, null)
  return directives.map(({ name, args, block: inner }) => [
    name,
    args.map((made) => made.text),
    inner === null ? null : shape(inner),
  ])
}

/** The syntax errors of a tree: one at most, at its very end. */
function failures({ directives, failure }: Block): HoldfastError[] {
  const inner = directives.flatMap((directive) => (directive.block === null ? [] : failures(directive.block)))
  return failure === null ? inner : [...inner, failure]
}

describe("any text", () => {
  it("a tree that is printed is parsed to the same tree", () => {
    fc.assert(
      fc.property(block, (tree) => {
        const printed = print(tree)
        assert.deepEqual(shape(parse("f", printed)), shape(tree))
      }),
      { numRuns: 2000 },
    )
  })

  it("quotes that were there are there again", () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (args) => {
        const tree = { directives: [{ name: "a", args, position: NOWHERE, endLine: 0, block: null }] }
        const [again] = parse("f", print({ ...tree, endLine: 0, failure: null })).directives
        again?.args.forEach((made, index) => {
          if (args[index]?.quoted) assert.ok(made.quoted)
        })
      }),
    )
  })

  it("any bytes give a tree, with one error at most, that stands inside of the text", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 60 }), (parts) => {
        const all = parts.join("")
        const found = failures(parse("f", all))
        assert.ok(found.length <= 1)
        for (const error of found) {
          assert.ok(error instanceof HoldfastError)
          assert.equal(error.code, "SYNTAX")
          const { line } = error.position ?? { line: -1 }
          assert.ok(line >= 1 && line <= all.split("\n").length, `line ${line}`)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it("what is parsed without error is printed and parsed to the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...TOKENS), maxLength: 60 }), (all) => {
        const tree = parse("f", all)
        if (failures(tree).length > 0) return
        assert.deepEqual(shape(parse("f", print(tree))), shape(tree))
      }),
      { numRuns: 2000 },
    )
  })
})

describe("much of something", () => {
  const large: [name: string, text: string, isWhole: boolean][] = [
    ["a word of 10 MB", `a ${"x".repeat(10_000_000)};`, true],
    ["a quoted word of 10 MB", `a "${"x".repeat(10_000_000)}";`, true],
    ["a quote that never ends", `a "${"x".repeat(10_000_000)}`, false],
    ["a directive of 500,000 words", `a${" b".repeat(500_000)};`, true],
    ["500,000 directives", "a b;\n".repeat(500_000), true],
    ["500,000 backslashes", `a ${"\\".repeat(500_000)};`, true],
    ["a comment of 10 MB", `#${"x".repeat(10_000_000)}\na b;`, true],
    ["2 million lines without anything", "\n".repeat(2_000_000), true],
    ["closing braces only", "}".repeat(500_000), false],
    ["semicolons only", ";".repeat(500_000), false],
    ["NULs only", "\0".repeat(500_000), false],
  ]
  for (const [name, all, isWhole] of large)
    it(name, () => assert.equal(failures(parse("f", all)).length, isWhole ? 0 : 1))

  it("blocks in blocks, 200,000 deep", () => {
    const deep = parse("f", "a{".repeat(200_000))
    let innermost: Block = deep
    for (let next = deep.directives.at(-1)?.block; next; next = next.directives.at(-1)?.block)
      innermost = next
    assert.equal(innermost.failure?.describe(), "blocks are nested more than 500 deep in f:1")
  })
})

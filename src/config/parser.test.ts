import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { type Block, parse, parseParameter } from "./parser.ts"

/** A directive without positions: name, arguments, block. */
interface Tree {
  readonly name: string
  readonly args: readonly string[]
  readonly block: readonly Tree[] | null
}

function treesOf(block: Block): Tree[] {
  return block.directives.map(({ name, args, block: inner }) => ({
    name,
    args: args.map((word) => word.text),
    block: inner === null ? null : treesOf(inner),
  }))
}

function failureOf(block: Block): string | undefined {
  if (block.failure !== null) return block.failure.describe()
  for (const { block: inner } of block.directives) {
    const failure = inner === null ? undefined : failureOf(inner)
    if (failure !== undefined) return failure
  }
  return undefined
}

describe("parse", () => {
  it("nested blocks", () => {
    const block = parse("a.conf", "a b {\n  c;\n  d { e f g; }\n}\nh;")
    assert.equal(failureOf(block), undefined)
    assert.deepEqual(treesOf(block), [
      {
        name: "a",
        args: ["b"],
        block: [
          { name: "c", args: [], block: null },
          { name: "d", args: [], block: [{ name: "e", args: ["f", "g"], block: null }] },
        ],
      },
      { name: "h", args: [], block: null },
    ])
  })

  it("positions: a directive where its name stands, and the line of its ending; a block's last line", () => {
    const block = parse("a.conf", "\n  a\n  b\n  {\n c; }\n")
    const [directive] = block.directives
    assert.deepEqual(directive?.position, { file: "a.conf", line: 2, column: 3 })
    assert.equal(directive?.endLine, 4)
    assert.equal(directive?.block?.endLine, 5)
    assert.deepEqual(directive?.block?.directives[0]?.position, { file: "a.conf", line: 5, column: 2 })
  })

  const failures: readonly (readonly [string, string, number])[] = [
    ["a;\n}", 'unexpected "}" in a.conf:2', 1],
    ["a { b;\n", 'unexpected end of file, expecting "}" in a.conf:2', 1],
    ["a; b { c { d;", 'unexpected end of file, expecting "}" in a.conf:1', 2],
    ["a; b\n", 'unexpected end of file, expecting ";" or "}" in a.conf:2', 1],
    ["a; b; ;", 'unexpected ";" in a.conf:1', 2],
  ]
  for (const [text, message, before] of failures)
    it(`${JSON.stringify(text)}: the error is kept behind the directives before it`, () => {
      const block = parse("a.conf", text)
      assert.equal(failureOf(block), message)
      assert.equal(block.directives.length, before)
    })

  it("a deep nesting is no stack overflow", () => {
    const depth = 500
    const block = parse("a.conf", `${"a {".repeat(depth)}${"}".repeat(depth)}`)
    assert.equal(failureOf(block), undefined)
  })

  it("-g has no lines", () => {
    const block = parseParameter("a b; c")
    assert.equal(failureOf(block), 'unexpected end of parameter, expecting ";" in command line')
    assert.deepEqual(treesOf(block), [{ name: "a", args: ["b"], block: null }])
  })
})

/** Writes a tree, each word quoted in one of the ways that its text allows. */
function print(trees: readonly Tree[], quoting: readonly number[]): string {
  let at = 0
  const word = (text: string): string => printWord(text, quoting[at++ % quoting.length] as number)
  const one = ({ name, args, block }: Tree): string => {
    const head = [name, ...args].map(word).join(" ")
    return block === null ? `${head};` : `${head} {\n${block.map(one).join("\n")}\n}`
  }
  return trees.map(one).join("\n")
}

function printWord(text: string, way: number): string {
  const escaped = text
    .replaceAll(/[\\"']/g, "\\$&")
    .replaceAll("\t", "\\t")
    .replaceAll("\r", "\\r")
    .replaceAll("\n", "\\n")
  const isBare = /^[A-Za-z0-9_.:/*~^=\x80-\xff-]+$/.test(text)
  if (isBare && way % 3 === 0) return text
  return way % 3 === 1 ? `"${escaped}"` : `'${escaped}'`
}

const byteText = fc
  .array(
    fc.oneof(
      fc.constantFrom(..." ;{}#\"'\\$\t\r\n".split("")),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(""))

const { trees } = fc.letrec<{ trees: Tree[]; tree: Tree }>((tie) => ({
  trees: fc.array(tie("tree"), { maxLength: 4 }),
  tree: fc.record(
    {
      name: byteText,
      args: fc.array(byteText, { maxLength: 3 }),
      block: fc.oneof({ depthSize: "small", withCrossShrink: true }, fc.constant(null), tie("trees")),
    },
    { noNullPrototype: true },
  ),
}))

describe("properties", () => {
  it("what is printed is read as the same tree", () => {
    fc.assert(
      fc.property(trees, fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), (expected, quoting) => {
        const block = parse("a.conf", print(expected, quoting))
        assert.equal(failureOf(block), undefined)
        assert.deepEqual(treesOf(block), expected)
      }),
    )
  })

  it("any bytes give a tree, with or without a failure in it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        parse("a.conf", Buffer.from(bytes).toString("latin1"))
      }),
    )
  })
})

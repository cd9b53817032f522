/** Whole configurations with random mistakes in them: each gives one error with its place, or holds. None crashes. */
import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { after, describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { type Block, parse } from "../../src/config/parser.ts"
import { print } from "../../src/config/printer.ts"
import { allRows } from "../../src/server/read.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { checkInProcess, type Outcome } from "./in-process.ts"

const SITES = fileURLToPath(new URL("../wild/sites/", import.meta.url))
/** What one case may take: a loop without end, or a pattern that never ends, is a failure. */
const MAX_CASE_MS = 10_000

const folder = makeTempFolder("random-configuration")
mkdirSync(`${folder}/logs`)
after(() => removeTempFolder(folder))
const FILE = `${folder}/test.conf`

function check(text: string): Outcome {
  return checkInProcess(text, FILE, `${folder}/`)
}

/** Configurations as people have them, less the lines that cannot hold here: those that name files. */
function corpus(): string[] {
  const paths = readdirSync(SITES, { recursive: true, encoding: "utf8" })
  const texts = paths
    .filter((path) => /\.(conf|inc|template)$/.test(path))
    .map((path) => readFileSync(SITES + path, "latin1"))
  const whole = texts.map((text) => (/^\s*http\s*\{/m.test(text) ? text : wrapped(text)))
  return whole.flatMap((text) => holding(text.replaceAll(/(?<=[\s"'=:])\/(?=\w)/g, `${folder}/`)) ?? [])
}

function wrapped(text: string): string {
  const lines = text.replaceAll(/^\s*(include|ssl_\w+|root|auth_basic_user_file) .*$/gm, "")
  return /^\s*(server|upstream|map)\b/m.test(lines)
    ? `events {}\nhttp {\n${lines}\n}\n`
    : `events {}\nhttp {\nserver {\nlisten 127.0.0.1:1;\n${lines}\n}\n}\n`
}

/** Takes out the line of each error until none is left; undefined where nothing would be left of it. */
function holding(text: string): string | undefined {
  const lines = text.split("\n")
  for (let round = 0; round < 40; round++) {
    const { error } = check(lines.join("\n"))
    if (error === null) return lines.join("\n")
    const line = Number(/:(\d+)$/.exec(error)?.[1] ?? 0)
    const bad = lines[line - 1]
    if (bad === undefined || !/^\s*[^{}]+;\s*(#.*)?$/.test(bad)) return undefined
    lines[line - 1] = ""
  }
  return undefined
}

const texts = corpus()

/** Words for mistakes: all that the files have, all directives, and some that are corners. */
const WORDS: readonly string[] = [
  ...new Set([
    ...texts.flatMap((text) => text.split(/[\s;{}]+/)),
    ...allRows().keys(),
    ..."-1 0 1 99999999999999999999 1y on off $ ${ $1 $uri ~ ~* ^~ = @x \\ \\\\ ( [ * unix: [::1]:80 default_server zone=a:1m 10r/s".split(
      " ",
    ),
    "",
    "\0",
    "\xff",
    "x".repeat(5000),
  ]),
].filter((word) => !word.includes("/dev/"))

interface Mutation {
  readonly kind: number
  readonly at: number
  readonly other: number
}

const KINDS = 9

/** One mistake: the pieces of a text are its words, blanks and punctuation. */
function mutate(pieces: string[], { kind, at, other }: Mutation): void {
  if (pieces.length === 0) return
  const index = at % pieces.length
  const word = WORDS[other % WORDS.length] as string
  const second = other % pieces.length
  if (kind === 0) pieces.splice(index, 1)
  else if (kind === 1) pieces[index] = word
  else if (kind === 2) pieces.splice(index, 0, ` ${word} `)
  else if (kind === 3) pieces.splice(index, 0, pieces[second] as string)
  else if (kind === 4) pieces.splice(index, 0, ...pieces.slice(second, second + 12))
  else if (kind === 5) pieces.splice(index, 8)
  else if (kind === 6)
    pieces.splice(index, 0, [";", "{", "}", '"', "'", "#", "\\", "\0", "\n"][other % 9] as string)
  else if (kind === 7) pieces.length = index + 1
  else pieces[index] = flipped(pieces[index] as string, other)
}

function flipped(piece: string, by: number): string {
  const at = by % Math.max(piece.length, 1)
  const code = (piece.charCodeAt(at) || 0) ^ (1 << (by % 8))
  return piece.slice(0, at) + String.fromCharCode(code & 0xff) + piece.slice(at + 1)
}

/** All blocks of a tree, the tree itself first. */
function blocksOf(block: Block): Block[] {
  return [block, ...block.directives.flatMap(({ block: inner }) => (inner === null ? [] : blocksOf(inner)))]
}

/** The same on the tree, which stays one: other arguments, one more, one less, a directive in another block. */
function mutateTree(tree: Block, { kind, at, other }: Mutation): void {
  const blocks = blocksOf(tree).filter(({ directives }) => directives.length > 0)
  const from = blocks[at % blocks.length]?.directives ?? []
  const index = other % Math.max(from.length, 1)
  const directive = from[index]
  if (directive === undefined) return
  const args = [...directive.args]
  const position = other % (args.length + 1)
  const word = {
    text: WORDS[(at + other) % WORDS.length] as string,
    quoted: other % 3 === 0,
    position: directive.position,
  }
  if (kind < 4) args[position] = word
  else if (kind < 6) args.splice(position, 0, word)
  else if (kind === 6) args.splice(position, 1)
  from[index] = { ...directive, args }
  const to = blocks[other % blocks.length]?.directives
  if (kind === 7 && directive.block === null) to?.push(directive)
  else if (kind === 8) from.splice(index, 1)
}

/** Whether the text would have files or folders made outside of the test's own folder. */
function writesElsewhere(block: Block): boolean {
  return block.directives.some(({ name, args, block: inner }) => {
    if (inner !== null && writesElsewhere(inner)) return true
    if (!/log|path|pid|file|store|env|dir/.test(name)) return false
    return args.some(({ text }) => text.includes("..") || /(^|=)\/(?!tmp\/)/.test(text))
  })
}

function judge(text: string): void {
  fc.pre(!writesElsewhere(parse(FILE, text)))
  const start = performance.now()
  const { error } = check(text)
  assert.ok(performance.now() - start < MAX_CASE_MS, "took too long")
  if (error === null) return
  const [, line] = / in \S+:(\d+)$/.exec(error) ?? []
  // Errors of the building as a whole name no line, as in nginx.
  if (line !== undefined) assert.ok(Number(line) >= 1 && Number(line) <= text.split("\n").length, error)
}

const mutation = fc.record({ kind: fc.nat(KINDS - 1), at: fc.nat(1e6), other: fc.nat(1e6) })

describe("random configurations", () => {
  it("there are files to begin with, and they hold", () => {
    assert.ok(texts.length >= 20, String(texts.length))
  })

  it("what is printed of them holds as well", () => {
    for (const text of texts) {
      const { error } = check(print(parse(FILE, text)))
      assert.equal(error, null)
    }
  })

  it("with up to six mistakes", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 6 }), (which, mutations) => {
        const pieces = (texts[which % texts.length] as string).split(/(\s+|[;{}])/)
        for (const made of mutations) mutate(pieces, made)
        judge(pieces.join(""))
      }),
      { numRuns: 1500 },
    )
  })

  it("with up to four other arguments or places", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 4 }), (which, mutations) => {
        const tree = parse(FILE, texts[which % texts.length] as string)
        for (const made of mutations) mutateTree(tree, made)
        judge(print(tree))
      }),
      { numRuns: 2000 },
    )
  })

  it("of words only", () => {
    const statement = fc.tuple(
      fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 5 }),
      fc.constantFrom(";", ";", "{", "}"),
    )
    fc.assert(
      fc.property(
        fc.array(statement, { maxLength: 12 }),
        fc.constantFrom(
          "",
          "events {} http {",
          "events {} http { server {",
          "events {} http { server { location / {",
        ),
        (statements, before) => {
          judge(`${before}\n${statements.map(([words, end]) => words.join(" ") + end).join("\n")}`)
        },
      ),
      { numRuns: 1500 },
    )
  })

  it("of bytes only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => judge(Buffer.from(bytes).toString("latin1"))),
      { numRuns: 1000 },
    )
  })
})

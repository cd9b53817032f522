/**
 * A configuration as `check` sees it: every directive, known to Holdfast or not, with includes followed. Nothing here
 * is an error but what no program could read; the same text may be meant for any nginx with any modules.
 */
import { HoldfastError, type Position } from "../base/error.ts"
import { globPaths, hasWildcards } from "../config/glob.ts"
import type { Word } from "../config/lexer.ts"
import { type Block, type Directive, parse } from "../config/parser.ts"
import { withoutLua } from "./lua-blocks.ts"

/** From here on a block has an index: thousands of locations ask one `http` block for each directive that they inherit. */
const MANY = 24

/** One directive where it stands: `include` is gone, what it names is in its place. */
export class Node {
  readonly name: string
  readonly args: readonly string[]
  readonly words: readonly Word[]
  readonly position: Position
  /** The line of its `;` or `{`. */
  readonly endLine: number
  /** The line of its block's `}`; `endLine` where it has none. */
  readonly blockEndLine: number
  /** The block that it stands in; null for the root. */
  readonly parent: Node | null
  /** What stands in its block; null where it has none. */
  readonly children: Node[] | null
  /** Children by name, of a block with many: made when first asked for, when the tree is whole. */
  #byName: Map<string, Node[]> | null = null
  #indexed = 0

  constructor(directive: Directive, parent: Node | null) {
    this.name = directive.name
    this.words = directive.args
    this.args = directive.args.map((word) => word.text)
    this.position = directive.position
    this.endLine = directive.endLine
    this.blockEndLine = directive.block?.endLine ?? directive.endLine
    this.parent = parent
    this.children = directive.block === null ? null : []
  }

  /** The directives of that name in its block; not to be changed. */
  own(name: string): Node[] {
    const { children } = this
    if (children === null) return []
    if (children.length < MANY) return children.filter((child) => child.name === name)
    if (this.#byName === null || this.#indexed !== children.length) {
      this.#byName = Map.groupBy(children, (child) => child.name)
      this.#indexed = children.length
    }
    return this.#byName.get(name) ?? []
  }

  /** Whether it is `ancestor` or stands within it. */
  isWithin(ancestor: Node): boolean {
    for (let node: Node | null = this; node !== null; node = node.parent) if (node === ancestor) return true
    return false
  }
}

/** A file's bytes as text, and how to make bytes of it again. */
export interface SourceText {
  readonly text: string
  /** UTF-8 where it is that, so that columns count characters; whatever else it is passes as bytes. */
  readonly encoding: "utf8" | "latin1"
}

/** One file's text, for its lines and comments. */
export interface SourceFile extends SourceText {
  readonly path: string
  readonly lines: readonly string[]
}

/** Reads files; throws the system's error. Given from outside so that standard input and tests need no disk. */
export type ReadText = (path: string) => SourceText

export interface Tree {
  /** The whole, named "main". */
  readonly root: Node
  readonly files: ReadonlyMap<string, SourceFile>
  /** An `include` without wildcards that names a file that is not there. */
  readonly missing: readonly Node[]
}

/**
 * Reads `path` and what it includes. Throws FILE when it cannot be read and SYNTAX where it is no configuration.
 * `confPrefix`: what relative includes are relative to; ends with "/".
 */
export function readTree(path: string, confPrefix: string, readText: ReadText): Tree {
  const reader = new Reader(confPrefix, readText)
  return reader.read(path)
}

const MAX_DEPTH = 64

class Reader {
  readonly #confPrefix: string
  readonly #readText: ReadText
  readonly #files = new Map<string, SourceFile>()
  readonly #missing: Node[] = []
  /** Files that are being read now: one that includes itself would never end. */
  readonly #open: string[] = []

  constructor(confPrefix: string, readText: ReadText) {
    this.#confPrefix = confPrefix
    this.#readText = readText
  }

  read(path: string): Tree {
    const block = this.#parse(path)
    const root = new Node(emptyBlock("main", path), null)
    let inner = root
    for (const name of blocksAround(block)) {
      const outer = inner
      inner = new Node(emptyBlock(name, path), outer)
      outer.children?.push(inner)
    }
    this.#open.push(path)
    this.#fill(inner, block)
    return { root, files: this.#files, missing: this.#missing }
  }

  #parse(path: string): Block {
    const known = this.#files.get(path)
    if (known !== undefined) return parse(path, withoutLua(known.text))
    const { text, encoding } = this.#readText(path)
    this.#files.set(path, { path, text, encoding, lines: text.split("\n") })
    return parse(path, withoutLua(text))
  }

  #fill(parent: Node, block: Block): void {
    for (const directive of block.directives) {
      if (directive.name === "include" && directive.block === null) this.#include(directive, parent)
      else this.#add(directive, parent)
    }
    if (block.failure !== null) throw block.failure
  }

  #add(directive: Directive, parent: Node): void {
    const node = new Node(directive, parent)
    parent.children?.push(node)
    if (directive.block !== null) this.#fill(node, directive.block)
  }

  #include(directive: Directive, parent: Node): void {
    const text = directive.args[0]?.text ?? ""
    const pattern = text.startsWith("/") ? text : this.#confPrefix + text
    for (const path of hasWildcards(pattern) ? glob(pattern) : [pattern])
      this.#includeFile(path, directive, parent)
  }

  #includeFile(path: string, directive: Directive, parent: Node): void {
    const { position } = directive
    if (this.#open.includes(path) || this.#open.length >= MAX_DEPTH)
      throw new HoldfastError("SYNTAX", `"${path}" includes itself`, position)
    let block: Block
    try {
      block = this.#parse(path)
    } catch {
      // It may be there on the machine that the file is meant for: a finding, not an end.
      this.#missing.push(new Node(directive, parent))
      return
    }
    this.#open.push(path)
    this.#fill(parent, block)
    this.#open.pop()
  }
}

/** `globPaths` speaks of bytes as latin1. */
function glob(pattern: string): string[] {
  return globPaths(Buffer.from(pattern, "utf8").toString("latin1")).map((path) =>
    Buffer.from(path, "latin1").toString("utf8"),
  )
}

function emptyBlock(name: string, file: string): Directive {
  const block: Block = { directives: [], endLine: 1, failure: null }
  return { name, args: [], position: { file, line: 1, column: 1 }, endLine: 1, block }
}

const OF_HTTP = new Set(["server", "upstream", "map", "geo", "split_clients", "log_format"])
const OF_SERVER = new Set(["location", "proxy_pass", "proxy_set_header"])

/** A file of conf.d or sites-enabled by itself has no `http` around it, a snippet no `server`. */
function blocksAround({ directives }: Block): readonly string[] {
  const isAny = (names: ReadonlySet<string>): boolean => directives.some(({ name }) => names.has(name))
  if (isAny(new Set(["http", "events"]))) return []
  if (isAny(OF_HTTP)) return ["http"]
  return isAny(OF_SERVER) ? ["http", "server"] : []
}

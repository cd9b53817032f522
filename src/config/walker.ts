/**
 * Walks a tree of directives by the rows: place, ending, number of arguments, duplicates, values, nesting and
 * includes, in the order and with the words of ngx_conf_handler.
 */
import { HoldfastError, type Position } from "../base/error.ts"
import { isKnownToNginx } from "./known-directives.ts"
import { Defaults } from "./merge.ts"
import { type Block, type Directive, MAX_DEPTH, parse } from "./parser.ts"
import { refusal } from "./refusals.ts"
import {
  type ArgsRow,
  type Arity,
  type BlockRow,
  type EntriesRow,
  type IncludedFile,
  MAIN,
  type Row,
  type RowTable,
  type ValueContext,
  type ValueRow,
  type VariableNames,
} from "./row.ts"
import { Scope, slotOf } from "./scope.ts"
import type { Sources } from "./sources.ts"
import { confPath } from "./values.ts"

export interface ReadOptions {
  readonly rows: RowTable
  readonly sources: Sources
  /** The main file. */
  readonly file: string
  readonly prefix: string
  /** `-g`: read before the file, in the main context. */
  readonly parameter: Block | null
  readonly variables: VariableNames
  readonly warn: (message: string, position: Position) => void
}

/** A configuration that was read without error. */
export interface Reading {
  readonly main: Scope
  readonly defaults: Defaults
  /** Host names to resolve, with the directive that named each first. */
  readonly hosts: ReadonlyMap<string, Directive>
  /** A context for parsers that run while building, blamed on `directive`. */
  context(directive: Directive, scope: Scope): ValueContext
}

/** Reads the main file and all that it includes. Throws the first HoldfastError. */
export function readConfiguration(options: ReadOptions): Reading {
  const walker = new Walker(options)
  return walker.run()
}

class Walker {
  readonly #options: ReadOptions
  readonly #shared: SharedContext
  /** The files being read, outermost first: a file in its own includes is a cycle. */
  readonly #open: string[] = []
  /** How many blocks around are open. */
  #depth = 0

  constructor(options: ReadOptions) {
    this.#options = options
    const confPrefix = options.file.slice(0, options.file.lastIndexOf("/") + 1)
    this.#shared = { options, confPrefix, hosts: new Map(), notes: new Map(), checks: [] }
  }

  run(): Reading {
    const main = new Scope(MAIN, null, null)
    if (this.#options.parameter !== null) this.#parameter(this.#options.parameter, main)
    this.#file(this.#options.file, main, undefined)
    const shared = this.#shared
    // A check may ask for another one: it comes to the list while that is walked.
    for (const check of shared.checks ?? []) check()
    shared.checks = null
    const defaults = new Defaults((directive) => this.#context(directive, main))
    return {
      main,
      defaults,
      hosts: shared.hosts,
      context: (directive, scope) => this.#context(directive, scope),
    }
  }

  #parameter(block: Block, main: Scope): void {
    for (const directive of block.directives) {
      if (directive.block !== null)
        throw new HoldfastError(
          "SYNTAX",
          "block directives are not supported in -g option",
          directive.position,
        )
    }
    this.#block(block, main)
  }

  #file(path: string, scope: Scope, includedBy: Directive | undefined): void {
    const blame = includedBy === undefined ? undefined : positionOf(includedBy)
    if (this.#open.includes(path))
      throw new HoldfastError(
        "SYNTAX",
        `"${path}" includes itself: ${[...this.#open, path].join(" -> ")}`,
        blame,
      )
    if (this.#open.length > MAX_DEPTH)
      throw new HoldfastError("SYNTAX", `includes are nested more than ${MAX_DEPTH} deep`, blame)
    const text = this.#options.sources.read(path, blame).toString("latin1")
    if (!this.#options.sources.configurationFiles.includes(path))
      this.#options.sources.configurationFiles.push(path)
    this.#open.push(path)
    this.#block(parse(path, text), scope)
    this.#open.pop()
  }

  #block(block: Block, scope: Scope): void {
    for (const directive of block.directives) this.#directive(directive, scope)
    if (block.failure !== null) throw block.failure
  }

  #directive(directive: Directive, scope: Scope): void {
    if (directive.name === "include") return this.#include(directive, scope)
    const rows = this.#options.rows.get(directive.name)
    if (rows === undefined) throw unknownDirective(directive)
    const row = rows.find((candidate) => (candidate.in & scope.context) !== 0)
    if (row === undefined)
      throw failure("DIRECTIVE", directive, `"${directive.name}" directive is not allowed here`)
    checkEnding(directive, "block" in row || "entries" in row)
    if (!arityHolds(row, directive.args.length)) throw wrongArity(directive)
    this.#apply(directive, row, scope)
  }

  #include(directive: Directive, scope: Scope): void {
    checkEnding(directive, false)
    if (directive.args.length !== 1) throw wrongArity(directive)
    const text = (directive.args[0] as { text: string }).text
    const path = text.startsWith("/") ? text : this.#shared.confPrefix + text
    for (const file of this.#options.sources.glob(path)) this.#file(file, scope, directive)
  }

  #apply(directive: Directive, row: Row, scope: Scope): void {
    if ("accepted" in row) return
    const args = directive.args.map((word) => word.text)
    const context = this.#context(directive, scope)
    if ("block" in row) return this.#nested(directive, row, scope, args, context)
    const slot = slotOf(directive.name, row)
    if ("list" in row) return scope.addToList(slot, row.list(args, context), directive)
    const former = scope.own.get(slot)
    const isRepeatable = "entries" in row || ("parse" in row && row.join !== undefined)
    if (former !== undefined && !isRepeatable) failDuplicate(context, former.directive)
    scope.own.set(slot, { value: parsedValue(row, args, context, former?.value), directive })
  }

  #nested(
    directive: Directive,
    row: BlockRow,
    scope: Scope,
    args: readonly string[],
    context: ValueContext,
  ): void {
    if (row.once === true && scope.blocks(directive.name).length > 0) context.failDirective("is duplicate")
    row.open?.(args, context)
    const inside = typeof row.block === "number" ? row.block : row.block(scope.context)
    const inner = new Scope(inside, scope, directive)
    scope.add(inner)
    const block = directive.block as Block
    // The parser limits the nesting within a file; includes may add theirs.
    if (++this.#depth > MAX_DEPTH) context.fail(`blocks are nested more than ${MAX_DEPTH} deep`)
    this.#block(block, inner)
    this.#depth--
    row.close?.(inner, this.#context({ ...directive, endLine: block.endLine }, scope))
  }

  #context(directive: Directive, scope: Scope): ValueContext {
    return new DirectiveContext(this.#shared, directive, scope)
  }
}

/** What the contexts of one reading have in common. */
interface SharedContext {
  readonly options: ReadOptions
  readonly confPrefix: string
  readonly hosts: Map<string, Directive>
  readonly notes: Map<symbol, unknown>
  /** Null when the whole file has been read: defaults are parsed when the building asks for them. */
  checks: (() => void)[] | null
}

/** A class, not an object of closures: one is made for each directive. */
class DirectiveContext implements ValueContext {
  readonly directive: Directive
  readonly scope: Scope
  readonly #shared: SharedContext

  constructor(shared: SharedContext, directive: Directive, scope: Scope) {
    this.#shared = shared
    this.directive = directive
    this.scope = scope
  }

  get confPrefix(): string {
    return this.#shared.confPrefix
  }

  get prefix(): string {
    return this.#shared.options.prefix
  }

  get variables(): VariableNames {
    return this.#shared.options.variables
  }

  readFile(path: string): Buffer {
    return this.#shared.options.sources.read(path, positionOf(this.directive))
  }

  readIncluded(pattern: string): readonly IncludedFile[] {
    const { sources } = this.#shared.options
    const position = positionOf(this.directive)
    return sources.glob(confPath(pattern, this)).map((path) => {
      const text = sources.read(path, position).toString("latin1")
      if (!sources.configurationFiles.includes(path)) sources.configurationFiles.push(path)
      return { path, block: parse(path, text) }
    })
  }

  at(directive: Directive): ValueContext {
    return new DirectiveContext(this.#shared, directive, this.scope)
  }

  needAddress(host: string): void {
    const { hosts } = this.#shared
    if (!hosts.has(host)) hosts.set(host, this.directive)
  }

  onComplete(check: () => void): void {
    const { checks } = this.#shared
    if (checks === null) check()
    else checks.push(check)
  }

  note<T>(key: symbol, make: () => T): T {
    const { notes } = this.#shared
    if (!notes.has(key)) notes.set(key, make())
    return notes.get(key) as T
  }

  fail(message: string): never {
    throw failure("VALUE", this.directive, message)
  }

  failDirective(message: string): never {
    this.fail(`"${this.directive.name}" directive ${message}`)
  }

  warn(message: string): void {
    this.#shared.options.warn(message, positionOf(this.directive))
  }
}

function parsedValue(
  row: ValueRow<unknown> | ArgsRow<unknown> | EntriesRow<unknown>,
  args: readonly string[],
  context: ValueContext,
  former: unknown,
): unknown {
  if ("value" in row) return row.value(args[0] as string, context)
  if ("entries" in row) return row.entries(context, args, former)
  const value = row.parse(args, context)
  return former === undefined || row.join === undefined ? value : row.join(former, value)
}

/** The position that nginx names: the directive's file, the line where it ends. */
export function positionOf(directive: Directive): Position {
  const { file, line, column } = directive.position
  return { file, line: line === 0 ? 0 : directive.endLine, column }
}

function failure(
  code: "DIRECTIVE" | "VALUE" | "UNSUPPORTED",
  directive: Directive,
  message: string,
): HoldfastError {
  return new HoldfastError(code, message, positionOf(directive))
}

function unknownDirective(directive: Directive): HoldfastError {
  if (isKnownToNginx(directive.name)) return failure("UNSUPPORTED", directive, refusal(directive.name))
  return failure("DIRECTIVE", directive, `unknown directive "${directive.name}"`)
}

function checkEnding(directive: Directive, wantsBlock: boolean): void {
  if (wantsBlock && directive.block === null)
    throw failure("DIRECTIVE", directive, `directive "${directive.name}" has no opening "{"`)
  if (!wantsBlock && directive.block !== null)
    throw failure("DIRECTIVE", directive, `directive "${directive.name}" is not terminated by ";"`)
}

function arityHolds(row: Row, count: number): boolean {
  const arity: Arity = "args" in row ? row.args : 1
  return typeof arity === "number" ? count === arity : count >= arity[0] && count <= arity[1]
}

function wrongArity(directive: Directive): HoldfastError {
  return failure("DIRECTIVE", directive, `invalid number of arguments in "${directive.name}" directive`)
}

/** `earlier` has the same slot; it may have another name. */
function failDuplicate(context: ValueContext, earlier: Directive | null): never {
  const { name } = context.directive
  if (earlier === null || earlier.name === name) return context.failDirective("is duplicate")
  return context.fail(`"${name}" directive is duplicate, "${earlier.name}" directive was specified earlier`)
}

/**
 * Directive rows: one row tells everything about one directive. The walker checks by it, the merge inherits
 * by it, the types of a module's configuration follow from it, and the reference is generated from it.
 */
import type { Block, Directive } from "./parser.ts"
import type { Scope } from "./scope.ts"

/** Where a directive may stand; combined with `|`. LOCATION_IF and SERVER_IF are the blocks of `if`. */
export const MAIN = 1
export const EVENTS = 2
export const HTTP = 4
export const SERVER = 8
export const LOCATION = 16
export const UPSTREAM = 32
export const SERVER_IF = 64
export const LOCATION_IF = 128
export const LIMIT_EXCEPT = 256

/** The number of arguments: exactly one number, or from the first to the second. */
export type Arity = number | readonly [min: number, max: number]
export const ANY = Number.POSITIVE_INFINITY

/** Reads a variable's value from a request; the request's type belongs to the runtime. */
export type VariableReader = (request: never) => string | undefined

/** Takes a value that `set` gives to a variable. */
export type VariableWriter = (request: never, value: string) => void

/** The variables known while reading: those of the modules, and those that directives define. */
export interface VariableNames {
  resolve(name: string): VariableReader | undefined
  define(name: string, reader: VariableReader, late?: LateDefinition): void
  /** False for a variable of a module, which no directive may define anew. */
  canDefine(name: string): boolean
  /**
   * Lets `set` and regular expressions give `name` a value of its own in each request; until then it has the value
   * of the variable that there is, or else what `whenUnset` gives. False for a variable that nothing may change.
   */
  assign(name: string, whenUnset: VariableReader): boolean
  /** What takes a value that is given to `name`; undefined where the request only keeps it. */
  setterOf(name: string): VariableWriter | undefined
  /** Whether its value is known at a request's end only. Not to be asked before the whole file has been read. */
  isLate(name: string): boolean
  /** What begins to read a late variable; undefined for one that is not late. */
  lateStarter(name: string): LateStarter | undefined
}

/** Reads a variable at a tunnel's end from all that is left of its request; that type belongs to the runtime, too. */
export type LateReader = (progress: never) => string | undefined

/** Begins to read a late variable of a request that becomes a tunnel. What it returns holds nothing of the request. */
export type LateStarter = (request: never) => LateReader

/** For a variable that a directive makes of others: it is late where one of them is. */
export interface LateDefinition {
  /** Asked when the whole file has been read. */
  isLate(variables: VariableNames): boolean
  begin(request: never): LateReader
}

/** A file that a block of data includes. */
export interface IncludedFile {
  readonly path: string
  readonly block: Block
}

/** What a row's parser may ask and do besides reading its arguments. */
export interface ValueContext {
  readonly directive: Directive
  readonly scope: Scope
  /** The main file's folder: `include` and certificates are relative to it. Ends with "/". */
  readonly confPrefix: string
  /** `-p`: log files and `root` are relative to it. Ends with "/". */
  readonly prefix: string
  /** The variables that the configuration may use and define. */
  readonly variables: VariableNames
  /** Reads a file named by the configuration. Throws FILE with nginx's words for `open() … failed`. */
  readFile(path: string): Buffer
  /**
   * The files that an `include` inside of a block of data names, parsed: a pattern may name none. Relative to
   * `confPrefix`. Throws FILE.
   */
  readIncluded(pattern: string): readonly IncludedFile[]
  /** A context of the same block, blamed on `directive`: for the lines of a block of data. */
  at(directive: Directive): ValueContext
  /** Has `host` resolved before the building begins; the addresses are the builder's to ask for. */
  needAddress(host: string): void
  /** Runs `check` when the whole file has been read, in order; it may throw. For what later lines define. */
  onComplete(check: () => void): void
  /** What a module keeps while one configuration is read, by its key; made when it is first asked for. */
  note<T>(key: symbol, make: () => T): T
  /** Ends the reading with `message` at this directive. */
  fail(message: string): never
  /** `"<name>" directive <message>`, as nginx words the failure of a value. */
  failDirective(message: string): never
  /** Logs a warning at this directive, in nginx's form. */
  warn(message: string): void
}

interface CommonRow {
  /** The contexts: MAIN, HTTP | SERVER | LOCATION, … */
  readonly in: number
  /** One sentence for the reference. */
  readonly doc: string
  /** As nginx's documentation writes it; parsed by the row's own parser. */
  readonly default?: string
  /** The arguments as the reference shows them, where more can be said than the row tells: `URL`, `off | on`. */
  readonly syntax?: string
  /** For the reference: what nginx does that Holdfast does not, or the other way round. */
  readonly differs?: string
  /** False: a lower level does not see a higher level's value. True where left out. */
  readonly inherit?: boolean
}

/** One argument, one value. A second one in the same block is a duplicate. */
export interface ValueRow<T> extends CommonRow {
  readonly value: (text: string, context: ValueContext) => T
}

/** Several arguments, one value. */
export interface ArgsRow<T> extends CommonRow {
  readonly args: Arity
  readonly parse: (args: readonly string[], context: ValueContext) => T
  /** Rows with the same slot share one value: the nearest directive of any of them counts (`root` and `alias`). */
  readonly slot?: string
  /** Joins the value of one more directive in the same block to the former ones; left out: it is a duplicate. */
  join?(former: T, latter: T): T
}

/**
 * May be repeated: its entries make a list, which any entry at a lower level replaces as a whole.
 * Rows with the same `slot` share one list in the order of the file (`allow` and `deny`).
 */
export interface ListRow<T> extends CommonRow {
  readonly args: Arity
  readonly list: (args: readonly string[], context: ValueContext) => T
  readonly slot?: string
}

/** A block of directives: `server`, `location`. May be repeated unless `once`. */
export interface BlockRow extends CommonRow {
  readonly args: Arity
  /** The context inside, or what tells it by the context of the block around: an `if` differs by where it stands. */
  readonly block: number | ((outer: number) => number)
  readonly once?: boolean
  /** Checks the arguments while reading, in nginx's order of errors. */
  readonly open?: (args: readonly string[], context: ValueContext) => void
  /** Runs at the block's `}`, whose line its errors name. */
  readonly close?: (scope: Scope, context: ValueContext) => void
}

/** A block whose lines are data, not directives: `types`. A second one in the same block adds to the first. */
export interface EntriesRow<T> extends CommonRow {
  readonly args: Arity
  /** `former`: what the blocks of this name before it gave, in the same block. */
  entries(context: ValueContext, args: readonly string[], former: T | undefined): T
}

/** A directive of nginx that has no meaning here: checked for place and number of arguments, then left. */
export interface AcceptedRow extends CommonRow {
  readonly args: Arity
  readonly accepted: true
}

export type Row =
  | ValueRow<unknown>
  | ArgsRow<unknown>
  | ListRow<unknown>
  | BlockRow
  | EntriesRow<unknown>
  | AcceptedRow

export type Rows = Readonly<Record<string, Row>>

/** All rows by name. A name may have several for different contexts: `server` of http and of upstream. */
export type RowTable = ReadonlyMap<string, readonly Row[]>

/** Collects the rows of modules. Two rows of one name must not share a context. */
export function rowTable(modules: Iterable<Rows>): RowTable {
  const table = new Map<string, Row[]>()
  for (const rows of modules)
    for (const [name, row] of Object.entries(rows)) {
      const known = table.get(name) ?? []
      if (known.some((other) => (other.in & row.in) !== 0)) throw new Error(`two rows for "${name}"`)
      table.set(name, [...known, row])
    }
  return table
}

/** The type of one row's value in a module's configuration. */
export type ValueOf<R> = R extends { list: (...args: never[]) => infer T }
  ? readonly T[]
  : R extends { value: (...args: never[]) => infer T; default: string }
    ? T
    : R extends { parse: (...args: never[]) => infer T; default: string }
      ? T
      : R extends { value: (...args: never[]) => infer T }
        ? T | undefined
        : R extends { parse: (...args: never[]) => infer T }
          ? T | undefined
          : R extends { entries: (...args: never[]) => infer T }
            ? T | undefined
            : never

/** What is in force at one level: a value for each row, by the directive's name. */
export type Conf<R> = { readonly [Name in keyof R]: ValueOf<R[Name]> }

/** Declares rows; the argument's exact type is kept, since `Conf` follows from it. */
export function directives<const R extends Rows>(rows: R): R {
  return rows
}

/** What is in force at a block: own values, inherited ones, defaults. */
import type { Directive } from "./parser.ts"
import type { Conf, Row, Rows, ValueContext } from "./row.ts"
import { type Scope, slotOf } from "./scope.ts"

const NO_ENTRIES: readonly never[] = Object.freeze([])

/**
 * Returns the configuration of `rows` in force at `scope`. Blocks below one that set nothing of `rows` share one
 * object: in a large file most blocks set nothing of most modules. Not to be called before the file has been read.
 */
export function mergedConf<R extends Rows>(scope: Scope, rows: R, defaults: Defaults): Conf<R> {
  return defaults.merged(rows).at(scope) as Conf<R>
}

type Values = Readonly<Record<string, unknown>>

/** What one module's rows come to at each block. */
class MergedRows {
  readonly #defaults: Values
  /** The names that take their value from a slot: several where rows share one. */
  readonly #namesOfSlot = new Map<string, string[]>()
  readonly #notInherited = new Set<string>()
  /** What the blocks inside of one inherit, for those that say something. */
  readonly #inherited = new Map<Scope, Values>()

  constructor(rows: Rows, defaults: Defaults) {
    const values: Record<string, unknown> = {}
    for (const name in rows) {
      const row = rows[name] as Row
      if ("block" in row || "accepted" in row) continue
      values[name] = defaults.of(name, row)
      const slot = slotOf(name, row)
      const names = this.#namesOfSlot.get(slot)
      if (names === undefined) this.#namesOfSlot.set(slot, [name])
      else names.push(name)
      if (row.inherit === false) this.#notInherited.add(name)
    }
    this.#defaults = values
  }

  at(scope: Scope): Values {
    return this.#withOwn(scope, this.#inheritedFrom(scope.parent), true)
  }

  #inheritedFrom(scope: Scope | null): Values {
    if (scope === null) return this.#defaults
    const known = this.#inherited.get(scope)
    if (known !== undefined) return known
    const above = this.#inheritedFrom(scope.parent)
    const values = this.#withOwn(scope, above, false)
    if (values !== above) this.#inherited.set(scope, values)
    return values
  }

  /** `above`, with what `scope` itself says in its place: with `isWhole`, also what is not passed on to blocks inside. */
  #withOwn(scope: Scope, above: Values, isWhole: boolean): Values {
    let values: Record<string, unknown> | null = null
    for (const [slot, setting] of scope.own) {
      const names = this.#namesOfSlot.get(slot)
      if (names === undefined) continue
      for (const name of names) {
        if (!isWhole && this.#notInherited.has(name)) continue
        values ??= { ...above }
        values[name] = setting.value
      }
    }
    return values ?? above
  }
}

/** Remembers the parsed defaults of rows, and what rows come to at blocks, for one reading. */
export class Defaults {
  readonly #context: (directive: Directive) => ValueContext
  readonly #values = new Map<Row, unknown>()
  readonly #merged = new Map<Rows, MergedRows>()

  /** `context` makes what a parser gets while it reads a default. */
  constructor(context: (directive: Directive) => ValueContext) {
    this.#context = context
  }

  merged(rows: Rows): MergedRows {
    let merged = this.#merged.get(rows)
    if (merged === undefined) {
      merged = new MergedRows(rows, this)
      this.#merged.set(rows, merged)
    }
    return merged
  }

  /** The default of one row, parsed by the row's own parser, once. */
  of(name: string, row: Row): unknown {
    if (this.#values.has(row)) return this.#values.get(row)
    const value = this.#parse(name, row)
    this.#values.set(row, value)
    return value
  }

  #parse(name: string, row: Row): unknown {
    if (row.default === undefined) return "list" in row ? NO_ENTRIES : undefined
    const words = row.default === '""' ? [""] : row.default.split(" ")
    const position = { file: "default", line: 0, column: 0 }
    const args = words.map((text) => ({ text, quoted: false, position }))
    const context = this.#context({ name, args, position, endLine: 0, block: null })
    if ("value" in row) return row.value(words[0] as string, context)
    if ("parse" in row) return row.parse(words, context)
    if ("list" in row) return [row.list(words, context)]
    return undefined
  }
}

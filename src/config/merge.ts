/** What is in force at a block: own values, inherited ones, defaults. */
import type { Directive } from "./parser.ts"
import type { Conf, Row, Rows, ValueContext } from "./row.ts"
import { effectiveSetting, type Scope } from "./scope.ts"

const NO_ENTRIES: readonly never[] = Object.freeze([])

/**
 * Returns the configuration of `rows` in force at `scope`. Defaults are parsed by the row's own parser once
 * for each row, with `defaults` to remember them.
 */
export function mergedConf<R extends Rows>(scope: Scope, rows: R, defaults: Defaults): Conf<R> {
  const conf: Record<string, unknown> = {}
  for (const name in rows) {
    const row = rows[name] as Row
    if ("block" in row || "accepted" in row) continue
    const setting = effectiveSetting(scope, name, row)
    conf[name] = setting === undefined ? defaults.of(name, row) : setting.value
  }
  return conf as Conf<R>
}

/** Remembers the parsed defaults of rows. */
export class Defaults {
  readonly #context: (directive: Directive) => ValueContext
  readonly #values = new Map<Row, unknown>()

  /** `context` makes what a parser gets while it reads a default. */
  constructor(context: (directive: Directive) => ValueContext) {
    this.#context = context
  }

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

/** map: a variable whose value follows from another text. ngx_http_map_module. */

import { directives, HTTP, type ValueContext } from "../config/row.ts"
import { number } from "../config/values.ts"
import { asciiLowerCase } from "../http/octets.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"
import { compileConfigured, defineCaptures } from "./core/regex-value.ts"
import { EntryBlock } from "./map-entries.ts"
import { beginMap, type MapParts, trimmedKey } from "./map-late.ts"
import { CONFLICT, INVALID, MapTable } from "./map-table.ts"
import { defineMade, isFixed, MadeVariable, newVariableName } from "./map-variable.ts"

export const map = defineModule({
  name: "map",
  directives: directives({
    map: {
      in: HTTP,
      args: 2,
      entries: parseMap,
      syntax: "string $variable",
      differs: "Regular expressions are V8's: what only PCRE has is refused.",
      doc: "Makes a variable whose value follows from a text by a table of texts, host names with wildcards (`hostnames`) and regular expressions (`~`, `~*`). `default` is for what matches nothing; `volatile` computes the value whenever it is asked, not once a request; `include` reads lines of other files.",
    },
    map_hash_max_size: { in: HTTP, value: hashSize, doc: "Has no meaning here: tables grow as needed." },
    map_hash_bucket_size: { in: HTTP, value: hashSize, doc: "Has no meaning here: tables grow as needed." },
  }),
})

/** nginx sets the sizes itself at the first map: behind that they are duplicates. */
function hashSize(text: string, context: ValueContext): number {
  if (context.scope.own.has("map")) context.failDirective("is duplicate")
  return number(text, context)
}

/** The lines of one `map`, while they are read. */
class MapReader {
  readonly table = new MapTable()
  /** One template for each text of a value. */
  readonly values = new Map<string, Template>()
  readonly block: EntryBlock
  fallback: Template | null = null
  hasHostnames = false
  isVolatile = false

  constructor(context: ValueContext) {
    this.block = new EntryBlock(context, (words, line) => this.#line(words, line))
  }

  #line(words: readonly string[], context: ValueContext): void {
    const [key, text] = words as [string, string]
    if (words.length === 1 && key === "hostnames") {
      this.hasHostnames = true
      return
    }
    if (words.length === 1 && key === "volatile") {
      this.isVolatile = true
      return
    }
    if (words.length !== 2) context.fail("invalid number of the map parameters")
    if (key === "include") return this.block.include(text, context)
    const value = this.#value(text, context)
    if (key === "default") {
      if (this.fallback !== null) context.fail("duplicate default map parameter")
      this.fallback = value
    } else if (key.startsWith("~")) this.#regex(key, value, context)
    else this.#text(key.startsWith("\\") ? key.slice(1) : key, value, context)
  }

  #value(text: string, context: ValueContext): Template {
    let value = this.values.get(text)
    if (value === undefined) {
      value = template(text, context)
      this.values.set(text, value)
    }
    return value
  }

  #regex(key: string, value: Template, context: ValueContext): void {
    const ignoresCase = key.startsWith("~*")
    const regex = compileConfigured(key.slice(ignoresCase ? 2 : 1), ignoresCase, context)
    defineCaptures(regex, context)
    this.table.regexes.push({ regex, value })
  }

  #text(key: string, value: Template, context: ValueContext): void {
    const problem = this.table.add(key, value, this.hasHostnames)
    if (problem === INVALID) context.fail(`invalid hostname or wildcard "${key}"`)
    if (problem === CONFLICT) context.fail(`conflicting parameter "${asciiLowerCase(key)}"`)
  }
}

function parseMap(context: ValueContext, args: readonly string[]): true {
  const [source, text] = args as [string, string]
  const key = template(source, context)
  const name = newVariableName(text, context)
  const reader = new MapReader(context)
  reader.block.run()
  const { table, fallback, hasHostnames } = reader
  const values = [...reader.values.values()]
  const variable = new MapVariable(name, { key, table, fallback, hasHostnames }, values, context)
  variable.isVolatile = reader.isVolatile
  variable.isPure = table.regexes.length === 0 && [key, ...values].every(isFixedText)
  defineMade(variable, context)
  return true
}

function isFixedText(text: Template): boolean {
  return text.variables().every(isFixed)
}

class MapVariable extends MadeVariable {
  readonly #parts: MapParts
  /** Each value once. */
  readonly #values: readonly Template[]

  constructor(name: string, parts: MapParts, values: readonly Template[], context: ValueContext) {
    super(name, context)
    this.#parts = parts
    this.#values = values
  }

  protected compute(request: Request): string {
    const { key, table, fallback, hasHostnames } = this.#parts
    const text = trimmedKey(key.evaluate(request), hasHostnames)
    const value = table.find(text) ?? table.findRegex(text, request) ?? fallback
    return value === null ? "" : value.evaluate(request)
  }

  protected start(request: Request): LateVariableGetter {
    return beginMap(this.#parts, this.#values, request)
  }

  protected sources(): readonly string[] {
    return [this.#parts.key, ...this.#values].flatMap((text) => text.variables())
  }
}

/** split_clients: a variable whose value is drawn by a hash, in shares of the whole. ngx_http_split_clients_module. */
import { murmurHash2 } from "../base/murmur-hash.ts"
import { directives, HTTP, type ValueContext } from "../config/row.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { finishText, type Template, template, type UnfinishedText } from "../runtime/template.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"
import { EntryBlock } from "./map-entries.ts"
import { defineMade, isFixed, MadeVariable, newVariableName } from "./map-variable.ts"

export const splitClients = defineModule({
  name: "split_clients",
  directives: directives({
    split_clients: {
      in: HTTP,
      args: 2,
      entries: parseSplit,
      syntax: "string $variable",
      doc: "Makes a variable that has each of its values for a share of all texts, by a hash of the text (MurmurHash2): lines of a percentage, with two decimals at most, and a value; `*` takes what is left.",
    },
  }),
})

/** A percentage in hundredths; the whole is 10000. `*` is 0. */
interface WrittenPart {
  readonly hundredths: number
  readonly value: string
}

const WHOLE = 10_000
const ALL_HASHES = 0xffffffffn

/** Texts whose hash is below `limit` and in no part before have the value. */
interface Part {
  readonly limit: number
  readonly value: string
}

function parseSplit(context: ValueContext, args: readonly string[]): true {
  const [source, text] = args as [string, string]
  const key = template(source, context)
  if (text.length < 2) context.fail(`invalid variable name "${text}"`)
  const name = newVariableName(text, context)
  const written: WrittenPart[] = []
  const block = new EntryBlock(context, (words, line) => written.push(parsePart(words, line)))
  block.run()
  const variable = new SplitVariable(name, key, limits(written, block), context)
  variable.isPure = key.variables().every(isFixed)
  defineMade(variable, context)
  return true
}

function parsePart(words: readonly string[], context: ValueContext): WrittenPart {
  const [share, value] = words as [string, string | undefined]
  // What nginx does with a line of one word is not defined.
  if (value === undefined) return context.fail("invalid number of the split_clients parameters")
  if (share === "*") return { hundredths: 0, value }
  const hundredths = share.endsWith("%") ? parseHundredths(share.slice(0, -1)) : 0
  if (hundredths === 0) context.fail(`invalid percent value "${share}"`)
  return { hundredths, value }
}

/** `12`, `.5`, `12.34`: in hundredths; 0 for anything else. ngx_atofp. */
function parseHundredths(text: string): number {
  const found = /^(\d*)(?:\.(\d{0,2}))?$/.exec(text)
  if (found === null) return 0
  const [, whole, decimals = ""] = found as unknown as [string, string, string | undefined]
  return Number(`${whole}${decimals.padEnd(2, "0")}`)
}

function limits(written: readonly WrittenPart[], block: EntryBlock): Part[] {
  let sum = 0
  let last = 0
  return written.map(({ hundredths, value }) => {
    sum = hundredths === 0 ? WHOLE : sum + hundredths
    if (sum > WHOLE) block.atEnd().fail("percent total is greater than 100%")
    if (hundredths === 0) return { limit: Number.POSITIVE_INFINITY, value }
    last += Number((BigInt(hundredths) * ALL_HASHES) / BigInt(WHOLE))
    return { limit: last, value }
  })
}

class SplitVariable extends MadeVariable {
  readonly #key: Template
  readonly #parts: readonly Part[]

  constructor(name: string, key: Template, parts: readonly Part[], context: ValueContext) {
    super(name, context)
    this.#key = key
    this.#parts = parts
  }

  protected compute(request: Request): string {
    return partOf(this.#parts, this.#key.evaluate(request))
  }

  protected start(request: Request): LateVariableGetter {
    return finisher(this.#parts, this.#key.begin(request, null))
  }

  protected sources(): readonly string[] {
    return this.#key.variables()
  }
}

function partOf(parts: readonly Part[], text: string): string {
  const hash = murmurHash2(text)
  for (let i = 0; i < parts.length; i++) if (hash < parts[i].limit) return parts[i].value
  return ""
}

/** Made apart from the request, so that it knows nothing of it. */
function finisher(parts: readonly Part[], key: UnfinishedText): LateVariableGetter {
  return (progress) => partOf(parts, finishText(key, progress, null))
}

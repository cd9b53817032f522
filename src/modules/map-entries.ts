/** Blocks whose lines are data, with files that they include: map, geo. ngx_conf_parse with a handler of its own. */
import { HoldfastError } from "../base/error.ts"
import type { Block } from "../config/parser.ts"
import type { ValueContext } from "../config/row.ts"
import { positionOf } from "../config/walker.ts"

/** Takes one line: all its words, the first one included, and a context that is blamed on the line. */
export type EntryReader = (words: readonly string[], context: ValueContext) => void

/** Reads the lines of a block, and on its reader's demand those of files. */
export class EntryBlock {
  readonly #context: ValueContext
  readonly #read: EntryReader
  /** The files being read, outermost first: a file in its own includes is a cycle. */
  readonly #open: string[] = []

  constructor(context: ValueContext, read: EntryReader) {
    this.#context = context
    this.#read = read
  }

  /** Reads the block of the directive. Throws what the reader throws, or the block's own syntax error. */
  run(): void {
    const { block } = this.#context.directive
    if (block !== null) this.#lines(block)
  }

  /** The context at the directive's `}`, for what is found wrong with the whole. */
  atEnd(): ValueContext {
    const { directive } = this.#context
    return this.#context.at({ ...directive, endLine: directive.block?.endLine ?? directive.endLine })
  }

  /** Reads the files that `pattern` names. `context`: that of the line with the include. */
  include(pattern: string, context: ValueContext): void {
    for (const { path, block } of context.readIncluded(pattern)) {
      if (this.#open.includes(path))
        context.fail(`"${path}" includes itself: ${[...this.#open, path].join(" -> ")}`)
      this.#open.push(path)
      this.#lines(block)
      this.#open.pop()
    }
  }

  #lines(block: Block): void {
    for (const line of block.directives) {
      if (line.block !== null) throw new HoldfastError("SYNTAX", 'unexpected "{"', positionOf(line))
      this.#read([line.name, ...line.args.map((word) => word.text)], this.#context.at(line))
    }
    if (block.failure !== null) throw block.failure
  }
}

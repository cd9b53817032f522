/** Statements to a tree of directives. Includes are not followed here: the walker does, in reading order. */
import type { HoldfastError, Position } from "../base/error.ts"
import { BLOCK_END, BLOCK_START, END_OF_FILE, Lexer, type Word } from "./lexer.ts"

/** One directive as written. */
export interface Directive {
  readonly name: string
  readonly args: readonly Word[]
  /** Where the name stands. */
  readonly position: Position
  /** The line of its `;` or `{`: the one that nginx names in errors. */
  readonly endLine: number
  /** What stands between `{` and `}`; null for a directive that ended with `;`. */
  readonly block: Block | null
}

export interface Block {
  readonly directives: Directive[]
  /** The line of its `}`, or of the file's end. */
  endLine: number
  /**
   * The syntax error that ended this block. It is kept, not thrown, so that errors in the directives
   * before it are reported first, in nginx's order.
   */
  failure: HoldfastError | null
}

/** Parses one file's text (latin1). Never throws: a syntax error is in the block where it stands. */
export function parse(file: string, text: string): Block {
  return parseBlock(new Lexer(file, text), 0)
}

/** Parses the argument of `-g`: directives without blocks. */
export function parseParameter(text: string): Block {
  return parseBlock(new Lexer("command line", text, true), 0)
}

/** Whoever goes through a tree may do so by recursion. nginx has no such limit but its stack's. */
export const MAX_DEPTH = 500

/** `depth`: 0 for a file's own level. */
function parseBlock(lexer: Lexer, depth: number): Block {
  const block: Block = { directives: [], endLine: 0, failure: null }
  try {
    if (depth > MAX_DEPTH) throw lexer.fail(`blocks are nested more than ${MAX_DEPTH} deep`)
    while (block.failure === null) {
      const statement = lexer.next()
      block.endLine = statement.line
      if (statement.ending === END_OF_FILE) {
        if (depth > 0) throw lexer.fail('unexpected end of file, expecting "}"')
        return block
      }
      if (statement.ending === BLOCK_END) {
        if (depth === 0) throw lexer.fail('unexpected "}"')
        return block
      }
      const [name, ...args] = statement.words as [Word, ...Word[]]
      const hasBlock = statement.ending === BLOCK_START
      const inner = hasBlock ? parseBlock(lexer, depth + 1) : null
      block.directives.push({
        name: name.text,
        args,
        position: name.position,
        endLine: statement.line,
        block: inner,
      })
      if (inner !== null && endsInFailure(inner)) return block
    }
  } catch (error) {
    block.failure = error as HoldfastError
  }
  return block
}

function endsInFailure(block: Block): boolean {
  if (block.failure !== null) return true
  const last = block.directives.at(-1)
  return last !== undefined && last.block !== null && endsInFailure(last.block)
}

/**
 * A tree of directives back to text. Of the layout nothing is kept; parsed again, the text is the same tree: the
 * same words in the same blocks. Data in `types`, `map` and the like is printed as any other block.
 */
import type { Word } from "./lexer.ts"
import type { Block, Directive } from "./parser.ts"

const INDENT = "    "

/**
 * Prints a block's directives in latin1 as they were read: four blanks a level, LF at the end of each line. A word
 * stands in quotes where it did, or where it would not be one word without them.
 */
export function print(block: Block, depth = 0): string {
  let text = ""
  for (const directive of block.directives) text += printDirective(directive, depth)
  return text
}

function printDirective(directive: Directive, depth: number): string {
  const indent = INDENT.repeat(depth)
  const words = [printText(directive.name, false), ...directive.args.map(printWord)].join(" ")
  if (directive.block === null) return `${indent}${words};\n`
  if (directive.block.directives.length === 0) return `${indent}${words} {}\n`
  return `${indent}${words} {\n${print(directive.block, depth + 1)}${indent}}\n`
}

/** One word as it has to be written. */
export function printWord(word: Word): string {
  return printText(word.text, word.quoted)
}

/** Double quotes, unless the text has only those in it. */
function printText(text: string, isQuoted: boolean): string {
  if (!isQuoted && isBare(text)) return escaped(text, "")
  const quote = text.includes('"') && !text.includes("'") ? "'" : '"'
  return quote + escaped(text, quote) + quote
}

/** A bare word begins as no other token does, and ends at white space, `;`, and a `{` that is not behind a `$`. */
function isBare(text: string): boolean {
  // A backslash takes the meaning from a `$` behind it.
  if (text.includes("{") && text.includes("\\")) return false
  return /^(?![}#"'])(?:[^ \t\r\n;{$]|\$\{(?!\{)|\$)+$/.test(text)
}

/**
 * A backslash is doubled where it would make an escape of what follows, or of what ends the word. Before anything
 * else the language takes it as it is.
 */
function escaped(text: string, quote: string): string {
  let out = ""
  for (let index = 0; index < text.length; index++) {
    const character = text[index] as string
    const next = text[index + 1]
    const isEscape = character === "\\" && (next === undefined || "\\\"'trn".includes(next))
    out += isEscape ? "\\\\" : character === quote ? `\\${quote}` : character
  }
  return out
}

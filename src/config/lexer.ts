/**
 * Words and punctuation of nginx's configuration language, as ngx_conf_read_token reads them.
 * The text is a latin1 string: one character is one byte of the file.
 */
import { HoldfastError, type Position } from "../base/error.ts"

/** One argument or directive name. `quoted` tells `"on"` from `on`; the text has its escapes resolved. */
export interface Word {
  readonly text: string
  readonly quoted: boolean
  readonly position: Position
}

export const END_OF_DIRECTIVE = 0
export const BLOCK_START = 1
export const BLOCK_END = 2
export const END_OF_FILE = 3

/** What one call of `next` read: the words up to the punctuation that ended them. */
export interface Statement {
  readonly words: Word[]
  /** One of END_OF_DIRECTIVE, BLOCK_START, BLOCK_END, END_OF_FILE. */
  readonly ending: number
  /** The line of the punctuation; nginx names this line in its errors. */
  readonly line: number
}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const DOUBLE_QUOTE = 34
const HASH = 35
const DOLLAR = 36
const SINGLE_QUOTE = 39
const CLOSE_PAREN = 41
const SEMICOLON = 59
const BACKSLASH = 92
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB || code === CR || code === LF
}

/** Reads statements from one file's text. */
export class Lexer {
  readonly file: string
  readonly #text: string
  /** True for `-g`'s argument, which nginx calls a parameter in its messages. */
  readonly #isParameter: boolean
  #offset = 0
  #line = 1
  #lineStart = 0

  constructor(file: string, text: string, isParameter = false) {
    this.file = file
    this.#text = text
    this.#isParameter = isParameter
  }

  get line(): number {
    return this.#line
  }

  /** Reads words up to `;`, `{`, `}` or the end. Throws SYNTAX in nginx's words. */
  next(): Statement {
    const words: Word[] = []
    for (;;) {
      this.#skipSpaceAndComments()
      if (this.#offset >= this.#text.length) return this.#endOfText(words)
      const code = this.#text.charCodeAt(this.#offset)
      if (code === SEMICOLON || code === OPEN_BRACE) {
        if (words.length === 0) throw this.#unexpected(code)
        return this.#take(words, code === SEMICOLON ? END_OF_DIRECTIVE : BLOCK_START)
      }
      if (code === CLOSE_BRACE) {
        if (words.length > 0) throw this.#unexpected(code)
        return this.#take(words, BLOCK_END)
      }
      const isQuoted = code === DOUBLE_QUOTE || code === SINGLE_QUOTE
      words.push(isQuoted ? this.#quotedWord(code) : this.#bareWord())
    }
  }

  fail(message: string): HoldfastError {
    return new HoldfastError("SYNTAX", message, this.#position())
  }

  #position(): Position {
    return {
      file: this.file,
      line: this.#isParameter ? 0 : this.#line,
      column: this.#offset - this.#lineStart + 1,
    }
  }

  #take(words: Word[], ending: number): Statement {
    this.#offset++
    return { words, ending, line: this.#line }
  }

  #unexpected(code: number): HoldfastError {
    return this.fail(`unexpected "${String.fromCharCode(code)}"`)
  }

  #endOfText(words: Word[]): Statement {
    if (words.length > 0) throw this.#unterminated()
    return { words, ending: END_OF_FILE, line: this.#line }
  }

  #unterminated(): HoldfastError {
    return this.fail(
      this.#isParameter
        ? 'unexpected end of parameter, expecting ";"'
        : 'unexpected end of file, expecting ";" or "}"',
    )
  }

  #newline(): void {
    this.#line++
    this.#lineStart = this.#offset + 1
  }

  #skipSpaceAndComments(): void {
    const text = this.#text
    for (; this.#offset < text.length; this.#offset++) {
      const code = text.charCodeAt(this.#offset)
      if (code === HASH) {
        const end = text.indexOf("\n", this.#offset)
        this.#offset = end === -1 ? text.length : end
        if (end === -1) return
        this.#newline()
      } else if (code === LF) this.#newline()
      else if (!isSpace(code)) return
    }
  }

  /** A quoted word must be followed by white space, `;`, `{` or `)`, as in nginx. */
  #quotedWord(quote: number): Word {
    const position = this.#position()
    const text = this.#text
    const start = ++this.#offset
    for (; this.#offset < text.length; this.#offset++) {
      const code = text.charCodeAt(this.#offset)
      if (code === BACKSLASH) {
        this.#offset++
        if (text.charCodeAt(this.#offset) === LF) this.#newline()
      } else if (code === LF) this.#newline()
      else if (code === quote) {
        const word = { text: resolveEscapes(text.slice(start, this.#offset)), quoted: true, position }
        this.#offset++
        this.#requireBreak()
        return word
      }
    }
    throw this.#unterminated()
  }

  #requireBreak(): void {
    if (this.#offset >= this.#text.length) return
    const code = this.#text.charCodeAt(this.#offset)
    if (isSpace(code) || code === SEMICOLON || code === OPEN_BRACE || code === CLOSE_PAREN) return
    throw this.#unexpected(code)
  }

  #bareWord(): Word {
    const position = this.#position()
    const text = this.#text
    const start = this.#offset
    let afterDollar = false
    for (; this.#offset < text.length; this.#offset++) {
      const code = text.charCodeAt(this.#offset)
      if (code === OPEN_BRACE && afterDollar) continue
      afterDollar = code === DOLLAR
      if (code === BACKSLASH) {
        this.#offset++
        if (text.charCodeAt(this.#offset) === LF) this.#newline()
      } else if (isSpace(code) || code === SEMICOLON || code === OPEN_BRACE) {
        return { text: resolveEscapes(text.slice(start, this.#offset)), quoted: false, position }
      }
    }
    throw this.#unterminated()
  }
}

/** `\"`, `\'`, `\\`, `\t`, `\r`, `\n` are escapes; before anything else the backslash stays. */
function resolveEscapes(raw: string): string {
  if (!raw.includes("\\")) return raw
  let out = ""
  for (let i = 0; i < raw.length; i++) {
    if (raw[i] !== "\\") {
      out += raw[i]
      continue
    }
    const next = raw[i + 1]
    if (next === '"' || next === "'" || next === "\\") out += next
    else if (next === "t") out += "\t"
    else if (next === "r") out += "\r"
    else if (next === "n") out += "\n"
    else {
      out += "\\"
      continue
    }
    i++
  }
  return out
}

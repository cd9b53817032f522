/**
 * Mistakes made of the rows: every directive in each context where it may not stand, with too few and too many
 * arguments, with a block or without one, twice, and with values that are none.
 */
import { ANY, type Row } from "../../src/config/row.ts"
import {
  confPath,
  flag,
  milliseconds,
  number,
  offset,
  prefixPath,
  seconds,
  size,
  string,
} from "../../src/config/values.ts"
import { allRows } from "../../src/server/read.ts"
import { CONTEXTS, type Context } from "./contexts.ts"

/** One mistake. In texts `{dir}` is the folder. */
export interface Mistake {
  /** `directive: kind`, unique. */
  readonly name: string
  readonly directive: string
  readonly context: Context
  readonly lines: string
  /** What must be said, without the place; undefined where only nginx can tell. */
  readonly expected: string | undefined
}

/** Values that some directive takes: the first one that a directive takes stands for a right value. */
const VALUES = [
  "on",
  "1",
  "10s",
  "8k",
  "text/plain",
  "/x",
  "http://127.0.0.1",
  "$uri",
  "a=b",
  "zone=z:1m",
  "TLSv1.2",
  "error",
]

/** Words that are a corner of some kind of value: variables, regular expressions, numbers, parameters, addresses. */
const ODD_WORDS = [
  "no-such-thing",
  "",
  "$no_such_variable",
  "$",
  "${uri",
  "~(",
  "/",
  "0",
  "-1",
  "no=such",
  "off",
  "127.0.0.1:99999",
  "unix:",
  "http://",
  "http://127.0.0.1:x/",
  "zone=",
]

/** Those that are tried behind others, too. */
const PARAMETERS = ["", "$", "0", "no=such", "off", "zone="]

/** Says whether the lines hold in the context. */
export type Holds = (context: Context, lines: string) => boolean

/** All mistakes with all directives that have a row now. */
export function mistakes(holds: Holds): Mistake[] {
  return [...allRows()].flatMap(([name, rows]) => (name === "include" ? [] : mistakesWith(name, rows, holds)))
}

function mistakesWith(name: string, rows: readonly Row[], holds: Holds): Mistake[] {
  const made: Mistake[] = []
  const allowed = rows.reduce((all, row) => all | row.in, 0)
  const first = rows[0] as Row
  for (const context of CONTEXTS) {
    if ((allowed & context.bit) !== 0) continue
    made.push({
      name: `${name}: in ${context.name}`,
      directive: name,
      context,
      lines: line(name, first, words(least(first))),
      expected: `"${name}" directive is not allowed here`,
    })
  }
  for (const row of rows) {
    const context = CONTEXTS.find(({ bit }) => (row.in & bit) !== 0)
    if (context !== undefined) made.push(...mistakesIn(name, row, context, holds))
  }
  return made
}

function mistakesIn(name: string, row: Row, context: Context, holds: Holds): Mistake[] {
  const made: Mistake[] = []
  const add = (kind: string, lines: string, expected: string | undefined): void => {
    made.push({ name: `${name} (${context.name}): ${kind}`, directive: name, context, lines, expected })
  }
  const arity = `invalid number of arguments in "${name}" directive`
  if (least(row) > 0) add("too few arguments", line(name, row, words(least(row) - 1)), arity)
  if (most(row) !== ANY) add("too many arguments", line(name, row, words(most(row) + 1)), arity)
  const args = words(least(row))
  if (hasBlock(row))
    add("no block", `${[name, ...args].join(" ")};`, `directive "${name}" has no opening "{"`)
  else add("a block", `${[name, ...args].join(" ")} {\n}`, `directive "${name}" is not terminated by ";"`)
  if (isSingle(row)) {
    const right = rightLine(name, row, context, holds)
    if (right !== undefined) add("twice", `${right}\n${right}`, `"${name}" directive is duplicate`)
  }
  if (row.default !== undefined && row.default !== "")
    add("its default", line(name, row, [row.default]), undefined)
  if ("value" in row)
    for (const value of wrongValues(row.value))
      add(`"${value}"`, `${name} "${value}";`, wrongValue(name, row.value, value))
  if (hasWordsOfItsOwn(row) && least(row) > 0)
    for (const word of ODD_WORDS) {
      const odd = Array.from({ length: least(row) }, () => `"${word}"`)
      add(`odd words ${word}`, line(name, row, odd), undefined)
      if (most(row) > least(row) && PARAMETERS.includes(word))
        add(`one odd word more ${word}`, line(name, row, [...odd, `"${word}"`]), undefined)
    }
  return made
}

function least(row: Row): number {
  const arity = "args" in row ? row.args : 1
  return typeof arity === "number" ? arity : arity[0]
}

function most(row: Row): number {
  const arity = "args" in row ? row.args : 1
  return typeof arity === "number" ? arity : arity[1]
}

function hasBlock(row: Row): boolean {
  return "block" in row || "entries" in row
}

/** Whether a second one in the same block is an error. */
function isSingle(row: Row): boolean {
  return "value" in row || ("parse" in row && row.join === undefined)
}

/** Of slots that many directives share, the wrong values tell enough. */
function hasWordsOfItsOwn(row: Row): boolean {
  if ("value" in row) return !SLOTS.has(row.value) && !("words" in row.value)
  return "parse" in row || "list" in row || "block" in row
}

function words(count: number): string[] {
  return Array.from({ length: count }, () => "x")
}

function line(name: string, row: Row, args: readonly string[]): string {
  return [name, ...args].join(" ") + (hasBlock(row) ? " {\n}" : ";")
}

function rightLine(name: string, row: Row, context: Context, holds: Holds): string | undefined {
  const tries = VALUES.map((value) => Array.from({ length: least(row) }, () => value))
  if (row.default !== undefined) tries.unshift([row.default])
  return tries.map((args) => line(name, row, args)).find((lines) => holds(context, lines))
}

const SLOTS: ReadonlySet<unknown> = new Set([flag, number, size, offset, milliseconds, seconds])

type ValueParser = (text: string, context: never) => unknown

function wrongValues(parser: ValueParser): string[] {
  if (parser === string || parser === prefixPath || parser === confPath) return []
  if (parser === flag) return ["yes", "", "1"]
  return ["no-such-thing", "-1", "", "1x", "99999999999999999999"]
}

/** The words of nginx's own slots; other parsers are judged by nginx. */
function wrongValue(name: string, parser: ValueParser, value: string): string | undefined {
  if (parser === flag) return `invalid value "${value}" in "${name}" directive, it must be "on" or "off"`
  if (parser === number) return `"${name}" directive invalid number`
  if (SLOTS.has(parser)) return `"${name}" directive invalid value`
  return "words" in parser ? `invalid value "${value}"` : undefined
}

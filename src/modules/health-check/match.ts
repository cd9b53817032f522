/** `match`: what an answer to a health check has to be. ngx_http_upstream_hc_module. */
import type { ValueContext } from "../../config/row.ts"
import { parseNumber } from "../../config/values.ts"
import { headerKey } from "../../http/header-list.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import type { Request } from "../../runtime/request.ts"
import { type Template, template } from "../../runtime/template.ts"
import { compileConfigured } from "../core/regex-value.ts"
import { EntryBlock } from "../map-entries.ts"

/** `status`: one of the ranges, or with `isNegated` none of them. */
interface StatusTest {
  readonly ranges: readonly { readonly from: number; readonly to: number }[]
  readonly isNegated: boolean
}

/** `header`: its presence, or with `expected` its value. */
interface HeaderTest {
  /** In lower case. */
  readonly key: string
  /** A text that the value is, a regular expression that it matches, or null where any value does. */
  readonly expected: string | CompiledRegex | null
  /** Without `expected`: the field must be missing; with it: it must be there and have another value. */
  readonly isNegated: boolean
}

interface BodyTest {
  readonly regex: CompiledRegex
  readonly isNegated: boolean
}

/** One `match` block, or what holds without one. All tests must hold. */
export interface Match {
  /** "" where no `match` was named. */
  readonly name: string
  readonly statuses: readonly StatusTest[]
  readonly headers: readonly HeaderTest[]
  readonly bodies: readonly BodyTest[]
  /** `require`: none of them may be empty or "0". */
  readonly required: readonly Template[]
}

/** Without `match`: 2xx or 3xx. */
export const ANY_SUCCESS: Match = {
  name: "",
  statuses: [{ ranges: [{ from: 200, to: 399 }], isNegated: false }],
  headers: [],
  bodies: [],
  required: [],
}

/** The blocks by name, as far as the file has been read. */
export type Matches = ReadonlyMap<string, Match>

/** Reads one `match` block; `former` are those before it. */
export function parseMatch(
  context: ValueContext,
  args: readonly string[],
  former: Matches | undefined,
): Matches {
  const name = args[0] as string
  if (name === "") context.fail('empty name in "match" directive')
  if (former?.has(name) === true) context.fail(`duplicate match "${name}"`)
  const reader = new MatchReader(name)
  new EntryBlock(context, (words, line) => reader.line(words, line)).run()
  return new Map([...(former ?? []), [name, reader]])
}

class MatchReader implements Match {
  readonly name: string
  readonly statuses: StatusTest[] = []
  readonly headers: HeaderTest[] = []
  readonly bodies: BodyTest[] = []
  readonly required: Template[] = []

  constructor(name: string) {
    this.name = name
  }

  line(words: readonly string[], context: ValueContext): void {
    const [kind, ...args] = words as [string, ...string[]]
    if (kind === "status") this.statuses.push(parseStatus(args, context))
    else if (kind === "header") this.headers.push(parseHeader(args, context))
    else if (kind === "body") this.bodies.push(parseBody(args, context))
    else if (kind === "require") this.required.push(...parseRequire(args, context))
    else context.fail(`unknown test "${kind}" in "match"`)
  }
}

function parseStatus(args: readonly string[], context: ValueContext): StatusTest {
  const isNegated = args[0] === "!"
  const texts = isNegated ? args.slice(1) : args
  if (texts.length === 0) context.fail('invalid number of arguments in "status" test')
  const ranges = texts.map((text) => {
    const [first, last, ...more] = text.split("-")
    const from = parseNumber(first as string)
    const to = last === undefined ? from : parseNumber(last)
    if (from === undefined || to === undefined || more.length > 0 || from < 100 || to > 999 || from > to)
      return context.fail(`invalid status "${text}"`)
    return { from, to }
  })
  return { ranges, isNegated }
}

function parseHeader(args: readonly string[], context: ValueContext): HeaderTest {
  const wrongCount = 'invalid number of arguments in "header" test'
  if (args[0] === "!") {
    if (args.length !== 2) context.fail(wrongCount)
    return { key: headerKey(args[1] as string), expected: null, isNegated: true }
  }
  const [name, operator, text] = args
  if (name === undefined || args.length > 3 || args.length === 2) return context.fail(wrongCount)
  const key = headerKey(name)
  if (operator === undefined || text === undefined) return { key, expected: null, isNegated: false }
  const isNegated = operator === "!=" || operator === "!~"
  if (operator === "=" || operator === "!=") return { key, expected: text, isNegated }
  if (operator === "~" || operator === "!~")
    return { key, expected: compileConfigured(text, false, context), isNegated }
  return context.fail(`invalid operator "${operator}" in "header" test`)
}

function parseBody(args: readonly string[], context: ValueContext): BodyTest {
  const [operator, text] = args
  if (operator === undefined || text === undefined || args.length !== 2)
    return context.fail('invalid number of arguments in "body" test')
  if (operator !== "~" && operator !== "!~")
    return context.fail(`invalid operator "${operator}" in "body" test`)
  return { regex: compileConfigured(text, false, context), isNegated: operator === "!~" }
}

function parseRequire(args: readonly string[], context: ValueContext): Template[] {
  if (args.length === 0) context.fail('invalid number of arguments in "require" test')
  return args.map((text) => {
    if (!text.startsWith("$")) context.fail(`invalid variable name "${text}"`)
    return template(text, context)
  })
}

// --- the tests

export function passesStatus(match: Match, { status }: ResponseHead): boolean {
  return match.statuses.every(
    ({ ranges, isNegated }) => ranges.some(({ from, to }) => status >= from && status <= to) !== isNegated,
  )
}

export function passesHeaders(match: Match, head: ResponseHead): boolean {
  return match.headers.every((test) => passesHeader(test, head))
}

function passesHeader({ key, expected, isNegated }: HeaderTest, { headers }: ResponseHead): boolean {
  if (!headers.has(key)) return expected === null && isNegated
  if (expected === null) return !isNegated
  const values = headers.values.filter((_, i) => headers.keys[i] === key)
  const isMatched = values.some((value) =>
    typeof expected === "string" ? value === expected : expected.regex.test(value),
  )
  return isMatched !== isNegated
}

/** `body`: as latin1, so much of it as is looked at. */
export function passesBody(match: Match, body: string): boolean {
  return match.bodies.every(({ regex, isNegated }) => regex.regex.test(body) !== isNegated)
}

export function passesRequirements(match: Match, request: Request): boolean {
  return match.required.every((value) => {
    const text = value.evaluate(request)
    return text !== "" && text !== "0"
  })
}

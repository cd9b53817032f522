/** The conditions of `if`. ngx_http_rewrite_if_condition. */

import type { Stats } from "node:fs"
import { unknownVariable } from "../../config/refused-variables.ts"
import type { ValueContext } from "../../config/row.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import type { Request } from "../../runtime/request.ts"
import type { VariableGetter } from "../../runtime/variables.ts"
import { compileConfigured, defineCaptures } from "../core/regex-value.ts"
import { FILE_TESTS, statFile } from "./file-test.ts"
import type { Condition, Run } from "./program.ts"
import { Replacement } from "./replacement.ts"

/** Reads `(…)`, whose parentheses may stand by themselves or belong to a word. */
export function parseCondition(args: readonly string[], context: ValueContext): Condition {
  const words = [...args]
  const [opening] = words as [string]
  if (!opening.startsWith("(")) return invalid(opening, context)
  let first = 0
  if (opening === "(") first = 1
  else words[0] = opening.slice(1)
  let last = words.length - 1
  const closing = words[last] as string
  if (!closing.endsWith(")")) return invalid(closing, context)
  if (closing === ")") last--
  else words[last] = closing.slice(0, -1)
  const subject = words[first] ?? ""
  const count = last - first
  if (subject.length > 1 && subject.startsWith("$")) {
    if (count !== 0 && count !== 2) return invalid(subject, context)
    const variable = new Variable(subject.slice(1), context)
    if (count === 0) return new IsTrue(variable)
    return comparison(variable, words[first + 1] as string, words[last] as string, context)
  }
  const isFileTest = /^!?-.$/s.test(subject)
  return isFileTest && count === 1
    ? fileTest(subject, words[last] as string, context)
    : invalid(subject, context)
}

function invalid(word: string, context: ValueContext): never {
  return context.fail(`invalid condition "${word}"`)
}

function comparison(variable: Variable, operator: string, text: string, context: ValueContext): Condition {
  const isNegated = operator.startsWith("!")
  switch (operator) {
    case "=":
    case "!=":
      return new Equals(variable, new Replacement(text, false, context), isNegated)
    case "~":
    case "~*":
    case "!~":
    case "!~*": {
      const regex = compileConfigured(text, operator.endsWith("*"), context)
      defineCaptures(regex, context)
      return new Matches(variable, regex, isNegated)
    }
    default:
      return context.fail(`unexpected "${operator}" in condition`)
  }
}

function fileTest(operator: string, text: string, context: ValueContext): Condition {
  const test = FILE_TESTS[operator.at(-1) as string]
  if (test === undefined) return invalid(operator, context)
  return new FileTest(new Replacement(text, false, context), test, operator.startsWith("!"))
}

/** A variable whose getter is known when the whole file has been read. */
class Variable {
  #getter: VariableGetter | null = null

  constructor(name: string, context: ValueContext) {
    context.onComplete(() => {
      const getter = context.variables.resolve(name)
      this.#getter = (getter as VariableGetter | undefined) ?? context.fail(unknownVariable(name))
    })
  }

  valueOf(request: Request): string {
    return this.#getter?.(request) ?? ""
  }
}

/** Anything but "" and "0". */
class IsTrue implements Condition {
  readonly #variable: Variable

  constructor(variable: Variable) {
    this.#variable = variable
  }

  holds({ request }: Run): boolean {
    const value = this.#variable.valueOf(request)
    return value !== "" && value !== "0"
  }
}

class Equals implements Condition {
  readonly #variable: Variable
  readonly #value: Replacement
  readonly #isNegated: boolean

  constructor(variable: Variable, value: Replacement, isNegated: boolean) {
    this.#variable = variable
    this.#value = value
    this.#isNegated = isNegated
  }

  holds(run: Run): boolean {
    const value = this.#variable.valueOf(run.request)
    return (value === this.#value.evaluate(run)) !== this.#isNegated
  }
}

class Matches implements Condition {
  readonly #variable: Variable
  readonly #regex: CompiledRegex
  readonly #isNegated: boolean

  constructor(variable: Variable, regex: CompiledRegex, isNegated: boolean) {
    this.#variable = variable
    this.#regex = regex
    this.#isNegated = isNegated
  }

  holds(run: Run): boolean {
    const { request } = run
    const value = this.#variable.valueOf(request)
    const doesMatch = request.match(this.#regex, value)
    if (!doesMatch) request.captures = null
    run.logMatch(this.#regex.source, value, doesMatch)
    return doesMatch !== this.#isNegated
  }
}

class FileTest implements Condition {
  readonly #path: Replacement
  readonly #test: (found: Stats) => boolean
  readonly #isNegated: boolean

  constructor(path: Replacement, test: (found: Stats) => boolean, isNegated: boolean) {
    this.#path = path
    this.#test = test
    this.#isNegated = isNegated
  }

  holds(run: Run): boolean {
    const found = statFile(run.request, this.#path.evaluate(run))
    return (found !== undefined && this.#test(found)) !== this.#isNegated
  }
}

import type { ValueContext } from "../../config/row.ts"
import { type CompiledRegex, compileRegex } from "../../runtime/regex.ts"

/** Compiles a regular expression of the configuration; a bad one fails at its directive. */
export function compileConfigured(
  pattern: string,
  ignoreCase: boolean,
  context: ValueContext,
): CompiledRegex {
  try {
    return compileRegex(pattern, ignoreCase)
  } catch (error) {
    return context.fail(`pcre2_compile() failed: ${reasonOf(error as Error)} in "${pattern}"`)
  }
}

/** V8 says `Invalid regular expression: /x/flags: reason`. */
function reasonOf({ message }: Error): string {
  const [head, tail] = ["Invalid regular expression: /", ": "]
  return message.startsWith(head) ? message.slice(message.lastIndexOf(tail) + tail.length) : message
}

/** Makes the named groups of `regex` variables; until the first match they have no value. */
export function defineCaptures(regex: CompiledRegex, context: ValueContext): void {
  for (const name of regex.names)
    if (!context.variables.assign(name, noValue)) context.fail(`the duplicate "${name}" variable`)
}

function noValue(): undefined {
  return undefined
}

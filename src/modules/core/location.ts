/** `location`: modifiers, nesting rules. ngx_http_core_location. */
import { LOCATION, type ValueContext } from "../../config/row.ts"
import type { Scope } from "../../config/scope.ts"
import type { LocationKind } from "../../runtime/location.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import { compileConfigured, defineCaptures } from "./regex-value.ts"

/** What the arguments of one `location` say. */
export interface LocationPattern {
  readonly kind: LocationKind
  readonly pattern: string
  readonly regex: CompiledRegex | null
  readonly isNoRegex: boolean
}

const MODIFIERS = ["=", "^~", "~*", "~"] as const
type Modifier = (typeof MODIFIERS)[number]

/** Reads the arguments; the regular expression is compiled, its named groups become variables. */
export function parseLocation(args: readonly string[], context: ValueContext): LocationPattern {
  if (args.length === 2) {
    const modifier = MODIFIERS.find((candidate) => candidate === args[0])
    if (modifier === undefined) return context.fail(`invalid location modifier "${args[0]}"`)
    return patternOf(modifier, args[1] as string, context)
  }
  const text = args[0] as string
  const modifier = MODIFIERS.find((candidate) => text.startsWith(candidate))
  if (modifier !== undefined) return patternOf(modifier, text.slice(modifier.length), context)
  if (text.startsWith("@")) return { kind: "named", pattern: text, regex: null, isNoRegex: false }
  return { kind: "prefix", pattern: text, regex: null, isNoRegex: false }
}

function patternOf(modifier: Modifier, pattern: string, context: ValueContext): LocationPattern {
  if (modifier === "=") return { kind: "exact", pattern, regex: null, isNoRegex: false }
  if (modifier === "^~") return { kind: "prefix", pattern, regex: null, isNoRegex: true }
  const regex = compileConfigured(pattern, modifier === "~*", context)
  defineCaptures(regex, context)
  return { kind: "regex", pattern, regex, isNoRegex: false }
}

/** Checks where a location stands, as the block opens. */
export function openLocation(args: readonly string[], context: ValueContext): void {
  const inner = parseLocation(args, context)
  if (context.scope.context !== LOCATION) return
  const outer = patternOfScope(context.scope)
  if (outer.kind === "exact")
    context.fail(`location "${inner.pattern}" cannot be inside the exact location "${outer.pattern}"`)
  if (outer.kind === "named")
    context.fail(`location "${inner.pattern}" cannot be inside the named location "${outer.pattern}"`)
  if (inner.kind === "named")
    context.fail(`named location "${inner.pattern}" can be on the server level only`)
  if (inner.kind !== "regex" && !inner.pattern.startsWith(outer.pattern))
    context.fail(`location "${inner.pattern}" is outside location "${outer.pattern}"`)
}

/** Kind and pattern of the location that `scope` is the block of. */
export function patternOfScope(scope: Scope): { kind: LocationKind; pattern: string } {
  const args = scope.directive?.args.map((word) => word.text) ?? []
  const text = args.join("")
  if (args.length === 2) {
    const kind = args[0] === "=" ? "exact" : args[0] === "^~" ? "prefix" : "regex"
    return { kind, pattern: args[1] as string }
  }
  if (text.startsWith("=")) return { kind: "exact", pattern: text.slice(1) }
  if (text.startsWith("^~")) return { kind: "prefix", pattern: text.slice(2) }
  if (text.startsWith("~")) return { kind: "regex", pattern: text.slice(text.startsWith("~*") ? 2 : 1) }
  return { kind: text.startsWith("@") ? "named" : "prefix", pattern: text }
}

/** `server_name`: the four forms of a name. ngx_http_core_server_name. */
import { hostname } from "node:os"
import type { ValueContext } from "../../config/row.ts"
import type { ServerName } from "../../runtime/server-names.ts"
import { compileConfigured, defineCaptures } from "./regex-value.ts"

/** One argument of `server_name`, and what it looked like. */
export interface WrittenName {
  readonly text: string
  readonly names: readonly ServerName[]
}

/** Parses all names of one directive. */
export function parseServerNames(args: readonly string[], context: ValueContext): readonly WrittenName[] {
  return args.map((text) => ({ text, names: parseName(text, context) }))
}

function parseName(text: string, context: ValueContext): readonly ServerName[] {
  if (text === "$hostname") return [{ kind: "exact", name: hostname().toLowerCase() }]
  if (text.startsWith("~")) return [parseRegexName(text, context)]
  if (text.includes("/")) context.warn(`server name "${text}" has suspicious symbols`)
  const isBadStar = text.startsWith("*") && (text.length < 3 || text[1] !== ".")
  if (isBadStar || text === ".") context.fail(`server name "${text}" is invalid`)
  const name = text.toLowerCase()
  if (name.startsWith("*.")) return [{ kind: "leading", name: checked(name.slice(2), text, context) }]
  if (name.startsWith(".")) {
    const bare = checked(name.slice(1), text, context)
    return [
      { kind: "exact", name: bare },
      { kind: "leading", name: bare },
    ]
  }
  if (name.endsWith(".*")) return [{ kind: "trailing", name: checked(name.slice(0, -2), text, context) }]
  return [{ kind: "exact", name: name === "" ? "" : checked(name, text, context) }]
}

function checked(name: string, text: string, context: ValueContext): string {
  if (name === "" || name.includes("*") || name.includes("..") || name.startsWith("."))
    return context.fail(`invalid server name or wildcard "${text}"`)
  return name
}

function parseRegexName(text: string, context: ValueContext): ServerName {
  if (text.length === 1) context.fail(`empty regex in server name "${text}"`)
  // A name with capitals is matched without regard to case, as host names are.
  const regex = compileConfigured(text.slice(1), /[A-Z]/.test(text), context)
  defineCaptures(regex, context)
  return { kind: "regex", regex }
}

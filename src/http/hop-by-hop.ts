import { asciiLowerCase, equalsIgnoreCase, HTAB, SP } from "./octets.ts"

const COMMA = 0x2c

/** Fields that belong to one connection, by lower-case name (RFC 9110 §7.6.1), with the older ones of RFC 2616 §13.5.1. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/**
 * Whether the comma-separated list `value` (RFC 9110 §5.6.1) has the member `token`, given in lower case.
 * A member with parameters ("a;q=1") or a quoted string equals no token.
 */
export function listContains(value: string, token: string): boolean {
  let start = 0
  while (start < value.length) {
    const comma = value.indexOf(",", start)
    const next = comma < 0 ? value.length : comma
    let end = next
    while (start < end && isSpace(value.charCodeAt(start))) start++
    while (end > start && isSpace(value.charCodeAt(end - 1))) end--
    if (equalsIgnoreCase(value, start, end, token)) return true
    start = next + 1
  }
  return false
}

/** The members of a list of tokens such as the value of `Connection`, in lower case, empty ones left out. */
export function listTokens(value: string): string[] {
  const tokens: string[] = []
  let start = 0
  for (let i = 0; i <= value.length; i++) {
    if (i < value.length && value.charCodeAt(i) !== COMMA) continue
    let end = i
    while (start < end && isSpace(value.charCodeAt(start))) start++
    while (end > start && isSpace(value.charCodeAt(end - 1))) end--
    if (end > start) tokens.push(asciiLowerCase(value.slice(start, end)))
    start = i + 1
  }
  return tokens
}

function isSpace(c: number): boolean {
  return c === SP || c === HTAB
}

/** Keeps credentials out of what is shown. */
import { withoutSecrets } from "./endpoint.ts"

const SECRET_FIELDS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token",
])

export const HIDDEN = "***"

/** A header field as it may be shown. Names of cookies stay, their values do not. */
export function shownField(name: string, value: string): string {
  return `${name}: ${shownValue(name.toLowerCase(), value)}`
}

/** `key` is the field's name in lower case. */
export function shownValue(key: string, value: string): string {
  if (key === "cookie") return value.split(/;\s*/).map(hiddenPair).join("; ")
  if (key === "set-cookie") return value.replace(/^[^;]*/, hiddenPair)
  if (key === "location" || key === "referer")
    return withoutSecrets(value.replace(/\/\/[^/@]*@/, `//${HIDDEN}@`))
  if (key === "authorization" || key === "proxy-authorization")
    return value.replace(/(\S+)\s+.*/s, `$1 ${HIDDEN}`)
  return SECRET_FIELDS.has(key) ? HIDDEN : value
}

/** A head as bytes, line by line. */
export function shownHead(head: string): string {
  return head
    .split(/\r?\n/)
    .map((line, index) => {
      if (index === 0) return withoutSecrets(line)
      const colon = line.indexOf(":")
      return colon < 0 ? line : shownField(line.slice(0, colon), line.slice(colon + 1).trim())
    })
    .join("\n")
}

function hiddenPair(pair: string): string {
  const equals = pair.indexOf("=")
  return equals < 0 ? HIDDEN : `${pair.slice(0, equals)}=${HIDDEN}`
}

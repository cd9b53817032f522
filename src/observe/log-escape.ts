/** How values are written into log lines: `escape=` of log_format. ngx_http_log_escape, ngx_escape_json. */

export type LogEscape = "default" | "json" | "none"

const QUOTE = 34
const BACKSLASH = 92
const DELETE = 127
const HEX = "0123456789ABCDEF"

/** `"`, `\`, and bytes that are not printable ASCII, as `\xXX`. */
export function escapeDefault(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 32 || code >= DELETE || code === QUOTE || code === BACKSLASH)
      return escapeDefaultFrom(value, i)
  }
  return value
}

function escapeDefaultFrom(value: string, at: number): string {
  let out = ""
  let start = 0
  for (let i = at; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code >= 32 && code < DELETE && code !== QUOTE && code !== BACKSLASH) continue
    out += `${value.slice(start, i)}\\x${HEX[code >> 4]}${HEX[code & 15]}`
    start = i + 1
  }
  return out + value.slice(start)
}

/** `"`, `\` and control characters as in a JSON string (RFC 8259 §7); other bytes as they are. */
export function escapeJson(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code < 32 || code === QUOTE || code === BACKSLASH) return escapeJsonFrom(value, i)
  }
  return value
}

function escapeJsonFrom(value: string, at: number): string {
  let out = ""
  let start = 0
  for (let i = at; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code >= 32 && code !== QUOTE && code !== BACKSLASH) continue
    out += value.slice(start, i) + jsonEscape(code)
    start = i + 1
  }
  return out + value.slice(start)
}

function jsonEscape(code: number): string {
  switch (code) {
    case QUOTE:
      return '\\"'
    case BACKSLASH:
      return "\\\\"
    case 8:
      return "\\b"
    case 9:
      return "\\t"
    case 10:
      return "\\n"
    case 12:
      return "\\f"
    case 13:
      return "\\r"
    default:
      return `\\u00${HEX[code >> 4]}${HEX[code & 15]}`
  }
}

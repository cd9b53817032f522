import { HEX_VALUE } from "./octets.ts"

const DOT = 0x2e
const MAX_PORT = 65535

/** 1 for an octet of a reg-name (RFC 3986 §3.2.2): unreserved, sub-delims, "%". */
const REG_NAME: Uint8Array = buildRegName()

function buildRegName(): Uint8Array {
  const table = new Uint8Array(256)
  for (const c of "-._~!$&'()*+,;=%0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    table[c.charCodeAt(0)] = 1
  return table
}

/**
 * The host that a Host field or an authority names: lower case, without port and trailing dot, an IPv6
 * address in its brackets. Undefined where nginx answers 400 (ngx_http_validate_host): empty, two dots in a
 * row, a port that is no number up to 65535, or an octet that RFC 3986 §3.2.2 has no place for.
 */
export function parseHost(value: string): string | undefined {
  const end = value.charCodeAt(0) === 0x5b ? literalEnd(value) : nameEnd(value)
  if (end <= 0 || !isPort(value, end)) return undefined
  const last = value.charCodeAt(end - 1) === DOT ? end - 1 : end
  if (last === 0) return undefined
  const host = last === value.length ? value : value.slice(0, last)
  for (let i = 0; i < last; i++) if (isUpper(host.charCodeAt(i))) return host.toLowerCase()
  return host
}

/** The position after a reg-name; -1 when it is none. */
function nameEnd(value: string): number {
  let previous = 0
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c === 0x3a) return i
    if (c > 255 || REG_NAME[c] === 0 || (c === DOT && previous === DOT)) return -1
    previous = c
  }
  return value.length
}

function isUpper(c: number): boolean {
  return c >= 0x41 && c <= 0x5a
}

/** The position after the "]" of an IPv6 address in brackets; -1 when it is none. */
function literalEnd(value: string): number {
  for (let i = 1; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c === 0x5d) return i > 2 ? i + 1 : -1
    if (c !== 0x3a && c !== DOT && (c > 255 || HEX_VALUE[c] === 255)) return -1
  }
  return -1
}

/** Whether `value` from `start` on is empty, or ":" with a port number or nothing (RFC 3986 §3.2.3). */
function isPort(value: string, start: number): boolean {
  if (start === value.length) return true
  if (value.charCodeAt(start) !== 0x3a) return false
  let port = 0
  for (let i = start + 1; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c < 0x30 || c > 0x39) return false
    port = port * 10 + (c - 0x30)
    if (port > MAX_PORT) return false
  }
  return true
}

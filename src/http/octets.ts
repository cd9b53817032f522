/**
 * Octets of HTTP/1.1 and their classes (RFC 9110 §5.5, §5.6.2; RFC 5234 appendix B).
 * The tables are constants: written here once, only read afterwards.
 */

export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COLON = 0x3a
export const DEL = 0x7f

/** No tchar (RFC 9110 §5.6.2). */
export const NAME_BAD = 0
/** A letter, a digit or "-": what nginx takes in a header name. */
export const NAME_PLAIN = 1
/** "_": taken only under `underscores_in_headers on`. */
export const NAME_UNDERSCORE = 2
/** Any other tchar: legal by the RFC, "invalid" to nginx (`ignore_invalid_headers`). */
export const NAME_ODD = 4

/** One of NAME_* for each octet. */
export const NAME_CLASS: Uint8Array = buildNameClass()

/** 1 for an octet that may stand in a field value (RFC 9110 §5.5): HTAB, SP, VCHAR, obs-text. */
export const VALUE_OCTET: Uint8Array = buildValueOctets()

/** The value of a hexadecimal digit, or 255. */
export const HEX_VALUE: Uint8Array = buildHexValues()

function buildNameClass(): Uint8Array {
  const table = new Uint8Array(256)
  for (const c of "!#$%&'*+.^`|~") table[c.charCodeAt(0)] = NAME_ODD
  for (const c of "-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    table[c.charCodeAt(0)] = NAME_PLAIN
  table["_".charCodeAt(0)] = NAME_UNDERSCORE
  return table
}

function buildValueOctets(): Uint8Array {
  const table = new Uint8Array(256).fill(1)
  table.fill(0, 0, SP)
  table[HTAB] = 1
  table[DEL] = 0
  return table
}

function buildHexValues(): Uint8Array {
  const table = new Uint8Array(256).fill(255)
  for (let i = 0; i < 10; i++) table[0x30 + i] = i
  for (let i = 0; i < 6; i++) table[0x41 + i] = table[0x61 + i] = 10 + i
  return table
}

/** Whether `text` is a token (RFC 9110 §5.6.2): not empty, tchars only. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 255 || NAME_CLASS[c] === NAME_BAD) return false
  }
  return true
}

/** The NAME_* classes of the octets of `name`, or-ed; it holds tchars only. */
export function nameClasses(name: string): number {
  let classes = 0
  for (let i = 0; i < name.length; i++) classes |= NAME_CLASS[name.charCodeAt(i)]
  return classes
}

/** Whether `text` can be written as a field value as it is: no CR, LF, NUL or other control, latin1 only. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 255 || VALUE_OCTET[c] === 0) return false
  }
  return true
}

/**
 * `text` as the value of a field, which is one line: a CR or LF, which a decoded URI may have, becomes a space (RFC 9110
 * §5.5), so that no client writes fields of ours.
 */
export function onOneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, " ") : text
}

/** Lower case of the ASCII letters alone: `String.toLowerCase` would change octets from 0x80 up. */
export function asciiLowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return lowerCaseSlow(text)
  return text.toLowerCase()
}

function lowerCaseSlow(text: string): string {
  let lower = ""
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    lower += c >= 0x41 && c <= 0x5a ? String.fromCharCode(c | 0x20) : text[i]
  }
  return lower
}

/** Whether `text` from `start` to `end` equals `lower`, letters of ASCII in either case; `lower` in lower case. */
export function equalsIgnoreCase(text: string, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const c = text.charCodeAt(start + i)
    if ((c >= 0x41 && c <= 0x5a ? c | 0x20 : c) !== lower.charCodeAt(i)) return false
  }
  return true
}

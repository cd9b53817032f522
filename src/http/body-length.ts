/** Digits that a Content-Length or a chunk size may have, leading zeros included. */
export const MAX_LENGTH_DIGITS = 19

/**
 * The number of a Content-Length value (RFC 9110 §8.6): decimal digits alone, up to 2^53 - 1; -1 for anything
 * else, a list and a sign among them.
 */
export function parseContentLength(value: string): number {
  if (value.length === 0 || value.length > MAX_LENGTH_DIGITS) return -1
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length <= Number.MAX_SAFE_INTEGER ? length : -1
}

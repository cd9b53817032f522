/** Text of the other side for a terminal: it can do nothing there, and does not fill it. */

/** C0 without tab and line feed, DEL, C1, and what turns the direction of text around (Unicode Bidi_Control). */
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const OCTET_LIMIT = 0x100

export function visibleText(text: string): string {
  return text.replaceAll(HARMFUL, (character) => {
    const code = character.charCodeAt(0)
    return code < OCTET_LIMIT
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`
  })
}

/** The first `maxLength` characters, and how many were left out. */
export function cutText(text: string, maxLength: number): { readonly text: string; readonly rest: number } {
  if (text.length <= maxLength) return { text, rest: 0 }
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(maxLength - 1))
  const length = isHalf ? maxLength - 1 : maxLength
  return { text: text.slice(0, length), rest: text.length - length }
}

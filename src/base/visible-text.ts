/** Text of another side, so that it can do nothing to a terminal. */

/** C0, DEL, C1, and what turns the direction of text around (Unicode Bidi_Control) or ends a line. */
export const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const OCTET_LIMIT = 0x100

/** In one line: `\x0a`, `\u202e`. */
export function printable(text: string): string {
  return text.replaceAll(HARMFUL, escaped)
}

/** With its tabs and line feeds as they are. */
export function visibleText(text: string): string {
  return text.replaceAll(HARMFUL, (character) =>
    character === "\t" || character === "\n" ? character : escaped(character),
  )
}

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < OCTET_LIMIT
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`
}

/** Text in a picture: how wide it is, and how XML takes it. */

/** Width of a character as a part of the font's size: of any usual monospaced font, and of most of a proportional one. */
const MONO = 0.605
const SANS = 0.56

export interface Font {
  readonly size: number
  readonly family: "mono" | "sans"
}

/** In pixels; never less than what a browser needs. */
export function widthOf(text: string, { size, family }: Font): number {
  return columnsOf(text) * size * (family === "mono" ? MONO : SANS)
}

/** Wide characters (of East Asia, pictures) take two columns. */
function columnsOf(text: string): number {
  let columns = 0
  for (const char of text) columns += (char.codePointAt(0) as number) >= 0x1100 ? 2 : 1
  return columns
}

/** The text, or as much of its beginning as has room, with an ellipsis. */
export function fit(text: string, width: number, font: Font): string {
  if (widthOf(text, font) <= width) return text
  const chars = [...text]
  let kept = ""
  for (const char of chars) {
    if (widthOf(`${kept}${char}…`, font) > width) break
    kept += char
  }
  return `${kept}…`
}

/** Lines no wider than that; words that are wider are cut. */
export function wrap(text: string, width: number, font: Font): string[] {
  const lines: string[] = []
  let line = ""
  for (const word of text.split(/\s+/).filter((one) => one !== "")) {
    const longer = line === "" ? word : `${line} ${word}`
    if (line === "" || widthOf(longer, font) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line].map((one) => fit(one, width, font))
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** For content and attributes. What XML has no place for becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]/g, "\ufffd")
    .replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string)
}

/** Plain tables for a terminal, aligned, and no wider than it is. */

export interface Column {
  readonly title: string
  readonly isNumber?: boolean
  /** Texts that do not fit lose their middle. One column of a table at most. */
  readonly isFlexible?: boolean
}

const GAP = "  "
const MIN_FLEXIBLE = 8

/** The lines of a table, its titles first. A row has a text for each column, or for the first ones. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...rows.map((row) => lengthOf(row[at] ?? ""))),
  )
  const flexible = columns.findIndex(({ isFlexible }) => isFlexible === true)
  const excess = widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length) - width
  if (flexible >= 0 && excess > 0) widths[flexible] = Math.max((widths[flexible] ?? 0) - excess, MIN_FLEXIBLE)
  const line = (texts: readonly string[]): string =>
    columns
      .map(({ isNumber }, at) => cell(texts[at] ?? "", widths[at] ?? 0, isNumber === true))
      .join(GAP)
      .slice(0, width)
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)]
}

function cell(text: string, width: number, isNumber: boolean): string {
  const fitting = shorten(text, width)
  const padding = " ".repeat(width - lengthOf(fitting))
  return isNumber ? padding + fitting : fitting + padding
}

/** `text` in at most `width` characters: its ends say more than its middle. */
export function shorten(text: string, width: number): string {
  const characters = [...text]
  if (characters.length <= width) return text
  if (width < 2) return characters.slice(0, width).join("")
  const head = Math.ceil((width - 1) / 2)
  const tail = width - 1 - head
  return `${characters.slice(0, head).join("")}…${tail === 0 ? "" : characters.slice(-tail).join("")}`
}

function lengthOf(text: string): number {
  return [...text].length
}

/** Edits of findings, made to a text: everything around them stays as it is. */
import type { Edit, Finding } from "./finding.ts"

/**
 * The edits of the fixes that can be made together: a fix is made whole or not at all. Of two that touch the same place
 * or add the same directive at it, the second waits for a further run, which sees what the first has made.
 */
export function editsTogether(findings: readonly Finding[]): Edit[] {
  const chosen: Edit[] = []
  for (const { fix } of findings)
    if (fix.every((edit) => chosen.every((other) => canStandTogether(edit, other))))
      chosen.push(...fix.filter((edit) => !chosen.some((other) => isSame(edit, other))))
  return chosen
}

/** The text with the edits made. Of two that touch the same place the second is left out, and what is said twice. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const starts = lineStarts(text)
  const placed = edits
    .map((edit) => ({ from: offsetOf(starts, edit.start), to: offsetOf(starts, edit.end), text: edit.text }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
  let result = ""
  let done = 0
  const made = new Set<string>()
  for (const edit of placed) {
    const key = `${edit.from} ${edit.to} ${edit.text}`
    // Several lines may be added at one place, one behind the other.
    if (edit.from < done || made.has(key)) continue
    made.add(key)
    result += text.slice(done, edit.from) + edit.text
    done = edit.to
  }
  return result + text.slice(done)
}

function isSame(a: Edit, b: Edit): boolean {
  return (
    a.file === b.file && a.text === b.text && compare(a.start, b.start) === 0 && compare(a.end, b.end) === 0
  )
}

function canStandTogether(a: Edit, b: Edit): boolean {
  if (a.file !== b.file || isSame(a, b)) return true
  const isInsertion = compare(a.start, a.end) === 0 && compare(b.start, b.end) === 0
  if (isInsertion && compare(a.start, b.start) === 0) return !saysTheSame(a.text, b.text)
  return compare(a.end, b.start) <= 0 || compare(b.end, a.start) <= 0
}

/** Whether two additions set one thing twice: nginx takes most directives once in a block. */
function saysTheSame(a: string, b: string): boolean {
  const subjects = new Set(subjectsOf(a))
  return subjectsOf(b).some((subject) => subjects.has(subject))
}

/** Directives that may be repeated, for another field each. */
const OF_FIELDS = /^(?:proxy_set_header|add_header|proxy_hide_header)$/

function subjectsOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name !== "")
    .map(([name = "", field = ""]) => (OF_FIELDS.test(name) ? `${name} ${field.toLowerCase()}` : name))
}

function compare(a: Edit["start"], b: Edit["start"]): number {
  return a.line - b.line || a.column - b.column
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  return starts
}

function offsetOf(starts: readonly number[], { line, column }: Edit["start"]): number {
  return (starts[line - 1] ?? Number.MAX_SAFE_INTEGER) + column - 1
}

/** Groups of regular expressions, and which characters a capture of theirs may bring. */
import { compileRegex } from "../runtime/regex.ts"

export interface Group {
  /** Without it the group has a number only. */
  readonly name: string | undefined
  /** What stands between its parentheses. */
  readonly pattern: string
}

/** The capturing groups of a pattern, in the order of their numbers. */
export function groupsOf(pattern: string): Group[] {
  const groups: { name: string | undefined; start: number; end: number; order: number }[] = []
  const open: ((typeof groups)[number] | null)[] = []
  let order = 0
  for (const { text, at } of atomsOf(pattern)) {
    if (text.startsWith("(")) {
      const name = /^\(\?(?:P?<|')([A-Za-z_]\w*)[>']$/.exec(text)?.[1]
      const isCapturing = text === "(" || name !== undefined
      const group = isCapturing
        ? { name, start: at + text.length, end: pattern.length, order: order++ }
        : null
      if (group !== null) groups.push(group)
      open.push(group)
    } else if (text === ")") {
      const group = open.pop()
      if (group) group.end = at
    }
  }
  return groups.map(({ name, start, end }) => ({ name, pattern: pattern.slice(start, end) }))
}

/** Whether what `pattern` matches may have `char` in it. False where that cannot be told: look-around and the like. */
export function admits(pattern: string, char: string): boolean {
  const atoms = atomsOf(pattern)
  return (
    !atoms.some(({ text }) => /^\(\?<?[=!]/.test(text)) && atoms.some(({ text }) => atomAdmits(text, char))
  )
}

/** Whether a pattern matches texts of its own only, "alpha|beta". */
export function isFixed(pattern: string): boolean {
  return atomsOf(pattern).every(({ text }) => {
    if (text === "|" || text === ")" || text.startsWith("(")) return !/^\(\?[^:<P']/.test(text)
    return !/^[.[*+?{]/.test(text) && !/^\\[a-zA-Z]/.test(text)
  })
}

/** Whether it says how the text begins and how it ends. */
export function isAnchored(pattern: string): boolean {
  const isWhole = /^\^/.test(pattern) && /(?:^|[^\\])\$$/.test(pattern)
  // "^a|b$" is two patterns, each with one end open.
  let depth = 0
  for (const { text } of atomsOf(pattern)) {
    if (text.startsWith("(")) depth++
    else if (text === ")") depth--
    else if (text === "|" && depth === 0) return false
  }
  return isWhole
}

interface Atom {
  readonly text: string
  readonly at: number
}

const ATOM =
  /\\[\s\S]?|\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]|\(\?(?:P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*'|<?[=!]|[a-zA-Z]*:|[>#|]|[a-zA-Z]+\))|\{\d*,?\d*\}|[\s\S]/g

function atomsOf(pattern: string): Atom[] {
  return [...pattern.matchAll(ATOM)].map((found) => ({ text: found[0], at: found.index }))
}

function atomAdmits(text: string, char: string): boolean {
  // PCRE's dot leaves out the line feed only.
  if (text === ".") return char !== "\n"
  if (text.length === 1) return !"()|*+?^$".includes(text) && text === char
  if (text.startsWith("{") || text.startsWith("(")) return false
  // An assertion takes no character; \1 repeats what a group has.
  if (/^\\[bBAzZG\d]$/.test(text)) return false
  try {
    return compileRegex(`^(?:${text})$`, false).regex.test(char)
  } catch {
    return false
  }
}

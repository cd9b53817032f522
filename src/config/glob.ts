/** Paths by pattern as glob(3) finds them, over bytes: `*`, `?`, `[a-z]`, `[!a]` and `\` before one of them. */
import { lstatSync, readdirSync } from "node:fs"

const WILDCARDS = /[*?[]/

/** Whether `pattern` is more than a path. */
export function hasWildcards(pattern: string): boolean {
  return WILDCARDS.test(pattern)
}

/** The paths that exist and match the absolute `pattern`, sorted by their bytes. Text is latin1. */
export function globPaths(pattern: string): string[] {
  let found = ["/"]
  const segments = pattern.split("/").filter((segment) => segment !== "")
  segments.forEach((segment, index) => {
    const suffix = index === segments.length - 1 ? "" : "/"
    found = found.flatMap((folder) => entriesOf(folder, segment)).map((path) => path + suffix)
  })
  return found.sort(compareBytes)
}

/** Below `folder`, which ends with "/", what one segment of a pattern names. */
function entriesOf(folder: string, segment: string): string[] {
  if (!hasWildcards(segment)) {
    const path = folder + segment.replaceAll(/\\(.)/g, "$1")
    return exists(path) ? [path] : []
  }
  const matcher = segmentMatcher(segment)
  return namesIn(folder)
    .filter((name) => matcher.test(name))
    .map((name) => folder + name)
}

function exists(path: string): boolean {
  try {
    return lstatSync(Buffer.from(path, "latin1"), { throwIfNoEntry: false }) !== undefined
  } catch {
    // Something on the way is no folder, or may not be looked into.
    return false
  }
}

function namesIn(folder: string): string[] {
  try {
    const names = readdirSync(Buffer.from(folder, "latin1"), { encoding: "buffer" })
    return names.map((name) => name.toString("latin1"))
  } catch {
    return []
  }
}

/** A leading dot is not matched by a wildcard. */
function segmentMatcher(segment: string): RegExp {
  let source = segment.startsWith(".") ? "" : "(?!\\.)"
  for (let i = 0; i < segment.length; i++) {
    const char = segment[i] as string
    const end = char === "[" ? segment.indexOf("]", i + (/^\[[!^]/.test(segment.slice(i)) ? 3 : 2)) : -1
    if (char === "*") source += ".*"
    else if (char === "?") source += "."
    else if (end !== -1) {
      source += setSource(segment.slice(i + 1, end))
      i = end
    } else source += escaped(char === "\\" ? (segment[++i] ?? "\\") : char)
  }
  try {
    return new RegExp(`^${source}$`, "s")
  } catch {
    // A range from large to small: it matches nothing.
    return /(?!)/
  }
}

/** The inside of `[…]`; ranges stay as they are. */
function setSource(inner: string): string {
  const isNegated = inner.startsWith("!") || inner.startsWith("^")
  const members = (isNegated ? inner.slice(1) : inner).replaceAll(/[\\\]^[]/g, "\\$&")
  return `[${isNegated ? "^" : ""}${members}]`
}

function escaped(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}

function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

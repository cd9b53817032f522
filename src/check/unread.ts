/** What a rule that speaks of something missing must know first: whether it may stand where nobody could look. */
import type { Model } from "./model.ts"
import type { Node, Tree } from "./tree.ts"

/** Includes that could not be read, but for the types of files, which say nothing of routing. */
function unread({ missing }: Tree): readonly Node[] {
  return missing.filter(({ args }) => !/(?:^|\/)mime\.types$/.test(args[0] ?? ""))
}

/** Whether an include that could not be read stands in `block` itself, outside of its inner blocks. */
export function hasUnreadIn(tree: Tree, block: Node): boolean {
  return unread(tree).some(({ parent }) => parent === block)
}

/** Whether an include that could not be read stands in `block` or around it. */
export function hasUnreadAround(tree: Tree, block: Node): boolean {
  return unread(tree).some(({ parent }) => parent !== null && block.isWithin(parent))
}

/** Whether all that nginx would read was read: the file is no part of another, and its includes are here. */
export function isComplete({ tree, http }: Model): boolean {
  if (http === null || unread(tree).length > 0) return false
  // A part has an `http` put around it, at a place where none is written.
  const { file, line, column } = http.position
  if (!(tree.files.get(file)?.lines[line - 1] ?? "").startsWith("http", column - 1)) return false
  for (const { lines } of tree.files.values()) if (!lines.every((text) => foundSome(text, tree))) return false
  return true
}

/** An include with wildcards may name files of the machine that the configuration is for. */
function foundSome(line: string, { files }: Tree): boolean {
  const pattern = /^\s*include\s+["']?([^;"'\s]*)/.exec(line)?.[1]
  if (pattern === undefined || !/[*?[]/.test(pattern)) return true
  const before = pattern.slice(0, pattern.search(/[*?[]/))
  return [...files.keys()].some((path) => path.includes(before))
}

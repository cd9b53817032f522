/** Edits that rules propose, in the layout of the text around them. */
import type { Edit } from "./finding.ts"
import type { Node, Tree } from "./tree.ts"

/** Sets a simple directive in `block`: changes the one that is there, or adds one. */
export function setDirective(tree: Tree, block: Node, name: string, value: string): Edit[] {
  const own = block.own(name).at(-1)
  return own === undefined
    ? [addLine(tree, block, `${name} ${value};`)]
    : [replaceArguments(tree, own, value)]
}

/** Sets a field by `proxy_set_header` in `block`, which must have fields of its own: they hide those further out. */
export function setProxyHeader(tree: Tree, block: Node, name: string, value: string): Edit[] {
  const own = block
    .own("proxy_set_header")
    .findLast(({ args }) => args[0]?.toLowerCase() === name.toLowerCase())
  if (own === undefined) return [addLine(tree, block, `proxy_set_header ${name} ${value};`)]
  return [replaceArguments(tree, own, `${name} ${value}`)]
}

/** Adds a line to a block, below its last `proxy_…` line, or else its first; indented as its neighbours are. */
export function addLine(tree: Tree, block: Node, line: string): Edit {
  const children = block.children ?? []
  const { file } = block.position
  const here = children.filter(({ position }) => position.file === file)
  const family = (line.match(/^[a-z]+_/) ?? [""])[0]
  const after =
    here.findLast(({ name, children: inner }) => inner === null && name.startsWith(family)) ?? here.at(-1)
  if (after === undefined) {
    const place = { line: block.endLine, column: openBraceColumn(tree, block) + 1 }
    return { file, start: place, end: place, text: ` ${line}` }
  }
  const indent = indentOf(tree, file, after.position.line)
  const sameLine = after.position.line === block.position.line
  const end = endColumnOf(tree, file, after)
  const column = behindRemark(tree, file, after.blockEndLine, end)
  const isBehindRemark = column > end
  const place = { line: after.blockEndLine, column }
  return {
    file,
    start: place,
    end: place,
    text: sameLine && !isBehindRemark ? ` ${line}` : `${lineEnd(tree, file)}${indent}${line}`,
  }
}

/** A comment behind a directive is about it, and stays on its line. */
function behindRemark(tree: Tree, file: string, line: number, column: number): number {
  const rest = (tree.files.get(file)?.lines[line - 1] ?? "").slice(column - 1)
  return column + (/^[ \t]*#[^\r]*/.exec(rest)?.[0].length ?? 0)
}

/** Gives a directive other arguments. */
export function replaceArguments(tree: Tree, node: Node, value: string): Edit {
  const { file, line, column } = node.position
  const start = node.words[0]?.position ?? { line, column: column + node.name.length }
  const end = { line: node.endLine, column: endColumnOf(tree, file, node) - 1 }
  return { file, start: { line: start.line, column: start.column }, end, text: value }
}

/** Takes a directive away, with its line where nothing else is on it. */
export function removeDirective(tree: Tree, node: Node): Edit {
  const { file, line, column } = node.position
  const text = tree.files.get(file)?.lines[node.blockEndLine - 1] ?? ""
  const end = endColumnOf(tree, file, node)
  const isAlone =
    text.slice(end - 1).trim() === "" &&
    (tree.files.get(file)?.lines[line - 1] ?? "").slice(0, column - 1).trim() === ""
  if (isAlone)
    return { file, start: { line, column: 1 }, end: { line: node.blockEndLine + 1, column: 1 }, text: "" }
  return { file, start: { line, column }, end: { line: node.blockEndLine, column: end }, text: "" }
}

/** The column of the `{` of a block. */
function openBraceColumn(tree: Tree, block: Node): number {
  const line = tree.files.get(block.position.file)?.lines[block.endLine - 1] ?? ""
  return line.indexOf("{", behindWords(line, block)) + 1
}

/** The column behind the `;` or `}` that ends a directive. */
function endColumnOf(tree: Tree, file: string, node: Node): number {
  const line = tree.files.get(file)?.lines[node.blockEndLine - 1] ?? ""
  if (node.children === null) return line.indexOf(";", behindWords(line, node)) + 2
  // Blocks on one line: its own end comes behind that of what stands in it.
  const last = node.children.findLast(({ position }) => position.file === file)
  const isLastHere = last !== undefined && last.blockEndLine === node.blockEndLine
  if (isLastHere) return line.indexOf("}", endColumnOf(tree, file, last) - 1) + 2
  return line.indexOf("}", node.endLine === node.blockEndLine ? openBraceColumn(tree, node) : 0) + 2
}

/** An index in the line on which a directive's own words end, behind all of them that stand there. */
function behindWords(line: string, { words, name, position, endLine }: Node): number {
  const last = words.at(-1)
  if (last === undefined) return position.line === endLine ? position.column - 1 + name.length : 0
  return last.position.line === endLine ? wordEnd(line, last.position.column - 1) : 0
}

/** The index behind the word that begins at `start`: a `;` or brace in quotes or of `${name}` ends nothing. */
function wordEnd(line: string, start: number): number {
  const quote = line[start] === '"' || line[start] === "'" ? line[start] : ""
  for (let i = start + quote.length; i < line.length; i++) {
    const sign = line[i] as string
    if (sign === "\\") i++
    else if (quote !== "" && sign === quote) return i + 1
    else if (quote === "" && sign === "$" && line[i + 1] === "{") i++
    else if (quote === "" && /[\s;{]/.test(sign)) return i
  }
  return line.length
}

function indentOf(tree: Tree, file: string, line: number): string {
  return /^[ \t]*/.exec(tree.files.get(file)?.lines[line - 1] ?? "")?.[0] ?? ""
}

function lineEnd(tree: Tree, file: string): string {
  return tree.files.get(file)?.lines[0]?.endsWith("\r") ? "\r\n" : "\n"
}

/** Adds a line before all others of a block; none where the block's text is in another file. */
export function addFirst(tree: Tree, block: Node, line: string): Edit[] {
  const first = block.children?.[0]
  const { file } = block.position
  if (first === undefined || first.position.file !== file) return []
  const { line: at, column } = first.position
  if (at === block.endLine) {
    const start = { line: at, column }
    return [{ file, start, end: start, text: `${line} ` }]
  }
  // Above the comment of the first one, too.
  const start = { line: block.endLine + 1, column: 1 }
  return [{ file, start, end: start, text: `${indentOf(tree, file, at)}${line}${lineEnd(tree, file)}` }]
}

/** The arguments of a directive as they are written, quotes included; undefined where they go over several lines. */
export function writtenArguments(tree: Tree, node: Node): string | undefined {
  const { file } = node.position
  const first = node.words[0]?.position
  if (first === undefined || first.line !== node.endLine || node.children !== null) return undefined
  const line = tree.files.get(file)?.lines[first.line - 1] ?? ""
  return line.slice(first.column - 1, endColumnOf(tree, file, node) - 2).trimEnd()
}

/** Findings, on the items whose directives they speak of. */
import type { Finding } from "../finding.ts"
import type { Node } from "../tree.ts"

/** For each block, the indices of the findings that point into it, and not into a block within it that is asked for, too. */
export class Marks {
  readonly #byBlock = new Map<Node, Set<number>>()

  /** `blocks`: those that a picture shows. A finding in a file that two of them include is a mark on both. */
  constructor(findings: readonly Finding[], root: Node, blocks: ReadonlySet<Node>) {
    if (findings.length === 0) return
    const wanted = Map.groupBy(
      findings.map((finding, index) => ({ index, key: keyOf(finding.file, finding.line, finding.column) })),
      ({ key }) => key,
    )
    const visit = (node: Node, owner: Node | null): void => {
      const inner = blocks.has(node) ? node : owner
      if (inner !== null)
        for (const { file, line, column } of [node.position, ...node.words.map(({ position }) => position)])
          for (const { index } of wanted.get(keyOf(file, line, column)) ?? []) this.#add(inner, index)
      for (const child of node.children ?? []) visit(child, inner)
    }
    visit(root, null)
  }

  of(block: Node): number[] {
    return [...(this.#byBlock.get(block) ?? [])].sort((a, b) => a - b)
  }

  #add(block: Node, index: number): void {
    const marks = this.#byBlock.get(block)
    if (marks === undefined) this.#byBlock.set(block, new Set([index]))
    else marks.add(index)
  }
}

function keyOf(file: string, line: number, column: number): string {
  return `${line}:${column} ${file}`
}

/** `--fix`: makes the fixes of findings, and looks again, until nothing is left that a fix could mend. */
import { applyEdits, editsTogether } from "./apply-edits.ts"
import type { CheckResult } from "./engine.ts"
import type { SourceText } from "./tree.ts"

/** A fix may make place for another, or wait for one. */
const MAX_ROUNDS = 8

export interface Fixed {
  /** What was found at first. */
  readonly before: CheckResult
  /** What is found in the texts as they are now. */
  readonly after: CheckResult
  /** Paths of files whose text has changed. */
  readonly changed: ReadonlySet<string>
}

/**
 * Nothing is written: `texts` holds what was read, by path, and then the new texts; `check` reads and checks the
 * configuration that they make.
 */
export function fixAll(texts: Map<string, SourceText>, check: () => CheckResult): Fixed {
  const before = check()
  const changed = new Set<string>()
  let after = before
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const rewritten = makeChanges(texts, after)
    if (rewritten.length === 0) break
    for (const path of rewritten) changed.add(path)
    after = check()
  }
  return { before, after, changed }
}

/** Returns the paths of the files that changed. */
function makeChanges(texts: Map<string, SourceText>, { findings }: CheckResult): string[] {
  const edits = editsTogether(findings)
  const changed: string[] = []
  for (const path of new Set(edits.map(({ file }) => file))) {
    const source = texts.get(path)
    if (source === undefined) continue
    const own = edits.filter(({ file }) => file === path)
    const text = applyEdits(source.text, own)
    if (text === source.text) continue
    texts.set(path, { ...source, text })
    changed.push(path)
  }
  return changed
}

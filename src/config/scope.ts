/** Blocks as read: which directive set what, and what is in force where after inheritance. */
import type { Directive } from "./parser.ts"
import type { Row } from "./row.ts"

/** A value and the directive that gave it; `directive` is null for a default. */
export interface Setting {
  readonly value: unknown
  readonly directive: Directive | null
}

/** One block (`http`, a `server`, a `location`, …) with what its own lines set. */
export class Scope {
  /** One of MAIN, HTTP, SERVER, … */
  readonly context: number
  readonly parent: Scope | null
  /** The directive that opened the block; null for the main file. */
  readonly directive: Directive | null
  /** Values set in this very block, by slot: the directive's name, or what its row names. */
  readonly own = new Map<string, Setting>()
  /** Nested blocks, in the order of the file. */
  readonly children: Scope[] = []

  constructor(context: number, parent: Scope | null, directive: Directive | null) {
    this.context = context
    this.parent = parent
    this.directive = directive
  }

  get name(): string {
    return this.directive === null ? "main" : this.directive.name
  }

  /** The nested blocks opened by `name`. */
  blocks(name: string): Scope[] {
    return this.children.filter((child) => child.name === name)
  }

  /** The directives that made this block's own list in `slot`. */
  readonly listDirectives = new Map<string, Directive[]>()
}

/** The setting in force for `row` at `scope`; undefined where nothing sets it and the row has no default. */
export function effectiveSetting(scope: Scope, name: string, row: Row): Setting | undefined {
  const slot = slotOf(name, row)
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const setting = level.own.get(slot)
    if (setting !== undefined) return setting
    if (row.inherit === false) break
  }
  return undefined
}

export function slotOf(name: string, row: Row): string {
  return "slot" in row && row.slot !== undefined ? row.slot : name
}

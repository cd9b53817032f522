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
  readonly #children: Scope[] = []
  /** The same by name, one list a name: a block has many children, of two or three names. */
  readonly #byName: Scope[][] = []
  #listDirectives: Map<string, Directive[]> | null = null

  constructor(context: number, parent: Scope | null, directive: Directive | null) {
    this.context = context
    this.parent = parent
    this.directive = directive
  }

  get name(): string {
    return this.directive === null ? "main" : this.directive.name
  }

  /** Nested blocks, in the order of the file. */
  get children(): readonly Scope[] {
    return this.#children
  }

  /** The nested blocks opened by `name`, in the order of the file. */
  blocks(name: string): readonly Scope[] {
    return this.#group(name) ?? NO_BLOCKS
  }

  /** Adds the next nested block. */
  add(child: Scope): void {
    this.#children.push(child)
    const group = this.#group(child.name)
    if (group === undefined) this.#byName.push([child])
    else group.push(child)
  }

  #group(name: string): Scope[] | undefined {
    for (const group of this.#byName) if (group[0]?.name === name) return group
    return undefined
  }

  /** The directives that made this block's own list in `slot`. */
  listDirectives(slot: string): readonly Directive[] {
    return this.#listDirectives?.get(slot) ?? NO_DIRECTIVES
  }

  /** Adds one more entry to this block's own list in `slot`. */
  addToList(slot: string, entry: unknown, directive: Directive): void {
    const setting = this.own.get(slot)
    if (setting === undefined) this.own.set(slot, { value: [entry], directive })
    else (setting.value as unknown[]).push(entry)
    this.#listDirectives ??= new Map()
    const made = this.#listDirectives.get(slot)
    if (made === undefined) this.#listDirectives.set(slot, [directive])
    else made.push(directive)
  }
}

const NO_BLOCKS: readonly Scope[] = []
const NO_DIRECTIVES: readonly Directive[] = []

export function slotOf(name: string, row: Row): string {
  return "slot" in row && row.slot !== undefined ? row.slot : name
}

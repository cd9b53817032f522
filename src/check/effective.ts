/** What is in force at a block after inheritance, and where it came from. */

import type { Target } from "./target.ts"
import type { Node } from "./tree.ts"

/** One directive's value at a block. */
export interface Effective {
  readonly args: readonly string[]
  /** The arguments with a blank between. */
  readonly value: string
  /** What set it; null for the default. */
  readonly origin: Node | null
}

/** The values of a directive that may be repeated: those of the nearest block that has any. */
export interface EffectiveList {
  readonly nodes: readonly Node[]
  /** The block that has them; null where none does. */
  readonly owner: Node | null
  /** Blocks further out that have some, too, which are lost here; from the nearest. */
  readonly hidden: readonly Node[]
}

/** The value of `name` at `block`: its own, an outer block's, or the target's default; undefined where there is none. */
export function effective(block: Node, name: string, target: Target): Effective | undefined {
  for (let scope: Node | null = block; scope !== null; scope = scope.parent) {
    const origin = scope.own(name).at(-1)
    if (origin !== undefined) return { args: origin.args, value: origin.args.join(" "), origin }
  }
  const args = target.defaultOf(name)
  return args === undefined ? undefined : { args, value: args.join(" "), origin: null }
}

/** As `effective`, for `proxy_set_header`, `add_header` and the like: a block that has any has only its own. */
export function effectiveList(block: Node, name: string): EffectiveList {
  let owner: Node | null = null
  const hidden: Node[] = []
  for (let scope: Node | null = block; scope !== null; scope = scope.parent) {
    if (scope.own(name).length === 0) continue
    if (owner === null) owner = scope
    else hidden.push(scope)
  }
  return { nodes: owner?.own(name) ?? [], owner, hidden }
}

/** "proxy_read_timeout is 60s here: the default, nothing sets it". */
export function describe(name: string, { value, origin }: Effective, block: Node): string {
  if (origin === null) return `${name} is ${value} here: the default, nothing sets it`
  if (origin.parent === block) return `${name} is ${value} here`
  const { file, line } = origin.position
  const where =
    origin.parent === null || origin.parent.name === "main" ? "the main context" : origin.parent.name
  const place = file === block.position.file ? `line ${line}` : `${file}:${line}`
  return `${name} is ${value} here: set in ${where}, ${place}`
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 0.001,
  "": 1,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  M: 2_592_000,
  y: 31_536_000,
}

/** A time of nginx's ("1h 30m") in seconds; undefined where it is none. ngx_parse_time. */
export function timeSeconds(text: string): number | undefined {
  if (!/^(?:\d+(?:ms|[yMwdhms])? *)+$/.test(text)) return undefined
  let total = 0
  for (const [, digits, unit = ""] of text.matchAll(/(\d+)(ms|[yMwdhms])?/g))
    total += Number(digits) * (UNITS[unit] as number)
  return total
}

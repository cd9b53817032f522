/** The registry of variables: by name, and by prefix for the families (`$http_…`, `$arg_…`). */
import type { VariableNames, VariableReader } from "../config/row.ts"
import type { Progress } from "./progress.ts"
import type { Request } from "./request.ts"

/** A variable's value; undefined where it has none ("not found": `-` in logs, "" elsewhere). */
export type VariableGetter = (request: Request) => string | undefined

/** The value of a variable that changes until the request's end. */
export type LateVariableGetter = (progress: Progress) => string | undefined

/** Makes the getter of one member of a family; `rest` is what follows the prefix. */
export type FamilyGetter = (rest: string) => VariableGetter

/** Variables of one module: names, and families whose names end with `_`. */
export interface VariableRows {
  readonly names?: Readonly<Record<string, VariableGetter>>
  /** Variables whose value is known at the request's end only: a tunnel asks them again when it ends. */
  readonly late?: Readonly<Record<string, LateVariableGetter>>
  readonly families?: Readonly<Record<string, FamilyGetter>>
}

export class VariableRegistry implements VariableNames {
  readonly #names = new Map<string, VariableGetter>()
  readonly #late = new Set<string>()
  readonly #families: [string, FamilyGetter][] = []

  add(rows: VariableRows): void {
    for (const [name, getter] of Object.entries(rows.names ?? {})) this.#names.set(name, getter)
    for (const [name, getter] of Object.entries(rows.late ?? {})) {
      this.#names.set(name, getter)
      this.#late.add(name)
    }
    for (const family of Object.entries(rows.families ?? {})) this.#families.push(family)
    this.#families.sort((a, b) => b[0].length - a[0].length)
  }

  define(name: string, reader: VariableReader): void {
    this.#names.set(name, reader as VariableGetter)
  }

  isLate(name: string): boolean {
    return this.#late.has(name)
  }

  resolve(name: string): VariableGetter | undefined {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    for (const [prefix, make] of this.#families) {
      if (!name.startsWith(prefix) || name.length === prefix.length) continue
      const getter = make(name.slice(prefix.length))
      this.#names.set(name, getter)
      return getter
    }
    return undefined
  }
}

/** The registry of variables: by name, and by prefix for the families (`$http_…`, `$arg_…`). */
import type {
  LateDefinition,
  LateStarter,
  VariableNames,
  VariableReader,
  VariableWriter,
} from "../config/row.ts"
import type { Progress } from "./progress.ts"
import type { Request } from "./request.ts"

/** A variable's value; undefined where it has none ("not found": `-` in logs, "" elsewhere). */
export type VariableGetter = (request: Request) => string | undefined

/** The value of a variable that changes until the request's end. */
export type LateVariableGetter = (progress: Progress) => string | undefined

/** Makes the getter of one member of a family; `rest` is what follows the prefix. */
export type FamilyGetter = (rest: string) => VariableGetter

/** Takes a value that `set` gives to a variable which is more than a name: `$args`. */
export type VariableSetter = (request: Request, value: string) => void

/** Variables of one module: names, and families whose names end with `_`. */
export interface VariableRows {
  readonly names?: Readonly<Record<string, VariableGetter>>
  /** Variables whose value is known at the request's end only: a tunnel asks them again when it ends. */
  readonly late?: Readonly<Record<string, LateVariableGetter>>
  readonly families?: Readonly<Record<string, FamilyGetter>>
  /** Those of `names` that `set` may change, and how. Other names of modules are fixed. */
  readonly setters?: Readonly<Record<string, VariableSetter>>
  /** Those of `names` that directives may give a value or define anew, as if they were no module's. NGX_HTTP_VAR_CHANGEABLE. */
  readonly changeable?: readonly string[]
}

export class VariableRegistry implements VariableNames {
  readonly #names = new Map<string, VariableGetter>()
  /** Null for a variable that a module has as late. */
  readonly #late = new Map<string, LateDefinition | null>()
  readonly #families: [string, FamilyGetter][] = []
  readonly #members = new Map<string, VariableGetter>()
  readonly #setters = new Map<string, VariableSetter>()
  /** What directives define: such a name may be assigned to, a module's own may not. */
  readonly #defined = new Set<string>()
  /** By name, what the variables that requests may assign to give before that. */
  readonly #assigned = new Map<string, VariableGetter>()
  readonly #assignable = new Map<string, VariableGetter>()

  add(rows: VariableRows): void {
    for (const [name, getter] of Object.entries(rows.names ?? {})) this.#names.set(name, getter)
    for (const [name, getter] of Object.entries(rows.late ?? {})) {
      this.#names.set(name, getter)
      this.#late.set(name, null)
    }
    for (const [name, setter] of Object.entries(rows.setters ?? {})) this.#setters.set(name, setter)
    for (const name of rows.changeable ?? []) this.#defined.add(name)
    for (const family of Object.entries(rows.families ?? {})) this.#families.push(family)
    this.#families.sort((a, b) => b[0].length - a[0].length)
  }

  define(name: string, reader: VariableReader, late?: LateDefinition): void {
    this.#names.set(name, reader as VariableGetter)
    if (late === undefined) this.#late.delete(name)
    else this.#late.set(name, late)
    this.#defined.add(name)
    this.#assignable.delete(name)
  }

  assign(name: string, whenUnset: VariableReader): boolean {
    if (this.#setters.has(name)) return true
    if (this.#names.has(name) && !this.#defined.has(name)) return false
    if (!this.#assigned.has(name)) this.#assigned.set(name, whenUnset as VariableGetter)
    return true
  }

  setterOf(name: string): VariableWriter | undefined {
    return this.#setters.get(name) as VariableWriter | undefined
  }

  canDefine(name: string): boolean {
    return !this.#names.has(name) || this.#defined.has(name) || this.#setters.has(name)
  }

  isLate(name: string): boolean {
    const definition = this.#late.get(this.#keyOf(name))
    return definition === undefined ? false : definition === null || definition.isLate(this)
  }

  lateStarter(name: string): LateStarter | undefined {
    const key = this.#keyOf(name)
    const definition = this.#late.get(key)
    if (definition === undefined || !this.isLate(key)) return undefined
    return definition === null ? starterOf(this.#names.get(key)) : (request) => definition.begin(request)
  }

  resolve(written: string): VariableGetter | undefined {
    const name = this.#keyOf(written)
    const known = this.#names.get(name) ?? this.#memberOf(name)
    const whenUnset = this.#assigned.get(name)
    if (whenUnset === undefined) return known
    const made = this.#assignable.get(name)
    if (made !== undefined) return made
    const getter = assignable(name, known ?? whenUnset)
    this.#assignable.set(name, getter)
    return getter
  }

  /** Names count in any case; those with capitals that a directive has made are kept as written. */
  #keyOf(name: string): string {
    return this.#names.has(name) || this.#assigned.has(name) ? name : name.toLowerCase()
  }

  /** `$http_…` and the like: a getter is made when the member's name is first met. */
  #memberOf(name: string): VariableGetter | undefined {
    const known = this.#members.get(name)
    if (known !== undefined) return known
    for (const [prefix, make] of this.#families) {
      if (!name.startsWith(prefix) || name.length === prefix.length) continue
      const getter = make(name.slice(prefix.length))
      this.#members.set(name, getter)
      return getter
    }
    return undefined
  }
}

/** A module's late variable reads nothing but the end. */
function starterOf(getter: VariableGetter | undefined): LateStarter {
  const read = getter as LateVariableGetter
  return () => read
}

/** A variable whose value `set` or a named group may give. */
function assignable(name: string, before: VariableGetter): VariableGetter {
  return (request) => request.namedCaptures?.get(name) ?? before(request)
}

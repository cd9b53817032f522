/** What modules get to build with: one for each block. */
import type { Logger } from "../base/logger.ts"
import type { Defaults } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import type { ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import type { Reading } from "../config/walker.ts"
import { Location } from "../runtime/location.ts"
import type { BuildContext, LocationContext, MainPart, WorkerServices } from "../runtime/module.ts"

/** What the contexts of one building have in common. */
export interface Building {
  readonly reading: Reading
  readonly services: WorkerServices
  readonly number: number
  readonly prefix: string
  readonly mainLog: Logger
  /** What each module's `main` built, by the module's index. */
  readonly mains: unknown[]
  /** The same of the generation before. Null when all is built: or else each generation would keep the one before. */
  previousMains: readonly unknown[] | null
}

/** A class, not an object of closures: there is one for each server and location. */
export class ScopeContext implements BuildContext {
  readonly scope: Scope
  readonly #building: Building

  constructor(building: Building, scope: Scope) {
    this.#building = building
    this.scope = scope
  }

  get mainLog(): Logger {
    return this.#building.mainLog
  }

  get defaults(): Defaults {
    return this.#building.reading.defaults
  }

  get services(): WorkerServices {
    return this.#building.services
  }

  get generation(): number {
    return this.#building.number
  }

  get prefix(): string {
    return this.#building.prefix
  }

  main<M>(module: MainPart<M>): M {
    return this.#building.mains[module.index] as M
  }

  previousMain<M>(module: MainPart<M>): M | undefined {
    return this.#building.previousMains?.[module.index] as M | undefined
  }

  blame(directive: Directive): ValueContext {
    return this.#building.reading.context(directive, this.scope)
  }

  directiveOf(name: string): Directive | undefined {
    for (let level: Scope | null = this.scope; level !== null; level = level.parent) {
      const setting = level.own.get(name)
      if (setting !== undefined) return setting.directive ?? undefined
    }
    return undefined
  }
}

export class LocationScopeContext extends ScopeContext implements LocationContext {
  readonly location: Location
  /** The locations within, which are still to be built. */
  inners: Location[] | null = null

  constructor(building: Building, location: Location) {
    super(building, location.scope)
    this.location = location
  }

  inner(scope: Scope): Location {
    const { kind, pattern, isNoRegex, nested } = this.location
    const made = new Location(kind, pattern, null, isNoRegex, scope, nested)
    if (this.inners === null) this.inners = [made]
    else this.inners.push(made)
    return made
  }
}

/** Variables that a block of the configuration makes of others: map, geo, split_clients. */
import { ERROR } from "../base/logger.ts"
import type { LateDefinition, ValueContext, VariableNames } from "../config/row.ts"
import type { Progress } from "../runtime/progress.ts"
import type { Request } from "../runtime/request.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"

/** So many variables may be evaluated one inside of another. ngx_http_variable_depth. */
const MAX_DEPTH = 100
const DEPTH = Symbol("depth of variables")

/** How many more variables may be evaluated inside of those that are; all of one configuration share it. */
interface Depth {
  left: number
}

/**
 * One such variable. Its value is computed once a request and kept for it, as nginx does, unless it is `volatile`.
 * Tunnels hold it by their log formats: it must reach nothing but its own data.
 */
export abstract class MadeVariable implements LateDefinition {
  /** Without the dollar, in lower case. */
  readonly name: string
  /** Computed anew whenever it is asked. */
  isVolatile = false
  /**
   * The same request always gives the same value, and computing it changes nothing: keeping it would cost more than
   * doing it again. Set when the whole file has been read.
   */
  isPure = false
  readonly #depth: Depth
  #isAskedWhetherLate = false

  constructor(name: string, context: ValueContext) {
    this.name = name
    this.#depth = context.note(DEPTH, () => ({ left: MAX_DEPTH }))
  }

  protected abstract compute(request: Request): string

  /** Begins what `compute` does for a request that becomes a tunnel; the result holds nothing of the request. */
  protected abstract start(request: Request): LateVariableGetter

  /** The variables that the value is made of. */
  protected abstract sources(): readonly string[]

  evaluate(request: Request): string | undefined {
    const isKept = !(this.isVolatile || this.isPure)
    if (isKept) {
      const known = request.note<string>(this)
      if (known !== undefined) return known
    }
    const depth = this.#depth
    if (depth.left === 0) return this.#reportCycle(request)
    depth.left--
    let value: string
    try {
      value = this.compute(request)
    } finally {
      depth.left++
    }
    if (isKept) request.setNote(this, value)
    return value
  }

  isLate(variables: VariableNames): boolean {
    // A variable that is made of itself: it is late if another of its sources is.
    if (this.#isAskedWhetherLate) return false
    this.#isAskedWhetherLate = true
    const isLate = this.sources().some((name) => variables.isLate(name))
    this.#isAskedWhetherLate = false
    return isLate
  }

  begin(request: Request): LateVariableGetter {
    const known = request.namedCaptures?.get(this.name) ?? request.note<string>(this)
    if (known !== undefined) return constantly(known)
    const depth = this.#depth
    if (depth.left === 0) return constantly(this.#reportCycle(request))
    depth.left--
    try {
      return this.start(request)
    } finally {
      depth.left++
    }
  }

  #reportCycle(request: Request): undefined {
    request.log(ERROR, `cycle while evaluating variable "${this.name}"`)
    return undefined
  }
}

function constantly(value: string | undefined): (progress: Progress) => string | undefined {
  return () => value
}

/** The name in `$name`, in lower case. Fails with nginx's words for one that cannot be defined. */
export function newVariableName(text: string, context: ValueContext): string {
  if (!text.startsWith("$")) context.fail(`invalid variable name "${text}"`)
  const name = text.slice(1).toLowerCase()
  if (name === "") context.fail('invalid variable name "$"')
  if (!context.variables.canDefine(name)) context.fail(`the duplicate "${text.slice(1)}" variable`)
  return name
}

/** Makes `variable` known; one that the configuration has made before is replaced, as in nginx. */
export function defineMade(variable: MadeVariable, context: ValueContext): void {
  context.variables.define(variable.name, (request: Request) => variable.evaluate(request), variable)
}

const FIXED: ReadonlySet<string> = new Set([
  "scheme",
  "https",
  "request",
  "request_uri",
  "server_protocol",
  "server_addr",
  "server_port",
  "content_type",
  "content_length",
])

/** Whether a variable has one value from a request's beginning to its end. Not complete: false is always right. */
export function isFixed(name: string): boolean {
  return name.startsWith("http_") || name.startsWith("cookie_") || FIXED.has(name)
}

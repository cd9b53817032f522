/** What the directives of one block come to: instructions, run one after the other. ngx_http_script.c. */
import { NOTICE } from "../../base/logger.ts"
import type { Location } from "../../runtime/location.ts"
import { NEXT, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"

/** One run of a program for one request. */
export class Run {
  readonly request: Request
  /** What the phase answers when the program is over: NEXT, DONE, or a status. */
  result: PhaseResult = NEXT
  /** The URI is another one: its location is still to be found. */
  isUriChanged = false
  /** Captures are escaped, where the client's path had escapes: they become part of a URL. */
  isQuoting = true
  /** The same for captures behind the "?" of a replacement. */
  isInArgs = false
  /** Where in the text that was made last the arguments begin; -1 where there are none. */
  argsStart = -1
  readonly #isLogged: boolean

  constructor(request: Request, isLogged: boolean) {
    this.request = request
    this.#isLogged = isLogged
  }

  /** What rewrite_log has in the error log. */
  logMatch(pattern: string, text: string, doesMatch: boolean): void {
    if (this.#isLogged)
      this.request.log(NOTICE, `"${pattern}" ${doesMatch ? "matches" : "does not match"} "${text}"`)
  }

  logRedirect(url: string): void {
    if (this.#isLogged) this.request.log(NOTICE, `rewritten redirect: "${url}"`)
  }

  logRewritten(uri: string, args: string): void {
    if (this.#isLogged) this.request.log(NOTICE, `rewritten data: "${uri}", args: "${args}"`)
  }
}

export interface Instruction {
  /** Returns false where the program ends. */
  run(run: Run): boolean
}

/** What `if` asks. */
export interface Condition {
  holds(run: Run): boolean
}

export type Program = readonly Instruction[]

/** Runs until an instruction ends the program: false then. */
export function execute(program: Program, run: Run): boolean {
  for (let i = 0; i < program.length; i++) if (!(program[i] as Instruction).run(run)) return false
  return true
}

/**
 * `if`: where the condition holds, the request goes on in a location of the block's own, and stays there when the block
 * is over: the last one that holds is what serves it. In a server there is no such location.
 */
export class If implements Instruction {
  readonly #condition: Condition
  readonly #body: Program
  readonly #location: Location | null

  constructor(condition: Condition, body: Program, location: Location | null) {
    this.#condition = condition
    this.#body = body
    this.#location = location
  }

  run(run: Run): boolean {
    if (!this.#condition.holds(run)) return true
    if (this.#location !== null) enter(run.request, this.#location)
    return execute(this.#body, run)
  }
}

/** The phases behind the rewrite phase go on with the handlers of `location`. */
function enter(request: Request, location: Location): void {
  request.location = location
  request.handlers = location.handlers
  request.cursor = 0
}

/** `break`: ends the program; a URI that it has changed stays in this location. */
export class Break implements Instruction {
  run(run: Run): boolean {
    if (run.isUriChanged) {
      run.request.isLocationValid = false
      run.isUriChanged = false
    }
    return false
  }
}

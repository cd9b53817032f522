/** rewrite, return, set, if, break: a small program for each server and location. ngx_http_rewrite_module. */
import { WARN } from "../../base/logger.ts"
import type { Directive } from "../../config/parser.ts"
import {
  ANY,
  directives,
  HTTP,
  LOCATION,
  LOCATION_IF,
  SERVER,
  SERVER_IF,
  type ValueContext,
} from "../../config/row.ts"
import type { Scope } from "../../config/scope.ts"
import { flag } from "../../config/values.ts"
import { defineModule, type LocationContext, type Module } from "../../runtime/module.ts"
import { NEXT, type PhaseResult, REWRITTEN } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { VariableSetter } from "../../runtime/variables.ts"
import { parseCondition } from "./condition.ts"
import { Break, type Condition, execute, If, type Instruction, type Program, Run } from "./program.ts"
import { Replacement } from "./replacement.ts"
import { parseReturn } from "./return-answer.ts"
import { parseRewrite } from "./rewrite-uri.ts"

const EVERYWHERE = SERVER | SERVER_IF | LOCATION | LOCATION_IF

/** The directives of a block share one list, in the order of the file. */
const PROGRAM = "rewrite program"

/** An `if` as read: the block is compiled when all of it is there. */
interface WrittenIf {
  readonly condition: Condition
  readonly directive: Directive
}

type Written = Instruction | WrittenIf

interface RewriteSettings {
  /** Null within an `if`, whose instructions belong to the program of the block around. */
  readonly program: Program | null
  readonly isLogged: boolean
  readonly warnsOfUnset: boolean
}

const rows = directives({
  rewrite: {
    in: EVERYWHERE,
    args: [2, 3],
    list: parseRewrite,
    slot: PROGRAM,
    inherit: false,
    syntax: "regex replacement [last | break | redirect | permanent]",
    differs: "Regular expressions are V8's: what only PCRE has is refused.",
    doc: "Changes a URI that matches a regular expression: last, break, redirect or permanent say what follows.",
  },
  return: {
    in: EVERYWHERE,
    args: [1, 2],
    list: parseReturn,
    slot: PROGRAM,
    inherit: false,
    syntax: "code [text] | code URL | URL",
    doc: "Ends the request with a status, a text or a redirect.",
  },
  set: {
    in: EVERYWHERE,
    args: 2,
    list: parseSet,
    slot: PROGRAM,
    inherit: false,
    syntax: "$variable value",
    doc: "Gives a variable a value.",
  },
  break: {
    in: EVERYWHERE,
    args: 0,
    list: (): Written => new Break(),
    slot: PROGRAM,
    inherit: false,
    doc: "Ends the directives of this module for the present location.",
  },
  if: {
    in: SERVER | LOCATION,
    args: [1, ANY],
    block: (outer) => (outer === SERVER ? SERVER_IF : LOCATION_IF),
    open: openIf,
    syntax: "(condition)",
    differs: "Regular expressions are V8's: what only PCRE has is refused.",
    doc: "Directives for requests of which a condition holds; in a location, a location of their own.",
  },
  rewrite_log: {
    in: HTTP | EVERYWHERE,
    value: flag,
    default: "off",
    doc: "Whether rewriting is logged, at the level notice.",
  },
  uninitialized_variable_warn: {
    in: HTTP | EVERYWHERE,
    value: flag,
    default: "on",
    doc: "Whether variables that are read before they are set are logged, at the level warn.",
  },
})

export const rewrite: Module<RewriteSettings, undefined> = defineModule({
  name: "rewrite",
  directives: rows,
  location: (conf, context): RewriteSettings | undefined => {
    const program = context.scope.context === LOCATION_IF ? [] : compile(context.scope, context)
    const isDefault = !conf.rewrite_log && conf.uninitialized_variable_warn
    if (program.length === 0 && isDefault) return undefined
    return {
      program: program.length === 0 ? null : program,
      isLogged: conf.rewrite_log,
      warnsOfUnset: conf.uninitialized_variable_warn,
    }
  },
  phases: { serverRewrite: rewriteInServer, rewrite: rewriteInLocation },
  variables: { setters: { args: setArgs } },
})

function openIf(args: readonly string[], context: ValueContext): void {
  const written: WrittenIf = { condition: parseCondition(args, context), directive: context.directive }
  context.scope.addToList(PROGRAM, written, context.directive)
}

function compile(scope: Scope, context: LocationContext): Program {
  const written = (scope.own.get(PROGRAM)?.value ?? []) as readonly Written[]
  return written.map((entry) => ("run" in entry ? entry : compileIf(entry, scope, context)))
}

function compileIf({ condition, directive }: WrittenIf, scope: Scope, context: LocationContext): If {
  const block = scope.blocks("if").find((candidate) => candidate.directive === directive) as Scope
  const location = block.context === LOCATION_IF ? context.inner(block) : null
  return new If(condition, compile(block, context), location)
}

/** What the location of a changed URI is, is found after the server's program anyway. */
function rewriteInServer(request: Request, { program, isLogged }: RewriteSettings): PhaseResult {
  if (program === null) return NEXT
  const run = new Run(request, isLogged)
  execute(program, run)
  return run.result
}

function rewriteInLocation(request: Request, { program, isLogged }: RewriteSettings): PhaseResult {
  if (program === null) return NEXT
  const run = new Run(request, isLogged)
  execute(program, run)
  return run.result === NEXT && run.isUriChanged ? REWRITTEN : run.result
}

// --- set

function parseSet(args: readonly string[], context: ValueContext): Written {
  const [written, text] = args as [string, string]
  // Names of variables count in any case.
  const name = written.slice(1).toLowerCase()
  if (!written.startsWith("$") || name === "") return context.fail(`invalid variable name "${written}"`)
  const isFree = context.variables.assign(name, (request: Request) => unset(request, name))
  if (!isFree) context.fail(`the duplicate "${written.slice(1)}" variable`)
  const setter = context.variables.setterOf(name) as VariableSetter | undefined
  return new SetVariable(name, new Replacement(text, false, context), setter)
}

class SetVariable implements Instruction {
  readonly #name: string
  readonly #value: Replacement
  readonly #setter: VariableSetter | undefined

  constructor(name: string, value: Replacement, setter: VariableSetter | undefined) {
    this.#name = name
    this.#value = value
    this.#setter = setter
  }

  run(run: Run): boolean {
    const value = this.#value.evaluate(run)
    if (this.#setter === undefined) assign(run.request, this.#name, value)
    else this.#setter(run.request, value)
    return true
  }
}

/** Named groups of regular expressions are the same kind of variable. */
function assign(request: Request, name: string, value: string): void {
  request.namedCaptures ??= new Map()
  request.namedCaptures.set(name, value)
}

/** A variable that was not set counts as "", and is complained of once a request. ngx_http_rewrite_var. */
function unset(request: Request, name: string): string {
  assign(request, name, "")
  if (request.location.of(rewrite)?.warnsOfUnset !== false)
    request.log(WARN, `using uninitialized "${name}" variable`)
  return ""
}

/** `set $args`: the URI is not the client's any more. ngx_http_variable_set_args. */
function setArgs(request: Request, value: string): void {
  request.args = value
  request.hasArgs = value !== ""
  request.isUriChanged = true
}

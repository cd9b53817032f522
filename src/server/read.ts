/** The configuration's text to scopes, with the rows and variables of all modules. */
import type { Position } from "../base/error.ts"
import { parseParameter } from "../config/parser.ts"
import { directives, MAIN, type RowTable, rowTable } from "../config/row.ts"
import type { Sources } from "../config/sources.ts"
import { type Reading, readConfiguration } from "../config/walker.ts"
import { mainDirectives } from "../modules/core/main-directives.ts"
import { MODULES } from "../modules/index.ts"
import { VariableRegistry } from "../runtime/variables.ts"

export interface ReadRequest {
  readonly sources: Sources
  readonly file: string
  readonly prefix: string
  /** The argument of `-g`, "" for none. */
  readonly parameter: string
  readonly warn: (message: string, position: Position) => void
}

/** Rows of all modules and of the main context. */
export function allRows(): RowTable {
  return rowTable([mainDirectives, includeRow, ...MODULES.map((module) => module.directives)])
}

/** `include` is the walker's own; its row is here for the reference. */
export const includeRow = directives({
  include: {
    in: MAIN,
    args: 1,
    accepted: true,
    syntax: "file | mask",
    doc: "Reads other files in its place; a pattern names any number of them.",
  },
})

export function read(request: ReadRequest): Reading {
  const variables = new VariableRegistry()
  for (const module of MODULES) if (module.variables !== undefined) variables.add(module.variables)
  return readConfiguration({
    rows: allRows(),
    sources: request.sources,
    file: request.file,
    prefix: request.prefix,
    parameter: request.parameter === "" ? null : parseParameter(request.parameter),
    variables,
    warn: request.warn,
  })
}

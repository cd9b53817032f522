/** Text with variables and captures, as `rewrite` and `set` make it. ngx_http_script_compile. */
import type { ValueContext } from "../../config/row.ts"
import { escapeArgs } from "../../http/target.ts"
import type { Request } from "../../runtime/request.ts"
import { resolveVariable, splitTemplate } from "../../runtime/template.ts"
import type { VariableGetter } from "../../runtime/variables.ts"
import type { Run } from "./program.ts"

/** In place of the first "?" of a replacement: arguments begin. */
const ARGS = -1

/** Literal text, the number of a capture, a variable, or ARGS. */
type Part = string | number | VariableGetter

export class Replacement {
  /** There is a "?" in the text itself. */
  readonly hasQuestion: boolean
  #parts: readonly Part[]

  /** `splitsArgs`: what follows the first "?" is told apart as arguments. */
  constructor(text: string, splitsArgs: boolean, context: ValueContext) {
    const pieces = splitTemplate(text, context)
    this.hasQuestion = pieces.some((piece) => !piece.isVariable && piece.text.includes("?"))
    this.#parts = []
    context.onComplete(() => {
      const parts: Part[] = pieces.map((piece) =>
        piece.isVariable ? reference(piece.text, context) : piece.text,
      )
      this.#parts = splitsArgs ? splitAtQuestion(parts) : parts
    })
  }

  /** The text for the request; `run.argsStart` tells where its arguments begin. */
  evaluate(run: Run): string {
    const { request } = run
    const parts = this.#parts
    let text = ""
    run.argsStart = -1
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part
      if (typeof part === "string") text += part
      else if (typeof part === "function") text += part(request) ?? ""
      else if (part === ARGS) {
        run.isInArgs = true
        run.argsStart = text.length
      } else text += capture(run, part)
    }
    return text
  }
}

function reference(name: string, context: ValueContext): Part {
  return name.length === 1 && name >= "1" && name <= "9" ? Number(name) : resolveVariable(name, context)
}

function splitAtQuestion(parts: readonly Part[]): readonly Part[] {
  const at = parts.findIndex((part) => typeof part === "string" && part.includes("?"))
  if (at === -1) return parts
  const text = parts[at] as string
  const question = text.indexOf("?")
  return [
    ...parts.slice(0, at),
    text.slice(0, question),
    ARGS,
    text.slice(question + 1),
    ...parts.slice(at + 1),
  ]
}

function capture(run: Run, index: number): string {
  const { request } = run
  const text = request.captures?.[index] ?? ""
  return (run.isInArgs || run.isQuoting) && hadEscapes(request) ? escapeArgs(text) : text
}

/** The client's path had escapes or a "+": r->quoted_uri, r->plus_in_uri. */
function hadEscapes({ rawPath }: Request): boolean {
  return rawPath.includes("%") || rawPath.includes("+")
}

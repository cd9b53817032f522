/** Text with variables, compiled once: `"$scheme://$host$request_uri"`. ngx_http_compile_complex_value. */
import type { ValueContext } from "../config/row.ts"
import type { Request } from "./request.ts"
import type { VariableGetter } from "./variables.ts"

type Part = string | VariableGetter

export class Template {
  /** The text as written. */
  readonly source: string
  /** The value where no variable is in it; undefined otherwise. */
  readonly constant: string | undefined
  #parts: Part[]

  constructor(source: string, parts: Part[]) {
    this.source = source
    this.#parts = parts
    this.constant = parts.every((part) => typeof part === "string") ? parts.join("") : undefined
  }

  /** The value for `request`; a variable without value counts as "". */
  evaluate(request: Request): string {
    if (this.constant !== undefined) return this.constant
    const parts = this.#parts
    let out = ""
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part
      out += typeof part === "string" ? part : (part(request) ?? "")
    }
    return out
  }

  /** Gives the variables their getters once all of them are known. */
  bind(parts: Part[]): void {
    this.#parts = parts
  }
}

type Piece = { readonly text: string; readonly isVariable: boolean }

/** Value parser of rows: a template whose variables are looked up when the whole file has been read. */
export function template(text: string, context: ValueContext): Template {
  const pieces = splitTemplate(text, context)
  const unbound: Part[] = pieces.map((piece) => (piece.isVariable ? unboundVariable : piece.text))
  const made = new Template(text, unbound)
  if (made.constant === undefined)
    context.onComplete(() => made.bind(pieces.map((piece) => bound(piece, context))))
  return made
}

function unboundVariable(): string {
  throw new Error("a template was evaluated before the configuration was complete")
}

function bound(piece: Piece, context: ValueContext): Part {
  return piece.isVariable ? resolveVariable(piece.text, context) : piece.text
}

/** The getter of variable `name`. Fails with nginx's `unknown "x" variable`. */
export function resolveVariable(name: string, context: ValueContext): VariableGetter {
  if (name.length === 1 && name >= "0" && name <= "9") return captureGetter(Number(name))
  const getter = context.variables.resolve(name)
  return getter === undefined ? context.fail(`unknown "${name}" variable`) : (getter as VariableGetter)
}

function captureGetter(index: number): VariableGetter {
  return (request) => request.captures?.[index]
}

/** Cuts text at its variables. Fails with nginx's words for a bad name. */
export function splitTemplate(text: string, context: ValueContext): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  for (let at = text.indexOf("$"); at !== -1; at = text.indexOf("$", start)) {
    if (at > start) pieces.push({ text: text.slice(start, at), isVariable: false })
    const [name, end] = variableName(text, at + 1, context)
    pieces.push({ text: name, isVariable: true })
    start = end
  }
  if (start < text.length || pieces.length === 0) pieces.push({ text: text.slice(start), isVariable: false })
  return pieces
}

function variableName(text: string, at: number, context: ValueContext): readonly [string, number] {
  const isBraced = text[at] === "{"
  const start = isBraced ? at + 1 : at
  let end = start
  if (!isBraced && text[start] !== undefined && isDigit(text.charCodeAt(start))) end = start + 1
  else while (end < text.length && isNameByte(text.charCodeAt(end))) end++
  const name = text.slice(start, end)
  if (isBraced && text[end] !== "}") context.fail(`the closing bracket in "${name}" variable is missing`)
  if (name === "") context.fail("invalid variable name")
  return [name, isBraced ? end + 1 : end]
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isNameByte(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95
}

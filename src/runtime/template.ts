/** Text with variables, compiled once: `"$scheme://$host$request_uri"`. ngx_http_compile_complex_value. */
import { unknownVariable } from "../config/refused-variables.ts"
import type { ValueContext } from "../config/row.ts"
import type { Progress } from "./progress.ts"
import type { Request } from "./request.ts"
import type { LateVariableGetter, VariableGetter } from "./variables.ts"

type Part = string | VariableGetter

/** Begins to read a late variable for a request that becomes a tunnel. */
type Starter = (request: Request) => LateVariableGetter

/** A variable that `begin` left to its caller, by its name. */
export interface OwnVariable {
  readonly own: string
}

/** The text of a request that becomes a tunnel: what is known at its beginning, and what to ask at its end. */
export type UnfinishedText = readonly (string | LateVariableGetter | OwnVariable)[]

const NO_NAMES: readonly string[] = []

export class Template {
  /** The text as written. */
  readonly source: string
  /** The value where no variable is in it; undefined otherwise. */
  readonly constant: string | undefined
  #parts: Part[]
  /** In step with the parts: the variables' names, "" for text. */
  readonly #names: readonly string[]
  /** `$1` and other variables are in it: see `#evaluateInSteps`. */
  readonly #hasBoth: boolean
  /** In step with the parts: null for those that are known when a request becomes a tunnel. Null where all are. */
  #starters: readonly (Starter | null)[] | null = null

  constructor(source: string, parts: Part[], names: readonly string[] = NO_NAMES) {
    this.source = source
    this.#parts = parts
    this.#names = names
    this.#hasBoth = names.some(isCapture) && names.some((name) => name !== "" && !isCapture(name))
    this.constant = parts.every((part) => typeof part === "string") ? parts.join("") : undefined
  }

  /** The value for `request`; a variable without value counts as "". */
  evaluate(request: Request): string {
    if (this.constant !== undefined) return this.constant
    if (this.#hasBoth) return this.#evaluateInSteps(request)
    const parts = this.#parts
    let out = ""
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part
      out += typeof part === "string" ? part : (part(request) ?? "")
    }
    return out
  }

  /**
   * nginx goes through a text twice, for its length and for itself: a variable that matches a regular expression, such
   * as a map's, sets the captures for the whole of the text. So they are read when all else has been.
   */
  #evaluateInSteps(request: Request): string {
    const parts = this.#parts
    const names = this.#names
    const texts: string[] = []
    for (let i = 0; i < parts.length; i++) texts.push(isCapture(names[i]) ? "" : textOf(parts[i], request))
    let out = ""
    for (let i = 0; i < parts.length; i++) out += isCapture(names[i]) ? textOf(parts[i], request) : texts[i]
    return out
  }

  /** Gives the variables their getters once all of them are known; `starters` are in step with them. */
  bind(parts: Part[], starters: readonly (Starter | null)[]): void {
    this.#parts = parts
    this.#starters = starters.some((starter) => starter !== null) ? starters : null
  }

  /** Whether some variable in it is known at a request's end only. */
  get isLate(): boolean {
    return this.#starters !== null
  }

  /** The names of the variables in it. */
  variables(): string[] {
    return this.#names.filter((name) => name !== "")
  }

  /**
   * The value for a `request` that becomes a tunnel, late variables to be asked at its end; `finishText` does. It
   * holds nothing of the request. Variables for which `isOwn` holds are left to the caller.
   */
  begin(request: Request, isOwn: ((name: string) => boolean) | null): UnfinishedText {
    return this.#parts.map((part, at) => {
      if (typeof part === "string") return part
      const name = this.#names[at] ?? ""
      if (isOwn?.(name) === true) return { own: name }
      const starter = this.#starters?.[at] ?? null
      return starter === null ? (part(request) ?? "") : starter(request)
    })
  }
}

function textOf(part: Part, request: Request): string {
  return typeof part === "string" ? part : (part(request) ?? "")
}

function isCapture(name: string): boolean {
  return name.length === 1 && name >= "0" && name <= "9"
}

type Piece = { readonly text: string; readonly isVariable: boolean }

/** Value parser of rows: a template whose variables are looked up when the whole file has been read. */
export function template(text: string, context: ValueContext): Template {
  const pieces = splitTemplate(text, context)
  const unbound: Part[] = pieces.map((piece) => (piece.isVariable ? unboundVariable : piece.text))
  const names = pieces.map((piece) => (piece.isVariable ? piece.text : ""))
  const made = new Template(text, unbound, names)
  if (made.constant === undefined)
    context.onComplete(() =>
      made.bind(
        pieces.map((piece) => bound(piece, context)),
        pieces.map((piece) => starterOf(piece, context)),
      ),
    )
  return made
}

function starterOf(piece: Piece, context: ValueContext): Starter | null {
  return piece.isVariable
    ? ((context.variables.lateStarter(piece.text) as Starter | undefined) ?? null)
    : null
}

/** What `begin` began, at the tunnel's end. `ofOwn` gives the values of variables that were left to the caller. */
export function finishText(
  text: UnfinishedText,
  progress: Progress,
  ofOwn: ((name: string) => string | undefined) | null,
): string {
  let out = ""
  for (const part of text) {
    if (typeof part === "string") out += part
    else if (typeof part === "function") out += part(progress) ?? ""
    else out += ofOwn?.(part.own) ?? ""
  }
  return out
}

function unboundVariable(): string {
  throw new Error("a template was evaluated before the configuration was complete")
}

function bound(piece: Piece, context: ValueContext): Part {
  return piece.isVariable ? resolveVariable(piece.text, context) : piece.text
}

/** The getter of variable `name`. Fails with nginx's `unknown "x" variable`, or with what to do in its place. */
export function resolveVariable(name: string, context: ValueContext): VariableGetter {
  if (isCapture(name)) return captureGetter(Number(name))
  const getter = context.variables.resolve(name)
  return getter === undefined ? context.fail(unknownVariable(name)) : (getter as VariableGetter)
}

function captureGetter(index: number): VariableGetter {
  return (request) => request.captures?.[index]
}

/** Cuts text at its variables. Fails with nginx's words for a bad name, or with `onNoName` where none follows a `$`. */
export function splitTemplate(
  text: string,
  context: ValueContext,
  onNoName = "invalid variable name",
): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  for (let at = text.indexOf("$"); at !== -1; at = text.indexOf("$", start)) {
    if (at > start) pieces.push({ text: text.slice(start, at), isVariable: false })
    const [name, end] = variableName(text, at + 1, context, onNoName)
    pieces.push({ text: name, isVariable: true })
    start = end
  }
  if (start < text.length || pieces.length === 0) pieces.push({ text: text.slice(start), isVariable: false })
  return pieces
}

function variableName(
  text: string,
  at: number,
  context: ValueContext,
  onNoName: string,
): readonly [string, number] {
  const isBraced = text[at] === "{"
  const start = isBraced ? at + 1 : at
  let end = start
  if (!isBraced && text[start] !== undefined && isDigit(text.charCodeAt(start))) end = start + 1
  else while (end < text.length && isNameByte(text.charCodeAt(end))) end++
  const name = text.slice(start, end)
  if (isBraced && text[end] !== "}") context.fail(`the closing bracket in "${name}" variable is missing`)
  if (name === "") context.fail(onNoName)
  return [name, isBraced ? end + 1 : end]
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function isNameByte(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95
}

/** What of a text comes from the request: variables followed through `set`, `map` and captures to where they begin. */
import { admits, groupsOf, isAnchored, isFixed } from "./captures.ts"
import type { Model } from "./model.ts"
import type { Node } from "./tree.ts"

/** A piece of a value that the client chooses. */
export interface RequestPart {
  /** As nginx calls it: "$arg_url", "$1". */
  readonly variable: string
  /** Whether it may have that character in it. */
  admits(char: string): boolean
  /** What it surely begins with: "/" for a path; "". */
  readonly begins: string
}

/** Fixed text, or what the client chooses. */
export type Part = string | RequestPart

/** All values that a text may have: each a row of parts. Cut off where there are too many. */
export function valuesOf(text: string, block: Node, model: Model): readonly (readonly Part[])[] {
  return expand(text, block, { model, depth: 0, user: null })
}

/** As `valuesOf`, for a text that belongs to a directive with a regular expression of its own: a `rewrite`. */
export function valuesOfRewrite(node: Node, model: Model): readonly (readonly Part[])[] {
  const block = node.parent ?? node
  return expand(node.args[1] ?? "", block, { model, depth: 0, user: node })
}

/** The pieces of a text that the client chooses, each once. */
export function requestPartsOf(text: string, block: Node, model: Model): RequestPart[] {
  return partsIn(valuesOf(text, block, model))
}

export function partsIn(values: readonly (readonly Part[])[]): RequestPart[] {
  return [...new Set(values.flat().filter((part) => typeof part !== "string"))]
}

/** Whether a text depends on such a variable (named without "$"), by itself or through `set` and `map`. */
export function dependsOn(
  text: string,
  isWanted: (name: string) => boolean,
  block: Node,
  model: Model,
  depth = 0,
): boolean {
  if (depth > MAX_DEPTH) return false
  return namesIn(text).some((name) => {
    if (isWanted(name)) return true
    const map = model.maps.get(name)
    const sources = [...(map?.args.slice(0, 1) ?? []), ...(map?.children ?? []).flatMap(({ args }) => args)]
    for (const set of setsInScope(name, block)) sources.push(set.args[1] ?? "", ...conditionsOf(set))
    return sources.some((source) => dependsOn(source, isWanted, block, model, depth + 1))
  })
}

/** The blocks from `block` to its server. */
export function blocksAround(block: Node): Node[] {
  const blocks: Node[] = []
  for (let scope: Node | null = block; scope !== null; scope = scope.parent) {
    blocks.push(scope)
    if (scope.name === "server") break
  }
  return blocks
}

const MAX_DEPTH = 8
const MAX_VALUES = 64
const NAME = /\$(?:\{(\w+)\}|(\d)|([A-Za-z_]\w*))/g

/** The names of the variables in a text, without "$". */
export function namesIn(text: string): string[] {
  return [...text.matchAll(NAME)].map(([, braced, digit, bare]) => braced ?? digit ?? bare ?? "")
}

interface Context {
  readonly model: Model
  readonly depth: number
  /** The rewrite or the map's line whose expression the captures are of. */
  readonly user: Node | null
}

type Values = readonly (readonly Part[])[]

const NOTHING: Values = [[""]]

function expand(text: string, block: Node, context: Context): Values {
  if (context.depth > MAX_DEPTH) return NOTHING
  let values: Values = [[]]
  let done = 0
  for (const found of text.matchAll(NAME)) {
    const [all, braced, digit, bare] = found
    const before = text.slice(done, found.index)
    const inner = valuesOfVariable(braced ?? digit ?? bare ?? "", block, context)
    values = values.flatMap((value) => inner.map((more) => [...value, before, ...more])).slice(0, MAX_VALUES)
    done = found.index + all.length
  }
  return values.map((value) => [...value, text.slice(done)])
}

function valuesOfVariable(name: string, block: Node, context: Context): Values {
  const { model, depth } = context
  const given = builtIn(name, block)
  if (given !== null) return [[given]]
  if (name === "scheme") return [["http"], ["https"]]
  const map = model.maps.get(name)
  if (map !== undefined) return valuesOfMap(map, block, { model, depth: depth + 1, user: null })
  const sets = setsInScope(name, block)
  if (sets.length > 0)
    return sets.flatMap((set) =>
      expand(set.args[1] ?? "", set.parent ?? block, { model, depth: depth + 1, user: null }),
    )
  const captured = capturedBy(name, block, context)
  return captured === null ? NOTHING : [[captured]]
}

/** "hostnames", "volatile". */
const MAP_FLAGS = new Set(["hostnames", "volatile"])

function valuesOfMap(map: Node, block: Node, { model, depth }: Context): Values {
  const values = (map.children ?? [])
    .filter(({ name, args }) => args.length > 0 && !MAP_FLAGS.has(name))
    .flatMap((entry) => expand(entry.args[0] ?? "", block, { model, depth, user: entry }))
  return values.length === 0 ? NOTHING : values.slice(0, MAX_VALUES)
}

/** Every `set` of a variable that may have run for a request in `block`. */
function setsInScope(name: string, block: Node): Node[] {
  return blocksAround(block)
    .flatMap((scope) => [...scope.own("set"), ...scope.own("if").flatMap((one) => one.own("set"))])
    .filter(({ args }) => args[0] === `$${name}`)
}

function conditionsOf({ parent }: Node): readonly string[] {
  return parent?.name === "if" ? parent.args : []
}

function never(): boolean {
  return false
}

/** Header fields and what is taken from them have every character but those that end a line. */
function isNoLineEnd(char: string): boolean {
  return char !== "\n" && char !== "\r"
}

function isPrintable(char: string): boolean {
  return char > " "
}

function builtIn(name: string, block: Node): RequestPart | null {
  const variable = `$${name}`
  if (name === "uri" || name === "document_uri") return uriAt(variable, block)
  if (name === "request_uri") return { variable, admits: isPrintable, begins: "/" }
  if (name === "host") return { variable, admits: (char) => isPrintable(char) && char !== "/", begins: "" }
  if (/^(?:args|query_string)$|^arg_/.test(name)) return { variable, admits: isPrintable, begins: "" }
  if (/^(?:request|remote_user|ssl_server_name)$|^(?:http|cookie)_/.test(name))
    return { variable, admits: isNoLineEnd, begins: "" }
  if (name === "request_body") return { variable, admits: () => true, begins: "" }
  return null
}

/** The path with its escapes decoded: an exact location has but one. */
function uriAt(variable: string, block: Node): RequestPart {
  const location = blocksAround(block).find(({ name }) => name === "location")
  const [sign = "", pattern = ""] = location?.args ?? []
  const isExact = sign.startsWith("=")
  const isNarrow = sign.startsWith("~") && isAnchored(pattern)
  return {
    variable,
    admits: isExact ? never : isNarrow ? (char) => admits(pattern, char) : (char) => char !== "\0",
    begins: "/",
  }
}

/** An expression, and what it is matched against. */
interface Match {
  readonly pattern: string
  /** Undefined: the decoded path. */
  readonly subject: string | undefined
}

function capturedBy(name: string, block: Node, context: Context): RequestPart | null {
  for (const { pattern, subject } of matchesFor(name, block, context.user)) {
    const groups = groupsOf(pattern)
    const group = /^\d$/.test(name) ? groups[Number(name) - 1] : groups.find((one) => one.name === name)
    if (group === undefined) continue
    if (isFixed(group.pattern)) return null
    const { model, depth } = context
    const sources =
      subject === undefined ? null : partsIn(expand(subject, block, { model, depth: depth + 1, user: null }))
    if (sources?.length === 0) return null
    const mayBring = (char: string): boolean =>
      sources?.some((source) => source.admits(char)) ?? char !== "\0"
    return {
      variable: `$${name}`,
      admits: (char) => mayBring(char) && admits(group.pattern, char),
      begins: "",
    }
  }
  return null
}

/** The expressions whose captures a block may have, the one that was matched last first. */
function matchesFor(name: string, block: Node, user: Node | null): Match[] {
  const own = user === null ? null : ownMatch(user)
  if (own !== null) return [own]
  const isNumber = /^\d$/.test(name)
  // $1 is of the rewrite before it, if any: which one that is, nobody can say here.
  if (isNumber && block.own("rewrite").length > 0) return []
  const matches: Match[] = []
  for (const scope of blocksAround(block)) {
    matches.push(...blockMatches(scope))
    if (isNumber && matches.length > 0) return matches
    if (isNumber) continue
    for (const { args } of scope.own("rewrite")) matches.push({ pattern: args[0] ?? "", subject: undefined })
    matches.push(...scope.own("if").flatMap(blockMatches))
  }
  return matches
}

function ownMatch({ name, args, parent }: Node): Match | null {
  if (name === "rewrite") return { pattern: args[0] ?? "", subject: undefined }
  return name.startsWith("~") ? { pattern: name.replace(/^~\*?/, ""), subject: parent?.args[0] ?? "" } : null
}

/** The expressions of which one must match for a block to be entered. */
function blockMatches(block: Node): Match[] {
  const { name, args } = block
  if (name === "location") {
    const [first = "", second] = args
    if (!first.startsWith("~")) return []
    return [{ pattern: second ?? first.replace(/^~\*?/, ""), subject: undefined }]
  }
  if (name === "if") {
    const at = args.findIndex((arg) => arg === "~" || arg === "~*")
    const pattern = args[at + 1] ?? ""
    if (at === -1) return []
    // The parenthesis that ends the condition may be part of its last word.
    return [
      { pattern: at + 2 === args.length ? pattern.replace(/\)$/, "") : pattern, subject: args[0] ?? "" },
    ]
  }
  if (name !== "server") return []
  const names = block.own("server_name").flatMap((line) => line.args)
  return names
    .filter((one) => one.startsWith("~"))
    .map((one) => ({ pattern: one.slice(1), subject: "$host" }))
}

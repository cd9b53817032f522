/** valid_referers, $invalid_referer: whether a request comes from a page of one's own. ngx_http_referer_module. */

import { HoldfastError } from "../base/error.ts"
import { ANY, directives, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { number } from "../config/values.ts"
import { asciiLowerCase } from "../http/octets.ts"
import { defineModule, type LocationContext, type Module } from "../runtime/module.ts"
import type { CompiledRegex } from "../runtime/regex.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerName } from "../runtime/server-names.ts"
import { Template } from "../runtime/template.ts"
import { compileConfigured } from "./core/regex-value.ts"
import type { WrittenName } from "./core/server-name.ts"
import { CONFLICT, INVALID, MapTable } from "./map-table.ts"

const ALL = SERVER | LOCATION

/** "http://i.ru": what is shorter is no address of a page. */
const MIN_BYTES = 11
const MAX_HOST_BYTES = 256

/** One argument of `valid_referers`. */
type WrittenReferer =
  | { readonly kind: "none" | "blocked" | "server_names" }
  | { readonly kind: "regex"; readonly regex: CompiledRegex }
  | { readonly kind: "name"; readonly name: string; readonly uri: string }

/** What is in force at one level. */
interface Referers {
  /** Host names; the value is what the path must begin with, "" for anything. */
  readonly names: MapTable
  readonly hasNames: boolean
  /** Asked with all that follows the scheme. */
  readonly regexes: readonly CompiledRegex[]
  /** Those of server_name, asked with the host. */
  readonly hostRegexes: readonly CompiledRegex[]
  readonly allowsNone: boolean
  readonly allowsBlocked: boolean
}

type Levels = WeakMap<Scope, Referers>

export const referer: Module<Referers, Levels> = defineModule({
  name: "referer",
  directives: directives({
    valid_referers: {
      in: ALL,
      args: [1, ANY],
      list: parseReferers,
      syntax: "none | blocked | server_names | string …",
      doc: "Values of `Referer` for which `$invalid_referer` is empty: none, blocked, server_names, host names with wildcards and the beginning of a path, or regular expressions.",
    },
    referer_hash_max_size: {
      in: ALL,
      value: number,
      doc: "Has no meaning here: tables grow as needed.",
    },
    referer_hash_bucket_size: {
      in: ALL,
      value: number,
      doc: "Has no meaning here: tables grow as needed.",
    },
  }),
  main: (): Levels => new WeakMap(),
  location: (_conf, context) => referersAt(context.scope, context),
  variables: { names: { invalid_referer: (request) => (isValid(request) ? "" : "1") } },
})

function parseReferers(args: readonly string[], context: ValueContext): readonly WrittenReferer[] {
  return args.map((text) => {
    if (text === "") return context.fail(`invalid referer "${text}"`)
    if (text === "none" || text === "blocked" || text === "server_names") return { kind: text }
    if (text.startsWith("~")) {
      if (text.length === 1) context.fail(`empty regex in "${text}"`)
      return { kind: "regex", regex: compileConfigured(text.slice(1), true, context) }
    }
    const slash = text.indexOf("/")
    const name = slash === -1 ? text : text.slice(0, slash)
    checkName(name, context)
    return { kind: "name", name, uri: slash === -1 ? "" : text.slice(slash) }
  })
}

/** Fails as nginx does where the name cannot be added to those of the same block. */
function checkName(name: string, context: ValueContext): void {
  const tables = context.note(NAMES, () => new WeakMap<Scope, MapTable>())
  const table = tables.get(context.scope) ?? new MapTable()
  tables.set(context.scope, table)
  const problem = table.add(name, NO_URI, true)
  if (problem === INVALID) context.fail(`invalid hostname or wildcard "${name}"`)
  if (problem === CONFLICT) context.fail(`conflicting parameter "${name}"`)
}

const NAMES = Symbol("names of valid_referers")
const NO_URI = constant("")

function constant(text: string): Template {
  return new Template(text, [text])
}

/** ngx_http_referer_merge_conf: names are those of the lowest level that has any line, expressions come down by themselves. */
function referersAt(scope: Scope, context: LocationContext): Referers | undefined {
  const levels = context.main(referer)
  const known = levels.get(scope)
  if (known !== undefined) return known
  const above = scope.parent === null ? undefined : referersAt(scope.parent, context)
  const own = scope.own.get("valid_referers")?.value as readonly (readonly WrittenReferer[])[] | undefined
  const made = own === undefined ? above : compile(own.flat(), serverNames(scope), above)
  if (made !== undefined) levels.set(scope, made)
  return made
}

function compile(
  written: readonly WrittenReferer[],
  ownNames: readonly ServerName[],
  above: Referers | undefined,
): Referers {
  const names = new MapTable()
  const hostRegexes: CompiledRegex[] = []
  let hasNames = false
  for (const one of written) {
    if (one.kind !== "name") continue
    names.add(one.name, one.uri === "" ? NO_URI : constant(one.uri), true)
    hasNames = true
  }
  const has = (kind: WrittenReferer["kind"]): boolean => written.some((one) => one.kind === kind)
  if (has("server_names"))
    for (const name of ownNames) {
      if (name.kind === "regex") hostRegexes.push(name.regex)
      else hasNames = addServerName(names, name)
    }
  if ((has("none") || has("blocked")) && !hasNames)
    throw new HoldfastError(
      "VALUE",
      'the "none" or "blocked" referers are specified in the "valid_referers" directive without any valid referer',
    )
  const regexes = written.flatMap((one) => (one.kind === "regex" ? [one.regex] : []))
  return {
    names,
    hasNames,
    regexes: regexes.length > 0 ? regexes : (above?.regexes ?? []),
    hostRegexes: hostRegexes.length > 0 ? hostRegexes : (above?.hostRegexes ?? []),
    allowsNone: has("none"),
    allowsBlocked: has("blocked"),
  }
}

function addServerName(names: MapTable, name: Exclude<ServerName, { kind: "regex" }>): true {
  const text =
    name.kind === "exact" ? name.name : name.kind === "leading" ? `*.${name.name}` : `${name.name}.*`
  if (names.add(text, NO_URI, true) === CONFLICT)
    throw new HoldfastError("VALUE", `conflicting parameter "${text}"`)
  return true
}

/** The names of the server that `scope` is in; a server without any is that of the empty name. */
function serverNames(scope: Scope): readonly ServerName[] {
  let server: Scope | null = scope
  while (server !== null && server.context !== SERVER) server = server.parent
  const written = (server?.own.get("server_name")?.value ?? []) as readonly (readonly WrittenName[])[]
  const names = written.flat().flatMap((one) => one.names)
  return names.length > 0 ? names : [{ kind: "exact", name: "" }]
}

/** ngx_http_referer_variable */
function isValid(request: Request): boolean {
  const referers = request.location.of(referer)
  if (referers === undefined) return true
  const { regexes, hostRegexes } = referers
  if (!referers.hasNames && regexes.length === 0 && hostRegexes.length === 0) return true
  const value = request.headers.get("referer")
  if (value === undefined) return referers.allowsNone
  const start = value.length < MIN_BYTES ? -1 : afterScheme(value)
  if (start === -1) return referers.allowsBlocked
  const text = value.slice(start)
  const found = /[/:]/.exec(text)
  const host = asciiLowerCase(found === null ? text : text.slice(0, found.index))
  if (host.length > MAX_HOST_BYTES) return false
  const uri = referers.names.find(host)?.constant
  if (uri !== undefined) return uri === "" || pathOf(text, host.length).startsWith(uri)
  return matchesAny(hostRegexes, host) || matchesAny(regexes, text)
}

/** Where the host begins; -1 where it is no address of the web. */
function afterScheme(value: string): number {
  const begin = value.slice(0, 8).toLowerCase()
  return begin.startsWith("http://") ? 7 : begin === "https://" ? 8 : -1
}

function pathOf(text: string, hostBytes: number): string {
  const slash = text.indexOf("/", hostBytes)
  return slash === -1 ? "" : text.slice(slash)
}

function matchesAny(regexes: readonly CompiledRegex[], text: string): boolean {
  for (let i = 0; i < regexes.length; i++) if ((regexes[i] as CompiledRegex).regex.test(text)) return true
  return false
}

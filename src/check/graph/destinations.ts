/** Where a location sends its requests, with the values that variables are known to have. */
import { splitUrl } from "../../modules/proxy/proxy-pass.ts"
import type { Location, Model } from "../model.ts"
import type { Node } from "../tree.ts"

/** Directives that hand a request to somebody else. */
export const PASSES = [
  "proxy_pass",
  "grpc_pass",
  "fastcgi_pass",
  "uwsgi_pass",
  "scgi_pass",
  "memcached_pass",
] as const

export interface PassTarget {
  /** The group's name or address; what is written where a variable decides. */
  readonly host: string
  readonly kind: "group" | "address" | "variable"
}

/** One of several, by a variable or an `if`, where `isChoice`. */
export type PassChoice = PassTarget & { readonly isChoice: boolean }

/** More values than that are shown as the variable itself. */
const MAX_CHOICES = 12
const MAX_DEPTH = 4

/** Where the requests of a location go. */
export function passTargets(location: Location, model: Model): PassChoice[] {
  const { node } = location
  const passes = [node, ...node.own("if"), ...node.own("limit_except")].flatMap((block) =>
    PASSES.flatMap((name) => block.own(name)),
  )
  const targets = passes.flatMap((pass) => targetsOf(pass, location, model))
  const unique = [...new Map(targets.map((one) => [one.host, one])).values()]
  return unique.map((one) => ({ ...one, isChoice: unique.length > 1 }))
}

function targetsOf(pass: Node, location: Location, model: Model): PassTarget[] {
  const url = pass.args[0] ?? ""
  if (!hostOf(url).includes("$")) return [targetOf(url, model)]
  const written = hostPart(url)
  const values = valuesOf(written, location, model, 0)
  const known = values.filter((value) => value !== null)
  if (known.length > MAX_CHOICES) return [variable(written)]
  // Empty: the case in which nothing is passed on.
  const targets = known.filter((value) => hostOf(value) !== "").map((value) => targetOf(value, model))
  return known.length < values.length ? [...targets, variable(written)] : targets
}

function variable(text: string): PassTarget {
  return { host: text.replace(/^[a-z]+:\/\//, ""), kind: "variable" }
}

function targetOf(url: string, model: Model): PassTarget {
  const host = hostOf(url)
  if (host.includes("$")) return variable(url)
  return { host, kind: model.upstreams.has(host) ? "group" : "address" }
}

/** "http://backend/x" and "grpc://backend" are for "backend". */
function hostOf(url: string): string {
  const withHttp = url.replace(/^(?:grpcs?|suwsgi|uwsgi):\/\//, "http://")
  return splitUrl(withHttp)?.host ?? splitUrl(`http://${url}`)?.host ?? url
}

/** With its scheme, if it has one: `$backend` may bring its own. */
function hostPart(url: string): string {
  const scheme = /^[a-z]+:\/\//.exec(url)?.[0] ?? ""
  const rest = url.slice(scheme.length)
  const end = rest.search(/[/?]/)
  // "$tenant_pool$request_uri": what comes behind the first variable and is no part of a name is a path.
  const host = (end === -1 ? rest : rest.slice(0, end)).replace(/\$(?:request_uri|uri|document_uri)\b.*$/, "")
  return scheme + host
}

/** The texts that a template can become, as far as its host goes; null among them where it may be anything else. */
function valuesOf(text: string, location: Location, model: Model, depth: number): (string | null)[] {
  const found = /\$(?:\{(\w+)\}|(\w+))/.exec(text)
  if (found === null) return [text]
  // A value that names its own variable would never end.
  if (depth >= MAX_DEPTH) return [null]
  const all = new Set<string | null>()
  for (const value of assigned((found[1] ?? found[2]) as string, location, model)) {
    if (all.size > MAX_CHOICES) break
    if (value === null) {
      all.add(null)
      continue
    }
    const whole = text.slice(0, found.index) + value + text.slice(found.index + found[0].length)
    for (const one of valuesOf(hostPart(whole), location, model, depth + 1)) all.add(one)
  }
  return [...all]
}

/** What a `map`, `geo`, `split_clients` or `set` gives a variable; null for what cannot be seen. */
function assigned(name: string, location: Location, model: Model): (string | null)[] {
  const table = model.maps.get(name) ?? tableOf(name, model)
  if (table !== undefined) {
    const entries = (table.children ?? []).filter(({ args }) => args.length > 0)
    const isWhole = !model.tree.missing.some(({ parent }) => parent === table)
    return [...entries.map(({ args }) => args[0] as string), ...(isWhole ? [] : [null])]
  }
  for (let block: Node | null = location.node; block !== null; block = block.parent) {
    const set = [...block.own("if").flatMap((one) => one.own("set")), ...block.own("set")]
    const values = set.filter(({ args }) => args[0] === `$${name}`).map(({ args }) => args[1] ?? "")
    if (values.length > 0) return values
  }
  return [null]
}

function tableOf(name: string, { http }: Model): Node | undefined {
  const tables = [...(http?.own("split_clients") ?? []), ...(http?.own("geo") ?? [])]
  return tables.find(({ args }) => args.at(-1) === `$${name}`)
}

/** The hosts that a `proxy_pass` with variables may come to, as far as the configuration tells. */
import { hostOf } from "./backends.ts"
import type { Location, Model } from "./model.ts"
import type { Node } from "./tree.ts"

/** Variables that begin with "/" or "?": where they stand the host has ended. */
const AFTER_HOST = new Set(["request_uri", "uri", "document_uri", "is_args"])

const MAX_DEPTH = 4

/** The hosts, in lower case; none for a value that the configuration does not show. */
export function possibleHosts(url: string, location: Location, model: Model): readonly string[] {
  const values = expand(url, location, model, 0)
  return [...new Set(values.flatMap((value) => hostIn(value) ?? []))]
}

/** The host of a URL; undefined where it is a variable, or where it is no URL. "$name.svc.local" is a name for sure. */
function hostIn(url: string): string | undefined {
  const authority = /^https?:\/\/([^/?]*)/i.exec(url)?.[1]
  if (authority === undefined) return undefined
  const host = hostOf(authority)
  return host === "" || (host.includes("$") && !NAME_WITH_VARIABLE.test(host)) ? undefined : host
}

/** No address ends like this. */
const NAME_WITH_VARIABLE = /\$.*\.[a-z][a-z0-9-]*$/

const VARIABLE = /\$(?:\{(\w+)\}|(\w+))/

function expand(text: string, location: Location, model: Model, depth: number): readonly string[] {
  const found = VARIABLE.exec(text)
  if (found === null || depth >= MAX_DEPTH) return [text]
  const before = text.slice(0, found.index)
  const name = (found[1] ?? found[2]) as string
  // Behind the host, or in the port: what follows does not matter.
  if (/^https?:\/\/[^/?]*[/?:]/i.test(before) && !before.includes("[")) return [before]
  if (AFTER_HOST.has(name)) return [`${before}/`]
  const values = valuesOf(name, location, model)
  const after = text.slice(found.index + found[0].length)
  if (values.length === 0) return [text]
  return values.flatMap((value) => expand(before + value + after, location, model, depth + 1))
}

/** What a variable of `set`, `map` or `split_clients` may be; empty where that is not to be seen. */
function valuesOf(name: string, { node }: Location, { maps, http }: Model): readonly string[] {
  for (let scope: Node | null = node; scope !== null; scope = scope.parent) {
    const sets = [...scope.own("set"), ...scope.own("if").flatMap((block) => block.own("set"))]
    const values = sets.filter(({ args }) => args[0] === `$${name}`).map(({ args }) => args[1] ?? "")
    if (values.length > 0) return values
  }
  const split = http?.own("split_clients").find(({ args }) => args[1] === `$${name}`)
  return (maps.get(name)?.children ?? split?.children ?? [])
    .filter(({ name: key, args }) => key !== "hostnames" && key !== "volatile" && args.length === 1)
    .map(({ args }) => args[0] as string)
}

/** Which location serves a path: ngx_http_core_find_location over the model. */
import { compileRegex } from "../runtime/regex.ts"
import type { Location, Server } from "./model.ts"
import type { Node } from "./tree.ts"

export interface LocationMatch {
  /** Null where no location takes the path: the server's own settings do. */
  readonly location: Location | null
  /** nginx answers 301 to the same path with a slash at its end, which only `location` has. */
  readonly addsSlash: boolean
  /** False where a regular expression that could not be read here may have gone first. */
  readonly isSure: boolean
}

/** Contents that make nginx answer `/name` by a redirect to `/name/`. ngx_http_proxy_pass and its like. */
const PASSES = ["proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "grpc_pass"]

/** The locations of one block by kind, ready to be searched. */
class Level {
  readonly exact = new Map<string, Location>()
  readonly prefixes = new Map<string, Location>()
  readonly regexes: { readonly location: Location; readonly regex: RegExp | null }[] = []
  /** Lengths of the prefixes, the longest first. */
  readonly lengths: readonly number[]

  constructor(locations: readonly Location[]) {
    for (const location of locations) this.#add(location)
    const lengths = new Set([...this.prefixes.keys()].map(({ length }) => length))
    this.lengths = [...lengths].sort((a, b) => b - a)
  }

  #add(location: Location): void {
    const { kind, path } = location
    if (kind === "named") return
    if (kind === "regex" || kind === "regex-insensitive") {
      this.regexes.push({ location, regex: readRegex(path, kind === "regex-insensitive") })
      return
    }
    const map = kind === "exact" ? this.exact : this.prefixes
    // nginx refuses the second one ("duplicate location"): the first is what its author sees in force.
    if (!map.has(path)) map.set(path, location)
  }

  /** The location named `path`, whatever is below it. */
  slashed(path: string): Location | undefined {
    const found = [this.exact.get(`${path}/`), this.prefixes.get(`${path}/`)]
    return found.find((one) => one !== undefined && PASSES.some((name) => one.node.own(name).length > 0))
  }

  longestPrefix(path: string): Location | undefined {
    for (const length of this.lengths) {
      const found = length > path.length ? undefined : this.prefixes.get(path.slice(0, length))
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** Answers for one server. Reads its locations once. */
export class LocationMatcher {
  readonly #server: Server
  readonly #levels = new Map<Node, Level>()

  constructor(server: Server) {
    this.#server = server
  }

  /** `path`: without the query, decoded, with `//`, `.` and `..` resolved, as nginx matches it. */
  match(path: string): LocationMatch {
    const search = { isSure: true }
    const found = this.#find(this.#server.node, path, search)
    return { location: found?.location ?? null, addsSlash: found?.addsSlash ?? false, isSure: search.isSure }
  }

  /** Of one block, in the order in which nginx looks: exact ones, prefixes by length, regular expressions, named. */
  inOrder(block: Node): Location[] {
    const all = this.#server.locations.filter(({ node }) => node.parent === block)
    const of = (...kinds: readonly Location["kind"][]): Location[] =>
      all.filter(({ kind }) => kinds.includes(kind))
    const prefixes = of("prefix", "prefix-final").sort((a, b) => b.path.length - a.path.length)
    return [...of("exact"), ...prefixes, ...of("regex", "regex-insensitive"), ...of("named")]
  }

  #level(block: Node): Level {
    let level = this.#levels.get(block)
    if (level === undefined) {
      level = new Level(this.#server.locations.filter(({ node }) => node.parent === block))
      this.#levels.set(block, level)
    }
    return level
  }

  #find(block: Node, path: string, search: { isSure: boolean }): Found | null {
    const level = this.#level(block)
    const exact = level.exact.get(path)
    if (exact !== undefined) return { location: exact, addsSlash: false, isFinal: true }
    const slashed = level.prefixes.has(path) ? undefined : level.slashed(path)
    if (slashed !== undefined) return { location: slashed, addsSlash: true, isFinal: true }
    const prefix = level.longestPrefix(path)
    const nested = prefix === undefined ? null : this.#find(prefix.node, path, search)
    if (nested?.isFinal) return nested
    const found: Found | null =
      nested ?? (prefix === undefined ? null : { location: prefix, addsSlash: false, isFinal: false })
    // The "^~" of the outer one counts here: one of a nested prefix speaks of its own neighbours.
    if (prefix?.kind === "prefix-final") return found
    return this.#findRegex(level, path, search) ?? found
  }

  #findRegex(level: Level, path: string, search: { isSure: boolean }): Found | null {
    for (const { location, regex } of level.regexes) {
      if (regex === null) search.isSure = false
      if (regex?.test(path) !== true) continue
      const nested = this.#find(location.node, path, search)
      return { location: nested?.location ?? location, addsSlash: nested?.addsSlash ?? false, isFinal: true }
    }
    return null
  }
}

interface Found {
  readonly location: Location
  readonly addsSlash: boolean
  /** An exact match, a redirect or a regular expression: nothing further out is asked. */
  readonly isFinal: boolean
}

/** A regular expression of the configuration; null where it is none that can be read here. */
export function readRegex(pattern: string, ignoreCase: boolean): RegExp | null {
  try {
    return compileRegex(pattern, ignoreCase).regex
  } catch {
    return null
  }
}

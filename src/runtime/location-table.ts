/** Which location serves a URI. ngx_http_core_find_location. */
import type { Location } from "./location.ts"
import type { Request } from "./request.ts"

export class LocationTable {
  readonly #exact = new Map<string, Location>()
  readonly #prefixes = new Map<string, Location>()
  readonly #named = new Map<string, Location>()
  readonly #regexes: Location[] = []
  /** The lengths of the prefixes there are, longest first: one map look-up for each, however many locations. */
  readonly #lengths: number[] = []
  #redirects = false

  /** Adds a location; false when one of the same kind and pattern is there already. */
  add(location: Location): boolean {
    if (location.kind === "regex") {
      this.#regexes.push(location)
      return true
    }
    const map =
      location.kind === "exact" ? this.#exact : location.kind === "named" ? this.#named : this.#prefixes
    if (map.has(location.pattern)) return false
    map.set(location.pattern, location)
    const { length } = location.pattern
    if (location.kind === "prefix" && !this.#lengths.includes(length)) {
      this.#lengths.push(length)
      this.#lengths.sort((a, b) => b - a)
    }
    return true
  }

  named(name: string): Location | undefined {
    return this.#named.get(name)
  }

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#prefixes.size === 0 && this.#regexes.length === 0
  }

  *all(): Iterable<Location> {
    yield* this.#exact.values()
    yield* this.#prefixes.values()
    yield* this.#regexes
    yield* this.#named.values()
  }

  /**
   * The location of `request.uri` here or in nested tables; sets the captures of a regular expression.
   * Undefined where none matches.
   */
  find(request: Request): Location | undefined {
    const uri = request.uri
    const exact = this.#exact.get(uri)
    if (exact !== undefined) return exact
    const slashed = this.#redirects ? this.#slashedOf(uri) : undefined
    if (slashed !== undefined) {
      request.needsSlash = true
      return slashed
    }
    const prefix = this.#longestPrefix(uri)
    let found = prefix
    if (prefix !== undefined && !prefix.nested.isEmpty) found = prefix.nested.find(request) ?? prefix
    // A nested exact, redirecting or regular expression match ends the search (NGX_OK, NGX_DONE).
    if (found !== undefined && found !== prefix && (found.kind !== "prefix" || request.needsSlash))
      return found
    if (prefix?.isNoRegex === true) return found
    for (const location of this.#regexes) {
      if (!request.match(location.regex as NonNullable<Location["regex"]>, uri)) continue
      if (location.nested.isEmpty) return location
      return location.nested.find(request) ?? location
    }
    return found
  }

  /** Call when all locations are built: some may answer their name without the slash by a redirect. */
  close(): void {
    for (const location of this.#prefixes.values()) this.#redirects ||= location.redirectsToSlash
    for (const location of this.#exact.values()) this.#redirects ||= location.redirectsToSlash
  }

  /** The location that `uri` lacks but the slash for, and that redirects to it; not where `uri` has one of its own. */
  #slashedOf(uri: string): Location | undefined {
    const slashed = `${uri}/`
    const exact = this.#exact.get(slashed)
    const prefix = this.#prefixes.get(slashed)
    if (exact?.redirectsToSlash !== true && prefix?.redirectsToSlash !== true) return undefined
    return this.#prefixes.has(uri) ? undefined : (exact ?? prefix)
  }

  #longestPrefix(uri: string): Location | undefined {
    for (const length of this.#lengths) {
      if (length > uri.length) continue
      const found = this.#prefixes.get(uri.slice(0, length))
      if (found !== undefined) return found
    }
    return undefined
  }
}

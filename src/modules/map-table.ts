/** The table of one `map`: texts, wildcards, regular expressions. ngx_hash_add_key, ngx_hash_find_combined, ngx_http_map_find. */
import { asciiLowerCase } from "../http/octets.ts"
import type { CompiledRegex } from "../runtime/regex.ts"
import type { Request } from "../runtime/request.ts"
import type { Template } from "../runtime/template.ts"

/** A regular expression and the value that it stands for. */
export interface RegexEntry {
  readonly regex: CompiledRegex
  readonly value: Template
}

/** The key is there already. */
export const CONFLICT = "conflict"
/** The key is no host name, or has a wildcard at the wrong place. */
export const INVALID = "invalid"

export class MapTable {
  /** Keys are in lower case: text is compared in any case. */
  readonly #exact = new Map<string, Template>()
  /** By what follows the `*.`, null before the first one. */
  #leading: Map<string, Template> | null = null
  /** By what stands before the `.*`, null before the first one. */
  #trailing: Map<string, Template> | null = null
  readonly regexes: RegexEntry[] = []

  /** Adds a text, which with `hasWildcards` may be `*.example.com`, `.example.com` or `example.*`. */
  add(key: string, value: Template, hasWildcards: boolean): typeof CONFLICT | typeof INVALID | undefined {
    const name = asciiLowerCase(key)
    if (!hasWildcards) return addTo(this.#exact, name, value)
    const stars = name.split("*").length - 1
    if (stars > 1 || name.includes("..") || name.includes("\0")) return INVALID
    if (name.length > 1 && name.startsWith(".")) return this.#addDotted(name.slice(1), value)
    if (name.length > 2 && name.startsWith("*.")) {
      this.#leading ??= new Map()
      return addTo(this.#leading, name.slice(2), value)
    }
    if (name.length > 2 && name.endsWith(".*")) {
      this.#trailing ??= new Map()
      return addTo(this.#trailing, name.slice(0, -2), value)
    }
    return stars > 0 ? INVALID : addTo(this.#exact, name, value)
  }

  /** `.example.com`: the name itself and all below it. */
  #addDotted(name: string, value: Template): typeof CONFLICT | undefined {
    this.#leading ??= new Map()
    if (this.#exact.has(name) || this.#leading.has(name)) return CONFLICT
    this.#exact.set(name, value)
    this.#leading.set(name, value)
    return undefined
  }

  /** The value of `text` among texts and wildcards. */
  find(text: string): Template | undefined {
    const name = asciiLowerCase(text)
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact
    if (this.#leading !== null) {
      // The longest one first.
      for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
        const found = this.#leading.get(name.slice(dot + 1))
        if (found !== undefined) return found
      }
    }
    if (this.#trailing !== null) {
      for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
        const found = this.#trailing.get(name.slice(0, dot))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  /** The first regular expression that matches; its captures are the request's then. */
  findRegex(text: string, request: Request): Template | undefined {
    // nginx asks them of no empty text.
    if (text === "") return undefined
    const { regexes } = this
    for (let i = 0; i < regexes.length; i++) {
      const { regex, value } = regexes[i] as RegexEntry
      if (request.match(regex, text)) return value
    }
    return undefined
  }
}

function addTo(map: Map<string, Template>, key: string, value: Template): typeof CONFLICT | undefined {
  if (map.has(key)) return CONFLICT
  map.set(key, value)
  return undefined
}

/** A path that a location is for: its own, or one that its regular expression takes. */
import { readRegex } from "./location-match.ts"
import type { Location } from "./model.ts"

/** Undefined where none can be told: a named location, an expression that is too clever. */
export function samplePath({ kind, path }: Location): string | undefined {
  if (kind === "named") return undefined
  if (kind !== "regex" && kind !== "regex-insensitive") return path.startsWith("/") ? path : undefined
  const regex = readRegex(path, kind === "regex-insensitive")
  if (regex === null) return undefined
  const text = new Sampler(path.replace(/^\(\?[a-z]+\)/, "")).read()
  if (text === undefined) return undefined
  // "\.js$" and "ws" need not begin where the path does.
  return [text, `/${text}`, `/x${text}`].find((one) => one.startsWith("/") && regex.test(one))
}

/** Something that no file or route is likely to be called, and what sockets are called. */
const BELOW = ["holdfast-0~", "ws", "socket.io/", "websocket"]

/** Its own path and, for a prefix, some below it: what happens to all of them happens to whatever it serves. */
export function samplePaths(location: Location): string[] {
  const path = samplePath(location)
  if (path === undefined) return []
  if (location.kind !== "prefix" && location.kind !== "prefix-final") return [path]
  return [path, ...BELOW.map((name) => path.replace(/\/?$/, `/${name}`))]
}

const MAX_LENGTH = 1024
const SPECIAL = "[(.^$|)\\"

/** Writes the shortest text that an expression of literals, groups, classes and quantifiers takes. */
class Sampler {
  readonly #pattern: string
  #at = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  /** Undefined where the expression has more than that. The caller tries what comes out. */
  read(): string | undefined {
    const text = this.#alternatives()
    return this.#at < this.#pattern.length ? undefined : text
  }

  /** The first of several. */
  #alternatives(): string | undefined {
    const first = this.#sequence()
    while (this.#pattern[this.#at] === "|") {
      this.#at++
      if (this.#sequence() === undefined) return undefined
    }
    return first
  }

  #sequence(): string | undefined {
    let text = ""
    while (this.#at < this.#pattern.length && !"|)".includes(this.#pattern[this.#at] as string)) {
      const atom = this.#atom()
      if (atom === undefined) return undefined
      text += this.#quantified(atom)
    }
    return text
  }

  #atom(): string | undefined {
    const char = this.#pattern[this.#at++] as string
    if (!SPECIAL.includes(char)) return char
    if (char === "^" || char === "$") return ""
    if (char === ".") return "x"
    if (char === "\\") return sampleOfEscape(this.#pattern[this.#at++] ?? "")
    if (char === "(") return this.#group()
    return this.#characterClass()
  }

  #group(): string | undefined {
    const opening = /^\?(?::|P?<[A-Za-z_]\w*>)/.exec(this.#pattern.slice(this.#at))
    if (opening !== null) this.#at += opening[0].length
    // Look-ahead and the like.
    else if (this.#pattern[this.#at] === "?") return undefined
    const text = this.#alternatives()
    if (this.#pattern[this.#at] !== ")") return undefined
    this.#at++
    return text
  }

  #characterClass(): string | undefined {
    const found = /^(\^?)((?:\]?)(?:\\.|[^\]\\])*)\]/.exec(this.#pattern.slice(this.#at))
    if (found === null) return undefined
    this.#at += found[0].length
    if (found[1] === "^") return "x"
    const first = found[2] as string
    return first.startsWith("\\") ? sampleOfEscape(first[1] ?? "") : first[0]
  }

  #quantified(atom: string): string {
    const found = /^(?:[*?]|\+|\{(\d*)(?:,\d*)?\})[?+]?/.exec(this.#pattern.slice(this.#at))
    if (found === null) return atom
    this.#at += found[0].length
    if (found[0].startsWith("+")) return atom
    const times = Number(found[1] ?? 0)
    // Too long for a path; the caller sees that it does not match.
    return atom.length * times > MAX_LENGTH ? "" : atom.repeat(times)
  }
}

function sampleOfEscape(letter: string): string | undefined {
  if (letter === "d") return "0"
  if (letter === "w" || letter === "S" || letter === "D") return "x"
  if (letter === "b" || letter === "A" || letter === "z" || letter === "Z") return ""
  return /[A-Za-z0-9]/.test(letter) || letter === "" ? undefined : letter
}

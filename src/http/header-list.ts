import { WELL_KNOWN_KEYS } from "./header-names.ts"
import { asciiLowerCase } from "./octets.ts"

/**
 * Header fields in order of arrival, duplicates kept (RFC 9110 §5.3): three arrays of one length, in step.
 * Values are octets as latin1, without the white space around them.
 */
export class HeaderList {
  /** As they came. */
  readonly names: string[]
  /** In lower case. */
  readonly keys: string[]
  readonly values: string[]

  /** `count`: how many places there are from the start, which `put` fills; `truncate` takes the rest away. */
  constructor(count: number = 0) {
    this.names = new Array<string>(count)
    this.keys = new Array<string>(count)
    this.values = new Array<string>(count)
  }

  get length(): number {
    return this.names.length
  }

  add(name: string, value: string): void {
    this.push(name, headerKey(name), value)
  }

  /** `add` for a caller that knows the lower-case `key` of `name`. */
  push(name: string, key: string, value: string): void {
    this.names.push(name)
    this.keys.push(key)
    this.values.push(value)
  }

  /** Fills place `at`; `key` is the lower-case form of `name`. */
  put(at: number, name: string, key: string, value: string): void {
    this.names[at] = name
    this.keys[at] = key
    this.values[at] = value
  }

  truncate(count: number): void {
    this.names.length = count
    this.keys.length = count
    this.values.length = count
  }

  /** The first value of `key` (lower case). */
  get(key: string): string | undefined {
    const keys = this.keys
    for (let i = 0; i < keys.length; i++) if (keys[i] === key) return this.values[i]
    return undefined
  }

  /** All values of `key` (lower case) as one, as nginx joins them: `Cookie` with "; ", others with ", ". */
  getJoined(key: string, separator: string = key === "cookie" ? "; " : ", "): string | undefined {
    const keys = this.keys
    let joined: string | undefined
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] !== key) continue
      joined = joined === undefined ? this.values[i] : joined + separator + this.values[i]
    }
    return joined
  }

  has(key: string): boolean {
    return this.keys.includes(key)
  }

  /** Removes every field named `key` (lower case); whether there was one. */
  remove(key: string): boolean {
    const { names, keys, values } = this
    let kept = keys.indexOf(key)
    if (kept < 0) return false
    for (let i = kept + 1; i < keys.length; i++) {
      if (keys[i] === key) continue
      names[kept] = names[i]
      keys[kept] = keys[i]
      values[kept] = values[i]
      kept++
    }
    this.truncate(kept)
    return true
  }

  /** Puts `value` in the place of the first field of that name and removes the others; adds it where none is. */
  set(name: string, value: string): void {
    const key = headerKey(name)
    const first = this.keys.indexOf(key)
    if (first < 0) {
      this.push(name, key, value)
      return
    }
    if (this.keys.indexOf(key, first + 1) >= 0) {
      this.remove(key)
      this.names.splice(first, 0, name)
      this.keys.splice(first, 0, key)
      this.values.splice(first, 0, value)
      return
    }
    this.names[first] = name
    this.values[first] = value
  }
}

/** The lower-case form that `HeaderList` looks a name up by. */
export function headerKey(name: string): string {
  return WELL_KNOWN_KEYS.get(name) ?? asciiLowerCase(name)
}

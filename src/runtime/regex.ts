/**
 * Regular expressions of the configuration. nginx compiles them with PCRE over bytes; here the text is latin1,
 * so JavaScript's own engine sees the same bytes. What JavaScript writes differently is translated; what it
 * has not is refused.
 */

export interface CompiledRegex {
  readonly source: string
  readonly regex: RegExp
  /** Names of named groups, in order. */
  readonly names: readonly string[]
}

/** Compiles `pattern`. Throws an Error with the engine's reason. */
export function compileRegex(pattern: string, ignoreCase: boolean): CompiledRegex {
  let flags = ignoreCase ? "i" : ""
  let body = pattern
  const inline = /^\(\?([imsx]+)\)/.exec(body)
  if (inline !== null) {
    if (inline[1]?.includes("x")) throw new Error("the extended syntax (?x) is not supported")
    body = body.slice(inline[0].length)
    for (const letter of inline[1] as string) if (!flags.includes(letter)) flags += letter
  }
  const translated = translate(body)
  const regex = new RegExp(translated, flags)
  const names = [...translated.matchAll(/\(\?<([A-Za-z_]\w*)>/g)].map((found) => found[1] as string)
  return { source: pattern, regex, names }
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alpha: "A-Za-z",
  digit: "0-9",
  alnum: "A-Za-z0-9",
  upper: "A-Z",
  lower: "a-z",
  space: "\\s",
  xdigit: "0-9A-Fa-f",
  word: "\\w",
  punct: "!-\\/:-@\\[-`{-~",
}

/** PCRE's spellings to JavaScript's: `(?P<n>`, `(?'n'`, `(?P=n)`, `\A`, `\z`, `\Z`, `\h`, POSIX classes. */
function translate(pattern: string): string {
  let out = ""
  let inClass = false
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] as string
    if (char === "\\") {
      out += translateEscape(pattern[i + 1] ?? "", inClass)
      i++
    } else if (inClass) {
      const posix = char === "[" ? /^\[:(\w+):\]/.exec(pattern.slice(i)) : null
      if (posix !== null) {
        const members = POSIX_CLASSES[posix[1] as string]
        if (members === undefined) throw new Error(`unknown POSIX class name [:${posix[1]}:]`)
        out += members
        i += posix[0].length - 1
      } else {
        if (char === "]") inClass = false
        out += char === "[" ? "\\[" : char
      }
    } else if (char === "[") {
      inClass = true
      out += char
      if (pattern[i + 1] === "^") out += pattern[++i]
      if (pattern[i + 1] === "]") {
        out += "\\]"
        i++
      }
    } else if (char === "(" && pattern[i + 1] === "?") {
      const [text, length] = translateGroup(pattern.slice(i))
      out += text
      i += length - 1
    } else if ((char === "+" || char === "?") && isPossessive(pattern, i)) {
      throw new Error("possessive quantifiers are not supported")
    } else out += char
  }
  return out
}

function isPossessive(pattern: string, i: number): boolean {
  if (pattern[i] !== "+" || i < 2) return false
  const before = pattern[i - 1]
  return (before === "*" || before === "+" || before === "?" || before === "}") && pattern[i - 2] !== "\\"
}

function translateEscape(next: string, inClass: boolean): string {
  if (next === "") throw new Error("\\ at end of pattern")
  if (next === "h") return inClass ? " \\t" : "[ \\t]"
  if (!inClass && next === "A") return "^"
  if (!inClass && (next === "z" || next === "Z")) return "$"
  if (next === "e") return "\\x1b"
  return `\\${next}`
}

function translateGroup(text: string): readonly [string, number] {
  const named = /^\(\?(?:P<|'|<)([A-Za-z_]\w*)[>']/.exec(text)
  if (named !== null) return [`(?<${named[1]}>`, named[0].length]
  const backReference = /^\(\?P=([A-Za-z_]\w*)\)/.exec(text)
  if (backReference !== null) return [`\\k<${backReference[1]}>`, backReference[0].length]
  const comment = /^\(\?#[^)]*\)/.exec(text)
  if (comment !== null) return ["", comment[0].length]
  if (/^\(\?[>|R&]/.test(text)) throw new Error("atomic groups and recursion are not supported")
  return ["(?", 2]
}

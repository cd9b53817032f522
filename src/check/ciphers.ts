/** Which broken ciphers an OpenSSL cipher list asks for. ciphers(1). */

interface Family {
  readonly name: string
  /** Words of a list that ask for it, and names of ciphers that are of it. */
  readonly asks: RegExp
  /** Words that, behind a "!" or "-", take all of it away. */
  readonly removers: readonly string[]
  /** Whether "ALL" brings it. "COMPLEMENTOFALL" is eNULL. */
  readonly isInAll: boolean
}

const FAMILIES: readonly Family[] = [
  { name: "RC4", asks: /^RC4$|(?:^|[-_])RC4[-_]/, removers: ["RC4"], isInAll: true },
  { name: "3DES", asks: /^3DES$|(?:^|-)DES-CBC3-|_3DES_/, removers: ["3DES"], isInAll: true },
  { name: "DES", asks: /^DES$|^LOW$|(?:^|-)DES-CBC-|_DES_/, removers: ["DES", "LOW"], isInAll: true },
  {
    name: "NULL (no encryption)",
    asks: /^e?NULL$|^COMPLEMENTOFALL$|(?:^|-)NULL-|_NULL_/,
    removers: ["NULL", "eNULL"],
    isInAll: false,
  },
  {
    name: "export ciphers",
    asks: /^EXP(?:ORT(?:40|56)?)?$|^EXP-|_EXPORT_/,
    removers: ["EXP", "EXPORT"],
    isInAll: true,
  },
  {
    name: "aNULL (no certificate)",
    asks: /^aNULL$|^ADH(?:$|-)|^AECDH(?:$|-)|_anon_/,
    removers: ["aNULL"],
    isInAll: true,
  },
  { name: "MD5", asks: /^MD5$|[-_]MD5$/, removers: ["MD5"], isInAll: true },
]

/** The families of broken ciphers that `list` lets in, in the words of the list. */
export function weakCiphersOf(list: string): readonly string[] {
  const words = list.split(/[:, ;]+/).filter((word) => word !== "")
  return FAMILIES.filter((family) => letsIn(words, family)).map(({ name }) => name)
}

function letsIn(words: readonly string[], family: Family): boolean {
  // "!" is for good, wherever it stands; "-" takes away what came before it.
  if (words.some((word) => word.startsWith("!") && family.removers.includes(word.slice(1)))) return false
  const banned = new Set(words.filter((word) => word.startsWith("!")).map((word) => word.slice(1)))
  let isIn = false
  for (const word of words) {
    if (word.startsWith("-")) {
      if (family.removers.includes(word.slice(1))) isIn = false
    } else if (!/^[!+@]/.test(word) && !banned.has(word) && asksFor(word, family, banned)) isIn = true
  }
  return isIn
}

/** "kRSA+RC4" is what is both. */
function asksFor(word: string, { asks, isInAll }: Family, banned: ReadonlySet<string>): boolean {
  const parts = word.split("+")
  if (parts.some((part) => banned.has(part))) return false
  return parts.some((part) => asks.test(part)) || (word === "ALL" && isInAll)
}

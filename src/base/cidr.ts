/** Addresses and networks of IPv4 and IPv6 as numbers, so that matching is a few integer operations. */

const COLON = 58
const DOT = 46
const PERCENT = 37

/**
 * An address as four 32-bit words, the first one most significant; IPv4 has only the last.
 * The words are signed, as JavaScript's bit operations make them.
 */
export class IpAddress {
  readonly family: 4 | 6
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number

  constructor(family: 4 | 6, word0: number, word1: number, word2: number, word3: number) {
    this.family = family
    this.word0 = word0 | 0
    this.word1 = word1 | 0
    this.word2 = word2 | 0
    this.word3 = word3 | 0
  }

  /** Whether this is an IPv4 address in IPv6 form, `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2). */
  get isIpv4Mapped(): boolean {
    return this.family === 6 && this.word0 === 0 && this.word1 === 0 && this.word2 === 0xffff
  }

  /** The IPv4 address of a mapped one; any other as it is. */
  unmapped(): IpAddress {
    return this.isIpv4Mapped ? new IpAddress(4, 0, 0, 0, this.word3) : this
  }

  /** The octets in network order as latin1: 4 of IPv4, 16 of IPv6. */
  toOctets(): string {
    const last = wordOctets(this.word3)
    if (this.family === 4) return last
    return wordOctets(this.word0) + wordOctets(this.word1) + wordOctets(this.word2) + last
  }
}

/** All addresses that share a prefix. */
export class Network {
  readonly base: IpAddress
  readonly prefixBits: number
  readonly #mask0: number
  readonly #mask1: number
  readonly #mask2: number
  readonly #mask3: number

  /** `prefixBits`: 0 to 32 or 128. Bits of `base` below the prefix are left out of account. */
  constructor(base: IpAddress, prefixBits: number) {
    const bits = base.family === 4 ? prefixBits + 96 : prefixBits
    this.#mask0 = base.family === 4 ? -1 : wordMask(bits)
    this.#mask1 = base.family === 4 ? -1 : wordMask(bits - 32)
    this.#mask2 = base.family === 4 ? -1 : wordMask(bits - 64)
    this.#mask3 = wordMask(bits - 96)
    this.prefixBits = prefixBits
    this.base = new IpAddress(
      base.family,
      base.word0 & this.#mask0,
      base.word1 & this.#mask1,
      base.word2 & this.#mask2,
      base.word3 & this.#mask3,
    )
  }

  /** An address of the other family is in no network of this one, mapped or not. */
  contains(address: IpAddress): boolean {
    const base = this.base
    return (
      address.family === base.family &&
      ((address.word3 ^ base.word3) & this.#mask3) === 0 &&
      ((address.word0 ^ base.word0) & this.#mask0) === 0 &&
      ((address.word1 ^ base.word1) & this.#mask1) === 0 &&
      ((address.word2 ^ base.word2) & this.#mask2) === 0
    )
  }
}

/** Reads `192.0.2.1` or `2001:db8::1`, with or without a zone (`%eth0`); undefined for anything else. */
export function parseIpAddress(text: string): IpAddress | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === COLON) return parseIpv6(text)
    if (code === DOT) break
  }
  const word = parseIpv4Word(text, 0, text.length)
  return word === -1 ? undefined : new IpAddress(4, 0, 0, 0, word)
}

/**
 * Reads an address or a network in CIDR form (RFC 4632, RFC 4291 §2.3); undefined for anything else.
 * `hasLowBits`: the address has bits below the prefix, which mean nothing. ngx_ptocidr.
 */
export function parseNetwork(text: string): { network: Network; hasLowBits: boolean } | undefined {
  const slash = text.indexOf("/")
  const address = parseIpAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === undefined || text.includes("%")) return undefined
  const maxBits = address.family === 4 ? 32 : 128
  const bits = slash === -1 ? maxBits : parsePrefixBits(text, slash + 1)
  if (bits === -1 || bits > maxBits) return undefined
  const network = new Network(address, bits)
  const { word0, word1, word2, word3 } = network.base
  const isSame =
    word0 === address.word0 && word1 === address.word1 && word2 === address.word2 && word3 === address.word3
  return { network, hasLowBits: !isSame }
}

/** The mask of a word whose first `bits` bits count; below 0 none, above 32 all. */
function wordMask(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? -1 : -1 << (32 - bits)
}

function wordOctets(word: number): string {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255)
}

function parsePrefixBits(text: string, start: number): number {
  if (start >= text.length || text.length - start > 3) return -1
  let bits = 0
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    bits = bits * 10 + digit
  }
  return bits
}

/** Four decimal octets as one unsigned number; -1 for anything else. */
function parseIpv4Word(text: string, start: number, end: number): number {
  let word = 0
  let octet = -1
  let dots = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (octet === -1 || ++dots > 3) return -1
      word = word * 256 + octet
      octet = -1
      continue
    }
    const digit = code - 48
    if (digit < 0 || digit > 9) return -1
    octet = octet === -1 ? digit : octet * 10 + digit
    if (octet > 255) return -1
  }
  return dots === 3 && octet !== -1 ? word * 256 + octet : -1
}

/** Groups of hexadecimal digits, `::` once for zeros, perhaps IPv4 at the end (RFC 4291 §2.2). */
function parseIpv6(text: string): IpAddress | undefined {
  const groups: number[] = []
  let gapAt = -1
  let at = 0
  let end = text.length
  for (let i = 0; i < end; i++) if (text.charCodeAt(i) === PERCENT) end = i
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gapAt = 0
    at = 2
  }
  while (at < end) {
    let group = 0
    let stop = at
    for (; stop < end; stop++) {
      const digit = hexValue(text.charCodeAt(stop))
      if (digit === -1) break
      group = group * 16 + digit
    }
    if (stop < end && text.charCodeAt(stop) === DOT) {
      const word = parseIpv4Word(text, at, end)
      if (word === -1) return undefined
      groups.push(word >>> 16, word & 0xffff)
      at = end
      break
    }
    if (stop === at || stop - at > 4) return undefined
    groups.push(group)
    at = stop
    if (at === end) break
    if (text.charCodeAt(at) !== COLON) return undefined
    at++
    if (at === end) return undefined
    if (text.charCodeAt(at) === COLON) {
      if (gapAt !== -1) return undefined
      gapAt = groups.length
      at++
    }
  }
  return fromGroups(groups, gapAt)
}

function fromGroups(groups: number[], gapAt: number): IpAddress | undefined {
  if (gapAt === -1 ? groups.length !== 8 : groups.length > 7) return undefined
  if (gapAt !== -1) groups.splice(gapAt, 0, ...new Array<number>(8 - groups.length).fill(0))
  const [a, b, c, d, e, f, g, h] = groups
  return new IpAddress(6, (a << 16) | b, (c << 16) | d, (e << 16) | f, (g << 16) | h)
}

function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

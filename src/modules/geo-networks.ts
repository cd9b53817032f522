/** The networks of one `geo`, and the longest one that an address is in. ngx_radix_tree.c. */
import { IpAddress, type Network } from "../base/cidr.ts"

/** Words of one node: the node for a bit of 0, for a bit of 1 (0 where there is none), and the value. */
const NODE_WORDS = 3
const VALUE = 2
const NO_VALUE = -1
const FIRST_NODES = 64

/** A binary tree over the bits of addresses of one family, in one array: large tables stay small and fast. */
class PrefixTree {
  #words = new Int32Array(FIRST_NODES * NODE_WORDS)
  #used = NODE_WORDS

  constructor() {
    this.#words[VALUE] = NO_VALUE
  }

  /** The value at exactly this prefix; NO_VALUE where there is none. */
  get(address: IpAddress, bits: number): number {
    let node = 0
    for (let i = 0; i < bits; i++) {
      node = this.#words[node + bitOf(address, i)]
      if (node === 0) return NO_VALUE
    }
    return this.#words[node + VALUE]
  }

  set(address: IpAddress, bits: number, value: number): void {
    let node = 0
    for (let i = 0; i < bits; i++) {
      const side = node + bitOf(address, i)
      if (this.#words[side] === 0) {
        const made = this.#make()
        this.#words[side] = made
      }
      node = this.#words[side]
    }
    this.#words[node + VALUE] = value
  }

  /** The value of the longest prefix of `address`. */
  find(address: IpAddress, bits: number): number {
    const words = this.#words
    let found = words[VALUE]
    let node = 0
    for (let i = 0; i < bits; i++) {
      node = words[node + bitOf(address, i)]
      if (node === 0) return found
      const value = words[node + VALUE]
      if (value !== NO_VALUE) found = value
    }
    return found
  }

  #make(): number {
    if (this.#used === this.#words.length) {
      const larger = new Int32Array(this.#words.length * 2)
      larger.set(this.#words)
      this.#words = larger
    }
    const node = this.#used
    this.#used += NODE_WORDS
    this.#words[node + VALUE] = NO_VALUE
    return node
  }
}

/** Bit `at` of an address, the most significant first. */
function bitOf(address: IpAddress, at: number): number {
  if (address.family === 4) return (address.word3 >>> (31 - at)) & 1
  const word = at < 32 ? address.word0 : at < 64 ? address.word1 : at < 96 ? address.word2 : address.word3
  return (word >>> (31 - (at & 31))) & 1
}

/** What nginx looks up for a unix socket, and for a text that is no address: 255.255.255.255. */
const NO_ADDRESS = new IpAddress(4, 0, 0, 0, -1)

export class GeoNetworks {
  readonly #ipv4 = new PrefixTree()
  readonly #ipv6 = new PrefixTree()
  readonly #values: string[] = []
  readonly #numbers = new Map<string, number>()

  /** Returns what was found for the network's first address before, where the network itself is there already. */
  add({ base, prefixBits }: Network, value: string): string | undefined {
    const tree = this.#treeOf(base)
    const isKnown = tree.get(base, prefixBits) !== NO_VALUE
    const old = isKnown ? this.find(base) : undefined
    tree.set(base, prefixBits, this.#numberOf(value))
    return old
  }

  /** False where there is no such network. */
  delete({ base, prefixBits }: Network): boolean {
    const tree = this.#treeOf(base)
    if (tree.get(base, prefixBits) === NO_VALUE) return false
    tree.set(base, prefixBits, NO_VALUE)
    return true
  }

  /** The value of the longest network; "" where none is. An IPv4 address in IPv6 form is looked up as IPv4. */
  find(address: IpAddress | undefined): string {
    const plain = address === undefined ? NO_ADDRESS : address.isIpv4Mapped ? address.unmapped() : address
    const found = this.#treeOf(plain).find(plain, plain.family === 4 ? 32 : 128)
    return found === NO_VALUE ? "" : this.#values[found]
  }

  #treeOf(address: IpAddress): PrefixTree {
    return address.family === 4 ? this.#ipv4 : this.#ipv6
  }

  #numberOf(value: string): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    const number = this.#values.push(value) - 1
    this.#numbers.set(value, number)
    return number
  }
}

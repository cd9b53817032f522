import type { Balancer, BalancerInput, PeerSet } from "../balancer.ts"
import { MAX_MISSES, NOT_HASHED } from "../balancer.ts"
import type { Peer } from "../peer.ts"
import { choose, type PeerList } from "./peer-list.ts"
import { RoundRobin } from "./round-robin.ts"

const FIRST_HASH = 89
const FACTOR = 113
const MODULUS = 6271

const DOT = 0x2e
const COLON = 0x3a

/**
 * A client stays with one peer, found by hashing its address: ngx_http_upstream_ip_hash_module. The first three
 * octets of IPv4, all sixteen bytes of IPv6; clients on a Unix-domain socket are all one. A peer that cannot be
 * taken makes the hash go round again, so that the other clients keep theirs; after 20 such rounds the choice is
 * round-robin's.
 */
export class IpHash implements Balancer {
  private readonly list: PeerList
  private readonly fallback: RoundRobin
  /** The bytes that are hashed, of one address at a time. */
  private readonly bytes: Uint8Array

  constructor(primaries: PeerList, backups: PeerList) {
    this.list = primaries
    this.fallback = new RoundRobin(primaries, backups)
    this.bytes = new Uint8Array(16)
  }

  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    const { list } = this
    if (list.peers.length < 2 || tried.misses > MAX_MISSES) return this.fallback.pick(input, tried)
    const bound = list.bound(input, tried)
    if (bound !== undefined) return choose(bound, input, tried)
    const length = readHashedBytes(input.clientAddress, this.bytes)
    let hash = tried.hash === NOT_HASHED ? FIRST_HASH : tried.hash
    for (;;) {
      for (let i = 0; i < length; i++) hash = (hash * FACTOR + this.bytes[i]) % MODULUS
      const peer = list.at(hash % list.totalWeight)
      if (!tried.has(peer) && peer.isAvailable(input.nowMs)) {
        tried.hash = hash
        return choose(peer, input, tried)
      }
      if (++tried.misses > MAX_MISSES) return this.fallback.pick(input, tried)
    }
  }
}

/**
 * Writes the bytes of `address` that ip_hash looks at into `out` (at least 16 bytes) and returns how many: 3 for
 * IPv4, 16 for IPv6, and 3 zeros for what is neither. A zone id (`%eth0`) does not count.
 */
export function readHashedBytes(address: string, out: Uint8Array): number {
  if (address.startsWith("unix:")) return noAddress(out)
  if (address.includes(":")) return readIpv6(address, out)
  return readOctets(address, 0, address.length, 3, out, 0) === 3 ? 3 : noAddress(out)
}

function noAddress(out: Uint8Array): number {
  out[0] = 0
  out[1] = 0
  out[2] = 0
  return 3
}

/** Reads up to `count` dotted decimal numbers of `text` from `start` to `end`; returns how many there were. */
function readOctets(
  text: string,
  start: number,
  end: number,
  count: number,
  out: Uint8Array,
  at: number,
): number {
  let read = 0
  let value = 0
  let digits = 0
  for (let i = start; i <= end && read < count; i++) {
    const c = i === end ? DOT : text.charCodeAt(i)
    if (c === DOT) {
      if (digits === 0) return read
      out[at + read++] = value
      value = 0
      digits = 0
    } else if (c >= 0x30 && c <= 0x39) {
      value = value * 10 + c - 0x30
      digits++
    } else {
      return read
    }
  }
  return read
}

function readIpv6(text: string, out: Uint8Array): number {
  let at = 0
  let gap = -1
  let group = 0
  let digits = 0
  let groupStart = 0
  let end = text.indexOf("%")
  if (end === -1) end = text.length
  for (let i = 0; i <= end && at < 16; i++) {
    const c = i === end ? COLON : text.charCodeAt(i)
    if (c === COLON) {
      if (digits !== 0) {
        out[at++] = group >> 8
        out[at++] = group & 0xff
      } else if (i !== 0 && i !== end && gap === -1) {
        gap = at
      }
      group = 0
      digits = 0
      groupStart = i + 1
    } else if (c === DOT) {
      at += readOctets(text, groupStart, end, 4, out, at)
      break
    } else {
      group = (group << 4) | hexValue(c)
      digits++
    }
  }
  if (at < 16) {
    // The gap of "::" moves what came after it to the end.
    const from = gap === -1 ? at : gap
    out.copyWithin(16 - (at - from), from, at)
    out.fill(0, from, 16 - (at - from))
  }
  return 16
}

/** The value of a hexadecimal digit; an address comes from the system or from a checked header. */
function hexValue(c: number): number {
  return c <= 0x39 ? c & 0x0f : (c & 0x0f) + 9
}

/** Addresses as text, as nginx writes them. ngx_sock_ntop, ngx_inet6_ntop. */
import type { IpAddress } from "./cidr.ts"

const GROUPS = 8
/** `::ffff:` and what is like it: the last four octets stand in decimal. */
const GROUPS_BEFORE_IPV4 = 6

/** `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`: lower case, the first longest run of zeros left out. */
export function formatIpAddress(address: IpAddress): string {
  if (address.family === 4) return formatIpv4(address.word3)
  const { word0, word1, word2, word3 } = address
  const groups: number[] = []
  for (const word of [word0, word1, word2, word3]) groups.push(word >>> 16, word & 0xffff)
  const [start, length] = longestZeros(groups)
  const endsDecimal = start === 0 && hasIpv4Tail(length, groups)
  const count = endsDecimal ? GROUPS_BEFORE_IPV4 : GROUPS
  let text = start === 0 ? ":" : ""
  for (let i = 0; i < count; i++) {
    if (i === start) {
      text += ":"
      i += length - 1
      continue
    }
    text += (groups[i] as number).toString(16)
    if (i < GROUPS - 1) text += ":"
  }
  return endsDecimal ? text + formatIpv4(word3) : text
}

function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** Where the first longest run of at least two zero groups is: start and length; -1 for none. */
function longestZeros(groups: readonly number[]): readonly [start: number, length: number] {
  let start = -1
  let longest = 1
  for (let i = 0; i < GROUPS; ) {
    let end = i
    while (end < GROUPS && groups[end] === 0) end++
    if (end - i > longest) {
      start = i
      longest = end - i
    }
    i = end + 1
  }
  return [start, longest]
}

/** After `zeros` leading zero groups: mapped and compatible addresses; not `::1` and its like. */
function hasIpv4Tail(zeros: number, groups: readonly number[]): boolean {
  if (zeros === 5) return groups[5] === 0xffff
  if (zeros === 6) return true
  const last = groups[7] as number
  return zeros === 7 && last >>> 8 !== 0 && (last & 255) !== 1
}

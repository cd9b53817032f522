/** MurmurHash2 of 32 bits with the seed 0, as ngx_murmur_hash2 computes it. */

const MULTIPLIER = 0x5bd1e995

/** The hash of bytes as latin1 text; an unsigned number. */
export function murmurHash2(bytes: string): number {
  const { length } = bytes
  let hash = length
  let at = 0
  for (; length - at >= 4; at += 4) {
    let word =
      bytes.charCodeAt(at) |
      (bytes.charCodeAt(at + 1) << 8) |
      (bytes.charCodeAt(at + 2) << 16) |
      (bytes.charCodeAt(at + 3) << 24)
    word = Math.imul(word, MULTIPLIER)
    word ^= word >>> 24
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER)
  }
  const left = length - at
  if (left > 0) {
    if (left === 3) hash ^= bytes.charCodeAt(at + 2) << 16
    if (left >= 2) hash ^= bytes.charCodeAt(at + 1) << 8
    hash = Math.imul(hash ^ bytes.charCodeAt(at), MULTIPLIER)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  return (hash ^ (hash >>> 15)) >>> 0
}

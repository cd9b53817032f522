/** CRC-32 as of ISO 3309 and zlib, over the bytes of latin1 strings: ngx_crc32. */

/** The register before the first byte: ngx_crc32_init. */
export const CRC_START = 0xffffffff

const POLYNOMIAL = 0xedb88320

const TABLE: Uint32Array = makeTable()

function makeTable(): Uint32Array {
  const table = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ POLYNOMIAL
    table[byte] = value
  }
  return table
}

/** The register after the bytes of `text`. ngx_crc32_update. */
export function updateCrc(register: number, text: string): number {
  for (let i = 0; i < text.length; i++)
    register = TABLE[(register ^ text.charCodeAt(i)) & 0xff] ^ (register >>> 8)
  return register
}

/** The register after the four bytes of `word`, the lowest first. */
export function updateCrcWord(register: number, word: number): number {
  for (let shift = 0; shift < 32; shift += 8)
    register = TABLE[(register ^ (word >>> shift)) & 0xff] ^ (register >>> 8)
  return register
}

/** The checksum that a register stands for, from 0 to below 2^32. ngx_crc32_final. */
export function finalCrc(register: number): number {
  return (register ^ 0xffffffff) >>> 0
}

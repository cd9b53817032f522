/** Bytes as hexadecimal digits: as they are typed, and as hexdump -C shows them. */
import { HoldfastError } from "../base/error.ts"

/** Bytes of `de ad be ef`, `deadbeef` or `0xDEADBEEF`. Throws USAGE. */
export function parseHex(text: string): Buffer {
  const digits = text.replaceAll(/\s+/g, "").replace(/^0x/i, "")
  const bad = /[^0-9a-f]/i.exec(digits)
  if (bad !== null) throw new HoldfastError("USAGE", `"${bad[0]}" is no hexadecimal digit`)
  if (digits.length % 2 === 1)
    throw new HoldfastError("USAGE", "a byte has two hexadecimal digits, and there is an odd number of them")
  return Buffer.from(digits, "hex")
}

const ROW_BYTES = 16
const HALF_WIDTH = 23
const OFFSET_DIGITS = 8

/** Lines as hexdump -C writes them, for the first `maxBytes` of `data`. */
export function dump(data: Buffer, maxBytes: number): string[] {
  const lines: string[] = []
  const end = Math.min(data.length, maxBytes)
  for (let at = 0; at < end; at += ROW_BYTES)
    lines.push(row(data.subarray(at, Math.min(at + ROW_BYTES, end)), at))
  return lines
}

function row(bytes: Buffer, offset: number): string {
  const half = (from: number): string => {
    const octets = [...bytes.subarray(from, from + ROW_BYTES / 2)]
    return octets
      .map((octet) => octet.toString(16).padStart(2, "0"))
      .join(" ")
      .padEnd(HALF_WIDTH)
  }
  const text = bytes.toString("latin1").replaceAll(/[^ -~]/g, ".")
  return `${offset.toString(16).padStart(OFFSET_DIGITS, "0")}  ${half(0)}  ${half(ROW_BYTES / 2)}  |${text}|`
}

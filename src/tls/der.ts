/** DER (X.690), as much of it as OCSP needs. */

export const INTEGER = 0x02
export const BIT_STRING = 0x03
export const OCTET_STRING = 0x04
export const OBJECT_ID = 0x06
export const ENUMERATED = 0x0a
export const GENERALIZED_TIME = 0x18
export const SEQUENCE = 0x30
/** `[n]`, constructed. */
export const CONTEXT = 0xa0

/** One value: views of the bytes that it was read from. */
export interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** With tag and length. */
  readonly whole: Buffer
}

/** Reads the value at the start of `der`. Throws RangeError for what is no DER. */
export function readDer(der: Buffer): DerValue {
  const tag = byteAt(der, 0)
  if ((tag & 0x1f) === 0x1f) throw new RangeError("a tag of several bytes")
  let at = 2
  let length = byteAt(der, 1)
  if (length >= 0x80) {
    const count = length & 0x7f
    if (count === 0 || count > 4) throw new RangeError("a length that is not DER's")
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + byteAt(der, at++)
  }
  if (at + length > der.length) throw new RangeError("a value beyond the end")
  return { tag, content: der.subarray(at, at + length), whole: der.subarray(0, at + length) }
}

/** The values in `content`, one after the other. */
export function readAll(content: Buffer): DerValue[] {
  const values: DerValue[] = []
  for (let rest = content; rest.length > 0; ) {
    const value = readDer(rest)
    values.push(value)
    rest = rest.subarray(value.whole.length)
  }
  return values
}

/** The values in `value`, which must have the tag. */
export function children(value: DerValue | undefined, tag: number = SEQUENCE): DerValue[] {
  return readAll(expect(value, tag).content)
}

/** `value`, which must have the tag. */
export function expect(value: DerValue | undefined, tag: number): DerValue {
  if (value === undefined || value.tag !== tag) throw new RangeError(`no value with the tag ${tag}`)
  return value
}

export function writeDer(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthBytes(content.length), content])
}

/** GeneralizedTime as RFC 5280 §4.1.2.5.2 writes it, in milliseconds since 1970. */
export function readTime(value: DerValue | undefined): number {
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(
    expect(value, GENERALIZED_TIME).content.toString("latin1"),
  )
  if (found === null) throw new RangeError("a time that is not DER's")
  const [, year, month, day, hour, minute, second] = found.map(Number) as number[]
  return Date.UTC(year as number, (month as number) - 1, day, hour, minute, second)
}

function byteAt(der: Buffer, at: number): number {
  const byte = der[at]
  if (byte === undefined) throw new RangeError("a value beyond the end")
  return byte
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

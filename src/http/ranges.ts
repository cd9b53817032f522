/** Range requests: which bytes of a body are wanted (RFC 9110 §14). ngx_http_range_filter_module. */

/** Bytes of a body from `start` up to `end`, which is not in it. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** What is to be sent of a body: its ranges, and the text around them where there are several. */
export interface PartialBody {
  readonly ranges: readonly ByteRange[]
  /** In step with the ranges: what goes before each. Null where there is only one. */
  readonly partHeads: readonly string[] | null
  /** What goes behind the last. */
  readonly tail: string
  /** Bytes of it all: the Content-Length. */
  readonly length: number
}

/** The whole body is to be sent: the field is not understood, asks for too much, or for all there is. */
export const WHOLE_BODY = 1
/** No byte that is asked for is there, or the field is broken: 416. */
export const UNSATISFIABLE = 2

export type RangeRequest = readonly ByteRange[] | typeof WHOLE_BODY | typeof UNSATISFIABLE

const COMMA = 0x2c
const MINUS = 0x2d
const SPACE = 0x20
const ZERO = 0x30
const NINE = 0x39

/**
 * Reads `Range` for a body of `length` bytes: at most `maxRanges` ranges, which come to no more than the body.
 * Units other than bytes ask for nothing.
 */
export function parseRange(field: string, length: number, maxRanges: number): RangeRequest {
  if (field.length < 7 || field.slice(0, 6).toLowerCase() !== "bytes=") return WHOLE_BODY
  return new RangeParser(field, length).parse(maxRanges)
}

class RangeParser {
  readonly #text: string
  readonly #length: number
  #at = 6

  constructor(text: string, length: number) {
    this.#text = text
    this.#length = length
  }

  parse(maxRanges: number): RangeRequest {
    const ranges: ByteRange[] = []
    let bytes = 0
    do {
      const range = this.#range()
      if (range === undefined) return UNSATISFIABLE
      const { start, end } = range
      if (start < end) {
        if (ranges.length === maxRanges) return WHOLE_BODY
        ranges.push(range)
        bytes += end - start
      } else if (start === 0) return WHOLE_BODY
    } while (this.#text.charCodeAt(this.#at++) === COMMA)
    if (ranges.length === 0) return UNSATISFIABLE
    return bytes > this.#length ? WHOLE_BODY : ranges
  }

  /** `first-last`, `first-` or `-suffix`, up to the comma or the end; undefined where it is none of them. */
  #range(): ByteRange | undefined {
    const length = this.#length
    this.#skipSpaces()
    const isSuffix = this.#text.charCodeAt(this.#at) === MINUS
    let start = 0
    if (isSuffix) this.#at++
    else {
      start = this.#number()
      this.#skipSpaces()
      if (start < 0 || this.#text.charCodeAt(this.#at++) !== MINUS) return undefined
      this.#skipSpaces()
      if (this.#isAtEnd()) return { start, end: length }
    }
    const number = this.#number()
    if (number < 0) return undefined
    this.#skipSpaces()
    if (!this.#isAtEnd()) return undefined
    if (isSuffix) return { start: number < length ? length - number : 0, end: length }
    return { start, end: number >= length ? length : number + 1 }
  }

  #isAtEnd(): boolean {
    return this.#at >= this.#text.length || this.#text.charCodeAt(this.#at) === COMMA
  }

  #skipSpaces(): void {
    while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++
  }

  /** -1 where no digit stands here, or the number is none that a file could have. */
  #number(): number {
    const start = this.#at
    let c = this.#text.charCodeAt(this.#at)
    while (c >= ZERO && c <= NINE) c = this.#text.charCodeAt(++this.#at)
    if (this.#at === start) return -1
    const value = BigInt(this.#text.slice(start, this.#at))
    return value > MAX_OFFSET ? -1 : Number(value)
  }
}

/** NGX_MAX_OFF_T_VALUE */
const MAX_OFFSET = 0x7fff_ffff_ffff_ffffn

/** The value of `Content-Range` for one range of a body of `length` bytes. */
export function contentRange({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`
}

/** One range by itself. */
export function onePart(range: ByteRange): PartialBody {
  return { ranges: [range], partHeads: null, tail: "", length: range.end - range.start }
}

/**
 * Several ranges of a body of `length` bytes as multipart/byteranges. `contentType` is that of the body ("" for
 * none), `boundary` must not stand in it.
 */
export function multipart(
  ranges: readonly ByteRange[],
  length: number,
  contentType: string,
  boundary: string,
): PartialBody {
  const type = contentType === "" ? "" : `Content-Type: ${contentType}\r\n`
  const partHeads = ranges.map(
    (range) => `\r\n--${boundary}\r\n${type}Content-Range: ${contentRange(range, length)}\r\n\r\n`,
  )
  const tail = `\r\n--${boundary}--\r\n`
  let bytes = tail.length
  for (const [at, { start, end }] of ranges.entries()) bytes += (partHeads[at] as string).length + end - start
  return { ranges, partHeads, tail, length: bytes }
}

/** Lets only the ranges of an answer go out that its client asks for. ngx_http_range_filter_module. */
import { randomInt } from "node:crypto"
import { parseHttpDate } from "../http/date.ts"
import {
  type ByteRange,
  contentRange,
  multipart,
  onePart,
  type PartialBody,
  parseRange,
  UNSATISFIABLE,
  WHOLE_BODY,
} from "../http/ranges.ts"
import { ExchangeFilter } from "./exchange-filter.ts"
import type { Request } from "./request.ts"
import { NO_RANGES, ONE_RANGE } from "./response.ts"

const NOT_SATISFIABLE = 416

/** NGX_ATOMIC_T_LEN: how many digits a boundary has. */
const BOUNDARY_DIGITS = 20
const MAX_BOUNDARY = 2 ** 48 - 1

/**
 * Makes a 206 of an answer that allows ranges, as its last header filter. `response.partial` is what the producer is
 * to send then; one that cannot choose (ONE_RANGE) has a filter put in front of it. Returns 0, or 416 where no range
 * can be had: the head is not to be sent then, and the request finished with that.
 */
export function takeRanges(request: Request): number {
  const { response } = request
  const { maxRanges } = request.location.settings
  const length = response.contentLength
  if (response.status !== 200 || length < 0 || maxRanges === 0) return 0
  const isOne = response.allowedRanges === ONE_RANGE
  const found = wantedRanges(request, length, isOne ? 1 : maxRanges)
  if (found === UNSATISFIABLE) return refuse(request, length)
  if (found === WHOLE_BODY) {
    response.headers.push("Accept-Ranges", "accept-ranges", "bytes")
    return 0
  }
  const partial = partialBody(request, found, length)
  response.status = 206
  response.reason = null
  response.contentLength = partial.length
  response.partial = partial
  if (isOne) request.exchange = new OneRangeExchange(request, found[0] as ByteRange)
  return 0
}

function wantedRanges(request: Request, length: number, maxRanges: number): ReturnType<typeof parseRange> {
  const field = request.headers.get("range")
  if (field === undefined || !isSameVersion(request)) return WHOLE_BODY
  return parseRange(field, length, maxRanges)
}

/** If-Range (RFC 9110 §13.1.5): by its ETag or its time, which must be the very same. */
function isSameVersion({ headers, response }: Request): boolean {
  const wanted = headers.get("if-range")
  if (wanted === undefined) return true
  if (wanted.length >= 2 && wanted.endsWith('"')) return wanted === response.headers.get("etag")
  if (response.modifiedSeconds === -1) return false
  return parseHttpDate(wanted) === response.modifiedSeconds
}

function partialBody({ response }: Request, ranges: readonly ByteRange[], length: number): PartialBody {
  if (ranges.length === 1) {
    const range = ranges[0] as ByteRange
    response.headers.push("Content-Range", "content-range", contentRange(range, length))
    return onePart(range)
  }
  const boundary = String(randomInt(MAX_BOUNDARY)).padStart(BOUNDARY_DIGITS, "0")
  const partial = multipart(ranges, length, response.contentType, boundary)
  response.contentType = `multipart/byteranges; boundary=${boundary}`
  return partial
}

function refuse({ response }: Request, length: number): number {
  const { headers } = response
  headers.push("Content-Range", "content-range", `bytes */${length}`)
  headers.remove("last-modified")
  headers.remove("etag")
  response.status = NOT_SATISFIABLE
  response.contentLength = -1
  response.allowedRanges = NO_RANGES
  return NOT_SATISFIABLE
}

/** Lets one range of a body through, and drops what is before and behind it. */
export class OneRangeExchange extends ExchangeFilter {
  readonly #range: ByteRange
  /** Bytes of the whole body that were written so far. */
  #offset = 0

  constructor(request: Request, range: ByteRange) {
    super(request)
    this.#range = range
  }

  protected get isHolding(): boolean {
    return false
  }

  override write(chunk: Buffer): boolean {
    const start = Math.max(this.#range.start - this.#offset, 0)
    const end = Math.min(this.#range.end - this.#offset, chunk.length)
    this.#offset += chunk.length
    if (start >= end) return true
    return this.inner.write(end - start === chunk.length ? chunk : chunk.subarray(start, end))
  }
}

/** The ranges of one `geo` with `ranges`: IPv4 addresses from one to another. ngx_http_geo_add_range. */
import type { IpAddress } from "../base/cidr.ts"

/** Part of a range inside of one chunk: the low 16 bits of its first and last address. */
interface Range {
  readonly start: number
  readonly end: number
  readonly value: string
}

/** What adding a range met. */
export interface RangeReport {
  /** A range that was there with the very same ends, in each chunk of 65536 addresses, has a new value now. */
  onDuplicate(oldValue: string): void
  /** A range partly covers one that is there: `from` to `to`, as far as they are in one chunk. Does not return. */
  onOverlap(from: string, to: string): never
}

const CHUNK_BITS = 16
const LAST_OF_CHUNK = 0xffff

export class GeoRanges {
  /** Sorted and apart from each other, by the high 16 bits of their addresses. */
  readonly #chunks = new Map<number, Range[]>()

  /** Adds `first` to `last`, unsigned numbers. A range inside of a former one takes its part of it. */
  add(first: number, last: number, value: string, report: RangeReport): void {
    for (let high = first >>> CHUNK_BITS; high <= last >>> CHUNK_BITS; high++) {
      let ranges = this.#chunks.get(high)
      if (ranges === undefined) {
        ranges = []
        this.#chunks.set(high, ranges)
      }
      addToChunk(ranges, { ...partIn(high, first, last), value }, high, report)
    }
  }

  /** Deletes `first` to `last`. False where that was no range of its own, or not in each of its chunks. */
  delete(first: number, last: number): boolean {
    let isComplete = true
    for (let high = first >>> CHUNK_BITS; high <= last >>> CHUNK_BITS; high++) {
      const { start, end } = partIn(high, first, last)
      const ranges = this.#chunks.get(high) ?? []
      const at = ranges.findIndex((range) => range.start === start && range.end === end)
      if (at === -1) isComplete = false
      else ranges.splice(at, 1)
    }
    return isComplete
  }

  /** The value of the range that `address` is in. IPv6 addresses are in none, but for those that stand for IPv4. */
  find(address: IpAddress | undefined): string | undefined {
    if (address === undefined || (address.family === 6 && !address.isIpv4Mapped)) return undefined
    const ranges = this.#chunks.get(address.word3 >>> CHUNK_BITS)
    if (ranges === undefined) return undefined
    const low = address.word3 & LAST_OF_CHUNK
    let from = 0
    let to = ranges.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const range = ranges[middle]
      if (low < range.start) to = middle
      else if (low > range.end) from = middle + 1
      else return range.value
    }
    return undefined
  }
}

function partIn(high: number, first: number, last: number): { start: number; end: number } {
  return {
    start: high === first >>> CHUNK_BITS ? first & LAST_OF_CHUNK : 0,
    end: high === last >>> CHUNK_BITS ? last & LAST_OF_CHUNK : LAST_OF_CHUNK,
  }
}

function addToChunk(ranges: Range[], added: Range, high: number, report: RangeReport): void {
  // From behind: files list ranges in growing order.
  let at = ranges.length - 1
  while (at >= 0 && added.end < ranges[at].start) at--
  const near = ranges[at]
  if (near === undefined || added.start > near.end) {
    ranges.splice(at + 1, 0, added)
    return
  }
  if (added.start < near.start || added.end > near.end)
    report.onOverlap(addressText(high, near.start), addressText(high, near.end))
  const parts = [added]
  if (added.start === near.start && added.end === near.end) report.onDuplicate(near.value)
  if (added.start > near.start) parts.unshift({ ...near, end: added.start - 1 })
  if (added.end < near.end) parts.push({ ...near, start: added.end + 1 })
  ranges.splice(at, 1, ...parts)
}

function addressText(high: number, low: number): string {
  return `${high >>> 8}.${high & 255}.${low >>> 8}.${low & 255}`
}

/**
 * Memory of a fixed size, given out in chunks: pages of 4096 bytes, each for chunks of one power of two, larger
 * chunks in pages of their own. ngx_slab.c: what fits into a zone is what fits into nginx's of the same size.
 */

export const PAGE_BYTES = 4096
const PAGE_SHIFT = 12
/** Larger chunks take whole pages. */
const MAX_CHUNK_SHIFT = PAGE_SHIFT - 1
const MIN_CHUNK_SHIFT = 3

/** What nginx keeps at the beginning of a zone (ngx_slab_pool_t, slots, statistics), and for each of its pages. */
const POOL_BYTES = 704
const PAGE_ENTRY_BYTES = 24

/** Words of a page's entry: what it is for, chunks in use, first free chunk, neighbours with free chunks of its kind. */
const KIND = 0
const USED = 1
const FREE = 2
const NEXT = 3
const PREVIOUS = 4
const ENTRY_WORDS = 5

/** Kinds besides the shifts of chunks, which begin at MIN_CHUNK_SHIFT. */
const UNUSED = 0
const RUN = 1
const RUN_REST = 2

/**
 * Words in front of the entries: for each shift, the first page with free chunks, counted from 1. There are no chunks
 * of shift 0: in place of its page stands where the search for unused pages begins.
 */
const LIST_WORDS = PAGE_SHIFT

/** How many pages nginx makes of a zone of so many bytes. ngx_slab_init. */
export function pagesOf(zoneBytes: number): number {
  const pages = Math.floor((zoneBytes - POOL_BYTES) / (PAGE_BYTES + PAGE_ENTRY_BYTES))
  const start = Math.ceil((POOL_BYTES + pages * PAGE_ENTRY_BYTES) / PAGE_BYTES) * PAGE_BYTES
  return Math.min(pages, Math.floor((zoneBytes - start) / PAGE_BYTES))
}

/** The 32-bit words that a slab of so many pages needs beside the pages themselves. */
export function slabWords(pages: number): number {
  return LIST_WORDS + pages * ENTRY_WORDS
}

/**
 * The caller holds a lock. A chunk is known by its byte offset in the memory, which is never 0. Its first word is the
 * slab's while it is free, and `IN_USE` tells whether it is: zero while it is free, anything else while it is not, set
 * by its owner. That is all that `rebuild` goes by.
 */
export class SharedSlab {
  readonly #words: Int32Array
  /** Where the lists and the entries begin, in words. */
  readonly #table: number
  /** Where the pages begin, in bytes. */
  readonly #start: number
  readonly #pages: number

  constructor(words: Int32Array, table: number, startBytes: number, pages: number) {
    this.#words = words
    this.#table = table
    this.#start = startBytes
    this.#pages = pages
  }

  /** A chunk for `bytes` bytes; 0 where there is no room. Its owner marks it as in use before the lock is given back. */
  allocate(bytes: number): number {
    const shift = shiftOf(bytes)
    if (shift > MAX_CHUNK_SHIFT) return this.#allocateRun(Math.ceil(bytes / PAGE_BYTES))
    const words = this.#words
    let page = (words[this.#table + shift] as number) - 1
    if (page === -1) {
      page = this.#findRun(1)
      if (page === -1) return 0
      this.#cut(page, shift)
    }
    const entry = this.#entry(page)
    const chunk = words[entry + FREE] as number
    const next = words[chunk >> 2] as number
    words[entry + FREE] = next
    words[entry + USED] = (words[entry + USED] as number) + 1
    if (next === 0) this.#unlink(page, shift)
    return chunk
  }

  /** Gives a chunk back, of which its owner has said that it is not in use. */
  free(chunk: number): void {
    const words = this.#words
    const page = (chunk - this.#start) >> PAGE_SHIFT
    const entry = this.#entry(page)
    const kind = words[entry + KIND] as number
    if (kind === RUN) return this.#freeRun(page)
    const first = words[entry + FREE] as number
    words[chunk >> 2] = first
    words[entry + FREE] = chunk
    const used = (words[entry + USED] as number) - 1
    words[entry + USED] = used
    if (first === 0) this.#link(page, kind)
    if (used > 0) return
    this.#unlink(page, kind)
    this.#leave(page)
  }

  /**
   * Makes all lists anew after a thread died in the middle of a change: by what the pages are for, and by the word
   * `inUse` (an offset in words) of each chunk. `visit` is called for each chunk in use.
   */
  rebuild(inUse: number, visit: (chunk: number) => void): void {
    const words = this.#words
    words.fill(0, this.#table, this.#table + LIST_WORDS)
    for (let page = 0; page < this.#pages; page++) {
      const entry = this.#entry(page)
      const kind = words[entry + KIND] as number
      const start = this.#start + page * PAGE_BYTES
      if (kind === RUN) {
        // Its length was written before its kind.
        if (words[(start >> 2) + inUse] === 0) this.#freeRun(page)
        else visit(start)
      } else if (kind === RUN_REST) {
        if (!this.#belongsToRun(page)) this.#leave(page)
      } else if (kind !== UNUSED) this.#rebuildPage(page, kind, inUse, visit)
    }
  }

  #rebuildPage(page: number, shift: number, inUse: number, visit: (chunk: number) => void): void {
    const words = this.#words
    const entry = this.#entry(page)
    const start = this.#start + page * PAGE_BYTES
    let free = 0
    let used = 0
    for (let chunk = start + PAGE_BYTES - 2 ** shift; chunk >= start; chunk -= 2 ** shift) {
      if (words[(chunk >> 2) + inUse] === 0) {
        words[chunk >> 2] = free
        free = chunk
      } else {
        used++
        visit(chunk)
      }
    }
    words[entry + FREE] = free
    words[entry + USED] = used
    words[entry + NEXT] = 0
    words[entry + PREVIOUS] = 0
    if (used === 0) this.#leave(page)
    else if (free !== 0) this.#link(page, shift)
  }

  /** Makes a page one of free chunks of the size that `shift` says. */
  #cut(page: number, shift: number): void {
    const words = this.#words
    const entry = this.#entry(page)
    const start = this.#start + page * PAGE_BYTES
    // What it held before must not look like chunks in use.
    words.fill(0, start >> 2, (start + PAGE_BYTES) >> 2)
    const step = 2 ** shift
    const last = start + PAGE_BYTES - step
    for (let chunk = start; chunk < last; chunk += step) words[chunk >> 2] = chunk + step
    words[entry + FREE] = start
    words[entry + USED] = 0
    words[entry + KIND] = shift
    this.#link(page, shift)
  }

  #link(page: number, shift: number): void {
    const words = this.#words
    const head = this.#table + shift
    const entry = this.#entry(page)
    const first = words[head] as number
    words[entry + PREVIOUS] = 0
    words[entry + NEXT] = first
    if (first !== 0) words[this.#entry(first - 1) + PREVIOUS] = page + 1
    words[head] = page + 1
  }

  #unlink(page: number, shift: number): void {
    const words = this.#words
    const entry = this.#entry(page)
    const next = words[entry + NEXT] as number
    const previous = words[entry + PREVIOUS] as number
    if (previous === 0) words[this.#table + shift] = next
    else words[this.#entry(previous - 1) + NEXT] = next
    if (next !== 0) words[this.#entry(next - 1) + PREVIOUS] = previous
    words[entry + NEXT] = 0
    words[entry + PREVIOUS] = 0
  }

  #allocateRun(count: number): number {
    const page = this.#findRun(count)
    if (page === -1) return 0
    const words = this.#words
    const start = this.#start + page * PAGE_BYTES
    words.fill(0, start >> 2, (start + PAGE_BYTES) >> 2)
    words[this.#entry(page) + USED] = count
    words[this.#entry(page) + KIND] = RUN
    for (let rest = page + 1; rest < page + count; rest++) words[this.#entry(rest) + KIND] = RUN_REST
    return start
  }

  #freeRun(page: number): void {
    const words = this.#words
    const end = page + Math.max(words[this.#entry(page) + USED] as number, 1)
    for (let each = page; each < end; each++) this.#leave(each)
  }

  /** The page is of use for anything again. */
  #leave(page: number): void {
    this.#words[this.#entry(page) + KIND] = UNUSED
    if (page < (this.#words[this.#table] as number)) this.#words[this.#table] = page
  }

  #belongsToRun(page: number): boolean {
    for (let first = page - 1; first >= 0; first--) {
      const entry = this.#entry(first)
      if (this.#words[entry + KIND] === RUN) return first + (this.#words[entry + USED] as number) > page
      if (this.#words[entry + KIND] !== RUN_REST) return false
    }
    return false
  }

  /** The first of `count` unused pages in a row; -1 where there are none. */
  #findRun(count: number): number {
    const words = this.#words
    let length = 0
    let first = -1
    for (let page = words[this.#table] as number; page < this.#pages; page++) {
      const isUnused = words[this.#entry(page) + KIND] === UNUSED
      length = isUnused ? length + 1 : 0
      if (isUnused && first === -1) first = page
      if (length < count) continue
      words[this.#table] = first
      return page - count + 1
    }
    words[this.#table] = first === -1 ? this.#pages : first
    return -1
  }

  #entry(page: number): number {
    return this.#table + LIST_WORDS + page * ENTRY_WORDS
  }
}

function shiftOf(bytes: number): number {
  let shift = MIN_CHUNK_SHIFT
  while (2 ** shift < bytes) shift++
  return shift
}

/**
 * What threads remember by key in memory of a fixed size: a hash table, and a queue from the entry that was used last
 * to the one that nobody has used for longest. What nginx's limit modules keep in a zone.
 */
import { randomBytes } from "node:crypto"
import { SharedLock } from "./shared-lock.ts"
import { PAGE_BYTES, pagesOf, SharedSlab, slabWords } from "./shared-slab.ts"

/** Words at the beginning of the memory. */
const LOCK = 0
const IS_MADE = 1
const PAGES = 2
const BUCKETS = 3
const SEED = 4
const NEWEST = 6
const OLDEST = 7
const NOTE_BYTES = 8
const HEADER_WORDS = 16

/** Room for `note`: more than the longest word that a configuration may have. */
const MAX_NOTE_BYTES = 4096
const NOTE_START = HEADER_WORDS * 4
const SLAB_TABLE = HEADER_WORDS + MAX_NOTE_BYTES / 4

/** Words of an entry. The first one is the slab's while it is free. */
const NEXT = 0
const HASH = 1
/** Bytes of the key: never 0 while the entry is in use. */
const LENGTH = 2
const NEWER = 3
const OLDER = 4
/** Where what an entry is about begins: bytes, a multiple of eight. */
export const PAYLOAD = 24

/** In place of a key's length, in chunks that are no entries. */
const RESERVED = -1

/** How an entry is laid out, and what nginx would have put into a zone before the first. */
export interface TableLayout {
  /** Bytes of the payload, a multiple of eight. */
  readonly payloadBytes: number
  /** What an entry counts for besides its key: nginx's own size of it, at least PAYLOAD and the payload. */
  readonly entryBytes: number
}

/** Bytes of memory for a zone that is configured with `zoneBytes`. */
export function tableBytes(zoneBytes: number): number {
  const pages = pagesOf(zoneBytes)
  return pagesStart(pages, bucketsFor(pages)) + pages * PAGE_BYTES
}

/** Two entries of the smallest kind for each bucket. */
function bucketsFor(pages: number): number {
  return 2 ** Math.ceil(Math.log2((pages * PAGE_BYTES) / 128))
}

function pagesStart(pages: number, buckets: number): number {
  return Math.ceil((SLAB_TABLE + slabWords(pages) + buckets) / 2) * 8
}

/** All but `lock` and `note` is to be called with the lock held; nothing of it throws. */
export class SharedTable {
  readonly lock: SharedLock
  readonly words: Int32Array
  /** Where the chunks of entries begin: a multiple of eight. */
  readonly start: number
  readonly pages: number
  readonly #bytes: Uint8Array
  readonly #slab: SharedSlab
  readonly #bucketsAt: number
  readonly #mask: number
  readonly #keyOffset: number
  readonly #entryBytes: number
  readonly #seed0: number
  readonly #seed1: number

  /**
   * `memory`: of `tableBytes(zoneBytes)` at least, zero at first; where a table has been made of it, `zoneBytes` and
   * `reserved` count no more. One thread makes it, before others know the memory. `reserved`: the sizes of what nginx
   * keeps in such a zone besides entries.
   */
  constructor(
    memory: SharedArrayBuffer,
    layout: TableLayout,
    zoneBytes: number,
    reserved: readonly number[],
  ) {
    const words = new Int32Array(memory)
    this.words = words
    this.lock = new SharedLock(words, LOCK)
    this.#bytes = new Uint8Array(memory)
    this.#keyOffset = PAYLOAD + layout.payloadBytes
    this.#entryBytes = layout.entryBytes
    const isMade = Atomics.load(words, IS_MADE) === 1
    const pages = isMade ? (words[PAGES] as number) : pagesOf(zoneBytes)
    const buckets = isMade ? (words[BUCKETS] as number) : bucketsFor(pages)
    this.pages = pages
    this.#mask = buckets - 1
    this.#bucketsAt = SLAB_TABLE + slabWords(pages)
    this.start = pagesStart(pages, buckets)
    this.#slab = new SharedSlab(words, SLAB_TABLE, this.start, pages)
    if (!isMade) this.#make(pages, buckets, reserved)
    this.#seed0 = words[SEED] as number
    this.#seed1 = words[SEED + 1] as number
  }

  #make(pages: number, buckets: number, reserved: readonly number[]): void {
    const { words } = this
    const seed = randomBytes(8)
    words[SEED] = seed.readInt32LE(0)
    words[SEED + 1] = seed.readInt32LE(4)
    words[PAGES] = pages
    words[BUCKETS] = buckets
    for (const bytes of reserved) {
      const chunk = this.#slab.allocate(bytes)
      if (chunk !== 0) words[(chunk >> 2) + LENGTH] = RESERVED
    }
    Atomics.store(words, IS_MADE, 1)
  }

  /** A text that is kept with the table, at most MAX_NOTE_BYTES long; "" at first. */
  get note(): string {
    return Buffer.from(this.words.buffer, NOTE_START, this.words[NOTE_BYTES]).toString("latin1")
  }

  set note(text: string) {
    const bytes = Buffer.from(text, "latin1").subarray(0, MAX_NOTE_BYTES)
    this.#bytes.set(bytes, NOTE_START)
    this.words[NOTE_BYTES] = bytes.length
  }

  /** The entry of `key`, by its offset in bytes; 0 where there is none. */
  find(key: string, hash: number): number {
    const { words } = this
    let entry = words[this.#bucket(hash)] as number
    while (entry !== 0) {
      const at = entry >> 2
      if (words[at + HASH] === hash && words[at + LENGTH] === key.length && this.#hasKey(entry, key))
        return entry
      entry = words[at + NEXT] as number
    }
    return 0
  }

  /** A new entry for `key`, which has none; its payload is what the memory held before. 0 where there is no room. */
  insert(key: string, hash: number): number {
    const entry = this.#slab.allocate(this.#entryBytes + key.length)
    if (entry === 0) return 0
    const { words } = this
    const at = entry >> 2
    const start = entry + this.#keyOffset
    for (let i = 0; i < key.length; i++) this.#bytes[start + i] = key.charCodeAt(i)
    words[at + HASH] = hash
    words[at + LENGTH] = key.length
    const bucket = this.#bucket(hash)
    words[at + NEXT] = words[bucket] as number
    words[bucket] = entry
    this.#enqueue(entry)
    return entry
  }

  remove(entry: number): void {
    const { words } = this
    const at = entry >> 2
    this.#dequeue(entry)
    let link = this.#bucket(words[at + HASH] as number)
    while (words[link] !== entry) link = ((words[link] as number) >> 2) + NEXT
    words[link] = words[at + NEXT] as number
    words[at + LENGTH] = 0
    this.#slab.free(entry)
  }

  /** It was used: the others go before it. */
  touch(entry: number): void {
    if (this.words[NEWEST] === entry) return
    this.#dequeue(entry)
    this.#enqueue(entry)
  }

  /** The entry that nobody has used for longest; 0 where there is none. */
  get oldest(): number {
    return this.words[OLDEST] as number
  }

  /** A half-changed table is made whole: every entry whose key was complete is in it again, in any order. */
  rebuild(): void {
    const { words } = this
    words.fill(0, this.#bucketsAt, this.#bucketsAt + this.#mask + 1)
    words[NEWEST] = 0
    words[OLDEST] = 0
    this.#slab.rebuild(LENGTH, (entry) => {
      const at = entry >> 2
      if (words[at + LENGTH] === RESERVED) return
      const bucket = this.#bucket(words[at + HASH] as number)
      words[at + NEXT] = words[bucket] as number
      words[bucket] = entry
      this.#enqueue(entry)
    })
  }

  /** Calls `visit` for each entry, which may remove it. */
  forEach(visit: (entry: number) => void): void {
    let entry = this.oldest
    while (entry !== 0) {
      const newer = this.words[(entry >> 2) + NEWER] as number
      visit(entry)
      entry = newer
    }
  }

  /** HalfSipHash-1-3 with a key of the memory's own: nobody can choose keys that meet in one bucket. */
  hash(key: string): number {
    const { length } = key
    const wordCount = length >> 2
    let v0 = this.#seed0
    let v1 = this.#seed1
    let v2 = 0x6c796765 ^ v0
    let v3 = 0x74656462 ^ v1
    // The words, the last bytes with the length, and three rounds to finish.
    for (let i = 0; i < wordCount + 4; i++) {
      const m = i <= wordCount ? wordAt(key, i * 4, i === wordCount) : 0
      if (i === wordCount + 1) v2 ^= 0xff
      v3 ^= m
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= m
    }
    return v1 ^ v3
  }

  #bucket(hash: number): number {
    return this.#bucketsAt + (hash & this.#mask)
  }

  #hasKey(entry: number, key: string): boolean {
    const start = entry + this.#keyOffset
    for (let i = 0; i < key.length; i++) if (this.#bytes[start + i] !== key.charCodeAt(i)) return false
    return true
  }

  #enqueue(entry: number): void {
    const { words } = this
    const newest = words[NEWEST] as number
    words[(entry >> 2) + NEWER] = 0
    words[(entry >> 2) + OLDER] = newest
    if (newest === 0) words[OLDEST] = entry
    else words[(newest >> 2) + NEWER] = entry
    words[NEWEST] = entry
  }

  #dequeue(entry: number): void {
    const { words } = this
    const newer = words[(entry >> 2) + NEWER] as number
    const older = words[(entry >> 2) + OLDER] as number
    if (newer === 0) words[NEWEST] = older
    else words[(newer >> 2) + OLDER] = older
    if (older === 0) words[OLDEST] = newer
    else words[(older >> 2) + NEWER] = newer
  }
}

/** Four bytes of `key`, or what is left of it below its length in the highest byte. */
function wordAt(key: string, at: number, isLast: boolean): number {
  if (!isLast)
    return (
      key.charCodeAt(at) |
      (key.charCodeAt(at + 1) << 8) |
      (key.charCodeAt(at + 2) << 16) |
      (key.charCodeAt(at + 3) << 24)
    )
  let word = key.length << 24
  for (let i = at; i < key.length; i++) word |= key.charCodeAt(i) << ((i - at) * 8)
  return word
}

/** A clock that all threads read alike: milliseconds since some moment, monotonic. */
export class SharedClock {
  // Each thread's performance.now() begins with the thread; what it counts is the system's one monotonic clock.
  readonly #offsetMs = Number(process.hrtime.bigint() / 1_000_000n) - performance.now()

  nowMs(): number {
    return Math.floor(performance.now() + this.#offsetMs)
  }
}

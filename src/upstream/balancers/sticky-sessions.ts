import { hash } from "node:crypto"
import type { SharedTable } from "../zone.ts"

/** 32-bit columns of the head of the memory. */
const IS_BEING_WRITTEN = 0
/** Sessions that were ever made: those behind have never been used. */
const USED = 1
/** References are the number of a session plus 1; 0 for none, as fresh memory has it. */
const FREE = 2
const OLDEST = 3
const NEWEST = 4
const HEAD_WORDS = 16

/** 32-bit columns of a session: the MD5 of its id, its neighbours, the server's id, and when it was last used. */
const DIGEST = 0
const DIGEST_WORDS = 4
const NEXT_IN_BUCKET = 4
const OLDER = 5
const NEWER = 6
const SID_LENGTH = 7
const SID = 8
const LAST = 16
const SESSION_WORDS = 32

export const MAX_SID_BYTES = 32

const NONE = 0

/**
 * The sessions of a `sticky learn`: a table in memory that all workers share, from a session's id to the id of its
 * server. When it is full the session that was not used for the longest time makes room, and a session ends that
 * was not used for `timeoutMs`. ngx_http_upstream_sticky_module: zone and timeout.
 */
export class StickySessions {
  private readonly table: SharedTable
  private readonly timeoutMs: number
  private readonly words: Int32Array
  private readonly floats: Float64Array
  private readonly bytes: Buffer
  private readonly capacity: number
  /** Where the sessions begin in `words`; the buckets lie before them, one for each session. */
  private readonly start: number

  constructor(table: SharedTable, timeoutMs: number) {
    const { memory } = table
    const capacity = Math.floor((memory.byteLength / 4 - HEAD_WORDS - 1) / (SESSION_WORDS + 1))
    if (capacity < 1) throw new RangeError("the memory is too small for a session")
    this.table = table
    this.timeoutMs = timeoutMs
    this.words = new Int32Array(memory, 0, memory.byteLength >> 2)
    this.floats = new Float64Array(memory, 0, memory.byteLength >> 3)
    this.bytes = Buffer.from(memory)
    this.capacity = capacity
    this.start = HEAD_WORDS + capacity + (capacity & 1)
  }

  get sizeBytes(): number {
    return this.table.memory.byteLength
  }

  /** The id of the server of session `id` (a latin1 string); "" where there is no such session. */
  find(id: string, nowMs: number): string {
    const digest = digestOf(id)
    this.lock()
    this.expire(nowMs)
    const session = this.lookUp(digest)
    const sid = session === NONE ? "" : this.sidOf(session)
    this.unlock()
    return sid
  }

  /**
   * Session `id` was served by the server `sid`: its time begins anew. Unless `mayCreate`, a session that is not
   * known stays so. Returns true where another session had to go for it.
   */
  note(id: string, sid: string, mayCreate: boolean, nowMs: number): boolean {
    const digest = digestOf(id)
    this.lock()
    this.expire(nowMs)
    let session = this.lookUp(digest)
    let isDisplacing = false
    if (session !== NONE) this.unlinkAge(session)
    else if (mayCreate) {
      session = this.allocate()
      if (session === NONE) {
        isDisplacing = true
        this.remove(this.words[OLDEST])
        session = this.allocate()
      }
      this.insert(session, digest)
    }
    if (session !== NONE) {
      this.linkNewest(session, nowMs)
      this.words[this.at(session) + SID_LENGTH] = sid.length
      this.bytes.write(sid, (this.at(session) + SID) * 4, MAX_SID_BYTES, "latin1")
    }
    this.unlock()
    return isDisplacing
  }

  private lock(): void {
    this.table.lock.lock()
    // A worker died while it wrote: what it has left behind is not to be trusted.
    if (this.words[IS_BEING_WRITTEN] !== 0) this.words.fill(0)
    this.words[IS_BEING_WRITTEN] = 1
  }

  private unlock(): void {
    this.words[IS_BEING_WRITTEN] = 0
    this.table.lock.unlock()
  }

  private at(session: number): number {
    return this.start + (session - 1) * SESSION_WORDS
  }

  private sidOf(session: number): string {
    const from = (this.at(session) + SID) * 4
    return this.bytes.toString("latin1", from, from + this.words[this.at(session) + SID_LENGTH])
  }

  private bucketOf(firstWord: number): number {
    return HEAD_WORDS + ((firstWord >>> 0) % this.capacity)
  }

  private lookUp(digest: Buffer): number {
    const first = digest.readInt32LE(0)
    for (let session = this.words[this.bucketOf(first)]; session !== NONE; ) {
      const at = this.at(session)
      if (this.words[at] === first && this.hasDigest(at, digest)) return session
      session = this.words[at + NEXT_IN_BUCKET]
    }
    return NONE
  }

  private hasDigest(at: number, digest: Buffer): boolean {
    for (let i = 1; i < DIGEST_WORDS; i++)
      if (this.words[at + DIGEST + i] !== digest.readInt32LE(i * 4)) return false
    return true
  }

  /** A session of which nothing is set; NONE where all are in use. */
  private allocate(): number {
    const { words } = this
    const free = words[FREE]
    if (free !== NONE) {
      words[FREE] = words[this.at(free) + NEXT_IN_BUCKET]
      return free
    }
    return words[USED] < this.capacity ? ++words[USED] : NONE
  }

  private insert(session: number, digest: Buffer): void {
    const at = this.at(session)
    for (let i = 0; i < DIGEST_WORDS; i++) this.words[at + DIGEST + i] = digest.readInt32LE(i * 4)
    const bucket = this.bucketOf(this.words[at])
    this.words[at + NEXT_IN_BUCKET] = this.words[bucket]
    this.words[bucket] = session
  }

  private remove(session: number): void {
    const { words } = this
    const at = this.at(session)
    let link = this.bucketOf(words[at])
    while (words[link] !== session) link = this.at(words[link]) + NEXT_IN_BUCKET
    words[link] = words[at + NEXT_IN_BUCKET]
    this.unlinkAge(session)
    words[at + NEXT_IN_BUCKET] = words[FREE]
    words[FREE] = session
  }

  private expire(nowMs: number): void {
    for (let oldest = this.words[OLDEST]; oldest !== NONE; oldest = this.words[OLDEST]) {
      if (this.floats[(this.at(oldest) + LAST) >> 1] + this.timeoutMs > nowMs) return
      this.remove(oldest)
    }
  }

  private linkNewest(session: number, nowMs: number): void {
    const { words } = this
    const at = this.at(session)
    const newest = words[NEWEST]
    words[at + OLDER] = newest
    words[at + NEWER] = NONE
    if (newest === NONE) words[OLDEST] = session
    else words[this.at(newest) + NEWER] = session
    words[NEWEST] = session
    this.floats[(at + LAST) >> 1] = nowMs
  }

  private unlinkAge(session: number): void {
    const { words } = this
    const at = this.at(session)
    const older = words[at + OLDER]
    const newer = words[at + NEWER]
    if (older === NONE) words[OLDEST] = newer
    else words[this.at(older) + NEWER] = newer
    if (newer === NONE) words[NEWEST] = older
    else words[this.at(newer) + OLDER] = older
  }
}

function digestOf(id: string): Buffer {
  return hash("md5", Buffer.from(id, "latin1"), "buffer")
}

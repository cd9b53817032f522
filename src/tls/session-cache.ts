/**
 * Sessions that are resumed by their id, for clients without tickets (TLS 1.2): `ssl_session_cache`. A session is
 * OpenSSL's own serialisation and holds secrets: it stays in memory.
 *
 * TLS 1.3 resumes by ticket alone here: Node's hooks know only the ids of TLS 1.2.
 */

import { threadId } from "node:worker_threads"

export interface SessionCache {
  /** Keeps a session; `nowMs` is the wall clock. The buffers are the caller's. */
  store(id: Buffer, session: Buffer, timeoutMs: number, nowMs: number): void
  /** The session of `id`, or null where there is none or it is over. */
  load(id: Buffer, nowMs: number): Buffer | null
}

const MEMORY_PREFIX = "ssl_session_cache:"
const MAX_ID_BYTES = 32
const SLOT_BYTES = 1536
/** Lock, expiry in seconds, length of the id, length of the session; then the id, then the session. */
const LOCK = 0
const EXPIRES = 1
const ID_LENGTH = 2
const SESSION_LENGTH = 3
const ID_OFFSET = 16
const SESSION_OFFSET = ID_OFFSET + MAX_ID_BYTES
const MAX_SESSION_BYTES = SLOT_BYTES - SESSION_OFFSET
const SLOTS_PER_BUCKET = 4
/** Nobody waits for long: who does not get the lock goes without the session. */
const MAX_SPINS = 10_000

/**
 * `shared:NAME:SIZE`: a table in memory that all workers share. A session is looked for in the four slots of its
 * bucket; a new one takes a free or outdated slot, or that of the session which ends first. A session of more than
 * 1488 bytes (with a large client certificate) is not kept.
 */
export class SharedSessionCache implements SessionCache {
  readonly #words: Int32Array
  readonly #bytes: Buffer
  readonly #buckets: number

  /** `memory`: zero at first; `ssl_session_cache`'s SIZE. */
  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory)
    this.#bytes = Buffer.from(memory)
    this.#buckets = Math.floor(memory.byteLength / (SLOT_BYTES * SLOTS_PER_BUCKET))
    if (this.#buckets === 0) throw new RangeError("the memory is too small for a session cache")
  }

  store(id: Buffer, session: Buffer, timeoutMs: number, nowMs: number): void {
    if (id.length === 0 || id.length > MAX_ID_BYTES || session.length > MAX_SESSION_BYTES) return
    const bucket = this.#bucketOf(id)
    if (!this.#lock(bucket)) return
    const now = Math.floor(nowMs / 1000)
    let chosen = bucket
    for (let slot = bucket; slot < bucket + SLOTS_PER_BUCKET; slot++) {
      if (this.#holds(slot, id)) {
        chosen = slot
        break
      }
      if (this.#word(slot, EXPIRES) < this.#word(chosen, EXPIRES)) chosen = slot
    }
    this.#setWord(chosen, EXPIRES, now + Math.ceil(timeoutMs / 1000))
    this.#setWord(chosen, ID_LENGTH, id.length)
    this.#setWord(chosen, SESSION_LENGTH, session.length)
    this.#bytes.set(id, chosen * SLOT_BYTES + ID_OFFSET)
    this.#bytes.set(session, chosen * SLOT_BYTES + SESSION_OFFSET)
    this.#unlock(bucket)
  }

  load(id: Buffer, nowMs: number): Buffer | null {
    if (id.length === 0 || id.length > MAX_ID_BYTES) return null
    const bucket = this.#bucketOf(id)
    if (!this.#lock(bucket)) return null
    let found: Buffer | null = null
    for (let slot = bucket; slot < bucket + SLOTS_PER_BUCKET; slot++) {
      if (!this.#holds(slot, id)) continue
      if (this.#word(slot, EXPIRES) > Math.floor(nowMs / 1000)) {
        const start = slot * SLOT_BYTES + SESSION_OFFSET
        // A copy: the slot may be written as soon as the lock is free.
        found = Buffer.from(this.#bytes.subarray(start, start + this.#word(slot, SESSION_LENGTH)))
      }
      break
    }
    this.#unlock(bucket)
    return found
  }

  /** The first slot of the id's bucket. An id is random bytes: four of them are hash enough. */
  #bucketOf(id: Buffer): number {
    const hash = id.length >= 4 ? id.readUInt32LE(0) : (id[0] as number)
    return (hash % this.#buckets) * SLOTS_PER_BUCKET
  }

  #holds(slot: number, id: Buffer): boolean {
    if (this.#word(slot, ID_LENGTH) !== id.length) return false
    const start = slot * SLOT_BYTES + ID_OFFSET
    return id.compare(this.#bytes, start, start + id.length) === 0
  }

  #word(slot: number, field: number): number {
    return this.#words[(slot * SLOT_BYTES) / 4 + field] as number
  }

  #setWord(slot: number, field: number, value: number): void {
    this.#words[(slot * SLOT_BYTES) / 4 + field] = value
  }

  /** The lock of a bucket lies in its first slot. Held for the copying of one session. */
  #lock(bucket: number): boolean {
    const at = lockOf(bucket)
    for (let spins = 0; spins < MAX_SPINS; spins++)
      if (Atomics.compareExchange(this.#words, at, 0, lockValue(threadId)) === 0) return true
    return false
  }

  #unlock(bucket: number): void {
    Atomics.store(this.#words, lockOf(bucket), 0)
  }

  /** Gives back the locks that a thread held as it died. */
  repair(deadThreadId: number): void {
    for (let bucket = 0; bucket < this.#buckets; bucket++)
      Atomics.compareExchange(this.#words, lockOf(bucket * SLOTS_PER_BUCKET), lockValue(deadThreadId), 0)
  }
}

/** A bucket is known by its first slot, which has its lock. */
function lockOf(bucket: number): number {
  return (bucket * SLOT_BYTES) / 4 + LOCK
}

/** Who holds a lock. The first thread has the number 0, as a lock has that nobody holds. */
function lockValue(threadId: number): number {
  return threadId + 1
}

/** The name of a cache's shared memory. */
export function sessionCacheMemory(name: string): string {
  return `${MEMORY_PREFIX}${name}`
}

/** Gives back the locks of all caches in `memory` (by name) that a thread held as it died. */
export function repairSessionCaches(
  memory: ReadonlyMap<string, SharedArrayBuffer>,
  deadThreadId: number,
): void {
  for (const [name, shared] of memory)
    if (name.startsWith(MEMORY_PREFIX)) new SharedSessionCache(shared).repair(deadThreadId)
}

/** `builtin[:N]`: the sessions of one worker, at most N of them; the oldest goes first. */
export class LocalSessionCache implements SessionCache {
  readonly #sessions = new Map<string, { readonly session: Buffer; readonly endMs: number }>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  store(id: Buffer, session: Buffer, timeoutMs: number, nowMs: number): void {
    const key = id.toString("latin1")
    this.#sessions.delete(key)
    this.#sessions.set(key, { session: Buffer.from(session), endMs: nowMs + timeoutMs })
    // nginx: a size of 0 means no limit (SSL_CTX_sess_set_cache_size).
    if (this.#limit === 0 || this.#sessions.size <= this.#limit) return
    const oldest = this.#sessions.keys().next()
    if (oldest.done !== true) this.#sessions.delete(oldest.value)
  }

  load(id: Buffer, nowMs: number): Buffer | null {
    const key = id.toString("latin1")
    const found = this.#sessions.get(key)
    if (found === undefined) return null
    if (found.endMs > nowMs) return found.session
    this.#sessions.delete(key)
    return null
  }
}

/** `builtin shared:…` together: this worker's own sessions first, then those of all. */
export class TwoLevelSessionCache implements SessionCache {
  readonly #near: SessionCache
  readonly #far: SessionCache

  constructor(near: SessionCache, far: SessionCache) {
    this.#near = near
    this.#far = far
  }

  store(id: Buffer, session: Buffer, timeoutMs: number, nowMs: number): void {
    this.#near.store(id, session, timeoutMs, nowMs)
    this.#far.store(id, session, timeoutMs, nowMs)
  }

  load(id: Buffer, nowMs: number): Buffer | null {
    return this.#near.load(id, nowMs) ?? this.#far.load(id, nowMs)
  }
}

/**
 * Where the state of upstream peers lives: a row of memory for each peer, found again by the names of group and
 * address, so that it outlives the generation that made it. ngx_http_upstream_zone_module.
 */
import { threadId } from "node:worker_threads"

/** Most workers of a program: a shared row has a slot for each. */
export const MAX_WORKERS = 128

/** 32-bit columns of a row: offsets into `PeerRow.ints`. A weight counts only for what stands in its `_OF`. */
export const CURRENT_WEIGHT = 0
export const CURRENT_WEIGHT_OF = 1
export const EFFECTIVE_WEIGHT = 2
export const EFFECTIVE_WEIGHT_OF = 3
export const FAILS = 4
export const CONNECTIONS = 5
/** For `least_time`: see `PeerTimes`. */
export const HEADER_TIME = 14
export const RESPONSE_TIME = 15
export const IN_FLIGHT = 16
export const IN_FLIGHT_TIME = 17
/** What the group's health checks know of the peer: a part of `CHECK_INTS` columns for each. See `health.ts`. */
export const CHECKS = 20
export const CHECK_INTS = 8
/** Most health checks of one group. */
export const MAX_CHECKS = 8
/** Where the slots begin: how many of the connections are each worker's. Only shared rows have them. */
export const SLOTS = CHECKS + MAX_CHECKS * CHECK_INTS

/** 64-bit columns, behind the first six 32-bit ones: offsets into `PeerRow.floats`. Milliseconds, 0 for never. */
export const ACCESSED = 3
export const CHECKED = 4
export const IN_FLIGHT_SUM = 5
export const IN_FLIGHT_CHANGED = 6
/** `slow_start`: when the peer became available. Behind the next four 32-bit ones. */
export const STARTED = 9

/** In place of a slot, where the row is one worker's alone. */
export const NO_SLOT = -1

const LOCAL_ROW_BYTES = SLOTS * 4
const SHARED_ROW_BYTES = LOCAL_ROW_BYTES + MAX_WORKERS * 4
const LOCK_BYTES = 8
/** The word behind a group's lock: which worker checks the health of its peers (`CheckerSeat`). */
export const CHECKER = 1

/** What the names of all upstream memory begin with. */
export const UPSTREAM_MEMORY = "upstream/"
const SHARED_PEER = `${UPSTREAM_MEMORY}peer/`
const LOCAL_PEER = `${UPSTREAM_MEMORY}local/`
const LOCK = `${UPSTREAM_MEMORY}lock/`
const TABLE = `${UPSTREAM_MEMORY}table/`

const UNLOCKED = 0
/** Times to look at a taken lock before the thread lets others run. */
const SPINS = 200
/** How long a thread that waits for the lock sleeps at most before it looks again, in milliseconds. */
const NAP_MS = 1
/** Naps after which a repair goes on without the lock: its holder must have died, too. */
const REPAIR_NAPS = 100

/** Memory by name, zero at first: `WorkerServices.sharedMemory` or `.localMemory`. */
export type FindMemory = (name: string, bytes: number) => SharedArrayBuffer

/** The lock of a group whose peers are shared; where they are not, taking it does nothing. */
export class PeerLock {
  private readonly words: Int32Array | null
  private readonly owner: number

  /** `memory` of at least four bytes; undefined where only this thread knows the peers. */
  constructor(memory: SharedArrayBuffer | undefined) {
    this.words = memory === undefined ? null : new Int32Array(memory)
    this.owner = threadId + 1
  }

  /** Takes the lock. It is held for a few dozen instructions and is not reentrant; nothing may throw meanwhile. */
  lock(): void {
    const words = this.words
    if (words !== null && Atomics.compareExchange(words, 0, UNLOCKED, this.owner) !== UNLOCKED)
      this.wait(words, Number.POSITIVE_INFINITY)
  }

  /** Takes the lock unless it stays taken for about `naps` milliseconds. Returns whether it did. */
  lockWithin(naps: number): boolean {
    return this.words === null || this.wait(this.words, naps)
  }

  unlock(): void {
    if (this.words !== null) Atomics.store(this.words, 0, UNLOCKED)
  }

  private wait(words: Int32Array, naps: number): boolean {
    for (let turn = 1; ; turn++) {
      const holder = Atomics.compareExchange(words, 0, UNLOCKED, this.owner)
      if (holder === UNLOCKED) return true
      if (turn % SPINS !== 0) continue
      if (turn / SPINS > naps) return false
      // The holder may be off the CPU: give it ours. Nobody notifies, so that unlock() stays one store.
      Atomics.wait(words, 0, holder, NAP_MS)
    }
  }
}

/** The state of one peer. All zero is the state of a peer that nobody has asked anything yet. */
export class PeerRow {
  readonly ints: Int32Array
  readonly floats: Float64Array
  /** Where this worker counts its own connections in `ints`; `NO_SLOT` in a row that is not shared. */
  readonly slot: number

  constructor(memory: SharedArrayBuffer | ArrayBuffer, slot: number) {
    this.ints = new Int32Array(memory)
    this.floats = new Float64Array(memory)
    this.slot = slot
  }
}

/** The memory of one group: gives each peer its row, and all of them their lock. Not needed once they are made. */
export class GroupMemory {
  readonly lock: PeerLock
  /** The memory of the lock, with the `CHECKER` word behind it; null where each worker has peers of its own. */
  readonly lockMemory: SharedArrayBuffer | null
  /** What was asked for by name: what the generation of the group uses. */
  readonly names: string[]
  private readonly find: FindMemory | null
  private readonly prefix: string
  private readonly slot: number

  /**
   * Use `sharedMemory`, `localMemory` or `ownMemory`. `worker`: the index of this worker where rows are shared,
   * otherwise `NO_SLOT`.
   */
  constructor(group: string, find: FindMemory | null, worker: number) {
    this.names = []
    this.find = find
    this.slot = worker === NO_SLOT ? NO_SLOT : SLOTS + worker
    this.prefix = `${worker === NO_SLOT ? LOCAL_PEER : SHARED_PEER}${quote(group)}\n`
    const isShared = find !== null && worker !== NO_SLOT
    this.lockMemory = isShared ? this.named(find, LOCK + quote(group), LOCK_BYTES) : null
    this.lock = new PeerLock(this.lockMemory ?? undefined)
  }

  /** The row of the peer at `address`; `ordinal` tells peers at one address apart. */
  row(address: string, ordinal: number): PeerRow {
    const bytes = this.slot === NO_SLOT ? LOCAL_ROW_BYTES : SHARED_ROW_BYTES
    if (this.find === null) return new PeerRow(new ArrayBuffer(bytes), this.slot)
    return new PeerRow(this.named(this.find, `${this.prefix}${address}\n${ordinal}`, bytes), this.slot)
  }

  private named(find: FindMemory, name: string, bytes: number): SharedArrayBuffer {
    this.names.push(name)
    return find(name, bytes)
  }
}

/** The memory of `group` that all workers share; `workerIndex`, below `MAX_WORKERS`, is this one's. */
export function sharedMemory(group: string, find: FindMemory, workerIndex: number): GroupMemory {
  if (workerIndex >= MAX_WORKERS)
    throw new RangeError(`worker ${workerIndex} has no slot: there are ${MAX_WORKERS}`)
  return new GroupMemory(group, find, workerIndex)
}

/** The memory of `group` in this worker alone. */
export function localMemory(group: string, find: FindMemory): GroupMemory {
  return new GroupMemory(group, find, NO_SLOT)
}

/** Memory that all workers share, with a lock that is given back when the worker that holds it dies. */
export interface SharedTable {
  readonly memory: SharedArrayBuffer
  readonly lock: PeerLock
  /** What was asked for by name. */
  readonly names: readonly string[]
}

/** The table called `name`, zero at first, of `bytes` bytes: the same for each generation that asks for it. */
export function sharedTable(name: string, bytes: number, find: FindMemory): SharedTable {
  const names = [TABLE + quote(name), `${LOCK}table ${quote(name)}`]
  const memory = find(names[0], bytes)
  return { memory, lock: new PeerLock(find(names[1], LOCK_BYTES)), names }
}

/** Memory that ends with the group: for one that is made for a single request. */
export function ownMemory(): GroupMemory {
  return new GroupMemory("", null, NO_SLOT)
}

/** Without a line feed, which ends the group's part of a row's name. */
function quote(group: string): string {
  return JSON.stringify(group)
}

/** The name of a map's entry: its key is the name, a blank, and the size. */
function nameOf(key: string): string {
  return key.slice(0, key.lastIndexOf(" "))
}

/** The group of the row called `name`, quoted; undefined for the name of anything else. */
function groupOfRow(name: string): string | undefined {
  const prefix = name.startsWith(SHARED_PEER) ? SHARED_PEER : LOCAL_PEER
  return name.startsWith(prefix) ? name.slice(prefix.length, name.indexOf("\n")) : undefined
}

/**
 * Takes back what a dead worker held: its locks (ngx_shmtx_force_unlock), and its connections from each peer.
 * `memory` is the map behind `sharedMemory`; `deadThreadId` the worker's `worker_threads` thread id. To be called
 * before another worker gets its index.
 */
export function repairPeers(
  memory: ReadonlyMap<string, SharedArrayBuffer>,
  workerIndex: number,
  deadThreadId: number,
): void {
  const locks = new Map<string, PeerLock>()
  for (const [key, shared] of memory) {
    if (!key.startsWith(LOCK)) continue
    forceUnlock(shared, deadThreadId)
    Atomics.compareExchange(new Int32Array(shared), CHECKER, deadThreadId + 1, UNLOCKED)
    locks.set(nameOf(key).slice(LOCK.length), new PeerLock(shared))
  }
  for (const [key, shared] of memory) {
    if (!key.startsWith(SHARED_PEER)) continue
    const lock = locks.get(groupOfRow(nameOf(key)) ?? "")
    const isLocked = lock?.lockWithin(REPAIR_NAPS) === true
    forgetWorker(new Int32Array(shared), workerIndex)
    if (isLocked) lock?.unlock()
  }
}

/** Gives `lock` back where the thread held it as it died. Returns whether it did. */
export function forceUnlock(lock: SharedArrayBuffer, deadThreadId: number): boolean {
  const owner = deadThreadId + 1
  return Atomics.compareExchange(new Int32Array(lock), 0, owner, UNLOCKED) === owner
}

/** Counts the others anew rather than to subtract: the worker may have died between its two counts. */
function forgetWorker(row: Int32Array, workerIndex: number): void {
  row[SLOTS + workerIndex] = 0
  let sum = 0
  for (let slot = SLOTS; slot < row.length; slot++) sum += row[slot]
  row[CONNECTIONS] = sum
  // Which of them were the dead worker's is not known: they are all counted anew from here on.
  row[IN_FLIGHT] = 0
}

/**
 * Drops from `memory`, a map behind `sharedMemory` or `localMemory`, the rows that no generation names any more
 * and that no tunnel or request counts on, and the locks of groups without rows. `isNamed` must say yes to what
 * the generation in force names, and to what the one before it does: requests in flight may still choose from it.
 *
 * The supervisor's map is the one that counts. A worker's own may keep a row that the supervisor has dropped, or
 * the other way round: the next configuration comes with the supervisor's rows, which take the place of its own.
 */
export function prunePeers(memory: Map<string, SharedArrayBuffer>, isNamed: (name: string) => boolean): void {
  const groups = new Set<string>()
  for (const [key, row] of memory) {
    const name = nameOf(key)
    if (name.startsWith(TABLE) && !isNamed(name)) memory.delete(key)
    const group = groupOfRow(name)
    if (group === undefined) continue
    if (isNamed(name) || new Int32Array(row)[CONNECTIONS] > 0) groups.add(group)
    else memory.delete(key)
  }
  for (const key of memory.keys()) {
    const name = nameOf(key)
    if (name.startsWith(LOCK) && !isNamed(name) && !groups.has(name.slice(LOCK.length))) memory.delete(key)
  }
}

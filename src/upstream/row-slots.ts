/**
 * Rows for peers that are not known before the program runs: the addresses of names that are resolved at run time.
 * A worker cannot make memory that the others find, so there is a fixed number of rows, as many as the group's
 * `zone` has room for, and a table that says whose each is.
 */
import { threadId } from "node:worker_threads"
import {
  CONNECTIONS,
  type FindMemory,
  type GroupMemory,
  MAX_WORKERS,
  type PeerLock,
  type PeerRow,
  sharedTable,
} from "./zone.ts"

/** What of a `zone` one peer takes: about what it takes in nginx. */
const ZONE_BYTES_A_PEER = 1024
/** More rows than this are not made, however large the zone is. */
const MAX_SLOTS = 512

/** Longer than `[IPv6]:port`, a line feed, and an ordinal. */
const KEY_BYTES = 64
/** A slot of the table: the length of the key, the key, and how many groups of each worker have the slot. */
const HOLDERS_AT = KEY_BYTES
const SLOT_BYTES = KEY_BYTES + MAX_WORKERS
/** Before the slots: the thread that each worker was when it last held any. */
const HEAD_BYTES = MAX_WORKERS * 4

/** How many peers fit into a zone of so many bytes. */
export function slotsOfZone(zoneBytes: number): number {
  return Math.max(1, Math.min(MAX_SLOTS, Math.floor(zoneBytes / ZONE_BYTES_A_PEER)))
}

export class RowSlots {
  /** The names of the memory of the table; the rows have theirs from the group's memory. */
  readonly names: readonly string[]
  private readonly rows: readonly PeerRow[]
  private readonly lock: PeerLock
  private readonly threads: Int32Array
  private readonly bytes: Uint8Array
  private readonly worker: number
  /** Key and slot of those that this group has. */
  private held: Map<string, number>

  constructor(group: string, count: number, memory: GroupMemory, find: FindMemory, worker: number) {
    const table = sharedTable(`peers of ${group}`, HEAD_BYTES + count * SLOT_BYTES, find)
    this.names = table.names
    this.lock = table.lock
    this.threads = new Int32Array(table.memory, 0, MAX_WORKERS)
    this.bytes = new Uint8Array(table.memory, HEAD_BYTES)
    this.rows = Array.from({ length: count }, (_, slot) => memory.row(`slot ${slot}`, 0))
    this.worker = worker
    this.held = new Map()
  }

  /**
   * The rows of the peers with these keys (address and ordinal), undefined for those for which there is no room.
   * What was held before and is not among them is given back. A row is found again with the state that it had.
   */
  hold(keys: readonly string[]): (PeerRow | undefined)[] {
    // A thread that only checks a configuration must not pass for the worker whose index it has.
    if (keys.length === 0 && this.held.size === 0) return []
    const held = new Map<string, number>()
    const wanted = new Set(keys)
    this.lock.lock()
    this.forgetDeadThread()
    // First, so that there is room for the others.
    for (const [key, slot] of this.held) if (!wanted.has(key)) this.give(slot)
    for (const key of keys) {
      const slot = this.held.get(key) ?? this.acquire(key)
      if (slot !== -1) held.set(key, slot)
    }
    this.lock.unlock()
    this.held = held
    return keys.map((key) => {
      const slot = held.get(key)
      return slot === undefined ? undefined : this.rows[slot]
    })
  }

  /** Gives all back. A second call changes nothing. */
  release(): void {
    if (this.held.size > 0) this.hold([])
  }

  private acquire(key: string): number {
    let free = -1
    let isFreeNew = false
    for (let slot = 0; slot < this.rows.length; slot++) {
      const known = this.keyOf(slot)
      if (known === key) return this.take(slot)
      if (isFreeNew || (known !== "" && this.isInUse(slot))) continue
      // Rather one that nobody had: a peer that comes back finds its state.
      if (free === -1 || known === "") free = slot
      isFreeNew = known === ""
    }
    if (free === -1) return -1
    this.rows[free].ints.fill(0)
    this.setKey(free, key)
    return this.take(free)
  }

  private take(slot: number): number {
    this.bytes[this.holderAt(slot)]++
    return slot
  }

  private give(slot: number): void {
    if (this.bytes[this.holderAt(slot)] > 0) this.bytes[this.holderAt(slot)]--
  }

  private isInUse(slot: number): boolean {
    if (this.rows[slot].ints[CONNECTIONS] > 0) return true
    const at = slot * SLOT_BYTES + HOLDERS_AT
    for (let i = at; i < at + MAX_WORKERS; i++) if (this.bytes[i] > 0) return true
    return false
  }

  /** A worker that died has given nothing back; whoever has its place begins anew. */
  private forgetDeadThread(): void {
    if (this.threads[this.worker] === threadId) return
    this.threads[this.worker] = threadId
    for (let slot = 0; slot < this.rows.length; slot++) this.bytes[this.holderAt(slot)] = 0
  }

  private holderAt(slot: number): number {
    return slot * SLOT_BYTES + HOLDERS_AT + this.worker
  }

  private keyOf(slot: number): string {
    const at = slot * SLOT_BYTES
    let key = ""
    for (let i = 1; i <= this.bytes[at]; i++) key += String.fromCharCode(this.bytes[at + i])
    return key
  }

  private setKey(slot: number, key: string): void {
    const at = slot * SLOT_BYTES
    this.bytes[at] = key.length
    for (let i = 0; i < key.length; i++) this.bytes[at + 1 + i] = key.charCodeAt(i)
  }
}

/** The states of limit_req in a zone: a leaky bucket for each key. ngx_http_limit_req_lookup, _account, _expire. */
import { PAYLOAD, SharedClock, SharedTable, type TableLayout, tableBytes } from "../../base/shared-table.ts"

/** The request may go on. */
export const PASSED = 0
/** It came too soon for the burst. */
export const BUSY = 1
/** The zone has no room for the key. */
export const NO_ROOM = 2

/** Places in an entry, in units of eight bytes: requests beyond the rate, times a thousand; when the last one came. */
const EXCESS = PAYLOAD / 8
const LAST = EXCESS + 1

/** offsetof(ngx_rbtree_node_t, color) + offsetof(ngx_http_limit_req_node_t, data) */
const NGINX_NODE_BYTES = 80
/** sizeof(ngx_http_limit_req_shctx_t), and ` in limit_req zone ""` with its NUL. */
const NGINX_CONTEXT_BYTES = 80
const NGINX_LOG_BYTES = 22

const LAYOUT: TableLayout = { payloadBytes: 16, entryBytes: NGINX_NODE_BYTES }

/** A state that nobody has asked for so long may be forgotten. */
const EXPIRE_MS = 60_000

/** Bytes of memory for a zone of `sizeBytes`. */
export function requestRatesBytes(sizeBytes: number): number {
  return tableBytes(sizeBytes)
}

export class RequestRates {
  readonly table: SharedTable
  /** Requests in a second, times a thousand. */
  readonly rate: number
  /** Of the key that was asked last: requests beyond the rate, times a thousand. */
  excess = 0
  readonly #values: Float64Array
  readonly #clock: { nowMs(): number }

  constructor(
    memory: SharedArrayBuffer,
    zone: { readonly name: string; readonly sizeBytes: number; readonly rate: number },
    clock: { nowMs(): number } = new SharedClock(),
  ) {
    this.table = new SharedTable(memory, LAYOUT, zone.sizeBytes, [
      NGINX_CONTEXT_BYTES,
      NGINX_LOG_BYTES + zone.name.length,
    ])
    this.rate = zone.rate
    this.#values = new Float64Array(memory)
    this.#clock = clock
  }

  /**
   * Asks whether a request for `key` may come now; `burst` is times a thousand. With `isAccounted` it is counted if
   * it may; otherwise `account` is to follow.
   */
  check(key: string, burst: number, isAccounted: boolean): number {
    const { table } = this
    const hash = table.hash(key)
    const nowMs = this.#clock.nowMs()
    table.lock.lock()
    const entry = table.find(key, hash)
    const result =
      entry === 0
        ? this.#add(key, hash, nowMs, isAccounted)
        : this.#checkEntry(entry, nowMs, burst, isAccounted)
    table.lock.unlock()
    return result
  }

  /** Counts a request that `check` let pass; returns its excess. */
  account(key: string): number {
    const { table } = this
    const hash = table.hash(key)
    const nowMs = this.#clock.nowMs()
    table.lock.lock()
    const entry = table.find(key, hash)
    // Forgotten since by another thread that needed the room: it is as good as new.
    if (entry === 0) this.excess = 0
    else {
      const elapsedMs = this.#elapsedMs(entry, nowMs)
      this.excess = this.#excessOf(entry, elapsedMs)
      this.#store(entry, elapsedMs, nowMs)
    }
    table.lock.unlock()
    return this.excess
  }

  #checkEntry(entry: number, nowMs: number, burst: number, isAccounted: boolean): number {
    this.table.touch(entry)
    const elapsedMs = this.#elapsedMs(entry, nowMs)
    this.excess = this.#excessOf(entry, elapsedMs)
    if (this.excess > burst) return BUSY
    if (isAccounted) this.#store(entry, elapsedMs, nowMs)
    return PASSED
  }

  #add(key: string, hash: number, nowMs: number, isAccounted: boolean): number {
    const { table } = this
    this.excess = 0
    this.#expire(nowMs, false)
    let entry = table.insert(key, hash)
    if (entry === 0) {
      this.#expire(nowMs, true)
      entry = table.insert(key, hash)
      if (entry === 0) return NO_ROOM
    }
    this.#values[(entry >> 3) + EXCESS] = 0
    this.#values[(entry >> 3) + LAST] = isAccounted ? nowMs : 0
    return PASSED
  }

  /** Forgets one or two states that have come to rest, and with `isForced` the oldest whatever it is. */
  #expire(nowMs: number, isForced: boolean): void {
    const { table } = this
    for (let turn = isForced ? 0 : 1; turn < 3; turn++) {
      const entry = table.oldest
      if (entry === 0) return
      if (turn > 0) {
        const idleMs = Math.abs(nowMs - (this.#values[(entry >> 3) + LAST] as number))
        if (idleMs < EXPIRE_MS) return
        const excess = this.#values[(entry >> 3) + EXCESS] as number
        if (excess - Math.floor((this.rate * idleMs) / 1000) > 0) return
      }
      table.remove(entry)
    }
  }

  /** Clocks of threads may differ by a hair; one that is far behind was set back. */
  #elapsedMs(entry: number, nowMs: number): number {
    const ms = nowMs - (this.#values[(entry >> 3) + LAST] as number)
    return ms < -EXPIRE_MS ? 1 : Math.max(ms, 0)
  }

  #excessOf(entry: number, elapsedMs: number): number {
    const former = this.#values[(entry >> 3) + EXCESS] as number
    return Math.max(former - Math.floor((this.rate * elapsedMs) / 1000) + 1000, 0)
  }

  #store(entry: number, elapsedMs: number, nowMs: number): void {
    this.#values[(entry >> 3) + EXCESS] = this.excess
    if (elapsedMs > 0) this.#values[(entry >> 3) + LAST] = nowMs
  }
}

/** Gives back what a dead thread held of a zone. */
export function repairRequestRates(memory: SharedArrayBuffer, deadThreadId: number): void {
  const table = new SharedTable(memory, LAYOUT, 0, [])
  if (!table.lock.takeFromDead(deadThreadId)) return
  table.rebuild()
  table.lock.unlock()
}

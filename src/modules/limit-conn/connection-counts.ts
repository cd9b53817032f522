/** The states of limit_conn in a zone: how many connections each key has just now. ngx_http_limit_conn_module. */
import { PAGE_BYTES, pagesOf } from "../../base/shared-slab.ts"
import { PAYLOAD, SharedTable, type TableLayout, tableBytes } from "../../base/shared-table.ts"
import { MAX_WORKERS } from "../../upstream/zone.ts"

/** The key has as many connections as it may have. */
export const BUSY = 0
/** The zone has no room for the key. */
export const NO_ROOM = -1

/** The place in an entry, in words. */
const CONNECTIONS = PAYLOAD / 4

/** offsetof(ngx_rbtree_node_t, color) + offsetof(ngx_http_limit_conn_node_t, data) */
const NGINX_NODE_BYTES = 36
/** sizeof(ngx_http_limit_conn_shctx_t), and ` in limit_conn_zone ""` with its NUL. */
const NGINX_CONTEXT_BYTES = 64
const NGINX_LOG_BYTES = 23

const LAYOUT: TableLayout = { payloadBytes: 8, entryBytes: NGINX_NODE_BYTES }

/** The smallest chunk that an entry lies in. */
const ENTRY_SHIFT = 6
const ENTRIES_PER_PAGE = PAGE_BYTES >> ENTRY_SHIFT

/** Naps after which a repair leaves the counting to the next one: the lock's holder must have died, too. */
const REPAIR_NAPS = 200

/** Bytes of memory for a zone of `sizeBytes`. What a worker has no connections in is never touched. */
export function connectionCountsBytes(sizeBytes: number): number {
  return tableBytes(sizeBytes) + MAX_WORKERS * pagesOf(sizeBytes) * ENTRIES_PER_PAGE * 2
}

/**
 * Behind the table is a column for each worker: how many of an entry's connections are its own, so that those of a
 * worker that dies can be taken off.
 */
export class ConnectionCounts {
  readonly #table: SharedTable
  readonly #own: Uint16Array

  constructor(
    memory: SharedArrayBuffer,
    zone: { readonly name: string; readonly sizeBytes: number },
    workerIndex: number,
  ) {
    this.#table = new SharedTable(memory, LAYOUT, zone.sizeBytes, [
      NGINX_CONTEXT_BYTES,
      NGINX_LOG_BYTES + zone.name.length,
    ])
    this.#own = columnOf(this.#table, workerIndex)
  }

  get table(): SharedTable {
    return this.#table
  }

  /** Counts a connection of `key`. Returns what `release` wants when it ends, or BUSY or NO_ROOM. */
  acquire(key: string, limit: number): number {
    const table = this.#table
    const hash = table.hash(key)
    table.lock.lock()
    let entry = table.find(key, hash)
    if (entry === 0) {
      entry = table.insert(key, hash)
      if (entry !== 0) table.words[(entry >> 2) + CONNECTIONS] = 0
      else entry = NO_ROOM
    } else if ((table.words[(entry >> 2) + CONNECTIONS] as number) >= limit) entry = BUSY
    if (entry > 0) this.#count(entry, 1)
    table.lock.unlock()
    return entry
  }

  /** A connection that `acquire` counted has ended. */
  release(entry: number): void {
    const table = this.#table
    table.lock.lock()
    this.#count(entry, -1)
    if (table.words[(entry >> 2) + CONNECTIONS] === 0) table.remove(entry)
    table.lock.unlock()
  }

  #count(entry: number, delta: number): void {
    const at = rowOf(this.#table, entry)
    this.#own[at] = (this.#own[at] as number) + delta
    const place = (entry >> 2) + CONNECTIONS
    this.#table.words[place] = (this.#table.words[place] as number) + delta
  }
}

function rowOf(table: SharedTable, entry: number): number {
  return (entry - table.start) >> ENTRY_SHIFT
}

function columnOf(table: SharedTable, workerIndex: number): Uint16Array {
  const rows = table.pages * ENTRIES_PER_PAGE
  const start = table.start + table.pages * PAGE_BYTES + workerIndex * rows * 2
  return new Uint16Array(table.words.buffer, start, rows)
}

/** Takes the connections of a dead worker off, and gives back what its thread held of a zone. */
export function repairConnectionCounts(
  memory: SharedArrayBuffer,
  workerIndex: number,
  deadThreadId: number,
): void {
  const table = new SharedTable(memory, LAYOUT, 0, [])
  const own = columnOf(table, workerIndex)
  if (table.lock.takeFromDead(deadThreadId)) table.rebuild()
  else if (!table.lock.lockWithin(REPAIR_NAPS)) return void own.fill(0)
  const columns = Array.from({ length: MAX_WORKERS }, (_, index) => columnOf(table, index))
  own.fill(0)
  // Counted anew rather than subtracted: it may have died between its two counts.
  table.forEach((entry) => {
    const row = rowOf(table, entry)
    let sum = 0
    for (const column of columns) sum += column[row] as number
    table.words[(entry >> 2) + CONNECTIONS] = sum
    if (sum === 0) table.remove(entry)
  })
  table.lock.unlock()
}

import type { UpstreamConnection, UpstreamOwner } from "./connection.ts"
import type { Peer } from "./peer.ts"

/** The `keepalive*` directives of an `upstream` block. */
export interface KeepaliveOptions {
  /** keepalive: most idle connections, over all peers, in one worker. */
  connections: number
  /** keepalive_requests: requests after which a connection is closed. */
  requests: number
  /** keepalive_time: age in milliseconds after which a connection is closed once its request is done. */
  timeMs: number
  /** keepalive_timeout: milliseconds that a connection may be idle. */
  timeoutMs: number
  /** keepalive … local: connections are not shared between locations; the location is in the key then. */
  local: boolean
}

/** What nginx 1.29.7 and later assume for an `upstream` block that names no `keepalive`. */
export const DEFAULT_KEEPALIVE: Readonly<KeepaliveOptions> = {
  connections: 32,
  requests: 1000,
  timeMs: 3_600_000,
  timeoutMs: 60_000,
  local: true,
}

/**
 * The key under which a location's connections to `peer` are kept. `tlsName` stands for the TLS parameters, ""
 * without TLS; `scope` for the location where keepalive is `local`, "" where it is not. Build it once for each
 * location and peer.
 */
export function connectionKey(peer: Peer, tlsName: string, scope: string): string {
  return `${peer.address.name}\n${tlsName}\n${scope}`
}

/**
 * The idle connections of one group in one worker: ngx_http_upstream_keepalive_module. The most recently used one
 * that fits is taken first; when there is no room the least recently used one of all goes. A connection whose
 * peer closes it, fails, or says anything unasked while it is idle is closed.
 *
 * An idle connection belongs to the pool, a taken one to whoever took it; it comes back to the same pool or to none.
 */
export class ConnectionPool {
  /** keepalive … local */
  readonly local: boolean
  private readonly limit: number
  private readonly requests: number
  private readonly timeMs: number
  private readonly timeoutMs: number
  /** For each key its idle connections, the least recently used first. */
  private readonly idle: Map<string, UpstreamConnection[]>
  private count: number
  /** Connections that were ever put. */
  private puts: number
  private closed: boolean

  /** Without options, or with room for none, every connection that is put is closed. */
  constructor(options: KeepaliveOptions | undefined) {
    this.local = options === undefined ? false : options.local
    this.limit = options === undefined ? 0 : options.connections
    this.requests = options === undefined ? 0 : options.requests
    this.timeMs = options === undefined ? 0 : options.timeMs
    this.timeoutMs = options === undefined ? 0 : options.timeoutMs
    this.idle = new Map()
    this.count = 0
    this.puts = 0
    this.closed = false
  }

  /** Idle connections. */
  get size(): number {
    return this.count
  }

  /**
   * An idle connection made with `key`, or undefined. It is flowing and has no owner: set one before returning to
   * the event loop. The peer may have closed it at this very moment: an error before the first byte of an answer
   * is no failure of the peer, and the request may be tried once more.
   */
  take(key: string, nowMs: number): UpstreamConnection | undefined {
    const stack = this.idle.get(key)
    if (stack === undefined) return undefined
    for (;;) {
      const connection = stack.pop()
      if (connection === undefined) return undefined
      this.count--
      if (connection.isReusable && nowMs - connection.idleSinceMs < this.timeoutMs) {
        connection.owner = null
        connection.requestCount++
        connection.bytesReceived = 0
        connection.bytesSent = 0
        return connection
      }
      connection.destroy()
    }
  }

  /**
   * Takes over a connection whose request is done: answer read to its end, request sent whole. Keeps it, or closes
   * it where it is too old, has served too many requests, or is not in a fit state.
   */
  put(connection: UpstreamConnection, nowMs: number): void {
    if (
      this.closed ||
      this.limit === 0 ||
      !connection.isReusable ||
      connection.requestCount >= this.requests ||
      nowMs - connection.createdAtMs > this.timeMs
    ) {
      connection.destroy()
      return
    }
    if (this.count >= this.limit) this.evict()
    let stack = this.idle.get(connection.key)
    if (stack === undefined) {
      stack = []
      this.idle.set(connection.key, stack)
    }
    stack.push(connection)
    this.count++
    connection.idleSinceMs = nowMs
    connection.idleOrder = ++this.puts
    connection.idleOwner ??= new IdleOwner(this, connection)
    connection.owner = connection.idleOwner
    connection.resume()
  }

  /** Closes what has been idle for keepalive_timeout. To be called from time to time, once a second or so. */
  sweep(nowMs: number): void {
    for (const [key, stack] of this.idle) {
      let expired = 0
      while (expired < stack.length && nowMs - stack[expired].idleSinceMs >= this.timeoutMs) expired++
      for (const connection of stack.splice(0, expired)) connection.destroy()
      this.count -= expired
      // A peer that has gone, or a location that a reload removed, must not leave its key behind.
      if (stack.length === 0) this.idle.delete(key)
    }
  }

  /** Closes all idle connections, and from now on every one that is put: at shutdown, or as a generation ends. */
  close(): void {
    this.closed = true
    for (const stack of this.idle.values()) for (const connection of stack) connection.destroy()
    this.idle.clear()
    this.count = 0
  }

  /** Forgets and closes an idle connection. */
  remove(connection: UpstreamConnection): void {
    connection.destroy()
    const stack = this.idle.get(connection.key)
    const at = stack === undefined ? -1 : stack.lastIndexOf(connection)
    if (stack === undefined || at === -1) return
    stack.splice(at, 1)
    this.count--
  }

  private evict(): void {
    let oldest: UpstreamConnection[] | undefined
    for (const stack of this.idle.values())
      if (stack.length > 0 && (oldest === undefined || stack[0].idleOrder < oldest[0].idleOrder))
        oldest = stack
    if (oldest === undefined) return
    oldest[0].destroy()
    oldest.shift()
    this.count--
  }
}

/** Watches an idle connection. */
class IdleOwner implements UpstreamOwner {
  private readonly pool: ConnectionPool
  private readonly connection: UpstreamConnection

  constructor(pool: ConnectionPool, connection: UpstreamConnection) {
    this.pool = pool
    this.connection = connection
  }

  onUpstreamConnect(): void {}
  onUpstreamDrain(): void {}
  onUpstreamData(): void {
    this.pool.remove(this.connection)
  }
  onUpstreamEnd(): void {
    this.pool.remove(this.connection)
  }
  onUpstreamError(): void {
    this.pool.remove(this.connection)
  }
  onUpstreamClose(): void {
    this.pool.remove(this.connection)
  }
}

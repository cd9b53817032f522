import type { PeerZone } from "./zone.ts"
import { ACCESSED, CHECKED, CONNECTIONS, CURRENT_WEIGHT, EFFECTIVE_WEIGHT, FAILS } from "./zone.ts"

/** Where a peer listens. */
export interface PeerAddress {
  /** As `$upstream_addr` writes it: `10.0.0.1:3000`, `[::1]:80`, `unix:/run/app.sock`. */
  readonly name: string
  /** An IPv4 or IPv6 address without brackets; "" for a Unix-domain socket. */
  readonly host: string
  readonly port: number
  /** The path of a Unix-domain socket as a latin1 string; "" for TCP. */
  readonly path: string
}

/** One `server` line of an `upstream` block, for one of the addresses that it names. */
export interface PeerOptions {
  address: PeerAddress
  /** The address as written in the file. */
  server: string
  weight: number
  /** Most connections at a time; 0 for no limit. */
  maxConns: number
  /** Failures within `failTimeoutMs` that make the peer unavailable; 0 to never judge it. */
  maxFails: number
  failTimeoutMs: number
  backup: boolean
  down: boolean
}

/** The address of a peer on TCP. `host` is an IPv4 or IPv6 address without brackets. */
export function tcpAddress(host: string, port: number): PeerAddress {
  return { name: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`, host, port, path: "" }
}

/** The address of a peer on a Unix-domain socket. `path` is a latin1 string. */
export function unixAddress(path: string): PeerAddress {
  return { name: `unix:${path}`, host: "", port: 0, path }
}

/**
 * One server of an upstream group: what the file says of it, and its state, which lives in the group's zone.
 * The state is read and written with the zone's lock held (`Upstream` does that); a bare read of a number for a
 * status page needs no lock. ngx_http_upstream_rr_peer_t.
 */
export class Peer {
  readonly address: PeerAddress
  readonly server: string
  readonly weight: number
  readonly maxConns: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  readonly backup: boolean
  readonly down: boolean
  /** The peer's place in its group: primaries first, then backups. Its bit in a `PeerSet`. */
  readonly index: number
  /** The latest TLS session that the peer gave, with the connection key that it was given under. */
  tlsSession: Buffer | undefined
  tlsSessionKey: string
  private readonly ints: Int32Array
  private readonly floats: Float64Array
  private readonly intRow: number
  private readonly floatRow: number

  constructor(options: PeerOptions, index: number, zone: PeerZone) {
    this.address = options.address
    this.server = options.server
    this.weight = options.weight
    this.maxConns = options.maxConns
    this.maxFails = options.maxFails
    this.failTimeoutMs = options.failTimeoutMs
    this.backup = options.backup
    this.down = options.down
    this.index = index
    this.tlsSession = undefined
    this.tlsSessionKey = ""
    this.ints = zone.ints
    this.floats = zone.floats
    this.intRow = zone.intRow(index)
    this.floatRow = zone.floatRow(index)
  }

  /** What the smooth round-robin has added up for the peer; the highest is chosen. */
  get currentWeight(): number {
    return this.ints[this.intRow + CURRENT_WEIGHT]
  }
  set currentWeight(value: number) {
    this.ints[this.intRow + CURRENT_WEIGHT] = value
  }

  /** The weight that counts: falls when the peer fails, and climbs back by one each time it is considered. */
  get effectiveWeight(): number {
    return this.ints[this.intRow + EFFECTIVE_WEIGHT]
  }
  set effectiveWeight(value: number) {
    this.ints[this.intRow + EFFECTIVE_WEIGHT] = value
  }

  /** Failures since the peer was last known to be alive. */
  get fails(): number {
    return this.ints[this.intRow + FAILS]
  }
  set fails(value: number) {
    this.ints[this.intRow + FAILS] = value
  }

  /** Requests and tunnels that have the peer now. */
  get connections(): number {
    return this.ints[this.intRow + CONNECTIONS]
  }
  set connections(value: number) {
    this.ints[this.intRow + CONNECTIONS] = value
  }

  /** When the peer last failed, in milliseconds; 0 for never. */
  get accessed(): number {
    return this.floats[this.floatRow + ACCESSED]
  }
  set accessed(value: number) {
    this.floats[this.floatRow + ACCESSED] = value
  }

  /** When the window of `failTimeoutMs` that counts now began, in milliseconds; 0 for never. */
  get checked(): number {
    return this.floats[this.floatRow + CHECKED]
  }
  set checked(value: number) {
    this.floats[this.floatRow + CHECKED] = value
  }

  /** Whether the peer may be given a request at `nowMs`: not down, not failed lately, not full. */
  isAvailable(nowMs: number): boolean {
    if (this.down) return false
    if (this.maxFails !== 0 && this.fails >= this.maxFails && nowMs - this.checked <= this.failTimeoutMs)
      return false
    return this.maxConns === 0 || this.connections < this.maxConns
  }

  /** Begins a new window when the last is over: whoever does is the one that finds out whether the peer is back. */
  check(nowMs: number): void {
    if (nowMs - this.checked > this.failTimeoutMs) this.checked = nowMs
  }
}

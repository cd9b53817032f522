import type { Balancer, BalancerInput, PeerSet } from "./balancer.ts"
import { IpHash } from "./balancers/ip-hash.ts"
import { RoundRobin } from "./balancers/round-robin.ts"
import type { PeerOptions } from "./peer.ts"
import { Peer } from "./peer.ts"
import type { KeepaliveOptions } from "./pool.ts"
import { ConnectionPool } from "./pool.ts"
import { PeerZone } from "./zone.ts"

/**
 * How an attempt at a peer ended. `failed` counts against `max_fails`; `ok` may bring a failed peer back to life;
 * `idle` says nothing about the peer (the client left before it could answer).
 */
export type PeerOutcome = "ok" | "failed" | "idle"

export interface UpstreamOptions {
  /** The group's name: what `proxy_pass` names, and `$upstream_addr` when no peer could be had. */
  name: string
  /** In the order of the file, primaries and backups mixed. At least one is a primary. */
  peers: PeerOptions[]
  method: "round_robin" | "ip_hash"
  /** Undefined where no connection is kept: `keepalive 0`, and groups that a `proxy_pass` URL implies. */
  keepalive: KeepaliveOptions | undefined
  /** Memory of at least `zoneBytes(peers.length)` that the workers share; undefined for each worker its own. */
  zone: SharedArrayBuffer | undefined
}

/** A group of servers: an `upstream` block, or what the URL of a `proxy_pass` implies. Belongs to one thread. */
export class Upstream {
  readonly name: string
  /** The primaries, in the order of the file. */
  readonly peers: readonly Peer[]
  readonly backups: readonly Peer[]
  readonly pool: ConnectionPool
  /** Most peers that one request may try: all that are not `down`. ngx_http_upstream_tries. */
  readonly tries: number
  private readonly balancer: Balancer
  private readonly zone: PeerZone
  private readonly single: boolean

  /** Throws an Error where the group has no primary, or `zone` does not fit. */
  constructor(options: UpstreamOptions) {
    const primaries = options.peers.filter((peer) => !peer.backup)
    const backups = options.peers.filter((peer) => peer.backup)
    if (primaries.length === 0) throw new Error(`no servers are inside upstream "${options.name}"`)
    const ordered = [...primaries, ...backups]
    this.zone = new PeerZone(ordered.length, options.zone)
    this.zone.fill(ordered.map((peer) => peer.weight))
    const peers = ordered.map((peer, index) => new Peer(peer, index, this.zone))
    this.name = options.name
    this.peers = peers.slice(0, primaries.length)
    this.backups = peers.slice(primaries.length)
    this.tries = peers.reduce((sum, peer) => sum + (peer.down ? 0 : 1), 0)
    this.single = peers.length === 1
    this.balancer =
      options.method === "ip_hash"
        ? new IpHash(this.peers, this.backups)
        : new RoundRobin(this.peers, this.backups)
    this.pool = new ConnectionPool(options.keepalive)
  }

  /**
   * The peer for the next attempt of a request, counted as one connection on it until `release`; it is in `tried`
   * from then on. Undefined when there is none: nginx's "no live upstreams while connecting to upstream", 502.
   */
  pick(input: BalancerInput, tried: PeerSet): Peer | undefined {
    this.zone.lock()
    const peer = this.balancer.pick(input, tried)
    if (peer !== undefined) peer.connections++
    this.zone.unlock()
    return peer
  }

  /**
   * Gives a picked peer back, once for each pick: ngx_http_upstream_free_round_robin_peer. A group of one server
   * does not count failures. An answer that `proxy_next_upstream` passes over as `http_403` or `http_404` is no
   * failure of the peer: `ok`. Returns true when the peer has now failed as often as `max_fails` allows: nginx
   * warns that the "upstream server" is "temporarily disabled".
   */
  release(peer: Peer, outcome: PeerOutcome, nowMs: number): boolean {
    let exhausted = false
    this.zone.lock()
    if (!this.single && outcome !== "idle") {
      if (outcome === "failed") exhausted = countFailure(peer, nowMs)
      else revive(peer)
    }
    if (peer.connections > 0) peer.connections--
    this.zone.unlock()
    return exhausted
  }

  /**
   * Tells that a picked peer has answered, long before it is given back. A tunnel may last for days: without this
   * a peer that came back would be avoided until the first of them ends. As the stream module does on connect
   * (NGX_STREAM_UPSTREAM_NOTIFY_CONNECT); the http module only judges at the end.
   */
  markAlive(peer: Peer): void {
    // Nothing to do for nearly every request; a stale read only leaves the judgement to release().
    if (this.single || peer.fails === 0) return
    this.zone.lock()
    revive(peer)
    this.zone.unlock()
  }
}

function countFailure(peer: Peer, nowMs: number): boolean {
  const fails = peer.fails + 1
  peer.fails = fails
  peer.accessed = nowMs
  peer.checked = nowMs
  if (peer.maxFails === 0) return false
  const effective = peer.effectiveWeight - Math.trunc(peer.weight / peer.maxFails)
  peer.effectiveWeight = effective < 0 ? 0 : effective
  return fails >= peer.maxFails
}

/** Forgets the failures of a peer that answered in a window which began after the last of them. */
function revive(peer: Peer): void {
  if (peer.accessed < peer.checked) peer.fails = 0
}

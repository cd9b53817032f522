import { WARN } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import { type BalancerInput, PeerSet } from "../../upstream/balancer.ts"
import type { StickySession } from "../../upstream/balancers/sticky.ts"
import type { UpstreamConnection, UpstreamOwner } from "../../upstream/connection.ts"
import type { Peer, PeerOutcome } from "../../upstream/peer.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { Attempt } from "./attempt.ts"
import { connect, connectionKey } from "./connect.ts"
import type { ProxyTarget } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

/** What a tunnel takes with it. Neither of the two holds anything of the request, or of its generation. */
export interface TunnelEnds {
  /** To be given back by `release`, once, when the tunnel is over. */
  readonly peer: Peer
  /** The tunnel's own from now on: it needs an owner at once. */
  readonly connection: UpstreamConnection
}

/** The peer that a request has at the moment, and the connection to it: one after the other, each given back. */
export class PeerLease {
  peer: Peer | null = null
  connection: UpstreamConnection | null = null
  /** What the variables tell of the present attempt, or of the last one. */
  attempt: Attempt | null = null
  /** The connection had been kept from an earlier request. */
  isReused = false
  readonly #request: Request
  readonly #settings: ProxySettings
  readonly #target: ProxyTarget
  readonly #group: Upstream
  readonly #input: BalancerInput
  readonly #tried = new PeerSet()
  #hasBegun = false
  /** Null where the group has no `sticky`. */
  #session: StickySession | null = null
  #isHandedOver = false

  constructor(request: Request, settings: ProxySettings, target: ProxyTarget, group: Upstream) {
    this.#request = request
    this.#settings = settings
    this.#target = target
    this.#group = group
    this.#input = { clientAddress: request.remote.address, hashKey: "", boundTo: "", nowMs: 0 }
  }

  /** Chooses the next peer; false where none is alive. */
  choose(): boolean {
    const { scheme, host, uri } = this.#target
    const session = this.#begin()
    const nowMs = this.#settings.services.nowMs()
    this.#input.nowMs = nowMs
    if (session !== null) this.#input.boundTo = session.boundTo(nowMs)
    this.peer = this.#group.pick(this.#input, this.#tried) ?? null
    if (this.peer !== null) session?.chosen(this.peer, nowMs)
    const address = this.peer?.address
    this.attempt = new Attempt(this.#request, address?.name ?? host)
    const separator = address === undefined || address.path === "" ? "" : ":"
    this.#request.upstreamUrl = `${scheme}://${address?.name ?? host}${separator}${uri}`
    return this.peer !== null
  }

  /** What the request says of its peer is read once, when the first is chosen. ngx_http_upstream_init_peer. */
  #begin(): StickySession | null {
    if (this.#hasBegun) return this.#session
    this.#hasBegun = true
    const { hashKey, sticky } = this.#group
    if (hashKey !== null) this.#input.hashKey = hashKey.evaluate(this.#request)
    if (sticky !== null) this.#session = sticky.begin(this.#request)
    return this.#session
  }

  /** Takes a kept connection to the chosen peer; false where there is none. */
  takeKept(owner: UpstreamOwner): boolean {
    const key = connectionKey(this.#request, this.#settings, this.#target, this.peer as Peer)
    const kept = this.#group.pool.take(key, this.#input.nowMs)
    if (kept === undefined) return false
    this.connection = kept
    this.isReused = true
    kept.owner = owner
    return true
  }

  /** Opens a connection to the chosen peer, in place of one that it may have had. */
  connect(owner: UpstreamOwner): void {
    this.connection?.destroy()
    this.isReused = false
    const { tlsSessions } = this.#group
    const peer = this.peer as Peer
    this.connection = connect(this.#request, this.#settings, this.#target, peer, tlsSessions, owner)
  }

  /** The head of an answer that is not passed over has come. */
  answered(): void {
    const peer = this.peer as Peer
    const nowMs = this.#settings.services.nowMs()
    this.#group.noteHead(peer, this.#tried, this.attempt?.headerMs ?? 0, nowMs)
    this.#session?.answered(peer, nowMs)
  }

  /** The peer has answered, long before it is given back: a tunnel may last for days. */
  markAlive(): void {
    this.peer?.markAlive()
  }

  /**
   * Leaves peer and connection to a tunnel; only after a connection was made. From then on `giveBack` changes
   * nothing: peer and connection are the tunnel's to end, and so is `attempt`.
   */
  handOver(): TunnelEnds {
    const { connection, peer } = this as TunnelEnds
    const nowMs = this.#settings.services.nowMs()
    // How long a tunnel lasts says nothing about its server: for `least_time` the answer ends with its head.
    const headerMs = this.attempt?.headerMs ?? 0
    this.#group.noteEnd(peer, this.#tried, "ok", headerMs, headerMs, nowMs)
    this.#session?.tunnelled(peer, nowMs)
    this.#isHandedOver = true
    this.connection = null
    this.peer = null
    connection.detach()
    return { peer, connection }
  }

  /**
   * Gives peer and connection back; a second call changes nothing. `doing`: nginx's " while …", for the warning
   * that the peer has failed too often.
   */
  giveBack(outcome: PeerOutcome, mayKeep: boolean, responseBytes: number, doing: string): void {
    if (this.#isHandedOver) return
    this.attempt?.finish(this.connection, responseBytes)
    const { connection, peer } = this
    const nowMs = this.#settings.services.nowMs()
    this.connection = null
    this.peer = null
    if (peer !== null) this.#noteEnd(peer, outcome, nowMs)
    if (connection !== null && mayKeep) this.#group.pool.put(connection, nowMs)
    else connection?.destroy()
    if (peer?.release(outcome, nowMs) === true)
      this.#request.log(WARN, `upstream server temporarily disabled${doing}`)
  }

  #noteEnd(peer: Peer, outcome: PeerOutcome, nowMs: number): void {
    const { headerMs, responseMs } = this.attempt as Attempt
    this.#group.noteEnd(peer, this.#tried, outcome, headerMs, responseMs, nowMs)
    if (outcome === "ok" || outcome === "idle") this.#session?.ended(peer, nowMs)
  }
}

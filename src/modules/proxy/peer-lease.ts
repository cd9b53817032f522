import { WARN } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import { type BalancerInput, PeerSet } from "../../upstream/balancer.ts"
import type { StickySession } from "../../upstream/balancers/sticky.ts"
import type { UpstreamConnection, UpstreamOwner } from "../../upstream/connection.ts"
import type { Peer, PeerOutcome } from "../../upstream/peer.ts"
import {
  CHOSEN,
  NONE_LIVE,
  type PeerChoice,
  type PeerWait,
  type PeerWaiter,
  UNRESOLVED,
  WAITING,
} from "../../upstream/peer-wait.ts"
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

/** Finds the group of a request whose upstream is a name that has to be resolved. */
export interface GroupLookup {
  /** The group where it is known at once. */
  find(): Upstream | null
  /** Begins to look; calls `waiter`, once, when the group is known, but not before it has returned. */
  begin(waiter: GroupWaiter): PeerWait
}

export interface GroupWaiter {
  /** `group` is null where there is none; the error log says why. */
  onGroup(group: Upstream | null): void
}

/** Whose peer it is. */
export interface LeaseOwner {
  /** A choice that had to wait has ended; `WAITING` where it has to wait for something else now. */
  onPeerChoice(choice: PeerChoice): void
}

/** The peer that a request has at the moment, and the connection to it: one after the other, each given back. */
export class PeerLease implements PeerWaiter, GroupWaiter {
  peer: Peer | null = null
  connection: UpstreamConnection | null = null
  /** What the variables tell of the present attempt, or of the last one. */
  attempt: Attempt | null = null
  /** The connection had been kept from an earlier request. */
  isReused = false
  readonly #request: Request
  readonly #settings: ProxySettings
  readonly #target: ProxyTarget
  readonly #owner: LeaseOwner
  readonly #lookup: GroupLookup | null
  /** Null until the lookup has found it. */
  #group: Upstream | null
  /** What the request waits for before it has a peer. */
  #wait: PeerWait | null = null
  readonly #input: BalancerInput
  readonly #tried = new PeerSet()
  #hasBegun = false
  /** When the request joined the group's queue, by performance.now(); -1 where it has not. */
  #queuedMs = -1
  /** Null where the group has no `sticky`. */
  #session: StickySession | null = null
  #isHandedOver = false

  /** `group`: where to choose; or what finds it when the first peer is to be chosen. */
  constructor(
    request: Request,
    settings: ProxySettings,
    target: ProxyTarget,
    group: Upstream | GroupLookup,
    owner: LeaseOwner,
  ) {
    this.#request = request
    this.#settings = settings
    this.#target = target
    this.#owner = owner
    this.#lookup = "begin" in group ? group : null
    this.#group = "begin" in group ? null : group
    this.#input = { clientAddress: request.remote.address, hashKey: "", boundTo: "", nowMs: 0 }
  }

  /** Null until it is found. */
  get group(): Upstream | null {
    return this.#group
  }

  /** Chooses the next peer, or begins to wait for one: `LeaseOwner.onPeerChoice` is called then. */
  choose(): PeerChoice {
    this.#group ??= (this.#lookup as GroupLookup).find()
    if (this.#group === null) {
      this.#wait = (this.#lookup as GroupLookup).begin(this)
      return WAITING
    }
    const { queue } = this.#group
    // Who has tried a peer in vain does not wait: those that it may wait for are those that failed.
    const mayWait = queue !== null && this.attempt === null
    const isBehind = mayWait && !queue.isEmpty
    if (!isBehind && this.#pick()) return CHOSEN
    if (mayWait) this.#wait = queue.enqueue(this)
    if (isBehind) queue.wake()
    if (this.#wait !== null) {
      this.#queuedMs = performance.now()
      return WAITING
    }
    this.#beginAttempt()
    return NONE_LIVE
  }

  onGroup(group: Upstream | null): void {
    this.#wait = null
    this.#group = group
    this.#owner.onPeerChoice(group === null ? UNRESOLVED : this.choose())
  }

  tryAgain(): boolean {
    // Nothing has been tried: only where the balancer stands (on the backups, for one) is left of the last choice.
    this.#tried.clear()
    if (!this.#pick()) return false
    this.#wait = null
    this.#owner.onPeerChoice(CHOSEN)
    return true
  }

  giveUp(): void {
    this.#wait = null
    this.#beginAttempt()
    this.#owner.onPeerChoice(NONE_LIVE)
  }

  #pick(): boolean {
    const group = this.#group as Upstream
    const session = this.#begin(group)
    const nowMs = this.#settings.services.nowMs()
    this.#input.nowMs = nowMs
    if (session !== null) this.#input.boundTo = session.boundTo(nowMs)
    this.peer = group.pick(this.#input, this.#tried) ?? null
    if (this.peer === null) return false
    session?.chosen(this.peer, nowMs)
    this.#beginAttempt()
    return true
  }

  #beginAttempt(): void {
    const { scheme, host, uri } = this.#target
    const address = this.peer?.address
    const queueMs = this.#queuedMs === -1 ? -1 : performance.now() - this.#queuedMs
    this.#queuedMs = -1
    this.attempt = new Attempt(this.#request, address?.name ?? host, queueMs)
    const separator = address === undefined || address.path === "" ? "" : ":"
    this.#request.upstreamUrl = `${scheme}://${address?.name ?? host}${separator}${uri}`
  }

  /** What the request says of its peer is read once, when the first is chosen. ngx_http_upstream_init_peer. */
  #begin({ hashKey, sticky }: Upstream): StickySession | null {
    if (this.#hasBegun) return this.#session
    this.#hasBegun = true
    if (hashKey !== null) this.#input.hashKey = hashKey.evaluate(this.#request)
    if (sticky !== null) this.#session = sticky.begin(this.#request)
    return this.#session
  }

  /** Takes a kept connection to the chosen peer; false where there is none. */
  takeKept(owner: UpstreamOwner): boolean {
    const key = connectionKey(this.#request, this.#settings, this.#target, this.peer as Peer)
    const kept = (this.#group as Upstream).pool.take(key, this.#input.nowMs)
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
    const { tlsSessions } = this.#group as Upstream
    const peer = this.peer as Peer
    this.connection = connect(this.#request, this.#settings, this.#target, peer, tlsSessions, owner)
  }

  /** The head of an answer that is not passed over has come. */
  answered(): void {
    const peer = this.peer as Peer
    const nowMs = this.#settings.services.nowMs()
    this.#group?.noteHead(peer, this.#tried, this.attempt?.headerMs ?? 0, nowMs)
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
    this.#group?.noteEnd(peer, this.#tried, "ok", headerMs, headerMs, nowMs)
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
    this.#wait?.cancel()
    this.#wait = null
    this.attempt?.finish(this.connection, responseBytes)
    const { connection, peer } = this
    const nowMs = this.#settings.services.nowMs()
    this.connection = null
    this.peer = null
    if (peer !== null) this.#noteEnd(peer, outcome, nowMs)
    if (connection !== null && mayKeep) this.#group?.pool.put(connection, nowMs)
    else connection?.destroy()
    if (peer?.release(outcome, nowMs) === true)
      this.#request.log(WARN, `upstream server temporarily disabled${doing}`)
    if (peer !== null) this.#group?.queue?.wake()
  }

  #noteEnd(peer: Peer, outcome: PeerOutcome, nowMs: number): void {
    const { headerMs, responseMs } = this.attempt as Attempt
    this.#group?.noteEnd(peer, this.#tried, outcome, headerMs, responseMs, nowMs)
    if (outcome === "ok" || outcome === "idle") this.#session?.ended(peer, nowMs)
  }
}

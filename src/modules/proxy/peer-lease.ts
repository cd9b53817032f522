import { WARN } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import { type BalancerInput, PeerSet } from "../../upstream/balancer.ts"
import type { UpstreamConnection, UpstreamOwner } from "../../upstream/connection.ts"
import type { Peer } from "../../upstream/peer.ts"
import type { PeerOutcome, Upstream } from "../../upstream/upstream.ts"
import { Attempt } from "./attempt.ts"
import { connect, connectionKey } from "./connect.ts"
import type { ProxyTarget } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

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

  constructor(request: Request, settings: ProxySettings, target: ProxyTarget, group: Upstream) {
    this.#request = request
    this.#settings = settings
    this.#target = target
    this.#group = group
    this.#input = { clientAddress: request.client.address, nowMs: 0 }
  }

  /** Chooses the next peer; false where none is alive. */
  choose(): boolean {
    const { scheme, host, uri } = this.#target
    this.#input.nowMs = this.#settings.services.nowMs()
    this.peer = this.#group.pick(this.#input, this.#tried) ?? null
    const address = this.peer?.address
    this.attempt = new Attempt(this.#request, address?.name ?? host)
    const separator = address === undefined || address.path === "" ? "" : ":"
    this.#request.upstreamUrl = `${scheme}://${address?.name ?? host}${separator}${uri}`
    return this.peer !== null
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
    this.connection = connect(this.#request, this.#settings, this.#target, this.peer as Peer, owner)
  }

  /** The peer has answered, long before it is given back: a tunnel may last for days. */
  markAlive(): void {
    this.#group.markAlive(this.peer as Peer)
  }

  /**
   * Gives peer and connection back; a second call changes nothing. `doing`: nginx's " while …", for the warning
   * that the peer has failed too often.
   */
  giveBack(outcome: PeerOutcome, mayKeep: boolean, responseBytes: number, doing: string): void {
    this.attempt?.finish(this.connection, responseBytes)
    const { connection, peer } = this
    const nowMs = this.#settings.services.nowMs()
    this.connection = null
    this.peer = null
    if (connection !== null && mayKeep) this.#group.pool.put(connection, nowMs)
    else connection?.destroy()
    if (peer !== null && this.#group.release(peer, outcome, nowMs))
      this.#request.log(WARN, `upstream server temporarily disabled${doing}`)
  }
}

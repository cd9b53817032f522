/** The health checks of one group, in one worker. Of all workers the one that has the group's seat does them. */
import { NOTICE, WARN } from "../../base/logger.ts"
import type { Timer } from "../../base/timers.ts"
import type { WorkerServices } from "../../runtime/module.ts"
import type { UpstreamConnection, UpstreamOwner } from "../../upstream/connection.ts"
import { CheckerSeat, type CheckIdentity, claimParts, noteCheck } from "../../upstream/health.ts"
import type { Peer } from "../../upstream/peer.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import type { PeerRow } from "../../upstream/zone.ts"
import { type AttemptOwner, CheckAttempt } from "./check-attempt.ts"
import { type CheckPlan, peerToAsk } from "./plan.ts"

/** How often a worker looks whether the seat is free, which peers there are, and which became unhealthy. */
const LOOK_MS = 200

export class GroupChecks {
  readonly #group: Upstream
  readonly #services: WorkerServices
  readonly #seat: CheckerSeat
  readonly #plans: CheckPlan[] = []
  /** While this worker has the seat: what it does for each peer, which its row is known by. */
  readonly #checked = new Map<PeerRow, CheckedPeer>()
  /** The tunnels of these were told to end, where `drain close` says so. */
  readonly #drained = new Set<string>()
  readonly #timer: Timer

  constructor(group: Upstream, lockMemory: SharedArrayBuffer, services: WorkerServices) {
    this.#group = group
    this.#services = services
    this.#seat = new CheckerSeat(lockMemory)
    this.#timer = services.timers.timer(() => this.#look())
  }

  add(plan: CheckPlan, identity: CheckIdentity): void {
    this.#group.checks.push(identity)
    this.#plans.push(plan)
  }

  get size(): number {
    return this.#plans.length
  }

  start(): void {
    this.#look()
  }

  stop(): void {
    this.#timer.stop()
    this.#leave()
  }

  #look(): void {
    this.#timer.start(LOOK_MS)
    if (this.#seat.take()) this.#follow()
    else this.#forgetAll()
    if (this.#group.drainMs !== null) this.#drain(this.#group.drainMs)
  }

  #peers(): readonly Peer[] {
    const { peers, backups } = this.#group
    return backups.length === 0 ? peers : [...peers, ...backups]
  }

  /** Checks all peers that there are, and no other. With `resolve` they come and go, and rows change hands. */
  #follow(): void {
    const peers = this.#peers().filter(({ down }) => !down)
    const wanted = new Map(peers.map((peer) => [peer.row, peer.key]))
    for (const [row, { key }] of this.#checked) if (wanted.get(row) !== key) this.#forget(row)
    for (const peer of peers) if (!this.#checked.has(peer.row)) this.#begin(peer)
  }

  #begin(peer: Peer): void {
    claimParts(peer.row.ints, this.#group.checks)
    const checks = this.#plans.map((plan, index) => new PeerCheck(plan, peer, index))
    this.#checked.set(peer.row, { key: peer.key, checks })
    for (const check of checks) check.begin()
  }

  #forget(row: PeerRow): void {
    for (const check of this.#checked.get(row)?.checks ?? []) check.stop()
    this.#checked.delete(row)
  }

  #forgetAll(): void {
    for (const row of [...this.#checked.keys()]) this.#forget(row)
  }

  #leave(): void {
    this.#forgetAll()
    this.#seat.leave()
  }

  /** `drain close`: tunnels to a peer that became unhealthy are told to end, as after a reload that removes it. */
  #drain(windowMs: number): void {
    for (const peer of this.#peers())
      if (!peer.isUnhealthy) this.#drained.delete(peer.key)
      else if (!this.#drained.has(peer.key)) {
        this.#drained.add(peer.key)
        this.#services.tunnels.drainPeer(peer.key, windowMs)
      }
  }
}

interface CheckedPeer {
  /** `Peer.key` */
  readonly key: string
  readonly checks: readonly PeerCheck[]
}

/** One check of one peer, again and again. */
class PeerCheck implements AttemptOwner, UpstreamOwner {
  readonly #plan: CheckPlan
  readonly #peer: Peer
  /** The peer, on the port to ask. */
  readonly #asked: Peer
  readonly #index: number
  readonly #timer: Timer
  #attempt: CheckAttempt | null = null
  /** Waits for the next check: `keepalive_time`. */
  #kept: UpstreamConnection | null = null

  constructor(plan: CheckPlan, peer: Peer, index: number) {
    this.#plan = plan
    this.#peer = peer
    this.#asked = peerToAsk(peer, plan.options)
    this.#index = index
    this.#timer = plan.settings.services.timers.timer(() => this.#check())
  }

  begin(): void {
    this.#timer.start(Math.random() * this.#plan.options.jitterMs)
  }

  stop(): void {
    this.#timer.stop()
    this.#attempt?.cancel()
    this.#attempt = null
    this.#kept?.destroy()
    this.#kept = null
  }

  #check(): void {
    const kept = this.#kept
    this.#kept = null
    this.#attempt = new CheckAttempt(this.#plan, this.#asked, this)
    this.#attempt.start(kept)
  }

  onAttemptEnd(hasPassed: boolean, doing: string, connection: UpstreamConnection | null): void {
    const { options, group, settings } = this.#plan
    this.#attempt = null
    this.#kept = connection
    if (connection !== null) connection.owner = this
    const peer = this.#peer
    const check = group.checks[this.#index] as CheckIdentity
    const change = noteCheck(peer.row.ints, this.#index, check, hasPassed, options)
    if (change === "healthy" && peer.isHealthy) peer.startSlowly(settings.services.nowMs())
    if (change === "healthy") this.#log(NOTICE, `peer is healthy${doing}`)
    else if (change === "unhealthy") this.#log(WARN, `peer is unhealthy${doing}`)
    this.#timer.start(options.intervalMs + Math.random() * options.jitterMs)
  }

  onAttemptError(level: number, text: string): void {
    this.#log(level, text)
  }

  #log(level: number, text: string): void {
    const { options, match, group, location } = this.#plan
    const port = options.port === 0 ? "" : `, port ${options.port}`
    const { name } = this.#peer.address
    location.logger.log(
      level,
      `${text}, health check "${match.name}" of peer ${name} in upstream "${group.name}"${port}`,
    )
  }

  // --- a connection that waits for the next check is closed by whatever happens to it

  onUpstreamConnect(): void {}
  onUpstreamDrain(): void {}
  onUpstreamData(): void {
    this.#dropKept()
  }
  onUpstreamEnd(): void {
    this.#dropKept()
  }
  onUpstreamError(): void {
    this.#dropKept()
  }
  onUpstreamClose(): void {
    this.#dropKept()
  }

  #dropKept(): void {
    this.#kept?.destroy()
    this.#kept = null
  }
}

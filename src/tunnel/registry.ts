/** All tunnels of a worker, for whoever wants to end them gently: a graceful stop, a drain of a peer. */
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { OpenTunnel, OpenTunnels } from "../runtime/open-tunnel.ts"

/** What a new configuration says of the peer of a tunnel. */
export type PeerFate =
  /** It is still there. */
  | "stays"
  /** Its group is gone: the tunnel's own policy holds. */
  | "gone"
  /** Its group is there without it: goodbyes are spread over this many milliseconds; null: tunnels live on. */
  | { readonly drainMs: number | null }

/** How often a running drain says goodbyes: as fine as the timers are. */
const STEP_MS = 50

export class TunnelRegistry implements OpenTunnels {
  readonly #timers: TimerWheel
  readonly #byPeer = new Map<string, Set<OpenTunnel>>()
  readonly #drains = new Set<Drain>()
  /** Of the configuration in force. */
  #fateOf: ((peerKey: string) => PeerFate) | null = null
  #size = 0

  constructor(timers: TimerWheel) {
    this.#timers = timers
  }

  get size(): number {
    return this.#size
  }

  /** How many there are for each `peerKey`. */
  *counts(): Iterable<readonly [peerKey: string, tunnels: number]> {
    for (const [key, tunnels] of this.#byPeer) yield [key, tunnels.size]
  }

  add(tunnel: OpenTunnel): void {
    const known = this.#byPeer.get(tunnel.peerKey)
    if (known === undefined) this.#byPeer.set(tunnel.peerKey, new Set([tunnel]))
    else known.add(tunnel)
    this.#size++
    // Its handshake may have been under way when its peer was taken out. Its first bytes go before a goodbye.
    const drainMs = this.#fateOf === null ? null : drainMsOf(tunnel, this.#fateOf(tunnel.peerKey))
    if (drainMs !== null) this.#newDrain([tunnel], drainMs).begin()
  }

  /** A second call changes nothing. */
  delete(tunnel: OpenTunnel): void {
    const known = this.#byPeer.get(tunnel.peerKey)
    if (known === undefined || !known.delete(tunnel)) return
    this.#size--
    if (known.size === 0) this.#byPeer.delete(tunnel.peerKey)
    for (const drain of this.#drains) drain.forget(tunnel)
  }

  /** Says goodbye to all, spread over `windowMs` with jitter. */
  sayGoodbyes(windowMs: number): void {
    this.#drain([...this.#all()], windowMs)
  }

  /**
   * After a reload: tunnels whose peer is no longer there get their goodbye as their group's policy says, those too
   * that are still to be added. `fateOf` is kept until the next call.
   */
  drainRemoved(fateOf: (peerKey: string) => PeerFate): void {
    this.#fateOf = fateOf
    for (const [key, tunnels] of this.#byPeer) {
      const fate = fateOf(key)
      if (fate === "stays") continue
      const byWindow = new Map<number, OpenTunnel[]>()
      for (const tunnel of tunnels) {
        const drainMs = drainMsOf(tunnel, fate)
        if (drainMs === null || this.#isDraining(tunnel)) continue
        const others = byWindow.get(drainMs)
        if (others === undefined) byWindow.set(drainMs, [tunnel])
        else others.push(tunnel)
      }
      for (const [windowMs, due] of byWindow) this.#drain(due, windowMs)
    }
  }

  drainPeer(peerKey: string, windowMs: number): void {
    const tunnels = this.#byPeer.get(peerKey)
    if (tunnels === undefined) return
    this.#drain(
      [...tunnels].filter((tunnel) => !this.#isDraining(tunnel)),
      windowMs,
    )
  }

  destroyAll(reason: string): void {
    for (const tunnel of [...this.#all()]) tunnel.destroy(reason)
  }

  #isDraining(tunnel: OpenTunnel): boolean {
    for (const drain of this.#drains) if (drain.has(tunnel)) return true
    return false
  }

  *#all(): Iterable<OpenTunnel> {
    for (const tunnels of this.#byPeer.values()) yield* tunnels
  }

  #drain(tunnels: OpenTunnel[], windowMs: number): void {
    if (tunnels.length > 0) this.#newDrain(tunnels, windowMs).step()
  }

  #newDrain(tunnels: OpenTunnel[], windowMs: number): Drain {
    const drain = new Drain(tunnels, windowMs, this.#timers, () => this.#drains.delete(drain))
    this.#drains.add(drain)
    return drain
  }
}

/** Over how many milliseconds goodbyes are spread for a tunnel whose peer has this fate; null: it lives on. */
function drainMsOf(tunnel: OpenTunnel, fate: PeerFate): number | null {
  if (fate === "stays") return null
  return fate === "gone" ? tunnel.drainMs : fate.drainMs
}

interface Turn {
  /** Null when it is over before its turn: a window may be long, and nothing of it is kept. */
  tunnel: OpenTunnel | null
  readonly atMs: number
}

/**
 * Goodbyes spread over a window: so that a thousand clients do not all come back in the same moment. The window
 * is cut into as many parts as there are tunnels, and each has its turn somewhere within its part.
 */
class Drain {
  readonly #turns: readonly Turn[]
  readonly #waiting = new Map<OpenTunnel, Turn>()
  readonly #timers: TimerWheel
  readonly #timer: Timer
  readonly #onDone: () => void
  #next = 0

  constructor(tunnels: OpenTunnel[], windowMs: number, timers: TimerWheel, onDone: () => void) {
    const startMs = timers.nowMs
    const partMs = windowMs / tunnels.length
    shuffle(tunnels)
    this.#turns = tunnels.map((tunnel, at) => ({ tunnel, atMs: startMs + (at + Math.random()) * partMs }))
    for (const turn of this.#turns) this.#waiting.set(turn.tunnel as OpenTunnel, turn)
    this.#timers = timers
    this.#timer = timers.timer(() => this.step())
    this.#onDone = onDone
  }

  /** Whether the tunnel's turn is still to come. */
  has(tunnel: OpenTunnel): boolean {
    return this.#waiting.has(tunnel)
  }

  forget(tunnel: OpenTunnel): void {
    const turn = this.#waiting.get(tunnel)
    if (turn === undefined) return
    turn.tunnel = null
    this.#waiting.delete(tunnel)
  }

  /** Begins with the next tick. */
  begin(): void {
    this.#timer.start(STEP_MS)
  }

  /** Says the goodbyes that are due. */
  step(): void {
    const nowMs = this.#timers.nowMs
    while (this.#next < this.#turns.length) {
      const turn = this.#turns[this.#next] as Turn
      const { tunnel } = turn
      // Nobody waits for the turn of one that is over.
      if (tunnel !== null && turn.atMs > nowMs) return this.#timer.start(STEP_MS)
      this.#next++
      if (tunnel === null) continue
      this.forget(tunnel)
      tunnel.sayGoodbye()
    }
    this.#onDone()
  }
}

/** Fisher-Yates: tunnels that were opened together do not get their goodbye together. */
function shuffle(tunnels: OpenTunnel[]): void {
  for (let i = tunnels.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    const moved = tunnels[i] as OpenTunnel
    tunnels[i] = tunnels[other] as OpenTunnel
    tunnels[other] = moved
  }
}

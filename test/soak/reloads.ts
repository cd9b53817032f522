import { setTimeout as pause } from "node:timers/promises"
import { type Breakage, breakages, CHANGES, type Change, changed, type Setup } from "./configuration.ts"
import { lookOnce, type Seen } from "./probe.ts"
import { pick, seededRandom } from "./random.ts"
import type { Stage } from "./stage.ts"

const EFFECT_DEADLINE_MS = 15_000
/** An address in use is tried several times, half a second apart. */
const REFUSAL_DEADLINE_MS = 20_000
const MAX_FAULTS = 5

/** All reloads of a soak, one after the other; what is found goes to the fields. */
export class Reloads {
  readonly #stage: Stage
  readonly #random: () => number
  readonly #broken: ReadonlySet<number>
  readonly #changes: readonly Change[]
  readonly #breakages: readonly Breakage[]
  #brokenSoFar = 0
  /** What is in force. */
  setup: Setup
  good = 0
  refused = 0
  opened = 0
  readonly byKind: Record<string, number> = {}
  /** Milliseconds. */
  readonly effects: number[] = []
  readonly effectFaults: string[] = []
  readonly refusalFaults: string[] = []
  readonly openFaults: string[] = []

  constructor(stage: Stage) {
    const { reloads, broken, seed, tls } = stage.options
    this.#stage = stage
    this.#random = seededRandom(seed)
    this.setup = stage.first
    this.#changes = CHANGES.filter((change) => tls || change !== "certificate")
    this.#breakages = breakages(stage.where)
    const places = Array.from({ length: reloads }, (_unused, at) => ({ at, order: this.#random() }))
    places.sort((one, other) => one.order - other.order)
    this.#broken = new Set(places.slice(0, broken).map(({ at }) => at))
  }

  get hasFailed(): boolean {
    return this.effectFaults.length + this.refusalFaults.length + this.openFaults.length >= MAX_FAULTS
  }

  /** Reload number `at`, counted from 0. */
  async run(at: number): Promise<void> {
    const start = performance.now()
    if (this.#broken.has(at)) await this.#runBroken()
    else await this.#runGood()
    await pause(Math.max(0, this.#stage.options.intervalMs - (performance.now() - start)))
  }

  async #runGood(): Promise<void> {
    const stage = this.#stage
    const change = pick(this.#random, this.#changes)
    const next = changed(this.setup, change, stage.where, this.#random)
    const start = performance.now()
    stage.reload(next)
    const fault = await this.#waitForEffect(next)
    if (fault !== "") {
      this.effectFaults.push(`${change}: ${fault}`)
      return
    }
    this.setup = next
    this.good++
    this.#count(change)
    this.effects.push(performance.now() - start)
    if (change === "certificate" || change === "members") await this.openOne()
  }

  #count(kind: string): void {
    this.byKind[kind] = (this.byKind[kind] ?? 0) + 1
  }

  /** "" once every worker shows `next` to a new connection. */
  async #waitForEffect(next: Setup): Promise<string> {
    const stage = this.#stage
    const done = new Set<number>()
    const end = performance.now() + EFFECT_DEADLINE_MS
    while (performance.now() < end) {
      for (const [thread, seen] of await lookOnce(stage.target)) {
        if (this.#shows(seen, next)) done.add(thread)
        else if (done.has(thread)) return `worker ${thread} fell back to ${seen.number}`
        else if (!this.#maySee(seen, next))
          return `worker ${thread} shows ${seen.number} with the certificate ${seen.fingerprint}`
      }
      if (done.size === stage.options.workers) return ""
      if (/\[emerg\]/.test(stage.logSinceReload())) break
    }
    return `reload ${next.number} is in force in ${done.size} workers\n${stage.logSinceReload()}`
  }

  #shows(seen: Seen, setup: Setup): boolean {
    return seen.number === setup.number && seen.fingerprint === this.#stage.fingerprint(setup.certificate)
  }

  /** While the configuration changes: a handshake may have been under the old one, and the request not. */
  #maySee(seen: Seen, next: Setup): boolean {
    if (this.#shows(seen, this.setup)) return true
    return seen.number === next.number && seen.fingerprint === this.#stage.fingerprint(this.setup.certificate)
  }

  async #runBroken(): Promise<void> {
    const stage = this.#stage
    const breakage = this.#breakages[this.#brokenSoFar++ % this.#breakages.length] as Breakage
    const change = pick(this.#random, this.#changes)
    const next = changed(this.setup, change, stage.where, this.#random)
    stage.reload(next, breakage)
    if (!(await stage.logged(breakage.expected, REFUSAL_DEADLINE_MS))) {
      this.refusalFaults.push(`${breakage.name}: not logged\n${stage.logSinceReload()}`)
      return
    }
    const looked = new Set<number>()
    const end = performance.now() + EFFECT_DEADLINE_MS
    while (looked.size < stage.options.workers && performance.now() < end) {
      for (const [thread, seen] of await lookOnce(stage.target)) {
        looked.add(thread)
        if (this.#shows(seen, this.setup)) continue
        this.refusalFaults.push(`${breakage.name}: worker ${thread} shows ${seen.number}`)
        return
      }
    }
    this.refused++
    this.#count(breakage.name)
  }

  /** A new tunnel must get the certificate and one of the members that are in force now. */
  async openOne(): Promise<void> {
    const { fingerprint, backend } = await this.#stage.replace()
    this.opened++
    const expected = this.#stage.fingerprint(this.setup.certificate)
    if (fingerprint !== expected) this.openFaults.push(`certificate ${fingerprint} instead of ${expected}`)
    if (!this.setup.members.some(({ port }) => port === backend))
      this.openFaults.push(`backend ${backend}, which is no member`)
  }
}

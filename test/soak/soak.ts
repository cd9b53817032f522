/** Thousands of tunnels with messages flowing both ways, and reload after reload: nothing may be lost or left behind. */
import { setTimeout as pause } from "node:timers/promises"
import type { BackendTunnel } from "./backend.ts"
import type { ClientState } from "./client.ts"
import { measureThreads, residentBytes } from "./inspect.ts"
import type { ThreadMeasure } from "./inspector.ts"
import type { SoakOptions } from "./options.ts"
import { Reloads } from "./reloads.ts"
import type { Check, Memory, SoakReport } from "./report.ts"
import { Stage } from "./stage.ts"

const FIRST_MEMORY_AFTER = 10
const ALLOWED_GROWTH = 1.1
/** So many tunnels more for each reload. */
const SPARES = 0.4
const SETTLE_DEADLINE_MS = 10_000
const LOOK_AGAIN_MS = 50
const RESIDENT_SAMPLES = 10
/** Clients, echoes and pushes: a third of the rate each. */
const KINDS_OF_MESSAGES = 3

/** Runs it all; `say` gets a line now and then. */
export async function runSoak(options: SoakOptions, say: (line: string) => void): Promise<SoakReport> {
  await using stage = await Stage.build(options)
  return await new Soak(stage, say).run()
}

class Soak {
  readonly #stage: Stage
  readonly #say: (line: string) => void
  readonly #reloads: Reloads
  /** Tunnels that give way to new ones, so that at the end many generations have tunnels of their own. */
  readonly #spares: number
  readonly #checks: Check[] = []
  readonly #memory: Memory[] = []
  #baseline: readonly ThreadMeasure[] = []
  #firstMemoryAfter = 0
  #roundTrip: ClientState["roundTrip"] = { median: 0, p99: 0, max: 0 }

  constructor(stage: Stage, say: (line: string) => void) {
    this.#stage = stage
    this.#say = say
    this.#reloads = new Reloads(stage)
    this.#spares = Math.ceil(stage.options.reloads * SPARES)
  }

  async run(): Promise<SoakReport> {
    const stage = this.#stage
    const { options } = stage
    const start = performance.now()
    this.#baseline = await measureThreads(stage.edge.prefix)
    await this.#open()
    const perSecond = options.rate / KINDS_OF_MESSAGES / (options.tunnels + this.#spares)
    await stage.backends({ type: "push", perSecond })
    await stage.client({ type: "send", perSecond })
    await this.#reloadAll()
    await stage.client({ type: "stop" })
    await stage.backends({ type: "stop" })
    const state = await this.#checkMessages()
    this.#checkReloads()
    this.#checkMemory()
    await this.#checkGenerations("generations in memory while the tunnels are open")
    await this.#closeAll()
    await this.#checkGenerations("generations in memory after the tunnels have ended")
    await this.#measure(options.reloads)
    this.#checkErrorLog()
    return this.#report(state, (performance.now() - start) / 1000)
  }

  #check(name: string, isOk: boolean, detail: string): void {
    this.#checks.push({ name, isOk, detail })
  }

  async #open(): Promise<void> {
    const { options } = this.#stage
    const start = performance.now()
    const opened = await this.#stage.open(options.tunnels + this.#spares)
    this.#say(`${opened.length} tunnels opened in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  }

  async #reloadAll(): Promise<void> {
    const { reloads } = this.#stage.options
    this.#firstMemoryAfter = Math.min(FIRST_MEMORY_AFTER, Math.floor(reloads / 2))
    const quarters = [1, 2, 3, 4].map((quarter) => Math.floor((reloads * quarter) / 4))
    const measured = new Set([this.#firstMemoryAfter, ...quarters])
    await this.#measure(0)
    for (let at = 1; at <= reloads && !this.#reloads.hasFailed; at++) {
      await this.#reloads.run(at - 1)
      if (measured.has(at)) await this.#measure(at)
      if (at % 50 === 0) this.#say(`${at} reloads`)
    }
  }

  /** Takes the memory after so many reloads, while messages flow. */
  async #measure(reloads: number): Promise<void> {
    const { edge } = this.#stage
    // Before: collecting garbage makes messages wait.
    const before = await this.#stage.clientState()
    if (before.open > 0) this.#roundTrip = before.roundTrip
    // Twice: what the first collection lets go of may hold more.
    await measureThreads(edge.prefix)
    const threads = await measureThreads(edge.prefix)
    let resident = Number.POSITIVE_INFINITY
    for (let sample = 0; sample < RESIDENT_SAMPLES; sample++) {
      resident = Math.min(resident, residentBytes(edge.pid))
      await pause(LOOK_AGAIN_MS)
    }
    const { open } = await this.#stage.clientState()
    await this.#stage.client({ type: "forget" })
    this.#memory.push({
      reloads,
      tunnels: open,
      residentBytes: resident,
      heapBytes: sum(threads, (thread) => thread.heapBytes),
      externalBytes: sum(threads, (thread) => thread.externalBytes),
      generations: this.#generations(threads),
    })
  }

  /** How many generations there are for each thread; exactly 1 where only the one in force is left. */
  #generations(threads: readonly ThreadMeasure[]): number {
    return sum(threads, (thread) => thread.serverNames) / sum(this.#baseline, (thread) => thread.serverNames)
  }

  /** Waits until all that was sent is where it belongs. */
  async #checkMessages(): Promise<ClientState> {
    const deadline = performance.now() + SETTLE_DEADLINE_MS
    for (;;) {
      const state = await this.#stage.clientState()
      const backends = await this.#stage.backendStates()
      const missing = differences(
        state,
        new Map(backends.flatMap((one) => one.tunnels).map((one) => [one.id, one])),
      )
      if (missing.length > 0 && performance.now() < deadline) {
        await pause(LOOK_AGAIN_MS)
        continue
      }
      const expected = this.#stage.options.tunnels + this.#spares
      const open = sum(backends, (backend) => backend.open)
      const detail = `${state.open} of ${expected} open at the clients, ${open} at the backends`
      this.#check("no tunnel lost", state.open === expected && open === expected, detail)
      const faults = [...state.faults, ...backends.flatMap((backend) => backend.faults), ...missing]
      this.#check(
        "no message lost, doubled, out of order or altered",
        faults.length === 0,
        faults.length === 0 ? "all numbers of both directions are there" : faults.slice(0, 10).join("; "),
      )
      return state
    }
  }

  #checkReloads(): void {
    const { good, refused, opened, effectFaults, refusalFaults, openFaults } = this.#reloads
    const { reloads, broken } = this.#stage.options
    this.#check(
      "each good reload took effect in every worker",
      effectFaults.length === 0 && good === reloads - broken,
      [`${good} of ${reloads - broken}`, ...effectFaults].join("; "),
    )
    this.#check(
      "no broken reload changed anything",
      refusalFaults.length === 0 && refused === broken,
      [`${refused} of ${broken} were refused`, ...refusalFaults].join("; "),
    )
    this.#check(
      "new tunnels got the certificate and a backend of the configuration in force",
      openFaults.length === 0,
      [`${opened} opened between reloads`, ...openFaults].join("; "),
    )
  }

  #checkMemory(): void {
    const last = this.#memory.at(-1)
    const first = this.#memory.find(({ reloads }) => reloads === this.#firstMemoryAfter)
    if (first === undefined || last === undefined) return
    for (const [what, of] of [
      ["resident memory", (memory: Memory) => memory.residentBytes],
      ["heap of V8", (memory: Memory) => memory.heapBytes],
    ] as const) {
      const growth = of(last) / of(first)
      const change = `${growth < 1 ? "" : "+"}${((growth - 1) * 100).toFixed(1)} %`
      const detail = `${change} from reload ${first.reloads} to reload ${last.reloads}`
      this.#check(`${what} grew by no more than 10 %`, growth <= ALLOWED_GROWTH, detail)
    }
  }

  async #checkGenerations(name: string): Promise<void> {
    const start = performance.now()
    const deadline = start + SETTLE_DEADLINE_MS
    for (;;) {
      const threads = await measureThreads(this.#stage.edge.prefix)
      const stale = threads.filter((thread) => !this.#isOneGeneration(thread))
      if (stale.length > 0 && performance.now() < deadline) {
        await pause(LOOK_AGAIN_MS * 10)
        continue
      }
      const detail = stale.map(
        (thread) =>
          `thread ${thread.threadId} has ${thread.serverNames} ServerNames, ` +
          `${thread.virtualServers} VirtualServers, ${thread.locations} Locations`,
      )
      const isOk = stale.length === 0 && threads.length === this.#baseline.length
      const seconds = ((performance.now() - start) / 1000).toFixed(1)
      const good = `one in each of ${threads.length} threads, ${seconds} s later`
      this.#check(name, isOk, isOk ? good : detail.join("; "))
      return
    }
  }

  #isOneGeneration(thread: ThreadMeasure): boolean {
    const before = this.#baseline.find(({ threadId }) => threadId === thread.threadId)
    if (before === undefined) return false
    const more = this.#reloads.setup.moreLocations - this.#stage.first.moreLocations
    return (
      thread.serverNames === before.serverNames &&
      thread.virtualServers === before.virtualServers &&
      thread.locations === before.locations + more
    )
  }

  async #closeAll(): Promise<void> {
    const stage = this.#stage
    const opened = stage.options.tunnels + this.#spares + this.#reloads.opened
    const left = await stage.client<number>({ type: "close" })
    const { faults } = await stage.clientState()
    const detail = left === 0 ? `${opened} closed` : `${left} of ${opened} stay open`
    this.#check("each tunnel ends with a closing handshake", left === 0 && faults.length === 0, detail)
    const deadline = performance.now() + SETTLE_DEADLINE_MS
    const logged = (): number => stage.edge.readFile("logs/access.log").match(/^101 /gm)?.length ?? 0
    while (logged() < opened && performance.now() < deadline) await pause(LOOK_AGAIN_MS)
    this.#check("each tunnel has one line in the access log", logged() === opened, `${logged()} lines`)
  }

  /** The broken reloads are there as [emerg]; nothing else of that kind may be. */
  #checkErrorLog(): void {
    const found = this.#stage.edge.errorLog().match(/^.*\[(?:error|crit|alert)\].*$/gm) ?? []
    const detail = found.length === 0 ? "none" : `${found.length}: ${found.slice(0, 3).join("; ")}`
    this.#check("no error, critical message or alert in the error log", found.length === 0, detail)
  }

  #report(state: ClientState, seconds: number): SoakReport {
    const { good, refused, byKind, effects } = this.#reloads
    const sorted = [...effects].sort((one, other) => one - other)
    return {
      options: this.#stage.options,
      isOk: this.#checks.every(({ isOk }) => isOk),
      seconds,
      checks: this.#checks,
      reloads: {
        good,
        broken: refused,
        byKind,
        effectMs: { median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 },
      },
      messages: {
        fromClients: sum(state.tunnels, (tunnel) => tunnel.sent),
        echoes: sum(state.tunnels, (tunnel) => tunnel.echoed),
        pushed: sum(state.tunnels, (tunnel) => tunnel.pushed),
      },
      roundTripMs: this.#roundTrip,
      memory: this.#memory,
    }
  }
}

/** Tunnels whose two ends do not agree on what was sent and what has come. */
function differences(state: ClientState, backends: ReadonlyMap<number, BackendTunnel>): string[] {
  const found: string[] = []
  for (const { id, sent, echoed, pushed } of state.tunnels) {
    const backend = backends.get(id)
    if (backend?.received !== sent) found.push(`tunnel ${id}: ${sent} sent, ${backend?.received} came`)
    if (echoed !== sent) found.push(`tunnel ${id}: ${sent} sent, ${echoed} came back`)
    if (backend?.pushed !== pushed) found.push(`tunnel ${id}: ${backend?.pushed} pushed, ${pushed} came`)
  }
  return found
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

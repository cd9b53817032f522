/** A worker: one thread with its own listeners, connections and generation. */
import { type MessagePort, parentPort, threadId, workerData } from "node:worker_threads"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { NOTICE } from "../base/logger.ts"
import { Sources } from "../config/sources.ts"
import { CounterTable } from "../observe/counters.ts"
import type { Leased } from "../observe/log-file.ts"
import { ConnectionNumbers } from "./connection-numbers.ts"
import { activateGeneration, buildGeneration, disposeGeneration, type Generation } from "./generation.ts"
import { goodbyeWindowMs } from "./goodbye-window.ts"
import { BEAT_MS, Heartbeat } from "./heartbeat.ts"
import { Listener } from "./listener.ts"
import type { ConfigurationPayload, FromWorker, ToWorker, WorkerData } from "./messages.ts"
import { read } from "./read.ts"
import { Services } from "./services.ts"
import { pruneMemory, upstreamGroups } from "./shared-state.ts"
import { watchUnhandledErrors } from "./unhandled-errors.ts"
import { workerReport } from "./worker-report.ts"
import { WorkerState } from "./worker-state.ts"

const SWEEP_MS = 1000
/** After it stopped accepting, a worker gives clients that have sent nothing yet this long: a request may be on its way. */
const LAST_REQUEST_MS = 1000

/** How often tunnels that began after the goodbyes are looked for. */
const REPEAT_MS = 250

/** What a worker does with new connections. */
const ACCEPTING = 0
/** None for now. */
const PAUSED = 1
/** None any more; it ends when those that it has do. */
const RETIRED = 2
/** The same, and tunnels are asked to end. */
const QUITTING = 3
const ENDING = 4

interface Prepared {
  readonly built: Leased<Generation>
  /** Listeners of addresses that the generation in force has not. */
  readonly opened: Map<string, Listener>
}

class Worker {
  readonly #port: MessagePort
  readonly #services: Services
  readonly #state: WorkerState
  readonly #heartbeat: Heartbeat
  readonly #listeners = new Map<string, Listener>()
  #built: Leased<Generation> | null = null
  #prepared: Prepared | null = null
  /** The generation that came to nothing, maybe while it is prepared. */
  #abortedNumber = 0
  /** Preparations, one after the other. */
  #work: Promise<void> = Promise.resolve()
  #mode = ACCEPTING
  #utilization = performance.eventLoopUtilization()
  #busy = 0

  constructor(port: MessagePort, data: WorkerData) {
    this.#port = port
    this.#heartbeat = new Heartbeat(data.heartbeats, data.workerIndex)
    setInterval(() => this.#heartbeat.beat(), BEAT_MS).unref()
    this.#services = new Services({
      workerIndex: data.workerIndex,
      counters: new CounterTable(data.counters, data.workerIndex),
      memory: new Map(),
      threadId,
      errorLogPath: data.errorLogPath,
    })
    const log = { level: 0, log: () => {} }
    this.#state = new WorkerState(this.#services, log, new ConnectionNumbers(data.connections))
    port.on("message", (message: ToWorker) => this.#receive(message))
    watchUnhandledErrors({
      nowMs: () => performance.now(),
      log: (level, text) => this.#state.log.log(level, text),
      giveUp: (reason) => {
        this.#send({ type: "failing", reason })
        process.exit(1)
      },
    })
    setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case "prepare":
        return this.#prepareNext(message.payload)
      case "commit":
        return this.#commit()
      case "abort":
        return this.#abort(message.number)
      case "reopen":
        this.#services.logFiles.reopen()
        return this.#send({ type: "reopened" })
      case "status":
        return this.#tellStatus(message.question)
      case "pause":
        return this.#pause()
      case "retire":
        return this.#retire()
      case "quit":
        return this.#quit()
      case "stop":
        return void this.#end()
    }
  }

  #tellStatus(question: number): void {
    const accepted = new Map([...this.#listeners].map(([key, listener]) => [key, listener.accepted]))
    const report = workerReport(this.#services, this.#built?.result ?? null, accepted, this.#busy)
    this.#send({ type: "status", question, report })
  }

  // --- generations

  #prepareNext(payload: ConfigurationPayload): void {
    this.#work = this.#work.then(() => this.#prepare(payload))
  }

  async #prepare(payload: ConfigurationPayload): Promise<void> {
    const opened = new Map<string, Listener>()
    const { number } = payload
    let built: Leased<Generation> | null = null
    try {
      built = this.#build(payload)
      await this.#openListeners(built.result, opened)
      if (this.#abortedNumber === number) throw new Error("it came too late")
      this.#prepared = { built, opened }
      this.#send({ type: "prepared", number })
    } catch (error) {
      for (const listener of opened.values()) void listener.close()
      if (built !== null) retire(built)
      this.#send({ type: "refused", number, reason: reasonOf(error) })
    }
  }

  #build(payload: ConfigurationPayload): Leased<Generation> {
    this.#heartbeat.isBuilding = true
    try {
      for (const [name, memory] of payload.memory) this.#services.memory.set(name, memory)
      this.#services.hosts = payload.hosts
      return this.#services.logFiles.lease(() => {
        const reading = read({ ...payload, sources: new Sources(payload.record), warn: () => {} })
        return buildGeneration(reading, {
          number: payload.number,
          prefix: payload.prefix,
          services: this.#services,
          previous: this.#built?.result ?? null,
        })
      })
    } finally {
      this.#heartbeat.isBuilding = false
    }
  }

  /** Opens the addresses that are not open, one after the other; `opened` has them even when one fails. */
  async #openListeners(generation: Generation, opened: Map<string, Listener>): Promise<void> {
    if (this.#built === null) {
      // The first listeners may accept before the word to begin has come.
      this.#state.log = generation.log
      this.#services.logFiles.errorLog = generation.log
      this.#state.maxConnections = generation.workerConnections
    }
    if (this.#mode > PAUSED) return
    for (const [key, address] of generation.addresses) {
      if (this.#listeners.get(key)?.isReachable() || !this.#isMine(key)) continue
      const listener = new Listener(address, this.#state)
      try {
        await listener.listen()
      } catch (error) {
        const reason = errnoText(error as NodeJS.ErrnoException)
        throw new HoldfastError("LISTEN", `bind() to ${key} failed (${reason})`)
      }
      opened.set(key, listener)
    }
  }

  /** A unix socket cannot be shared by binding it again: the first worker has it alone. */
  #isMine(key: string): boolean {
    return this.#services.workerIndex === 0 || !key.startsWith("unix:")
  }

  #commit(): void {
    if (this.#prepared === null) return
    const { built, opened } = this.#prepared
    const generation = built.result
    const old = this.#built
    this.#prepared = null
    this.#built = built
    this.#state.log = generation.log
    this.#services.logFiles.errorLog = generation.log
    this.#state.maxConnections = generation.workerConnections
    for (const [key, listener] of this.#listeners) {
      const address = generation.addresses.get(key)
      if (address !== undefined) listener.update(address)
      else {
        void listener.close()
        this.#listeners.delete(key)
      }
    }
    for (const [key, listener] of opened)
      if (this.#mode > PAUSED) void listener.close()
      else {
        void this.#listeners.get(key)?.close()
        this.#listeners.set(key, listener)
      }
    if (this.#mode === PAUSED) {
      this.#mode = ACCEPTING
      this.#state.isQuitting = false
    }
    this.#afterCommit(generation, old?.result ?? null)
    if (old !== null) retire(old)
    // What works by itself in the old one has let go of what the new one takes up.
    activateGeneration(generation)
  }

  #afterCommit(generation: Generation, old: Generation | null): void {
    const { tunnels, memory, local } = this.#services
    const groups = upstreamGroups(generation)
    tunnels.drainRemoved((key) => (groups === undefined ? "gone" : groups.fateOf(key)))
    pruneMemory([memory, local], generation, old)
  }

  #abort(number: number): void {
    this.#abortedNumber = number
    if (this.#prepared === null || this.#prepared.built.result.number !== number) return
    for (const listener of this.#prepared.opened.values()) void listener.close()
    retire(this.#prepared.built)
    this.#prepared = null
  }

  /** Closes kept upstream connections that were idle for too long, and sees how busy the last second was. */
  #sweep(): void {
    const utilization = performance.eventLoopUtilization()
    this.#busy = performance.eventLoopUtilization(utilization, this.#utilization).utilization
    this.#utilization = utilization
    const groups = this.#built === null ? undefined : upstreamGroups(this.#built.result)
    if (groups === undefined) return
    for (const group of groups.all()) group.pool.sweep(this.#services.nowMs())
  }

  // --- ends

  /** Closes the listeners; no connection is kept for a further request. Resolves when none can come any more. */
  async #stopAccepting(): Promise<void> {
    const { timers } = this.#services
    this.#state.isQuitting = true
    const closed = [...this.#listeners.values()].map((listener) => listener.close())
    this.#listeners.clear()
    this.#state.closeKept()
    const timer = timers.timer(() => {
      if (this.#state.isQuitting) this.#state.closeIdle()
    })
    timer.start(LAST_REQUEST_MS)
    await Promise.all(closed)
  }

  #pause(): void {
    if (this.#mode !== ACCEPTING) return
    this.#mode = PAUSED
    void this.#stopAccepting()
  }

  #retire(): void {
    if (this.#mode > PAUSED) return
    this.#mode = RETIRED
    void this.#endWhenEmpty()
  }

  async #endWhenEmpty(): Promise<void> {
    await this.#stopAccepting()
    await this.#state.empty()
    await this.#end()
  }

  /** ngx_worker_process_cycle, and goodbyes. */
  #quit(): void {
    if (this.#mode >= QUITTING) return
    this.#mode = QUITTING
    const { timers, tunnels } = this.#services
    this.#state.log.log(NOTICE, "gracefully shutting down")
    const limitMs = this.#built?.result.shutdownTimeoutMs
    void this.#endWhenEmpty()
    const windowMs = goodbyeWindowMs(limitMs)
    tunnels.sayGoodbyes(windowMs)
    this.#repeatGoodbyes(windowMs)
    if (limitMs === undefined) return
    const limit = timers.timer(() => {
      tunnels.destroyAll("worker_shutdown_timeout")
      this.#state.destroyAll()
    })
    limit.start(limitMs)
  }

  /** A request that was in flight may have become a tunnel since. */
  #repeatGoodbyes(windowMs: number): void {
    const { timers, tunnels } = this.#services
    const timer = timers.timer(() => {
      tunnels.sayGoodbyes(0)
      timer.start(REPEAT_MS)
    })
    // Not before each of the others has had its turn.
    timer.start(windowMs)
  }

  async #end(): Promise<void> {
    if (this.#mode === ENDING) return
    this.#mode = ENDING
    this.#state.isQuitting = true
    this.#state.isEnding = true
    const closed = [...this.#listeners.values()].map((listener) => listener.close())
    this.#services.tunnels.destroyAll("the program ends")
    this.#state.destroyAll()
    await Promise.all(closed)
    // The last lines of the access log are written as connections close.
    await this.#state.empty()
    await this.#services.logFiles.flush()
    this.#services.close()
    this.#port.close()
    process.exit(0)
  }
}

function retire({ result, release }: Leased<Generation>): void {
  disposeGeneration(result)
  release()
}

function reasonOf(error: unknown): string {
  return error instanceof HoldfastError ? error.describe() : (error as Error).message
}

if (parentPort !== null) new Worker(parentPort, workerData as WorkerData)

/** A worker: one thread with its own listeners, connections and generation. */
import { type MessagePort, parentPort, threadId, workerData } from "node:worker_threads"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { ALERT, NOTICE } from "../base/logger.ts"
import { Sources } from "../config/sources.ts"
import { upstreamModule } from "../modules/upstream.ts"
import { CounterTable } from "../observe/counters.ts"
import { buildGeneration, disposeGeneration, type Generation } from "./generation.ts"
import { Listener } from "./listener.ts"
import type { ConfigurationPayload, FromWorker, ToWorker, WorkerData } from "./messages.ts"
import { read } from "./read.ts"
import { Services } from "./services.ts"
import { WorkerState } from "./worker-state.ts"

const SWEEP_MS = 1000

interface Prepared {
  readonly generation: Generation
  /** Listeners of addresses that the generation in force has not. */
  readonly opened: Map<string, Listener>
}

class Worker {
  readonly #port: MessagePort
  readonly #services: Services
  readonly #state: WorkerState
  readonly #listeners = new Map<string, Listener>()
  #generation: Generation | null = null
  #prepared: Prepared | null = null
  #isEnding = false

  constructor(port: MessagePort, data: WorkerData) {
    this.#port = port
    this.#services = new Services({
      workerIndex: data.workerIndex,
      counters: new CounterTable(data.counters, data.workerIndex),
      memory: new Map(data.payload.memory),
      threadId,
      errorLogPath: data.errorLogPath,
    })
    this.#state = new WorkerState(this.#services, { level: 0, log: () => {} }, 0, data.workers)
    port.on("message", (message: ToWorker) => this.#receive(message))
    process.on("uncaughtException", (error) =>
      this.#state.log.log(ALERT, `unhandled error: ${oneLine(error)}`),
    )
    process.on("unhandledRejection", (error) =>
      this.#state.log.log(ALERT, `unhandled rejection: ${oneLine(error)}`),
    )
    setInterval(() => this.#sweep(), SWEEP_MS).unref()
    void this.#prepare(data.payload)
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case "prepare":
        return void this.#prepare(message.payload)
      case "commit":
        return this.#commit()
      case "abort":
        return this.#abort()
      case "reopen":
        return this.#services.logFiles.reopen()
      case "quit":
        return this.#quit()
      case "stop":
        return void this.#end()
    }
  }

  async #prepare(payload: ConfigurationPayload): Promise<void> {
    const opened = new Map<string, Listener>()
    try {
      const generation = this.#build(payload)
      if (this.#generation === null) {
        // The first listeners may accept before the word to begin has come.
        this.#state.log = generation.log
        this.#services.logFiles.errorLog = generation.log
        this.#state.maxConnections = generation.workerConnections
      }
      for (const [key, address] of generation.addresses) {
        if (this.#listeners.has(key) || !this.#isMine(key)) continue
        const listener = new Listener(address, this.#state)
        await listener.listen()
        opened.set(key, listener)
      }
      this.#prepared = { generation, opened }
      this.#send({ type: "prepared" })
    } catch (error) {
      for (const listener of opened.values()) listener.close()
      this.#send({ type: "refused", reason: reasonOf(error) })
    }
  }

  /** A unix socket cannot be shared by binding it again: the first worker has it alone. */
  #isMine(key: string): boolean {
    return this.#services.workerIndex === 0 || !key.startsWith("unix:")
  }

  #build(payload: ConfigurationPayload): Generation {
    for (const [name, memory] of payload.memory) this.#services.memory.set(name, memory)
    this.#services.hosts = payload.hosts
    const reading = read({ ...payload, sources: new Sources(payload.record), warn: () => {} })
    return buildGeneration(reading, {
      number: payload.number,
      prefix: payload.prefix,
      services: this.#services,
      previous: this.#generation,
    })
  }

  #commit(): void {
    if (this.#prepared === null) return
    const { generation, opened } = this.#prepared
    const old = this.#generation
    this.#prepared = null
    this.#generation = generation
    this.#state.log = generation.log
    this.#services.logFiles.errorLog = generation.log
    this.#state.maxConnections = generation.workerConnections
    for (const [key, listener] of this.#listeners) {
      const address = generation.addresses.get(key)
      if (address !== undefined) listener.update(address)
      else {
        listener.close()
        this.#listeners.delete(key)
      }
    }
    for (const [key, listener] of opened) this.#listeners.set(key, listener)
    if (old !== null) disposeGeneration(old)
  }

  #abort(): void {
    if (this.#prepared === null) return
    for (const listener of this.#prepared.opened.values()) listener.close()
    disposeGeneration(this.#prepared.generation)
    this.#prepared = null
  }

  /** Closes kept upstream connections that were idle for too long. */
  #sweep(): void {
    const groups = this.#generation?.mains[upstreamModule.index]
    if (groups === undefined) return
    for (const group of (groups as { all(): Iterable<{ pool: { sweep(nowMs: number): void } }> }).all())
      group.pool.sweep(this.#services.nowMs())
  }

  #quit(): void {
    if (this.#state.isQuitting) return
    this.#state.isQuitting = true
    this.#state.log.log(NOTICE, "gracefully shutting down")
    for (const listener of this.#listeners.values()) listener.close()
    this.#state.closeIdle()
    const limitMs = this.#generation?.shutdownTimeoutMs
    if (limitMs !== undefined) this.#services.timers.timer(() => this.#state.destroyAll()).start(limitMs)
    void this.#state.empty().then(() => this.#end())
  }

  async #end(): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    for (const listener of this.#listeners.values()) listener.close()
    this.#state.isQuitting = true
    this.#state.destroyAll()
    // The last lines of the access log are written as connections close.
    await this.#state.empty()
    await this.#services.logFiles.flush()
    this.#services.close()
    this.#send({ type: "done" })
    this.#port.close()
    process.exit(0)
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof HoldfastError) return error.describe()
  const { syscall, message } = error as NodeJS.ErrnoException
  return syscall === "listen" || syscall === "bind"
    ? `bind() failed (${errnoText(error as NodeJS.ErrnoException)})`
    : message
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replaceAll("\n", " | ")
}

if (parentPort !== null) new Worker(parentPort, workerData as WorkerData)

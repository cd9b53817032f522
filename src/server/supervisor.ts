/** The main thread: reads the configuration, starts and stops workers, answers signals. Carries no traffic. */
import { once } from "node:events"
import { rmSync } from "node:fs"
import net from "node:net"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { ALERT, EMERG, NOTICE, WARN } from "../base/logger.ts"
import { MAIN } from "../config/row.ts"
import { Scope } from "../config/scope.ts"
import { toSystemPath } from "../config/sources.ts"
import { mainErrorLog } from "../modules/error-log.ts"
import { CounterTable } from "../observe/counters.ts"
import { type Checked, checkConfiguration } from "./check-configuration.ts"
import { listenOptions } from "./listener.ts"
import type { FromWorker, ToWorker, WorkerData } from "./messages.ts"
import { PidFile } from "./pid-file.ts"
import { limitOpenFiles, privilegeDrop } from "./privileges.ts"
import { Services } from "./services.ts"

export interface SupervisorOptions {
  readonly file: string
  readonly prefix: string
  readonly parameter: string
  /** `-e`: where to log before the configuration says so; undefined for the default. */
  readonly errorLogPath: string | undefined
}

/** How often an address in use is tried again, as nginx does. */
const BIND_TRIES = 5
const BIND_RETRY_MS = 500

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #memory = new Map<string, SharedArrayBuffer>()
  readonly #services: Services
  #current: Checked | null = null
  #pidFile: PidFile | null = null
  #workers: Worker[] = []
  #isStopping = false
  #generation = 0
  #reloading: Promise<void> | null = null

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#services = this.#newServices(new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0))
  }

  #newServices(counters: CounterTable): Services {
    return new Services({
      workerIndex: 0,
      counters,
      memory: this.#memory,
      threadId: process.pid,
      errorLogPath: this.#options.errorLogPath,
    })
  }

  /**
   * Starts everything; resolves when all listeners accept and the pid file is there. Throws HoldfastError, which
   * the error log has then, too.
   */
  async start(): Promise<void> {
    try {
      await this.#start()
    } catch (error) {
      if (error instanceof HoldfastError) await this.#logFailure(error)
      this.#pidFile?.remove()
      throw error
    }
  }

  async #start(): Promise<void> {
    const checked = await this.#check()
    this.#current = checked
    this.#services.logFiles.errorLog = checked.generation.log
    await this.#probeAddresses(checked)
    if (checked.openFiles !== undefined) limitOpenFiles(checked.openFiles, checked.generation.log)
    for (const { name, value } of checked.environment) if (value !== undefined) process.env[name] = value
    const counters = new SharedArrayBuffer(CounterTable.bytes(checked.workers))
    this.#handleSignals()
    const started = Array.from({ length: checked.workers }, (_unused, index) =>
      this.#startWorker(index, checked, counters),
    )
    const reasons = (await Promise.all(started)).filter((reason) => reason !== undefined)
    if (reasons[0] !== undefined) {
      await this.#stopWorkers("stop")
      throw new HoldfastError("LISTEN", reasons[0])
    }
    const drop = checked.user === undefined ? undefined : privilegeDrop(checked.user, checked.generation.log)
    this.#pidFile = new PidFile(checked.pidPath)
    drop?.()
    this.#tell({ type: "commit" })
    checked.generation.log.log(NOTICE, `start worker threads: ${checked.workers}`)
  }

  /** Where no configuration says otherwise yet, the log is that of a configuration without `error_log`. */
  async #logFailure(error: HoldfastError): Promise<void> {
    try {
      const log =
        this.#current?.generation.log ??
        mainErrorLog(new Scope(MAIN, null, null), this.#services, this.#options.prefix)
      log.log(EMERG, error.describe())
      await this.#services.logFiles.flush()
    } catch {
      // A log that cannot be opened: the caller tells the terminal.
    }
  }

  #check(): Promise<Checked> {
    return checkConfiguration({
      ...this.#options,
      services: this.#services,
      number: ++this.#generation,
      memory: this.#memory,
      onWarning: (text) => this.#warn(text),
    })
  }

  /** At the start to the terminal, later to the error log in force. */
  #warn(text: string): void {
    if (this.#current === null) process.stderr.write(`holdfast: [warn] ${text}\n`)
    else this.#current.generation.log.log(WARN, text)
  }

  /** An address that another program has is refused here: workers share theirs and would not notice. */
  async #probeAddresses(checked: Checked, known: ReadonlySet<string> = new Set()): Promise<void> {
    for (let tries = BIND_TRIES; ; tries--) {
      const busy: string[] = []
      for (const [key, { listen }] of checked.generation.addresses) {
        if (known.has(key)) continue
        const error = await bindError(listenOptions(listen, true))
        if (error === undefined) continue
        const message = `bind() to ${key} failed (${errnoText(error)})`
        if (error.code !== "EADDRINUSE") throw new HoldfastError("LISTEN", message)
        this.#emerg(checked, message)
        busy.push(message)
      }
      if (busy.length === 0) return
      if (tries <= 1) throw new HoldfastError("LISTEN", "still could not bind()")
      await new Promise((resolve) => setTimeout(resolve, BIND_RETRY_MS))
    }
  }

  #emerg(checked: Checked, message: string): void {
    checked.generation.log.log(EMERG, message)
    process.stderr.write(`holdfast: [emerg] ${message}\n`)
  }

  /** Resolves when the worker listens, with the reason when it could not. */
  #startWorker(index: number, checked: Checked, counters: SharedArrayBuffer): Promise<string | undefined> {
    const data: WorkerData = {
      workerIndex: index,
      workers: checked.workers,
      counters,
      errorLogPath: this.#options.errorLogPath,
      payload: checked.payload,
    }
    const self = fileURLToPath(import.meta.url)
    const worker = new Worker(new URL(`./worker${extname(self)}`, import.meta.url), { workerData: data })
    this.#workers[index] = worker
    worker.on("error", (error) =>
      checked.generation.log.log(ALERT, `worker thread ${index} failed: ${error.message}`),
    )
    worker.on("exit", (code) => this.#workerExited(worker, code))
    return refusalOf(worker)
  }

  #workerExited(worker: Worker, code: number): void {
    this.#workers = this.#workers.filter((other) => other !== worker)
    if (this.#isStopping) return
    this.#current?.generation.log.log(ALERT, `worker thread exited with code ${code}`)
    if (this.#workers.length === 0) void this.#finish(1)
  }

  #tell(message: ToWorker): void {
    for (const worker of this.#workers) worker.postMessage(message)
  }

  // --- signals

  #handleSignals(): void {
    process.on("SIGTERM", () => void this.#stop("stop"))
    process.on("SIGINT", () => void this.#stop("stop"))
    process.on("SIGQUIT", () => void this.#stop("quit"))
    process.on("SIGHUP", () => void this.reload())
    process.on("SIGUSR1", () => this.#reopen())
    process.on("SIGUSR2", () =>
      this.#warn("SIGUSR2 is not supported by Holdfast: it would start a new program beside this one"),
    )
    process.on("SIGPIPE", () => {})
  }

  #reopen(): void {
    this.#current?.generation.log.log(NOTICE, "reopening logs")
    this.#services.logFiles.reopen()
    this.#tell({ type: "reopen" })
  }

  /** Reads the configuration again; all workers take it, or none does. One reload at a time, in order. */
  reload(): Promise<void> {
    const before = this.#reloading ?? Promise.resolve()
    const next = before.then(() => this.#reload())
    this.#reloading = next
    return next
  }

  async #reload(): Promise<void> {
    const old = this.#current
    if (old === null || this.#isStopping) return
    old.generation.log.log(NOTICE, "signal 1 (SIGHUP) received, reconfiguring")
    try {
      const checked = await this.#check()
      await this.#probeAddresses(checked, new Set(old.generation.addresses.keys()))
      const reason = await this.#prepareAll(checked)
      if (reason !== undefined) throw new HoldfastError("LISTEN", reason)
      this.#tell({ type: "commit" })
      this.#current = checked
      this.#services.logFiles.errorLog = checked.generation.log
      if (checked.pidPath !== old.pidPath) this.#movePidFile(checked.pidPath)
      if (checked.workers !== old.workers)
        checked.generation.log.log(
          WARN,
          `worker_processes changed from ${old.workers} to ${checked.workers}: it takes effect at the next start`,
        )
      checked.generation.log.log(NOTICE, "configuration reloaded")
    } catch (error) {
      this.#tell({ type: "abort" })
      old.generation.log.log(EMERG, error instanceof HoldfastError ? error.describe() : String(error))
    }
  }

  #movePidFile(path: string): void {
    const moved = new PidFile(path)
    this.#pidFile?.remove()
    this.#pidFile = moved
  }

  async #prepareAll(checked: Checked): Promise<string | undefined> {
    const answers = this.#workers.map((worker) => {
      worker.postMessage({ type: "prepare", payload: checked.payload } satisfies ToWorker)
      return refusalOf(worker)
    })
    return (await Promise.all(answers)).find((reason) => reason !== undefined)
  }

  async #stop(way: "stop" | "quit"): Promise<void> {
    if (this.#isStopping && way === "quit") return
    this.#isStopping = true
    this.#current?.generation.log.log(
      NOTICE,
      way === "quit" ? "signal 3 (SIGQUIT) received, shutting down" : "signal 15 (SIGTERM) received, exiting",
    )
    await this.#stopWorkers(way)
    await this.#finish(0)
  }

  async #stopWorkers(way: "stop" | "quit"): Promise<void> {
    this.#isStopping = true
    const exits = this.#workers.map((worker) => once(worker, "exit"))
    this.#tell({ type: way })
    await Promise.all(exits)
  }

  async #finish(status: number): Promise<void> {
    const checked = this.#current
    if (checked !== null) {
      checked.generation.log.log(NOTICE, "exit")
      this.#pidFile?.remove()
      this.#pidFile = null
      for (const { listen } of checked.generation.addresses.values()) removeSocket(listen.path)
    }
    await this.#services.logFiles.flush()
    process.exit(status)
  }
}

/** Why the worker does not take the generation; undefined when it has. One that ends instead of answering refuses. */
function refusalOf(worker: Worker): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onExit = (): void => resolve("a worker thread ended before it answered")
    worker.once("exit", onExit)
    worker.once("message", (message: FromWorker) => {
      worker.off("exit", onExit)
      resolve(message.type === "refused" ? message.reason : undefined)
    })
  })
}

/** A process that gave its privileges up may not be allowed to. */
function removeSocket(path: string): void {
  if (path === "") return
  try {
    rmSync(toSystemPath(path), { force: true })
  } catch {
    // It stays, as after an end by force.
  }
}

/** Undefined when `options` could be listened on just now. */
function bindError(options: net.ListenOptions): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once("error", resolve)
    server.listen(options, () => server.close(() => resolve(undefined)))
  })
}

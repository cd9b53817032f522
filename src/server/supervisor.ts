/** The main thread: reads the configuration, starts and stops workers, answers signals. Carries no traffic. */
import { HoldfastError } from "../base/error.ts"
import { ALERT, CRIT, EMERG, NOTICE, WARN } from "../base/logger.ts"
import { MAIN } from "../config/row.ts"
import { Scope } from "../config/scope.ts"
import { mainErrorLog } from "../modules/error-log.ts"
import { CounterTable } from "../observe/counters.ts"
import { type Checked, checkConfiguration } from "./check-configuration.ts"
import { Crew } from "./crew.ts"
import { probeAddresses, SocketPaths } from "./listen-socket.ts"
import { PidFile } from "./pid-file.ts"
import { limitOpenFiles, Privileges } from "./privileges.ts"
import { Services } from "./services.ts"
import { pruneLimits, pruneMemory, repairMemory } from "./shared-state.ts"
import { handleSignals, type SignalName, signalLine } from "./signals.ts"
import { type ProgramState, StatusDesk } from "./status-desk.ts"
import { OLD_PROGRAM } from "./status-path.ts"
import { SystemdNotifier } from "./systemd.ts"
import { watchUnhandledErrors } from "./unhandled-errors.ts"
import { type OldProgram, startNewProgram, takeOldProgram } from "./upgrade.ts"
import type { WorkerThreads } from "./worker-threads.ts"

export interface SupervisorOptions {
  readonly file: string
  readonly prefix: string
  readonly parameter: string
  /** `-e`: where to log before the configuration says so; undefined for the default. */
  readonly errorLogPath: string | undefined
  /** Where workers come from. */
  readonly threads: WorkerThreads
  /**
   * Where the configuration says `daemon on`, goes on in another process, and ends this one with it: called in place
   * of the start. Null in the process that goes on: what is to be warned of has been said by then.
   */
  readonly goToBackground: (() => Promise<never>) | null
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #memory = new Map<string, SharedArrayBuffer>()
  readonly #services: Services
  readonly #socketPaths = new SocketPaths()
  #current: Checked | null = null
  #crew: Crew | null = null
  #pidFile: PidFile | null = null
  readonly #systemd: SystemdNotifier
  readonly #status: StatusDesk
  /** The program that this one is to replace; undefined where there is none. */
  #oldProgram: OldProgram | undefined = undefined
  /** The number of the process that is to replace this one; undefined while there is none. */
  #newProgram: number | undefined = undefined
  readonly #privileges = new Privileges((level, text) => this.#log(level, text))
  #isStopping = false
  #isFinishing = false
  #number = 0
  /** The reload that runs, and whether another waits for its end. */
  #reloading: Promise<void> = Promise.resolve()
  #isReloadWaiting = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#services = new Services({
      workerIndex: 0,
      counters: new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0),
      memory: this.#memory,
      threadId: process.pid,
      errorLogPath: options.errorLogPath,
    })
    this.#systemd = new SystemdNotifier(process.env, (text) => this.#warn(text))
    this.#status = new StatusDesk({
      threads: options.threads,
      state: () => this.#state(),
      warn: (text) => this.#warn(text),
    })
  }

  /**
   * Starts everything; resolves when all listeners accept and the pid file is there. Throws HoldfastError, which
   * the error log has then, too.
   */
  async start(): Promise<void> {
    const started = this.#start()
    // Who asks for a reload meanwhile gets it afterwards.
    this.#reloading = started.catch(() => {})
    try {
      await started
      // One that was told to end before is about to.
      if (this.#isStopping) await new Promise(() => {})
    } catch (error) {
      if (error instanceof HoldfastError) await this.#logFailure(error)
      this.#pidFile?.remove()
      this.#status.end()
      throw error
    }
  }

  async #start(): Promise<void> {
    const checked = await this.#check()
    if (checked.isDaemon && this.#options.goToBackground !== null) return this.#options.goToBackground()
    this.#oldProgram = takeOldProgram(process.env)
    this.#putInForce(checked)
    await this.#probe(checked, this.#oldProgram?.addresses ?? new Set())
    const { log } = checked.generation
    if (checked.openFiles !== undefined) limitOpenFiles(checked.openFiles, log)
    for (const { name, value } of checked.environment) if (value !== undefined) process.env[name] = value
    const crew = this.#newCrew(checked)
    this.#crew = crew
    handleSignals((signal) => this.#onSignal(signal))
    const reason = await crew.start()
    if (this.#isStopping) return
    if (reason !== undefined) {
      await crew.stop("stop")
      throw new HoldfastError("LISTEN", reason)
    }
    this.#ownSockets(checked)
    const becomeUser = this.#privileges.become(checked.user)
    await this.#status.open(checked)
    if (this.#isStopping) return
    this.#pidFile = new PidFile(checked.pidPath)
    becomeUser()
    crew.commit(checked)
    log.log(NOTICE, `start worker threads: ${checked.workers}`)
    watchUnhandledErrors({
      nowMs: () => performance.now(),
      log: (level, text) => this.#log(level, text),
      giveUp: () => void this.#stop("stop", 1),
    })
    this.#systemd.ready(this.#oldProgram === undefined ? undefined : process.pid)
  }

  #newCrew(checked: Checked): Crew {
    return new Crew(checked, {
      threads: this.#options.threads,
      log: (level, text) => this.#log(level, text),
      onThreadEnded: (index, threadId) => repairMemory(this.#memory, index, threadId),
      onReplaced: () => {
        if (this.#current !== null) this.#ownSockets(this.#current)
      },
      privileged: (work) => this.#privileges.regain(work),
    })
  }

  #state(): ProgramState | null {
    const [crew, checked] = [this.#crew, this.#current]
    if (crew === null || checked === null) return null
    // It is the parent for as long as it lives.
    const oldProgram = this.#oldProgram?.pid === process.ppid ? process.ppid : undefined
    return { crew, checked, isStopping: this.#isStopping, oldProgram, newProgram: this.#newProgram }
  }

  #putInForce(checked: Checked): void {
    this.#current = checked
    this.#services.logFiles.errorLog = checked.generation.log
  }

  #log(level: number, text: string): void {
    this.#current?.generation.log.log(level, text)
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
      number: ++this.#number,
      memory: this.#memory,
      onWarning: (text) => this.#warn(text),
    })
  }

  /** At the start to the terminal, later to the error log in force. */
  #warn(text: string): void {
    if (this.#current !== null) this.#log(WARN, text)
    else if (this.#options.goToBackground !== null) process.stderr.write(`holdfast: [warn] ${text}\n`)
  }

  async #probe(checked: Checked, ours: ReadonlySet<string>): Promise<void> {
    const listens = [...checked.generation.addresses.values()].map(({ listen }) => listen)
    await probeAddresses(
      listens.filter(({ key }) => !ours.has(key)),
      (message) => {
        checked.generation.log.log(EMERG, message)
        process.stderr.write(`holdfast: [emerg] ${message}\n`)
      },
    )
  }

  #ownSockets(checked: Checked): void {
    const paths = [...checked.generation.addresses.values()].map(({ listen }) => listen.path)
    this.#socketPaths.own(new Set(paths.filter((path) => path !== "")))
  }

  // --- signals

  #onSignal(signal: SignalName): void {
    const { text, level } = signalLine(signal)
    if (!(this.#isStopping && signal === "SIGQUIT")) this.#log(level, text)
    switch (signal) {
      case "SIGTERM":
      case "SIGINT":
        return void this.#stop("stop", 0)
      case "SIGQUIT":
        return void (this.#isStopping || this.#stop("quit", 0))
      case "SIGHUP":
        return void this.reload()
      case "SIGUSR1":
        return void this.#reopen()
      case "SIGUSR2":
        return this.#startNewProgram()
      case "SIGWINCH":
        return this.#pause()
    }
  }

  #reopen(): Promise<void> {
    return this.#privileges.regain(async () => {
      this.#services.logFiles.reopen()
      await this.#crew?.reopen()
    })
  }

  #pause(): void {
    if (!this.#isStopping) this.#crew?.pause()
  }

  // --- reload

  /**
   * Reads the configuration again; all workers take it, or none does. One reload at a time; one that waits for
   * the end of another reads what is there by then, for all who ask meanwhile.
   */
  reload(): Promise<void> {
    if (this.#isReloadWaiting) return this.#reloading
    this.#isReloadWaiting = true
    this.#reloading = this.#reloading.then(async () => {
      this.#isReloadWaiting = false
      const [old, crew] = [this.#current, this.#crew]
      if (old === null || crew === null || this.#isStopping) return
      // As in nginx, which does not read what is meant for its successor.
      if (this.#newProgram !== undefined) return this.#privileges.regain(() => this.#resume(old, crew))
      this.#systemd.reloading()
      await this.#privileges.regain(() => this.#reload(old, crew))
      this.#systemd.ready()
    })
    return this.#reloading
  }

  async #reload(old: Checked, crew: Crew): Promise<void> {
    this.#log(NOTICE, "reconfiguring")
    let checked: Checked | null = null
    try {
      checked = await this.#check()
      await this.#probe(checked, new Set(old.generation.addresses.keys()))
      const reason = await crew.prepare(checked)
      if (reason !== undefined) throw new HoldfastError("LISTEN", reason)
      await this.#status.open(checked)
      if (this.#isStopping) return
      const becomeUser = this.#privileges.become(checked.user)
      if (checked.pidPath !== old.pidPath) this.#movePidFile(checked.pidPath)
      becomeUser()
      this.#commit(crew, checked, old)
    } catch (error) {
      const reason = error instanceof HoldfastError ? error.describe() : String(error)
      this.#log(EMERG, reason)
      this.#status.reloaded(reason)
      pruneLimits(this.#memory, old.generation)
      if (checked === null) return
      crew.abort(checked)
      checked.dispose()
    }
  }

  /** Opens the listeners again that were closed: the configuration in force is committed once more. */
  async #resume(old: Checked, crew: Crew): Promise<void> {
    const again = { ...old, payload: { ...old.payload, number: ++this.#number } }
    const reason = await crew.prepare(again)
    if (this.#isStopping) return
    if (reason === undefined) {
      crew.commit(again)
      this.#putInForce(again)
      this.#ownSockets(again)
    } else {
      this.#log(EMERG, reason)
      crew.abort(again)
    }
  }

  #commit(crew: Crew, checked: Checked, old: Checked): void {
    crew.commit(checked)
    this.#putInForce(checked)
    this.#ownSockets(checked)
    pruneMemory([this.#memory, this.#services.local], checked.generation, old.generation)
    this.#status.reloaded(null)
    this.#log(NOTICE, "configuration reloaded")
    old.dispose()
  }

  #movePidFile(path: string): void {
    const moved = new PidFile(path)
    this.#pidFile?.remove()
    this.#pidFile = moved
  }

  // --- upgrade of the program

  #startNewProgram(): void {
    const [pidFile, current] = [this.#pidFile, this.#current]
    if (pidFile === null || current === null || this.#isStopping) return
    const isSuccessor = this.#oldProgram !== undefined && process.ppid === this.#oldProgram.pid
    if (this.#newProgram !== undefined || isSuccessor)
      return this.#log(
        CRIT,
        "the changing binary signal is ignored: you should shutdown or terminate before either old or new binary's process",
      )
    this.#log(NOTICE, "changing binary")
    try {
      this.#privileges.regainFor(() => {
        pidFile.moveTo(current.pidPath + OLD_PROGRAM)
        this.#status.stepAside()
      })
    } catch (error) {
      return this.#log(ALERT, `${(error as Error).message} before executing new binary process`)
    }
    const keys = [...current.generation.addresses.keys()]
    // Where it could not be started the end is told later, so that this is known by then.
    const onEnd = (how: string): void => this.#newProgramEnded(how, current.pidPath)
    this.#newProgram = this.#privileges.regainFor(() => startNewProgram(keys, onEnd)) ?? 0
    if (this.#newProgram !== 0) this.#log(NOTICE, `start new binary process ${this.#newProgram}`)
  }

  /** This program stays in charge. */
  #newProgramEnded(how: string, pidPath: string): void {
    this.#log(NOTICE, `new binary process ${this.#newProgram || ""} ${how}`.replace("  ", " "))
    try {
      this.#privileges.regainFor(() => {
        this.#status.stepBack()
        this.#pidFile?.moveTo(pidPath)
      })
    } catch (error) {
      this.#log(ALERT, `${(error as Error).message} after the new binary process exited`)
    }
    // While it ran the listeners may have been closed, and it has taken the paths of unix sockets over.
    this.#reloading = this.#reloading.then(async () => {
      this.#newProgram = undefined
      const [current, crew] = [this.#current, this.#crew]
      if (current !== null && crew !== null && !this.#isStopping)
        await this.#privileges.regain(() => this.#resume(current, crew))
    })
  }

  // --- the end

  async #stop(way: "stop" | "quit", status: number): Promise<void> {
    if (!this.#isStopping) this.#systemd.stopping()
    this.#isStopping = true
    await this.#crew?.stop(way)
    await this.#finish(status)
  }

  async #finish(status: number): Promise<void> {
    if (this.#isFinishing) return
    this.#isFinishing = true
    this.#log(NOTICE, "exit")
    this.#privileges.regainFor(() => {
      this.#pidFile?.remove()
      this.#pidFile = null
      this.#status.end()
      this.#socketPaths.removeAll()
    })
    await this.#services.logFiles.flush()
    process.exit(status)
  }
}

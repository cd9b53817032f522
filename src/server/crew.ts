/** The workers: so many as the configuration says, each replaced when it dies, all of one configuration. */
import { MAX_WORKERS } from "../upstream/zone.ts"
import type { Checked } from "./check-configuration.ts"
import { BEAT_MS } from "./heartbeat.ts"
import type { ToWorker } from "./messages.ts"
import { Seat, type SeatHost } from "./seat.ts"
import type { ReportedStatus, WorkerHandle } from "./worker-handle.ts"
import type { WorkerThreads } from "./worker-threads.ts"

/** How long workers have to end at once (SIGTERM) before they are ended by force. */
const STOP_LIMIT_MS = 5000

export interface CrewOptions {
  readonly threads: WorkerThreads
  log(level: number, text: string): void
  /** A worker has ended: what it held of the shared memory is to be given back. */
  onThreadEnded(index: number, threadId: number): void
  /** A worker that replaces another accepts. */
  onReplaced(): void
  /** Does `work` with the rights that the program was started with: what a worker opens as it starts needs them. */
  privileged<T>(work: () => Promise<T>): Promise<T>
}

export interface SeatStatus {
  readonly seat: Seat
  /** The worker that was asked; null where the seat has none for now. */
  readonly handle: WorkerHandle | null
  /** Undefined where it does not answer. */
  readonly answer: ReportedStatus | undefined
}

export class Crew implements SeatHost {
  readonly #options: CrewOptions
  readonly #seats = new Map<number, Seat>()
  #isStopping = false
  #isPaused = false
  #watchedMs = performance.now()
  readonly #watchTimer: NodeJS.Timeout
  inForce: Checked

  constructor(checked: Checked, options: CrewOptions) {
    this.inForce = checked
    this.#options = options
    this.#watchTimer = setInterval(() => this.#watch(), BEAT_MS)
  }

  /** Starts the first workers. Resolves when they listen, with the reason when one cannot. `commit` is next. */
  start(): Promise<string | undefined> {
    return this.#grow(this.inForce)
  }

  /** Tells all workers, retired ones too. */
  tell(message: ToWorker): void {
    for (const { handle } of this.#seats.values()) handle?.tell(message)
  }

  /** Resolves when all have opened their log files anew. */
  async reopen(): Promise<void> {
    const handles = [...this.#seats.values()].map(({ handle }) => handle)
    await Promise.all(handles.map((handle) => handle?.reopen()))
  }

  /** Each worker as it is now, in the order of the seats; one has `limitMs` to answer. */
  askStatus(limitMs: number): Promise<SeatStatus[]> {
    const seats = [...this.#seats.values()].sort((a, b) => a.index - b.index)
    return Promise.all(
      seats.map(async (seat) => {
        const { handle } = seat
        // One that waits for its first configuration answers, too.
        const answer = await handle?.status(limitMs)
        return { seat, handle, answer }
      }),
    )
  }

  /** Whether it accepts nothing until the next commit. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Accepts nothing more until the next commit. */
  pause(): void {
    this.#isPaused = true
    this.tell({ type: "pause" })
  }

  // --- reload

  /**
   * Hands `checked` to all workers, and starts those that it wants more of. Resolves when all have answered: with
   * the reason where one of them does not take it, and `abort` is next, or else `commit`.
   */
  async prepare(checked: Checked): Promise<string | undefined> {
    // Who is starting just now takes part; who waits for its next try, or dies meanwhile, follows the commit.
    await Promise.all([...this.#seats.values()].map((seat) => seat.starting))
    const members = [...this.#seats.values()].filter((seat) => seat.isUp)
    const answers = members.map((seat) => seat.prepare(checked.payload))
    answers.push(this.#grow(checked))
    return (await Promise.all(answers)).find((reason) => reason !== undefined)
  }

  /** Starts workers until there are as many as wanted, in the lowest seats that are free. */
  async #grow(checked: Checked): Promise<string | undefined> {
    const answers: Promise<string | undefined>[] = []
    const missing = checked.workers - this.#active().length
    for (let index = 0; index < MAX_WORKERS && answers.length < missing; index++) {
      if (this.#seats.has(index)) continue
      const seat = new Seat(index, this)
      this.#seats.set(index, seat)
      answers.push(seat.begin(checked))
    }
    if (answers.length < missing)
      return `${checked.workers} workers, and those that have retired, are more than ${MAX_WORKERS}`
    return (await Promise.all(answers)).find((reason) => reason !== undefined)
  }

  /** Seats that have a worker or will have one again, the lowest first. */
  #active(): Seat[] {
    return [...this.#seats.values()].filter((seat) => !seat.isRetired).sort((a, b) => a.index - b.index)
  }

  /** Puts the prepared configuration in force. The first seat never retires: it has the unix sockets. */
  commit(checked: Checked): void {
    this.inForce = checked
    this.#isPaused = false
    for (const seat of [...this.#seats.values()]) seat.commit(checked)
    for (const seat of this.#active().slice(checked.workers)) seat.retire()
  }

  /** Forgets what was prepared. */
  abort(checked: Checked): void {
    for (const seat of [...this.#seats.values()])
      if (seat.isNew) {
        seat.isRetired = true
        if (seat.handle === null) this.onEmpty(seat)
        else seat.handle.tell({ type: "stop" })
      } else seat.abort(checked.payload.number)
  }

  // --- the end

  /** Ends all workers, at once or when their connections have ended. Resolves when they are gone. */
  async stop(way: "stop" | "quit"): Promise<void> {
    this.#isStopping = true
    const handles: WorkerHandle[] = []
    for (const seat of this.#seats.values()) {
      seat.giveUp()
      if (seat.handle !== null) handles.push(seat.handle)
    }
    this.tell({ type: way })
    const limit = way === "stop" ? setTimeout(() => terminateAll(handles), STOP_LIMIT_MS) : undefined
    await Promise.all(handles.map((handle) => handle.ended))
    clearTimeout(limit)
    clearInterval(this.#watchTimer)
  }

  #watch(): void {
    const nowMs = performance.now()
    const elapsedMs = nowMs - this.#watchedMs
    this.#watchedMs = nowMs
    const { stallTimeoutMs } = this.inForce.generation
    for (const { handle } of this.#seats.values()) handle?.watch(elapsedMs, stallTimeoutMs)
  }

  // --- SeatHost

  get mayReplace(): boolean {
    return !this.#isStopping && !this.#isPaused
  }

  log(level: number, text: string): void {
    this.#options.log(level, text)
  }

  startThread(index: number): WorkerHandle {
    return this.#options.threads.start(index)
  }

  onThreadEnded(index: number, threadId: number): void {
    this.#options.threads.clearCounters(index)
    this.#options.onThreadEnded(index, threadId)
  }

  onReplaced(): void {
    this.#options.onReplaced()
  }

  privileged<T>(work: () => Promise<T>): Promise<T> {
    return this.#options.privileged(work)
  }

  onEmpty(seat: Seat): void {
    if (this.#seats.get(seat.index) === seat) this.#seats.delete(seat.index)
  }
}

function terminateAll(handles: readonly WorkerHandle[]): void {
  for (const handle of handles) handle.terminate("it did not end when it was told to")
}

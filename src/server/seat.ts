/** The place of a worker: an index with a row in each shared table, and the thread that has it just now. */
import { setTimeout as pause } from "node:timers/promises"
import { ALERT, NOTICE, WARN } from "../base/logger.ts"
import type { Checked } from "./check-configuration.ts"
import type { ConfigurationPayload } from "./messages.ts"
import type { WorkerEnd, WorkerHandle } from "./worker-handle.ts"

/** A worker that dies sooner after its start than this has died of its start. */
const EARLY_DEATH_MS = 1000
const FIRST_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 30_000

/** What a seat needs of the others. */
export interface SeatHost {
  /** The configuration in force. */
  readonly inForce: Checked
  /** Whether workers that have died are replaced now. */
  readonly mayReplace: boolean
  log(level: number, text: string): void
  /** It is to be prepared with its first configuration. */
  startThread(index: number): WorkerHandle
  /** The thread has ended: what it held of the shared memory is to be given back before another has the index. */
  onThreadEnded(index: number, threadId: number): void
  /** A worker that replaces another is up. */
  onReplaced(): void
  /** Does `work` with all the rights of the program. */
  privileged<T>(work: () => Promise<T>): Promise<T>
  /** The seat was retired, and its worker has ended. */
  onEmpty(seat: Seat): void
}

export class Seat {
  readonly index: number
  readonly #host: SeatHost
  handle: WorkerHandle | null = null
  /** Whether its worker serves. */
  isUp = false
  /** Whether its worker has not been in a commit yet. */
  isNew = true
  /** Whether its worker ends when its connections do, and has no successor. */
  isRetired = false
  /** While a worker starts in place of another, or catches up with a reload; never rejects. */
  starting: Promise<void> | null = null
  #isReplacing = false
  /** How often in a row its worker died of its start, the first time aside. */
  #failures = -1
  #backoff: AbortController | null = null
  #starts = 0

  constructor(index: number, host: SeatHost) {
    this.index = index
    this.#host = host
  }

  /** Starts the first worker of the seat. Resolves when it is ready for a commit, or with the reason why not. */
  begin(checked: Checked): Promise<string | undefined> {
    return this.#startThread().prepare(checked.payload)
  }

  /** Asks its worker to take a configuration. A retired one whose last connection ends meanwhile has no say. */
  async prepare(payload: ConfigurationPayload): Promise<string | undefined> {
    const handle = this.handle as WorkerHandle
    const refusal = await handle.prepare(payload)
    return this.isRetired && handle.isEnding ? undefined : refusal
  }

  /** A commit: whoever is ready takes it, the others follow. */
  commit(checked: Checked): void {
    this.isNew = false
    const { handle } = this
    if (handle !== null && !handle.isEnding && handle.preparedNumber === checked.payload.number) {
      handle.tell({ type: "commit" })
      this.isUp = true
    } else if (this.isUp) this.starting = this.#host.privileged(() => this.#catchUp())
    else void this.#replace()
  }

  abort(number: number): void {
    if (this.isUp) this.handle?.tell({ type: "abort", number })
  }

  retire(): void {
    this.isRetired = true
    this.#backoff?.abort()
    if (this.handle === null) return this.#host.onEmpty(this)
    if (!this.isUp) return
    this.#host.log(NOTICE, `worker thread ${this.handle.threadId} retires: it ends with its last connection`)
    this.handle.tell({ type: "retire" })
  }

  /** Nothing is started any more. */
  giveUp(): void {
    this.#backoff?.abort()
  }

  /** How often another worker took the place of one that had died. */
  get restarts(): number {
    return Math.max(this.#starts - 1, 0)
  }

  #startThread(): WorkerHandle {
    const handle = this.#host.startThread(this.index)
    this.#starts++
    this.handle = handle
    void handle.ended.then((end) => this.#ended(handle, end))
    return handle
  }

  #ended(handle: WorkerHandle, end: WorkerEnd): void {
    const host = this.#host
    const wasUp = this.isUp
    this.handle = null
    this.isUp = false
    host.onThreadEnded(this.index, handle.threadId)
    if (end.code !== 0) {
      const why = end.reason === undefined ? "" : ` (${end.reason})`
      host.log(ALERT, `worker thread ${handle.threadId} exited with code ${end.code}${why}`)
    }
    if (this.isRetired) return host.onEmpty(this)
    if (!wasUp) return
    this.#failures = end.livedMs < EARLY_DEATH_MS ? this.#failures + 1 : 0
    void this.#replace()
  }

  /** Gives the seat a worker, as often as it takes. */
  async #replace(): Promise<void> {
    if (this.#isReplacing) return this.#backoff?.abort()
    this.#isReplacing = true
    while (this.#mayReplace() && !this.isUp) {
      await this.#waitForTurn()
      if (!this.#mayReplace()) break
      this.starting = this.#host.privileged(() => this.#startAnother())
      await this.starting
      this.starting = null
    }
    this.#isReplacing = false
  }

  #mayReplace(): boolean {
    return this.#host.mayReplace && !this.isRetired
  }

  async #waitForTurn(): Promise<void> {
    if (this.#failures <= 0) return
    const delayMs = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), MAX_BACKOFF_MS)
    this.#host.log(WARN, `a worker thread is started again in ${delayMs / 1000} s`)
    this.#backoff = new AbortController()
    // Ended early by whoever changes what it waits for.
    await pause(delayMs, undefined, { signal: this.#backoff.signal }).catch(() => {})
    this.#backoff = null
  }

  async #startAnother(): Promise<void> {
    const host = this.#host
    let handle: WorkerHandle
    try {
      handle = this.#startThread()
    } catch (error) {
      // The system has no thread to give.
      return this.#couldNotStart("a worker thread", (error as Error).message)
    }
    host.log(NOTICE, `start worker thread ${handle.threadId}`)
    const refusal = await this.#bringUpToDate(handle)
    if (refusal === undefined && this.#mayReplace()) {
      handle.tell({ type: "commit" })
      this.isUp = true
      return host.onReplaced()
    }
    handle.tell({ type: "stop" })
    await handle.ended
    if (refusal !== undefined) this.#couldNotStart(`worker thread ${handle.threadId}`, refusal)
  }

  #couldNotStart(who: string, reason: string): void {
    this.#failures = Math.max(this.#failures, 0) + 1
    this.#host.log(ALERT, `${who} could not start: ${reason}`)
  }

  /** A reload may come to its end while the worker takes its configuration. */
  async #bringUpToDate(handle: WorkerHandle): Promise<string | undefined> {
    for (;;) {
      const { payload } = this.#host.inForce
      if (handle.preparedNumber === payload.number) return undefined
      const refusal = await handle.prepare(payload)
      if (refusal !== undefined) return refusal
    }
  }

  /** A worker that serves an older configuration takes the one in force, or is replaced. */
  async #catchUp(): Promise<void> {
    const handle = this.handle as WorkerHandle
    const refusal = await this.#bringUpToDate(handle)
    this.starting = null
    if (refusal === undefined) handle.tell({ type: "commit" })
    else handle.terminate(`it could not take the new configuration: ${refusal}`)
  }
}

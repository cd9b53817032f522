/** One worker thread, as the supervisor sees it. */
import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import { SHARE_ENV, Worker } from "node:worker_threads"
import { BUILD_LIMIT_MS, Heartbeat, StallWatch } from "./heartbeat.ts"
import type { ConfigurationPayload, FromWorker, ToWorker, WorkerData } from "./messages.ts"
import type { WorkerReport } from "./worker-report.ts"

/**
 * Of a worker's heap; V8 divides it by three. Its own limit is 48, which a burst of handshakes fills once and which
 * then stays resident: 6 KB for each of 8,000 tunnels. Requests and messages cost the same with either.
 */
const YOUNG_GENERATION_MB = 12

/** The answer of a worker that gives none. */
const ENDED = "a worker thread ended before it answered"

/** How a worker came to its end. */
export interface WorkerEnd {
  readonly code: number
  /** Undefined where nothing is known. */
  readonly reason: string | undefined
  /** How long it lived, in milliseconds. */
  readonly livedMs: number
}

export interface ReportedStatus {
  readonly report: WorkerReport
  readonly answerMs: number
}

/** A configuration that the worker was asked to take. */
interface Question {
  readonly number: number
  readonly resolve: (refusal: string | undefined) => void
  readonly timer: NodeJS.Timeout
}

export class WorkerHandle {
  readonly index: number
  /** Node's number of the thread; it is in each of its log lines. */
  readonly threadId: number
  /** Resolves when the thread has ended, its memory can be repaired, and its index be given to another. */
  readonly ended: Promise<WorkerEnd>
  readonly #worker: Worker
  readonly #watch: StallWatch
  readonly #startMs = performance.now()
  #question: Question | null = null
  #preparedNumber = 0
  #reason: string | undefined = undefined
  #isEnding = false
  #onReopened: (() => void) | null = null
  /** Who waits for a report, by the number of the question. */
  readonly #statusAsked = new Map<number, (report?: WorkerReport) => void>()
  #asked = 0

  /** Starts the thread, which waits for its first configuration. */
  constructor(data: WorkerData) {
    this.index = data.workerIndex
    const heartbeat = new Heartbeat(data.heartbeats, data.workerIndex)
    // Until the thread has begun to count, loading its code is a good reason to be silent.
    heartbeat.isBuilding = true
    this.#watch = new StallWatch(heartbeat)
    const self = fileURLToPath(import.meta.url)
    this.#worker = new Worker(new URL(`./worker${extname(self)}`, import.meta.url), {
      workerData: data,
      // The thread may be there before the configuration has said what the environment is to be.
      env: SHARE_ENV,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    this.threadId = this.#worker.threadId
    this.#worker.on("message", (message: FromWorker) => this.#receive(message))
    this.#worker.on("error", (error: NodeJS.ErrnoException) => {
      this.#reason ??= error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "out of memory" : error.message
    })
    this.ended = new Promise((resolve) => {
      this.#worker.once("exit", (code) => {
        this.#isEnding = true
        this.#answer(undefined, ENDED)
        for (const settle of this.#statusAsked.values()) settle()
        resolve({ code, reason: this.#reason, livedMs: performance.now() - this.#startMs })
      })
    })
  }

  /** The generation that it is ready to put in force, or that is in force; 0 before the first. */
  get preparedNumber(): number {
    return this.#preparedNumber
  }

  /** Whether it has ended or is about to. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /** Hands it a configuration. One at a time. Resolves with the reason where it does not take it. */
  prepare(payload: ConfigurationPayload): Promise<string | undefined> {
    if (this.#isEnding) return Promise.resolve(ENDED)
    this.tell({ type: "prepare", payload })
    return this.#ask(payload.number)
  }

  /** Resolves when its log files are opened anew, or never will be. */
  reopen(): Promise<unknown> {
    const reopened = new Promise<void>((resolve) => {
      this.#onReopened = resolve
    })
    this.tell({ type: "reopen" })
    return Promise.race([reopened, this.ended])
  }

  /** What it tells of itself, and how long that took; undefined where it does not within `limitMs`. */
  status(limitMs: number): Promise<ReportedStatus | undefined> {
    if (this.#isEnding) return Promise.resolve(undefined)
    const question = ++this.#asked
    const startMs = performance.now()
    return new Promise((resolve) => {
      const settle = (report?: WorkerReport): void => {
        clearTimeout(timer)
        this.#statusAsked.delete(question)
        resolve(report && { report, answerMs: performance.now() - startMs })
      }
      const timer = setTimeout(settle, limitMs)
      this.#statusAsked.set(question, settle)
      this.tell({ type: "status", question })
    })
  }

  /** When it was started, by the wall clock in milliseconds. */
  get startedMs(): number {
    return Date.now() - (performance.now() - this.#startMs)
  }

  tell(message: ToWorker): void {
    if (!this.#isEnding) this.#worker.postMessage(message)
  }

  /** Ends the thread wherever it is: its connections are gone. */
  terminate(reason: string): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#reason = reason
    void this.#worker.terminate()
  }

  /** To be called every BEAT_MS: ends the thread when it has stood still for more than `limitMs` (0: never). */
  watch(elapsedMs: number, limitMs: number): void {
    this.#watch.tick(elapsedMs)
    if (this.#watch.isStalled(limitMs)) this.terminate(this.#blockedReason())
  }

  #blockedReason(): string {
    return `its event loop stood still for ${(this.#watch.silentMs / 1000).toFixed(1)} seconds`
  }

  #ask(number: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#notAnswered(number), BUILD_LIMIT_MS)
      this.#question = { number, resolve, timer }
    })
  }

  #notAnswered(number: number): void {
    this.tell({ type: "abort", number })
    this.#answer(number, `a worker thread did not answer within ${BUILD_LIMIT_MS / 1000} seconds`)
    // It has not been seen for nearly as long: it will not come back.
    if (this.#watch.silentMs > BUILD_LIMIT_MS / 2) this.terminate(this.#blockedReason())
  }

  /** `number`: of the generation that is answered for; undefined for whichever is asked for. */
  #answer(number: number | undefined, refusal: string | undefined): void {
    const question = this.#question
    if (question === null || (number !== undefined && question.number !== number)) return
    this.#question = null
    clearTimeout(question.timer)
    if (refusal === undefined) this.#preparedNumber = question.number
    question.resolve(refusal)
  }

  #receive(message: FromWorker): void {
    if (message.type === "failing") this.#reason = message.reason
    else if (message.type === "reopened") this.#onReopened?.()
    else if (message.type === "status") this.#statusAsked.get(message.question)?.(message.report)
    else this.#answer(message.number, message.type === "refused" ? message.reason : undefined)
  }
}

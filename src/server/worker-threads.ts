/** Starts worker threads: all share the same tables, of which each has a row. */
import { CounterTable } from "../observe/counters.ts"
import { MAX_WORKERS } from "../upstream/zone.ts"
import { ConnectionNumbers } from "./connection-numbers.ts"
import { Heartbeat } from "./heartbeat.ts"
import { WorkerHandle } from "./worker-handle.ts"

export class WorkerThreads {
  readonly #errorLogPath: string | undefined
  readonly #counters = new SharedArrayBuffer(CounterTable.bytes(MAX_WORKERS))
  readonly #heartbeats = new SharedArrayBuffer(Heartbeat.bytes(MAX_WORKERS))
  readonly #connections = new SharedArrayBuffer(ConnectionNumbers.bytes)
  /** The thread of the first seat, until it is asked for. */
  #ahead: WorkerHandle | null = null

  /** `errorLogPath`: as `-e` says, undefined where it does not. */
  constructor(errorLogPath: string | undefined) {
    this.#errorLogPath = errorLogPath
  }

  /**
   * Starts the thread of index 0 before anybody has asked for it: it loads its code while the supervisor loads its
   * own, and reads the configuration. Nothing is opened and nothing read by it until it has one.
   */
  startAhead(): void {
    this.#ahead = this.#launch(0)
  }

  /** A thread for the seat `index`, to be prepared with its first configuration. */
  start(index: number): WorkerHandle {
    const ahead = index === 0 ? this.#ahead : null
    if (ahead === null) return this.#launch(index)
    this.#ahead = null
    return ahead.isEnding ? this.#launch(index) : ahead
  }

  /** The numbers of all workers. */
  get counters(): CounterTable {
    return new CounterTable(this.#counters, 0)
  }

  /** Clears the counters of a thread that has ended, before another has its row. */
  clearCounters(index: number): void {
    new CounterTable(this.#counters, index).clearRow(index)
  }

  #launch(index: number): WorkerHandle {
    return new WorkerHandle({
      workerIndex: index,
      counters: this.#counters,
      heartbeats: this.#heartbeats,
      connections: this.#connections,
      errorLogPath: this.#errorLogPath,
    })
  }
}

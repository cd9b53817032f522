/** What a worker, or the supervisor while it checks a configuration, offers to modules. */
import type { Logger } from "../base/logger.ts"
import { ReadBuffer } from "../base/read-buffer.ts"
import { TimerWheel } from "../base/timers.ts"
import { httpDate } from "../http/date.ts"
import { RequestHeadParsers } from "../http/request-head-pool.ts"
import { ErrorLog, LogOrigin } from "../observe/error-log.ts"
import { WorkerHandshakes } from "../observe/handshake-counts.ts"
import { LogFiles } from "../observe/log-file.ts"
import { LogClock } from "../observe/log-time.ts"
import type { Counters, LogFile, WorkerServices } from "../runtime/module.ts"
import { TunnelRegistry } from "../tunnel/registry.ts"

export interface ServicesOptions {
  readonly workerIndex: number
  readonly counters: Counters
  /** Memory by name, shared by all threads. The supervisor adds to it; a worker finds all there is. */
  readonly memory: Map<string, SharedArrayBuffer>
  readonly threadId: number
  /** `-e`: the error log where the configuration names none. */
  readonly errorLogPath: string | undefined
}

export class Services implements WorkerServices {
  readonly workerIndex: number
  readonly timers = new TimerWheel()
  readonly headParsers = new RequestHeadParsers()
  readonly clock = new LogClock(() => this.#nowMs)
  readonly tunnels: TunnelRegistry
  readonly handshakes = new WorkerHandshakes(() => this.#nowMs)
  readonly counters: Counters
  readonly logFiles = new LogFiles()
  readonly readBuffer = new ReadBuffer()
  readonly memory: Map<string, SharedArrayBuffer>
  /** Memory by name that this thread has for itself. */
  readonly local = new Map<string, SharedArrayBuffer>()
  /** Host names and their addresses: of the configuration that is being built. */
  hosts: ReadonlyMap<string, readonly string[]> = new Map()
  readonly errorLogPath: string | undefined
  readonly #origin: LogOrigin
  #nowMs = Date.now()
  #dateSecond = 0
  #date = ""
  readonly #clock: NodeJS.Timeout

  constructor(options: ServicesOptions) {
    this.workerIndex = options.workerIndex
    this.tunnels = new TunnelRegistry(this.timers)
    this.counters = options.counters
    this.memory = options.memory
    this.errorLogPath = options.errorLogPath
    this.#clock = setInterval(() => {
      this.#nowMs = Date.now()
    }, 10)
    this.#clock.unref()
    this.#origin = new LogOrigin(process.pid, options.threadId, () => Date.now())
  }

  nowMs(): number {
    return this.#nowMs
  }

  httpDate(): string {
    const second = Math.floor(this.#nowMs / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.#date = httpDate(this.#nowMs)
    }
    return this.#date
  }

  logFile(path: string, options: { bufferBytes: number; flushMs: number }): LogFile {
    return this.logFiles.open(path, options)
  }

  errorLog(path: string, level: number): Logger {
    return new ErrorLog(this.logFiles.open(path), level, this.#origin)
  }

  sharedMemory(name: string, bytes: number): SharedArrayBuffer {
    return findMemory(this.memory, name, bytes)
  }

  localMemory(name: string, bytes: number): SharedArrayBuffer {
    return findMemory(this.local, name, bytes)
  }

  addresses(host: string): readonly string[] | undefined {
    return this.hosts.get(host)
  }

  close(): void {
    clearInterval(this.#clock)
    this.timers.close()
  }
}

function findMemory(memory: Map<string, SharedArrayBuffer>, name: string, bytes: number): SharedArrayBuffer {
  const key = `${name} ${bytes}`
  const known = memory.get(key)
  if (known !== undefined) return known
  const made = new SharedArrayBuffer(bytes)
  memory.set(key, made)
  return made
}

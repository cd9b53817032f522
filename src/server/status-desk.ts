/** What the supervisor has to tell of the program, and the socket where it tells it. */
import { SNAPSHOT_FORMAT, type Snapshot } from "../observe/snapshot.ts"
import { VERSION } from "../runtime/special-response.ts"
import type { Checked } from "./check-configuration.ts"
import type { Crew } from "./crew.ts"
import {
  connectionsStatus,
  isoTime,
  listenerStatus,
  locationStatus,
  reportsOf,
  shownText,
  upstreamStatus,
  workerStatus,
} from "./make-snapshot.ts"
import { OLD_PROGRAM } from "./status-path.ts"
import { StatusSocket } from "./status-socket.ts"
import type { WorkerThreads } from "./worker-threads.ts"

/** A worker that does not answer for this long is shown as one that does not. */
const ANSWER_LIMIT_MS = 1000

/** What changes while the program runs. */
export interface ProgramState {
  readonly crew: Crew
  /** The configuration in force. */
  readonly checked: Checked
  readonly isStopping: boolean
  /** The process that this one is to replace, or that is to replace it. */
  readonly oldProgram: number | undefined
  readonly newProgram: number | undefined
}

export interface StatusDeskOptions {
  readonly threads: WorkerThreads
  /** Null before the start is complete. */
  state(): ProgramState | null
  warn(text: string): void
}

export class StatusDesk {
  readonly #options: StatusDeskOptions
  readonly #socket: StatusSocket
  readonly #startedMs = Date.now() - performance.now()
  #loadedMs = Date.now()
  #reload: { readonly ms: number; readonly error: string | null } | null = null

  constructor(options: StatusDeskOptions) {
    this.#options = options
    this.#socket = new StatusSocket({
      answer: async () => `${JSON.stringify(await this.#snapshot())}\n`,
      warn: (text) => options.warn(text),
    })
  }

  /** Opens the socket where the configuration wants it, and closes that of another path. Never rejects. */
  open({ statusPath }: Checked): Promise<void> {
    return this.#socket.place(statusPath)
  }

  /** Another program is to have the path now, or has it no more. */
  stepAside(): void {
    this.#socket.moveTo(`${this.#socket.path}${OLD_PROGRAM}`)
  }
  stepBack(): void {
    const { path } = this.#socket
    if (path.endsWith(OLD_PROGRAM)) this.#socket.moveTo(path.slice(0, -OLD_PROGRAM.length))
  }

  end(): void {
    this.#socket.end()
  }

  /** A reload has come to its end; `error`: why everything stayed as it was. */
  reloaded(error: string | null): void {
    this.#reload = { ms: Date.now(), error }
    if (error === null) this.#loadedMs = this.#reload.ms
  }

  async #snapshot(): Promise<Snapshot> {
    const { crew } = this.#state()
    const seats = await crew.askStatus(ANSWER_LIMIT_MS)
    const { checked, isStopping, oldProgram, newProgram } = this.#state()
    const { payload, generation } = checked
    const { counters } = this.#options.threads
    const reports = reportsOf(seats)
    return {
      format: SNAPSHOT_FORMAT,
      version: VERSION,
      pid: process.pid,
      state: isStopping ? "stopping" : crew.isPaused ? "paused" : "running",
      replaces: oldProgram ?? null,
      replacedBy: newProgram ?? null,
      at: isoTime(Date.now()),
      startedAt: isoTime(this.#startedMs),
      rssBytes: process.memoryUsage.rss(),
      generation: {
        number: payload.number,
        file: shownText(payload.file),
        prefix: shownText(payload.prefix),
        loadedAt: isoTime(this.#loadedMs),
      },
      lastReload: this.#reload && {
        at: isoTime(this.#reload.ms),
        ok: this.#reload.error === null,
        error: this.#reload.error === null ? null : withoutPasswords(shownText(this.#reload.error)),
      },
      workers: seats.map((seat) => workerStatus(seat, counters)),
      listeners: listenerStatus(generation, reports),
      connections: connectionsStatus(counters, reports),
      locations: locationStatus(reports),
      upstreams: upstreamStatus(reports),
    }
  }

  #state(): ProgramState {
    const state = this.#options.state()
    if (state === null) throw new Error("the program has not started yet")
    return state
  }
}

/** An error quotes what stands in the configuration: a URL there may have a password. */
function withoutPasswords(text: string): string {
  return text.replace(/\/\/[^\s/@"]*@/g, "//***@")
}

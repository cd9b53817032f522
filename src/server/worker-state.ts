/** What a worker knows of its open connections. */
import type { Socket } from "node:net"
import { ALERT, type Logger } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import type { HttpConnection } from "./connection-host.ts"
import type { ConnectionNumbers } from "./connection-numbers.ts"
import type { Services } from "./services.ts"

/** How often tunnels are counted once all else is over. */
const EMPTY_CHECK_MS = 50

export class WorkerState {
  readonly services: Services
  log: Logger
  maxConnections: number
  /** No connection is kept for a further request. */
  isQuitting = false
  /** No connection is taken on. */
  isEnding = false
  readonly #numbers: ConnectionNumbers
  #onEmpty: (() => void) | null = null
  #emptied: Promise<void> | null = null
  readonly #emptyTimer: Timer
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<HttpConnection>()

  constructor(services: Services, log: Logger, numbers: ConnectionNumbers) {
    this.services = services
    this.log = log
    this.maxConnections = 0
    this.#numbers = numbers
    this.#emptyTimer = services.timers.timer(() => this.#checkEmpty())
  }

  nextNumber(): number {
    return this.#numbers.next()
  }

  /** Resolves once when no connection is open any more, all of them logged. To be asked when none is accepted. */
  empty(): Promise<void> {
    this.#emptied ??= new Promise((resolve) => {
      this.#onEmpty = resolve
    })
    this.#checkEmpty()
    return this.#emptied
  }

  #checkEmpty(): void {
    if (this.#onEmpty === null || this.#sockets.size > 0 || this.#connections.size > 0) return
    // A tunnel may still have its log line to write when its sockets are closed.
    if (this.services.tunnels.size > 0) this.#emptyTimer.start(EMPTY_CHECK_MS)
    else this.#onEmpty()
  }

  mayAccept(): boolean {
    if (this.isEnding) return false
    if (this.#sockets.size < this.maxConnections) return true
    this.log.log(ALERT, `${this.maxConnections} worker_connections are not enough`)
    return false
  }

  connectionOpened(socket: Socket): void {
    this.#sockets.add(socket)
  }

  connectionClosed(socket: Socket): void {
    this.#sockets.delete(socket)
    this.#checkEmpty()
  }

  httpOpened(connection: HttpConnection): void {
    this.#connections.add(connection)
  }

  httpClosed(connection: HttpConnection): void {
    this.#connections.delete(connection)
    this.#checkEmpty()
  }

  /** Connections that wait for a further request are closed. */
  closeKept(): void {
    for (const connection of [...this.#connections]) connection.endKept()
  }

  /** Connections that wait for a request are closed, those that had none among them. */
  closeIdle(): void {
    for (const connection of [...this.#connections]) connection.closeIfIdle()
  }

  destroyAll(): void {
    for (const connection of [...this.#connections]) connection.destroy()
    for (const socket of [...this.#sockets]) socket.destroy()
  }
}

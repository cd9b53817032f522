/** What a worker knows of its open connections. */
import type { Socket } from "node:net"
import { ALERT, type Logger } from "../base/logger.ts"
import type { Http1Connection } from "./http1-connection.ts"
import type { Services } from "./services.ts"

export class WorkerState {
  readonly services: Services
  log: Logger
  maxConnections: number
  isQuitting = false
  #onEmpty: (() => void) | null = null
  #emptied: Promise<void> | null = null
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<Http1Connection>()
  readonly #numberStep: number
  #number: number
  #tunnels = 0

  /** Numbers of connections are unique over all workers: each counts in steps of `workers`. */
  constructor(services: Services, log: Logger, maxConnections: number, workers: number) {
    this.services = services
    this.log = log
    this.maxConnections = maxConnections
    this.#number = services.workerIndex + 1 - workers
    this.#numberStep = workers
  }

  nextNumber(): number {
    this.#number += this.#numberStep
    return this.#number
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
    if (this.#sockets.size === 0 && this.#connections.size === 0) this.#onEmpty?.()
  }

  get tunnels(): number {
    return this.#tunnels
  }

  mayAccept(): boolean {
    if (this.isQuitting) return false
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

  httpOpened(connection: Http1Connection): void {
    this.#connections.add(connection)
  }

  httpClosed(connection: Http1Connection): void {
    this.#connections.delete(connection)
    this.#checkEmpty()
  }

  tunnelChanged(delta: number): void {
    this.#tunnels += delta
  }

  /** Connections that wait for a request are closed, as a graceful stop begins. */
  closeIdle(): void {
    for (const connection of [...this.#connections]) if (connection.isIdle) connection.destroy()
  }

  destroyAll(): void {
    for (const connection of [...this.#connections]) connection.destroy()
    for (const socket of [...this.#sockets]) socket.destroy()
  }
}

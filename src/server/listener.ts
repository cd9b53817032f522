/** A listening address: accepts connections and hands them to HTTP, through TLS where it is asked for. */
import net from "node:net"
import type { TLSSocket } from "node:tls"
import { ALERT, INFO } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import type { Listen } from "../modules/core/listen.ts"
import { ssl } from "../modules/ssl.ts"
import { ACCEPTED, ACTIVE, HANDLED } from "../observe/counters.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"
import type { ServerTls } from "../tls/server-context.ts"
import { type TerminatorHost, TlsTerminator } from "../tls/terminator.ts"
import type { ConnectionEnds, ConnectionHost } from "./connection-host.ts"
import type { ListenAddress } from "./generation.ts"
import { Http1Connection } from "./http1-connection.ts"
import type { Services } from "./services.ts"
import type { WorkerState } from "./worker-state.ts"

/** The backlog that nginx asks for. */
const DEFAULT_BACKLOG = 511

export class Listener implements ConnectionHost, TerminatorHost {
  readonly services: Services
  readonly #state: WorkerState
  readonly #server: net.Server
  readonly #terminator: TlsTerminator
  readonly #handshakes = new Map<net.Socket, Timer>()
  #address: ListenAddress

  constructor(address: ListenAddress, state: WorkerState) {
    this.#address = address
    this.#state = state
    this.services = state.services
    const { keepalive } = address.listen
    this.#server = net.createServer({
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: false,
      ...(keepalive?.isOn ? { keepAlive: true, keepAliveInitialDelay: keepalive.idleMs ?? 0 } : {}),
    })
    this.#server.on("connection", (socket) => this.#accept(socket))
    this.#terminator = new TlsTerminator(this)
  }

  /** Resolves when connections are accepted. Rejects with the system's error. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(listenOptions(this.#address.listen), () => {
        this.#server.off("error", reject)
        this.#server.on("error", (error) => this.#state.log.log(ALERT, `accept() failed (${error.message})`))
        resolve()
      })
    })
  }

  /** The same address in a new generation: connections see it from their next request on. */
  update(address: ListenAddress): void {
    this.#address = address
  }

  /** Accepts no more; the connections that are open stay. */
  close(): void {
    this.#server.close()
  }

  #accept(socket: net.Socket): void {
    const { counters } = this.services
    counters.add(ACCEPTED, 1)
    if (!this.#state.mayAccept()) {
      socket.destroy()
      return
    }
    counters.add(HANDLED, 1)
    counters.add(ACTIVE, 1)
    socket.on("close", () => {
      counters.add(ACTIVE, -1)
      this.#state.connectionClosed(socket)
    })
    this.#state.connectionOpened(socket)
    if (!this.#address.isSsl) return this.#begin(socket, null, socket)
    this.#guardHandshake(socket)
    this.#terminator.accept(socket)
  }

  /** A client that does not finish its handshake is closed after client_header_timeout. */
  #guardHandshake(socket: net.Socket): void {
    const timer = this.services.timers.timer(() => {
      this.#handshakes.delete(socket)
      this.#state.log.log(
        INFO,
        `client timed out (110: Connection timed out) while SSL handshaking, client: ${socket.remoteAddress}`,
      )
      socket.destroy()
    })
    timer.start(this.names().default.clientHeaderTimeoutMs)
    this.#handshakes.set(socket, timer)
    socket.on("error", () => {})
    socket.once("close", () => this.#handshakeOver(socket))
  }

  #handshakeOver(socket: net.Socket): void {
    this.#handshakes.get(socket)?.stop()
    this.#handshakes.delete(socket)
  }

  #begin(socket: net.Socket, tls: TLSSocket | null, raw: net.Socket): void {
    const connection = new Http1Connection(this, socket, tls, this.#ends(raw), this.#state.nextNumber())
    this.#state.httpOpened(connection)
  }

  #ends(socket: net.Socket): ConnectionEnds {
    const { path } = this.#address.listen
    if (path !== "") return { address: "unix:", port: 0, serverAddress: `unix:${path}`, serverPort: 0 }
    return {
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
      serverAddress: plainAddress(socket.localAddress ?? ""),
      serverPort: socket.localPort ?? 0,
    }
  }

  // --- TerminatorHost

  find(serverName: string | undefined): ServerTls | undefined {
    return this.names()
      .find(serverName?.toLowerCase() ?? "", null)
      .location.of(ssl)
  }

  onSecure(socket: TLSSocket, raw: net.Socket): void {
    this.#handshakeOver(raw)
    this.#begin(socket, socket, raw)
  }

  readonly #plain = new WeakSet<Http1Connection>()

  onPlainHttp(socket: net.Socket): void {
    this.#handshakeOver(socket)
    const connection = new Http1Connection(this, socket, null, this.#ends(socket), this.#state.nextNumber())
    this.#plain.add(connection)
    this.#state.httpOpened(connection)
  }

  onFailed(socket: net.Socket, level: number, reason: string): void {
    const address = socket.remoteAddress === undefined ? "" : plainAddress(socket.remoteAddress)
    this.#state.log.log(level, `${reason}, client: ${address}, server: ${this.#address.listen.key}`)
    this.#handshakeOver(socket)
    socket.destroy()
  }

  // --- ConnectionHost

  names(): ServerNames {
    return this.#address.names
  }

  refusal(request: Request): number {
    if (!this.#address.isSsl || !this.#plain.has(request.client as Http1Connection)) return 0
    request.log(INFO, "client sent plain HTTP request to HTTPS port while reading client request headers")
    return 497
  }

  isQuitting(): boolean {
    return this.#state.isQuitting
  }

  onIdle(connection: Http1Connection): void {
    if (this.#state.isQuitting) connection.destroy()
  }

  onTunnel(_connection: Http1Connection, delta: number): void {
    this.#state.tunnelChanged(delta)
  }

  onClosed(connection: Http1Connection): void {
    this.#state.httpClosed(connection)
  }

  log(level: number, connection: Http1Connection, text: string): void {
    const server = this.#address.listen.key
    this.#state.log.log(level, `${text}, client: ${connection.address}, server: ${server}`, connection.number)
  }
}

/** IPv4 clients of an IPv6 socket are shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address
}

/** How the system is asked; `isExclusive` for the supervisor's look whether an address is free. */
export function listenOptions(listen: Listen, isExclusive = false): net.ListenOptions {
  const backlog = listen.backlog ?? DEFAULT_BACKLOG
  if (listen.path !== "")
    return {
      path: Buffer.from(listen.path, "latin1").toString("utf8"),
      backlog,
      readableAll: true,
      writableAll: true,
    }
  return {
    host: listen.host,
    port: listen.port,
    backlog,
    exclusive: true,
    ipv6Only: listen.host.includes(":") && listen.ipv6Only,
    reusePort: !isExclusive,
  }
}

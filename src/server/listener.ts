/** A listening address: accepts connections and hands them to HTTP, through TLS where it is asked for. */
import net from "node:net"
import type { TLSSocket } from "node:tls"
import { ALERT, INFO } from "../base/logger.ts"
import type { Timer } from "../base/timers.ts"
import type { ProxyHeader } from "../http/proxy-protocol.ts"
import { http2 } from "../modules/http2.ts"
import { ssl } from "../modules/ssl.ts"
import { ACCEPTED, ACTIVE, HANDLED } from "../observe/counters.ts"
import type { Client } from "../runtime/client.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"
import type { VirtualServer } from "../runtime/virtual-server.ts"
import type { ServerTls } from "../tls/server-context.ts"
import { type TerminatorHost, TlsTerminator } from "../tls/terminator.ts"
import type { ConnectionEnds, ConnectionHost, HttpConnection } from "./connection-host.ts"
import type { ListenAddress } from "./generation.ts"
import { Http1Connection } from "./http1-connection.ts"
import { Http2Connection } from "./http2-connection.ts"
import { Http2PrefaceReader } from "./http2-preface-reader.ts"
import { inodeOf, type KeepaliveTimes, listenOn, setKeepalive, systemKeepalive } from "./listen-socket.ts"
import { type ProxyHeaderHost, ProxyHeaderReader } from "./proxy-header-reader.ts"
import type { Services } from "./services.ts"
import type { WorkerState } from "./worker-state.ts"

/** Under load the queue may never be empty: it is given up after so many connections. */
const MAX_LAST_POLLS = 1024
/** After so many polls one that brought events, but no connection, is good enough. */
const MAX_BUSY_POLLS = 256

export class Listener implements ConnectionHost, TerminatorHost, ProxyHeaderHost {
  readonly services: Services
  readonly #state: WorkerState
  readonly #server: net.Server
  readonly #terminator: TlsTerminator
  /** Connections that are not HTTP yet: their PROXY header or their TLS handshake is awaited. */
  readonly #handshakes = new Map<net.Socket, Timer>()
  readonly #proxyHeaders = new WeakMap<net.Socket, ProxyHeader>()
  /** Plain connections on a TLS address. */
  readonly #plain = new WeakSet<Client>()
  readonly #http2 = new Set<Http2Connection>()
  /** The system's times of TCP keep-alive, once somebody asks for them. */
  #systemTimes: KeepaliveTimes | null = null
  readonly #key: string
  readonly #path: string
  /** Where it listens; null on a unix socket, and for a wildcard address, of which each connection knows its own. */
  #bound: net.AddressInfo | null = null
  /** Null when it is closed and no connection asks for it any more: it would keep a generation alive. */
  #address: ListenAddress | null
  /** Connections that are HTTP still. */
  #httpCount = 0
  /** The unix socket at its path, as it was made. */
  #inode: string | undefined
  /** No connection is kept for a further request; those that wait to be accepted still are. */
  #isClosing = false
  #isClosed = false
  #accepted = 0

  constructor(address: ListenAddress, state: WorkerState) {
    this.#address = address
    this.#key = address.listen.key
    this.#path = address.listen.path
    this.#state = state
    this.services = state.services
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false })
    this.#server.on("connection", (socket) => this.#accept(socket))
    this.#terminator = new TlsTerminator(this)
  }

  /** Connections that it has accepted so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** Resolves when connections are accepted. Rejects with the system's error. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      listenOn(this.#server, this.#current().listen, () => {
        this.#server.off("error", reject)
        this.#bound = boundTo(this.#server.address())
        this.#inode = this.#path === "" ? undefined : inodeOf(this.#path)
        this.#server.on("error", (error) => this.#state.log.log(ALERT, `accept() failed (${error.message})`))
        resolve()
      })
    })
  }

  /** Whether clients still find it: another program may have put its own socket at the path, or removed ours. */
  isReachable(): boolean {
    return this.#path === "" || this.#inode === inodeOf(this.#path)
  }

  /** The same address in a new generation: connections see it from their next request on. */
  update(address: ListenAddress): void {
    this.#address = address
  }

  /**
   * Accepts no more; the connections that are open stay, for the requests that they have. Resolves when the
   * listening socket is closed.
   *
   * What waits in the accept queue is taken first: libuv takes one connection each time that it polls, so the
   * socket is closed just after a poll that brought none, and nothing else either where there is such a one soon
   * enough. A connection whose handshake ends between that poll and the close, some microseconds, gets a reset from
   * the kernel; where other sockets listen on the address as well it would be theirs with
   * net.ipv4.tcp_migrate_req.
   */
  close(): Promise<void> {
    this.#isClosing = true
    for (const connection of this.#http2) connection.listenerClosed()
    return new Promise((resolve) => {
      let accepted = -1
      let events = -1
      let polls = 0
      const closeWhenQuiet = (): void => {
        const { events: eventsNow } = performance.nodeTiming.uvMetricsInfo
        const isQuiet = this.#accepted === accepted && (eventsNow === events || polls >= MAX_BUSY_POLLS)
        if (!isQuiet && ++polls < MAX_LAST_POLLS) {
          accepted = this.#accepted
          events = eventsNow
          setImmediate(closeWhenQuiet)
          return
        }
        this.#isClosed = true
        this.#server.close()
        this.#letGo()
        resolve()
      }
      // Not in this turn, whose poll is over.
      setImmediate(closeWhenQuiet)
    })
  }

  /** Forgets the address once nobody can ask for it: tunnels may outlive the generation that had it. */
  #letGo(): void {
    if (this.#isClosed && this.#httpCount === 0 && this.#handshakes.size === 0) this.#address = null
  }

  #current(): ListenAddress {
    if (this.#address === null) throw new Error(`the listener of ${this.#key} is closed`)
    return this.#address
  }

  #accept(socket: net.Socket): void {
    this.#accepted++
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
    const { listen, isSsl } = this.#current()
    if (listen.keepalive !== undefined) {
      this.#systemTimes ??= systemKeepalive()
      setKeepalive(socket, listen.keepalive, this.#systemTimes)
    }
    if (!listen.isProxyProtocol) return this.#open(socket, isSsl)
    this.#guardHandshake(socket, "reading PROXY protocol")
    new ProxyHeaderReader(this, socket)
  }

  #open(socket: net.Socket, isSsl: boolean): void {
    if (!isSsl) return this.#beginPlain(socket)
    this.#guardHandshake(socket, "SSL handshaking")
    this.#terminator.accept(socket)
  }

  /** A client that does not come to its first request is closed after client_header_timeout. */
  #guardHandshake(socket: net.Socket, doing: string): void {
    const timer = this.services.timers.timer(() => {
      this.#handshakes.delete(socket)
      this.#state.log.log(
        INFO,
        `client timed out (110: Connection timed out) while ${doing}, client: ${this.#clientOf(socket)}, server: ${this.#key}`,
        this.#state.nextNumber(),
      )
      socket.destroy()
    })
    timer.start(this.names().default.clientHeaderTimeoutMs)
    this.#handshakes.set(socket, timer)
    socket.on("error", () => {})
    socket.once("close", () => {
      this.#handshakeOver(socket)
      this.#letGo()
    })
  }

  #handshakeOver(socket: net.Socket): void {
    this.#handshakes.get(socket)?.stop()
    this.#handshakes.delete(socket)
  }

  #beginPlain(socket: net.Socket): void {
    const server = this.names().default
    if (!this.#offersHttp2(server)) return this.#beginHttp1(socket, null, this.#ends(socket))
    const reader = new Http2PrefaceReader(
      this,
      socket,
      this.#ends(socket),
      this.#state.nextNumber(),
      (_socket, ends, isHttp2) => {
        if (isHttp2) this.#beginHttp2(socket, null, ends, this.names().default)
        else this.#beginHttp1(socket, null, ends)
      },
    )
    this.#httpOpened(reader)
  }

  #beginHttp1(socket: net.Socket, tls: TLSSocket | null, ends: ConnectionEnds): void {
    this.#httpOpened(new Http1Connection(this, socket, tls, ends, this.#state.nextNumber()))
  }

  #beginHttp2(socket: net.Socket, tls: TLSSocket | null, ends: ConnectionEnds, server: VirtualServer): void {
    // It may have gone with the last of its preface.
    if (socket.destroyed) return
    const settings = server.location.of(http2)
    if (settings === undefined) throw new Error("a server without settings of http2")
    const number = this.#state.nextNumber()
    const connection = new Http2Connection(this, socket, tls, ends, number, server, settings)
    this.#http2.add(connection)
    this.#httpOpened(connection)
  }

  #offersHttp2(server: VirtualServer): boolean {
    return this.#current().isHttp2 || server.location.of(http2)?.isOn === true
  }

  #httpOpened(connection: HttpConnection): void {
    this.#httpCount++
    this.#state.httpOpened(connection)
  }

  #ends(socket: net.Socket): ConnectionEnds {
    const path = this.#path
    const proxyHeader = this.#proxyHeaders.get(socket) ?? null
    if (path !== "")
      return { address: "unix:", port: 0, serverAddress: `unix:${path}`, serverPort: 0, proxyHeader }
    return {
      address: plainAddress(socket.remoteAddress ?? ""),
      port: socket.remotePort ?? 0,
      // Asking the socket is a system call, and nearly every answer the same.
      serverAddress: plainAddress(this.#bound?.address ?? socket.localAddress ?? ""),
      serverPort: this.#bound?.port ?? socket.localPort ?? 0,
      proxyHeader,
    }
  }

  // --- ProxyHeaderHost

  onProxyHeader(socket: net.Socket, header: ProxyHeader | null): void {
    if (header !== null) this.#proxyHeaders.set(socket, header)
    const { isSsl } = this.#current()
    this.#handshakeOver(socket)
    this.#open(socket, isSsl)
  }

  onProxyHeaderFailed(socket: net.Socket, level: number, reason: string): void {
    this.#handshakeOver(socket)
    if (reason === "") return
    const line = `${reason} while reading PROXY protocol, client: ${this.#clientOf(socket)}, server: ${this.#key}`
    this.#state.log.log(level, line, this.#state.nextNumber())
  }

  #clientOf(socket: net.Socket): string {
    return this.#path === "" ? plainAddress(socket.remoteAddress ?? "") : "unix:"
  }

  // --- TerminatorHost

  find(serverName: string | undefined): ServerTls | undefined {
    return this.#serverOf(serverName).location.of(ssl)
  }

  offersHttp2(serverName: string | undefined): boolean {
    return this.#offersHttp2(this.#serverOf(serverName))
  }

  #serverOf(serverName: string | undefined): VirtualServer {
    return this.names().find(serverName?.toLowerCase() ?? "", null)
  }

  onSecure(socket: TLSSocket, raw: net.Socket): void {
    this.#handshakeOver(raw)
    if (socket.alpnProtocol !== "h2") return this.#beginHttp1(socket, socket, this.#ends(raw))
    const name = socket.servername
    this.#beginHttp2(socket, socket, this.#ends(raw), this.#serverOf(typeof name === "string" ? name : ""))
  }

  onPlainHttp(socket: net.Socket): void {
    this.#handshakeOver(socket)
    const connection = new Http1Connection(this, socket, null, this.#ends(socket), this.#state.nextNumber())
    this.#plain.add(connection)
    this.#httpOpened(connection)
  }

  onFailed(socket: net.Socket, level: number, reason: string): void {
    const address = socket.remoteAddress === undefined ? "" : plainAddress(socket.remoteAddress)
    this.#state.log.log(level, `${reason}, client: ${address}, server: ${this.#key}`)
    this.#handshakeOver(socket)
    socket.destroy()
  }

  // --- ConnectionHost

  names(): ServerNames {
    return this.#current().names
  }

  refusal(request: Request): number {
    if (!this.#current().isSsl || !this.#plain.has(request.client)) return 0
    request.log(INFO, "client sent plain HTTP request to HTTPS port while reading client request headers")
    return 497
  }

  isQuitting(): boolean {
    return this.#isClosing || this.#state.isQuitting
  }

  onIdle(connection: HttpConnection): void {
    if (this.isQuitting()) connection.closeIfIdle()
  }

  /** The connection has left HTTP: it asks for no generation any more. */
  onTaken(): void {
    this.#httpEnded()
  }

  #httpEnded(): void {
    this.#httpCount--
    this.#letGo()
  }

  onClosed(connection: HttpConnection): void {
    if (connection instanceof Http2Connection) this.#http2.delete(connection)
    if (!connection.isTunnel) this.#httpEnded()
    this.#state.httpClosed(connection)
  }

  log(level: number, connection: HttpConnection, text: string): void {
    const logger = this.#address?.names.default.location.logger ?? this.#state.log
    if (level > logger.level) return
    logger.log(level, `${text}, client: ${connection.address}, server: ${this.#key}`, connection.number)
  }
}

function boundTo(address: net.AddressInfo | string | null): net.AddressInfo | null {
  if (address === null || typeof address === "string") return null
  return address.address === "0.0.0.0" || address.address === "::" ? null : address
}

/** IPv4 clients of an IPv6 socket are shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address
}

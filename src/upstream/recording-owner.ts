import { EventEmitter, once } from "node:events"
import type { AddressInfo } from "node:net"
import net from "node:net"
import type { ConnectOptions, UpstreamConnection, UpstreamOwner } from "./connection.ts"
import { openConnection } from "./connection.ts"
import type { PeerAddress } from "./peer.ts"
import { Peer, tcpAddress } from "./peer.ts"
import { ownMemory } from "./zone.ts"

/** For tests: an owner that writes down what it hears, in order. */
export class RecordingOwner implements UpstreamOwner {
  readonly heard: string[]
  readonly chunks: Buffer[]
  error: NodeJS.ErrnoException | null
  private readonly emitter: EventEmitter

  constructor() {
    this.heard = []
    this.chunks = []
    this.error = null
    this.emitter = new EventEmitter()
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1")
  }

  /** Waits until `what` has been heard; at once where it was heard before. */
  async until(what: string): Promise<void> {
    while (!this.heard.includes(what)) await once(this.emitter, "heard")
  }

  async untilBytes(count: number): Promise<void> {
    while (this.chunks.reduce((sum, chunk) => sum + chunk.length, 0) < count)
      await once(this.emitter, "heard")
  }

  onUpstreamConnect(): void {
    this.hear("connect")
  }
  onUpstreamData(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.hear("data")
  }
  onUpstreamEnd(): void {
    this.hear("end")
  }
  onUpstreamDrain(): void {
    this.hear("drain")
  }
  onUpstreamError(error: NodeJS.ErrnoException): void {
    this.error = error
    this.hear("error")
  }
  onUpstreamClose(): void {
    this.hear("close")
  }

  private hear(what: string): void {
    if (what !== "data" || this.heard.at(-1) !== "data") this.heard.push(what)
    this.emitter.emit("heard")
  }
}

/** For tests: a server on loopback, with the sockets that it has accepted. Close it with `stop()`. */
export class TestBackend {
  readonly server: net.Server
  readonly sockets: net.Socket[]
  private readonly emitter: EventEmitter

  /** Half-open sockets, so that a test decides who ends what. `server` may be a TLS server. */
  constructor(server: net.Server = net.createServer({ allowHalfOpen: true }), event = "connection") {
    this.server = server
    this.sockets = []
    this.emitter = new EventEmitter()
    server.on(event, (socket: net.Socket) => {
      socket.on("error", () => {})
      this.sockets.push(socket)
      this.emitter.emit("accepted")
    })
  }

  /** Listens on a port of `host` that the system chooses. */
  async listen(host = "127.0.0.1"): Promise<PeerAddress> {
    this.server.listen(0, host)
    await once(this.server, "listening")
    return tcpAddress(host, (this.server.address() as AddressInfo).port)
  }

  /** Listens on the Unix-domain socket at `path`. */
  async listenOn(path: string): Promise<void> {
    this.server.listen(path)
    await once(this.server, "listening")
  }

  /** The socket that was accepted as number `index`, once it is there. */
  async accepted(index: number): Promise<net.Socket> {
    while (this.sockets.length <= index) await once(this.emitter, "accepted")
    return this.sockets[index]
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
  }
}

/** For tests: a peer at `address`, alone in its group. */
export function peerAt(address: PeerAddress): Peer {
  const options = {
    address,
    server: address.name,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
  }
  const place = { group: "backend", index: 0, isSingle: true, membership: 1, drainMs: null }
  const memory = ownMemory()
  return new Peer(options, place, memory.row(address.name, 0), memory.lock)
}

/** For tests: waits until the socket of `connection` is gone, in whatever way. Call it before that can happen. */
export function untilClosed(connection: UpstreamConnection): Promise<void> {
  return new Promise((resolve) => {
    connection.socket.once("close", () => resolve())
  })
}

/** For tests: opens a connection to `address` and waits until it is ready. */
export async function connectTo(
  address: PeerAddress,
  changes: Partial<ConnectOptions> = {},
): Promise<{ connection: UpstreamConnection; owner: RecordingOwner }> {
  const owner = new RecordingOwner()
  const connection = openConnection(connectOptions(address, changes), owner)
  await owner.until("connect")
  return { connection, owner }
}

export function connectOptions(address: PeerAddress, changes: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    peer: peerAt(address),
    key: address.name,
    tls: undefined,
    keepaliveProbe: false,
    tcpNodelay: true,
    ...changes,
  }
}

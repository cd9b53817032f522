/**
 * What variables are asked by before there is a request: the handshake of a client, for `ssl_certificate` with
 * variables. It has a connection and the name that the client asks for, nothing of HTTP. ngx_http_ssl_certificate.
 */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { HeaderList } from "../http/header-list.ts"
import { RequestHead } from "../http/request-head.ts"
import type { Client, LogClock } from "../runtime/client.ts"
import type { Location } from "../runtime/location.ts"
import { LocationTable } from "../runtime/location-table.ts"
import { NoExchange } from "../runtime/no-exchange.ts"
import { Request } from "../runtime/request.ts"
import { VirtualServer } from "../runtime/virtual-server.ts"

const NO_LIMITS = {
  maxLineBytes: 0,
  maxHeadBytes: 0,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: false,
}

const NO_TARGET = {
  host: "",
  rawPath: "",
  uri: "",
  args: "",
  hasArgs: false,
  complex: false,
  unparsedUri: "",
}

/** What ngx_http_validate_host does not take. nginx gives it to $ssl_server_name all the same. */
const NO_HOST_NAME = /[/\x00-\x20\x7f]|\.\./

/** A client whose handshake is not done: of the TLS layer only the name in its ClientHello is known. */
export class HandshakeClient implements Client {
  readonly socket: Socket
  /** As the client sent it; "" for none, and for what no host name is: files are named by it. */
  readonly sentServerName: string
  readonly tls: TLSSocket | null = null
  readonly number = 0
  readonly proxyHeader = null
  readonly startMs = performance.now()
  readonly clock: LogClock
  requests = 0
  isPipelined = false

  constructor(socket: Socket, serverName: string, clock: LogClock) {
    this.socket = socket
    this.sentServerName = NO_HOST_NAME.test(serverName) ? "" : serverName
    this.clock = clock
  }

  get address(): string {
    const address = this.socket.remoteAddress ?? "unix:"
    return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address
  }

  get port(): number {
    return this.socket.remotePort ?? 0
  }

  get serverAddress(): string {
    return this.socket.localAddress ?? "unix:"
  }

  get serverPort(): number {
    return this.socket.localPort ?? 0
  }
}

/** Makes the requests of one `server` block. */
export class HandshakeRequests {
  readonly #server: VirtualServer
  readonly #clock: LogClock

  /** `location`: the server's own; `name`: $server_name. */
  constructor(location: Location, name: string, clock: LogClock) {
    this.#server = new VirtualServer(name, location, new LocationTable(), {
      head: NO_LIMITS,
      clientHeaderTimeoutMs: 0,
      mergeSlashes: false,
    })
    this.#clock = clock
  }

  of(socket: Socket, serverName: string): Request {
    const client = new HandshakeClient(socket, serverName, this.#clock)
    const head = new RequestHead(new HeaderList())
    return new Request(client, head, new NoExchange(), this.#server, NO_TARGET, client.startMs)
  }
}

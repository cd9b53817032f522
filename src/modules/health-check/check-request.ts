/** The request of a health check: it has no client, and its location is the one that the check stands in. */
import { randomBytes } from "node:crypto"
import { Socket } from "node:net"
import { HeaderList } from "../../http/header-list.ts"
import { RequestHead } from "../../http/request-head.ts"
import type { Client, LogClock } from "../../runtime/client.ts"
import type { Location } from "../../runtime/location.ts"
import { LocationTable } from "../../runtime/location-table.ts"
import { NoExchange } from "../../runtime/no-exchange.ts"
import { Request } from "../../runtime/request.ts"
import { VirtualServer } from "../../runtime/virtual-server.ts"

/** Random bytes of a Sec-WebSocket-Key. RFC 6455 §4.1. */
const KEY_BYTES = 16

const NO_LIMITS = {
  maxLineBytes: 0,
  maxHeadBytes: 0,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: false,
}

/** Makes the requests of one check. */
export class CheckRequests {
  readonly #location: Location
  readonly #server: VirtualServer
  readonly #client: Client
  readonly #uri: string
  readonly #host: string

  /** `serverName` is $host as well, since no client has named one; `proxyHost` is, where there is none. */
  constructor(location: Location, serverName: string, proxyHost: string, uri: string, clock: LogClock) {
    this.#location = location
    this.#server = new VirtualServer(serverName, location, new LocationTable(), {
      head: NO_LIMITS,
      clientHeaderTimeoutMs: 0,
      mergeSlashes: false,
    })
    this.#client = nobody(clock)
    this.#uri = uri
    this.#host = serverName || proxyHost
  }

  /** A GET without fields. */
  plain(): Request {
    return this.#request(new RequestHead(new HeaderList()))
  }

  /** A handshake with a key of its own, as a client would send it. */
  handshake(): Request {
    const headers = new HeaderList()
    headers.add("Upgrade", "websocket")
    headers.add("Connection", "Upgrade")
    headers.add("Sec-WebSocket-Key", randomBytes(KEY_BYTES).toString("base64"))
    headers.add("Sec-WebSocket-Version", "13")
    const head = new RequestHead(headers)
    head.upgrade = "websocket"
    head.connectionUpgrade = true
    return this.#request(head)
  }

  #request(head: RequestHead): Request {
    const uri = this.#uri
    const question = uri.indexOf("?")
    const path = question === -1 ? uri : uri.slice(0, question)
    head.method = "GET"
    head.target = uri
    head.versionMinor = 1
    head.requestLine = `GET ${uri} HTTP/1.1`
    const target = {
      host: "",
      rawPath: path,
      uri: path,
      args: question === -1 ? "" : uri.slice(question + 1),
      hasArgs: question !== -1,
      complex: false,
      unparsedUri: uri,
    }
    const request = new Request(this.#client, head, new NoExchange(), this.#server, target, performance.now())
    request.location = this.#location
    request.host = this.#host
    request.isInternal = true
    return request
  }
}

/** What variables tell of a client where there is none. */
function nobody(clock: LogClock): Client {
  return {
    address: "",
    port: 0,
    number: 0,
    proxyHeader: null,
    serverAddress: "",
    serverPort: 0,
    socket: new Socket(),
    tls: null,
    startMs: performance.now(),
    clock,
    requests: 0,
    isPipelined: false,
  }
}

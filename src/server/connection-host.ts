import type { ProxyHeader } from "../http/proxy-protocol.ts"
import type { WorkerServices } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"
import type { Http1Connection } from "./http1-connection.ts"

/** The two ends of a connection as nginx names them. */
export interface ConnectionEnds {
  readonly address: string
  readonly port: number
  readonly serverAddress: string
  readonly serverPort: number
  /** What the PROXY protocol has told; null where it has not. */
  readonly proxyHeader: ProxyHeader | null
}

/** What a connection needs of the listener that accepted it and of the worker. */
export interface ConnectionHost {
  readonly services: WorkerServices
  /** The servers of the address, of the generation that is in force now. */
  names(): ServerNames
  /** A status to refuse the request with before its phases (497 on a TLS port), or 0. */
  refusal(request: Request): number
  isQuitting(): boolean
  onIdle(connection: Http1Connection): void
  /** The connection has left HTTP: what comes of it concerns the listener no more. */
  onTaken(): void
  onClosed(connection: Http1Connection): void
  /** Logs for a connection that has no request. */
  log(level: number, connection: Http1Connection, text: string): void
}

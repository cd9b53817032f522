import type { ProxyHeader } from "../http/proxy-protocol.ts"
import type { WorkerServices } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"

/** The two ends of a connection as nginx names them. */
export interface ConnectionEnds {
  readonly address: string
  readonly port: number
  readonly serverAddress: string
  readonly serverPort: number
  /** What the PROXY protocol has told; null where it has not. */
  readonly proxyHeader: ProxyHeader | null
}

/** A client's connection, whatever protocol it speaks, as the listener and the worker know it. */
export interface HttpConnection {
  /** The number after `*` in the error log. */
  readonly number: number
  readonly address: string
  /** Requests so far. */
  readonly requests: number
  /** It waits for a request. */
  readonly isIdle: boolean
  /** It has left HTTP: only tunnels are left of it. */
  readonly isTunnel: boolean
  /** No further request is wanted: it is closed where it waits for one, having had some. */
  endKept(): void
  /** It is closed where it waits for a request. */
  closeIfIdle(): void
  /** Closes it, whatever it is at. */
  destroy(): void
}

/** What a connection needs of the listener that accepted it and of the worker. */
export interface ConnectionHost {
  readonly services: WorkerServices
  /** The servers of the address, of the generation that is in force now. */
  names(): ServerNames
  /** A status to refuse the request with before its phases (497 on a TLS port), or 0. */
  refusal(request: Request): number
  isQuitting(): boolean
  onIdle(connection: HttpConnection): void
  /** The connection has left HTTP: what comes of it concerns the listener no more. */
  onTaken(): void
  onClosed(connection: HttpConnection): void
  /** Logs for a connection that has no request. */
  log(level: number, connection: HttpConnection, text: string): void
}

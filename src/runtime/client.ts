import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { ProxyHeader } from "../http/proxy-protocol.ts"

/** The wall clock as logs write it. */
export interface LogClock {
  /** Milliseconds since 1970, at most a tick old. */
  nowMs(): number
  /** `20/Nov/2026:12:31:24 +0000`: $time_local. */
  local(): string
  /** `2026-11-20T12:31:24+00:00`: $time_iso8601. */
  iso8601(): string
}

/** Whom a request comes from: the client of its connection, or the one that realip has found behind it. */
export interface Remote {
  /** "192.0.2.1", "2001:db8::1", or "unix:". */
  readonly address: string
  /** 0 where it is not known. */
  readonly port: number
}

/** Who is at the other end, and by which of our addresses. Lives as long as the connection. */
export interface Client extends Remote {
  /** `$connection`, and the number after `*` in the error log. */
  readonly number: number
  /** What the PROXY protocol has told of the connection; null where it has not. */
  readonly proxyHeader: ProxyHeader | null
  readonly serverAddress: string
  readonly serverPort: number
  readonly socket: Socket
  /** The TLS layer; null on a plain port. */
  readonly tls: TLSSocket | null
  readonly startMs: number
  readonly clock: LogClock
  /** `$connection_requests`: requests so far, the current one included. */
  requests: number
  /** `$pipe`: the request had arrived before the one before it was answered. */
  isPipelined: boolean
}

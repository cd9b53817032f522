/** From a URL to a connection: name, TCP, a proxy where there is one, TLS. */
import { connect, isIP, type Socket } from "node:net"
import { type ConnectionOptions, connect as connectTls, type SecureVersion, type TLSSocket } from "node:tls"
import type { ClientTlsFiles, ProxyServer } from "./client-options.ts"
import { Deadline } from "./deadline.ts"
import { DialError, type DialStage, dialErrorOf } from "./dial-error.ts"
import type { Endpoint } from "./endpoint.ts"
import { connectThrough } from "./proxy-connect.ts"
import { addressesOf } from "./resolve.ts"

export interface DialOptions {
  readonly deadline: Deadline
  readonly tls: ClientTlsFiles
  readonly resolve: ReadonlyMap<string, readonly string[]>
  readonly proxy: ProxyServer | undefined
  /** Connect to this one, whatever the name says. */
  readonly address?: string
  /** Protocols to offer (RFC 7301); http/1.1 alone where it is left out. */
  readonly alpn?: readonly string[]
  readonly minVersion?: SecureVersion
  readonly maxVersion?: SecureVersion
  /** A session to resume. */
  readonly session?: Buffer
  /** Ask for a stapled OCSP response. */
  readonly ocsp?: boolean
  /** Fail where the certificate is not trusted; else it is for the caller to look at `tls.authorizationError`. */
  readonly verify: boolean
}

/** An open connection. Whoever has it owns the socket. */
export interface Connection {
  readonly socket: Socket
  /** The same socket, where it speaks TLS. */
  readonly tls: TLSSocket | undefined
  /** Where it leads to: the proxy's address where there is one. */
  readonly address: string
  readonly connectMs: number
  /** 0 without TLS. */
  readonly tlsMs: number
}

/** Opens a connection to `endpoint`. Throws DialError; nothing stays open then. */
export async function dial(endpoint: Endpoint, options: DialOptions): Promise<Connection> {
  const { deadline, proxy } = options
  const first = proxy === undefined ? endpoint : proxy
  let socket = await connectTcp(first.host, first.port, options)
  const address = socket.remoteAddress ?? ""
  const connectMs = deadline.elapsedMs
  if (proxy !== undefined) {
    if (proxy.secure)
      socket = await secure(socket, proxy.host, { ...options, verify: true, alpn: ["http/1.1"] }, "proxy")
    await connectThrough(socket, endpoint, proxy, deadline)
  }
  if (!endpoint.secure) return { socket, tls: undefined, address, connectMs, tlsMs: 0 }
  const before = deadline.elapsedMs
  const tls = await secure(socket, endpoint.host, options, "tls", address)
  return { socket: tls, tls, address, connectMs, tlsMs: deadline.elapsedMs - before }
}

async function connectTcp(host: string, port: number, options: DialOptions): Promise<Socket> {
  const { deadline, resolve: given, address } = options
  const found = address === undefined ? await addressesOf(host, port, given, deadline) : []
  const addresses = address === undefined ? found.map((one) => one.address) : [address]
  let failure: DialError | undefined
  for (const [index, one] of addresses.entries()) {
    // An address that does not answer leaves time for those after it.
    const share = deadline.leftMs / (addresses.length - index)
    try {
      return await connectTo(one, port, new Deadline(share), deadline)
    } catch (error) {
      failure ??= error as DialError
    }
  }
  const why = { code: "ENOTFOUND", elapsedMs: deadline.elapsedMs }
  throw failure ?? new DialError("resolve", `${host} has no address`, why)
}

function connectTo(address: string, port: number, share: Deadline, whole: Deadline): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // A peer that has ended its side may still be written to: who reads decides what that means.
    const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: true })
    const fail = (error: unknown): void => {
      disarm()
      socket.destroy()
      reject(dialErrorOf("connect", error, whole.elapsedMs, address))
    }
    const disarm = share.arm(() => fail(timedOut("connect", whole, address)))
    socket.once("error", fail)
    socket.once("connect", () => {
      disarm()
      socket.off("error", fail)
      resolve(socket)
    })
  })
}

function secure(
  socket: Socket,
  host: string,
  options: DialOptions,
  stage: DialStage,
  address?: string,
): Promise<TLSSocket> {
  const { deadline } = options
  return new Promise((resolve, reject) => {
    const tls = connectTls({ ...tlsOptions(host, options), socket })
    const fail = (error: unknown): void => {
      disarm()
      tls.destroy()
      socket.destroy()
      reject(dialErrorOf(stage, error, deadline.elapsedMs, address))
    }
    const disarm = deadline.arm(() => fail(timedOut(stage, deadline, address)))
    tls.once("error", fail)
    const closed = (): void => fail(closedEarly(stage, deadline, address))
    tls.once("close", closed)
    tls.once("secureConnect", () => {
      disarm()
      tls.off("error", fail)
      tls.off("close", closed)
      resolve(tls)
    })
  })
}

function tlsOptions(host: string, options: DialOptions): ConnectionOptions {
  const { tls, alpn, minVersion, maxVersion, session, ocsp, verify } = options
  return {
    // No SNI for addresses: RFC 6066 §3.
    servername: isIP(host) === 0 ? host : "",
    host,
    ALPNProtocols: [...(alpn ?? ["http/1.1"])],
    rejectUnauthorized: verify && !tls.insecure,
    requestOCSP: ocsp ?? false,
    cert: tls.cert,
    key: tls.key,
    ca: tls.ca,
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
    ...(session === undefined ? {} : { session }),
  }
}

function timedOut(stage: DialStage, deadline: Deadline, address: string | undefined): DialError {
  const what = stage === "connect" ? "no connection" : "no end of the TLS handshake"
  const text = `${what} within ${(deadline.elapsedMs / 1000).toFixed(1)} s`
  return new DialError(stage, text, { code: "TIMEOUT", address, elapsedMs: deadline.elapsedMs })
}

function closedEarly(stage: DialStage, deadline: Deadline, address: string | undefined): DialError {
  const text = "the connection was closed during the TLS handshake"
  return new DialError(stage, text, { code: "CLOSED", address, elapsedMs: deadline.elapsedMs })
}

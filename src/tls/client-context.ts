/** TLS to upstreams: the client's side of a handshake. ngx_http_upstream_ssl_init_connection. */
import { constants } from "node:crypto"
import { isIP } from "node:net"
import { type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from "node:tls"
import { errnoText } from "../base/errno.ts"
import { upstreamIntermediates } from "./chain.ts"
import type { Credential } from "./credentials.ts"
import { openSslText } from "./openssl-error.ts"
import { contextOptions, type TlsTuning } from "./tuning.ts"
import { BEYOND_DEPTH, type VerifyError, verifyErrorOf } from "./verify-error.ts"

export interface ClientTlsOptions extends TlsTuning {
  /** Shown to an upstream that asks for it. */
  readonly credential: Credential | undefined
  /** PEM certificates that an upstream's chain may end in. */
  readonly authorities: readonly string[]
  /** PEM revocation lists for upstreams' chains; where there are any, each certificate needs one of its issuer. */
  readonly crls: readonly string[]
  /** Whether the upstream's chain and name are verified. */
  readonly verify: boolean
  /** Most intermediate certificates between the upstream's certificate and a trusted one. */
  readonly verifyDepth: number
  /** Whether the name is sent (SNI). */
  readonly sendsName: boolean
  /** Whether sessions of verified upstreams are resumed. Without `verify` sessions are not kept here. */
  readonly reusesSessions: boolean
}

/** Names that sessions are kept of; a name may come from a variable. */
const MAX_SESSIONS = 256

const WHILE = "while SSL handshaking to upstream"

export class ClientTls {
  readonly #context: SecureContext
  readonly #verify: boolean
  readonly #verifyDepth: number
  readonly #sendsName: boolean
  /**
   * The latest session of each name, from upstreams that were verified in full. Node cannot tell the certificate of
   * a resumed session: only one that came under the very name may stand for its verification. Null: none are kept.
   */
  readonly #sessions: Map<string, Buffer> | null

  /** Throws what OpenSSL throws for options that it does not take. */
  constructor(options: ClientTlsOptions) {
    this.#context = createSecureContext({
      ...contextOptions(options, options.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
      cert: options.credential?.certificate,
      key: options.credential?.key,
      // An empty list, not none: none would be Node's own list of authorities.
      ca: [...options.authorities],
      ...(options.crls.length === 0 ? {} : { crl: [...options.crls] }),
    })
    this.#verify = options.verify
    this.#verifyDepth = options.verifyDepth
    this.#sendsName = options.sendsName
    this.#sessions = options.verify && options.reusesSessions ? new Map() : null
  }

  /** What a connection to the upstream called `name` needs. An address is not sent as a name (RFC 6066 §3). */
  connectionOptions(name: string): ConnectionOptions {
    const options: ConnectionOptions = {
      secureContext: this.#context,
      // Judged by `verify`, when the handshake is done.
      rejectUnauthorized: false,
      checkServerIdentity: acceptAnyName,
    }
    const session = this.#sessions?.get(name)
    if (session !== undefined) options.session = session
    const literal = withoutBrackets(name)
    if (this.#sendsName && literal !== "" && isIP(literal) === 0) options.servername = name
    return options
  }

  /**
   * Judges an upstream whose handshake is done: undefined where it may be spoken to, otherwise the error in
   * nginx's words. Names are matched as by X509_check_host(3); unlike nginx, an address is matched with the
   * addresses in the certificate too.
   */
  verify(socket: TLSSocket, name: string): string | undefined {
    if (!this.#verify) return undefined
    const error = this.#chainError(socket)
    if (error !== null)
      return `upstream SSL certificate verify error: (${error.number}:${error.text}) ${WHILE}`
    if (!this.#isNamed(socket, name)) return `upstream SSL certificate does not match "${name}" ${WHILE}`
    if (this.#sessions !== null) this.#keepSessions(socket, name, this.#sessions)
    return undefined
  }

  #isNamed(socket: TLSSocket, name: string): boolean {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return socket.isSessionReused() && this.#sessions !== null
    if (certificate.checkHost(name) !== undefined) return true
    const literal = withoutBrackets(name)
    return isIP(literal) !== 0 && certificate.checkIP(literal) !== undefined
  }

  /** The session as of now (TLS 1.2), and those that come later (TLS 1.3). */
  #keepSessions(socket: TLSSocket, name: string, sessions: Map<string, Buffer>): void {
    const keep = (session: Buffer): void => {
      if (sessions.size >= MAX_SESSIONS && !sessions.has(name)) sessions.clear()
      sessions.set(name, session)
    }
    const present = socket.getProtocol() === "TLSv1.3" ? undefined : socket.getSession()
    if (present !== undefined) keep(present)
    socket.on("session", keep)
  }

  #chainError(socket: TLSSocket): VerifyError | null {
    if (!socket.authorized) return verifyErrorOf(socket.authorizationError)
    return upstreamIntermediates(socket) > this.#verifyDepth ? BEYOND_DEPTH : null
  }
}

/** The line for the error log when a handshake with an upstream failed. */
export function upstreamHandshakeError(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNRESET" && error.syscall === undefined)
    return `peer closed connection in SSL handshake ${WHILE}`
  if (error.syscall !== undefined)
    return `peer closed connection in SSL handshake (${errnoText(error)}) ${WHILE}`
  return `SSL_do_handshake() failed (SSL: ${openSslText(error)}) ${WHILE}`
}

function acceptAnyName(): undefined {
  return undefined
}

function withoutBrackets(name: string): string {
  return name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name
}

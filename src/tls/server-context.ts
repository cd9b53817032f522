/** TLS as one `server` block offers it: what ngx_http_ssl_module keeps in its SSL_CTX. */
import { AsyncLocalStorage } from "node:async_hooks"
import { constants, createHash, X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { Server, type TLSSocket } from "node:tls"
import { leastClientIntermediates } from "./chain.ts"
import { type Credential, withTls13 } from "./credentials.ts"
import { type Protocol, protocolOptions } from "./protocols.ts"
import type { SessionCache } from "./session-cache.ts"
import { BEYOND_DEPTH, isUntrustedOnly, type VerifyError, verifyErrorOf } from "./verify-error.ts"

export type VerifyClient = "off" | "on" | "optional" | "optional_no_ca"

/** Everything that makes one server's TLS. Files are read and checked already. */
export interface ServerTlsOptions {
  /** Of different key types; none where every handshake is rejected. */
  readonly credentials: readonly Credential[]
  readonly protocols: ReadonlySet<Protocol>
  /** OpenSSL's cipher list for TLS 1.2 and older. */
  readonly ciphers: string
  readonly preferServerCiphers: boolean
  /** OpenSSL's list of groups, or "auto". */
  readonly ecdhCurve: string
  /** PEM. */
  readonly dhparam: string | undefined
  readonly verifyClient: VerifyClient
  /** Most intermediate certificates between a client's certificate and a trusted one; see chain.ts for its limits. */
  readonly verifyDepth: number
  /** PEM certificates that a client's chain may end in; those of `ssl_trusted_certificate` included. */
  readonly clientAuthorities: readonly string[]
  readonly sessionTickets: boolean
  /** See ticket-key.ts. */
  readonly ticketKey: Buffer
  readonly sessionTimeoutMs: number
  readonly sessionCache: SessionCache | null
  readonly rejectHandshake: boolean
  /** Largest TLS record that is sent, in bytes. */
  readonly bufferSize: number
  /** Protocols offered by ALPN, best first. */
  readonly alpnProtocols: readonly string[]
}

/** Who waits for the end of one handshake. Exactly one of the two is called, at most once. */
export interface HandshakeListener {
  onSecure(socket: TLSSocket): void
  onTlsError(error: NodeJS.ErrnoException): void
}

/** What is known of a client by its certificate. */
export interface ClientVerdict {
  /** Undefined where the client sent none. */
  readonly certificate: X509Certificate | undefined
  /** Null where the chain was accepted, or where there is nothing to verify. */
  readonly error: VerifyError | null
}

const MAX_RECORD_BYTES = 16_384
const MIN_RECORD_BYTES = 512
/** The listener has its own limit (client_header_timeout); Node's must not come first. */
const NO_HANDSHAKE_TIMEOUT_MS = 2 ** 31 - 1

/**
 * Begins handshakes and knows how they ended. A `tls.Server` that never listens does the work: connections are
 * injected by its `connection` event, as Node's documentation provides. Its events name only the TLS socket, not
 * the connection below, so the listener of each handshake travels in the asynchronous context.
 */
export class ServerTls {
  readonly rejectHandshake: boolean
  readonly verifyClient: VerifyClient
  readonly #verifyDepth: number
  readonly #authorities: readonly X509Certificate[]
  readonly #bufferSize: number
  readonly #server: Server | null
  readonly #listeners = new AsyncLocalStorage<HandshakeListener>()
  /** The connections that were asked for a certificate under these settings. */
  readonly #verdicts = new WeakMap<TLSSocket, ClientVerdict>()

  /** Throws what OpenSSL throws for options that it does not take. `now`: the wall clock in milliseconds. */
  constructor(options: ServerTlsOptions, now: () => number) {
    this.rejectHandshake = options.rejectHandshake
    this.verifyClient = options.verifyClient
    this.#verifyDepth = options.verifyDepth
    this.#authorities =
      options.verifyClient === "off" ? [] : options.clientAuthorities.map((pem) => new X509Certificate(pem))
    this.#bufferSize = Math.max(Math.min(options.bufferSize, MAX_RECORD_BYTES), MIN_RECORD_BYTES)
    this.#server = options.rejectHandshake ? null : makeServer(options)
    if (this.#server === null) return
    this.#server.on("secureConnection", (socket) => this.#onSecure(socket))
    this.#server.on("tlsClientError", (error) => this.#listeners.getStore()?.onTlsError(error))
    if (options.sessionCache !== null)
      useCache(this.#server, options.sessionCache, options.sessionTimeoutMs, now)
  }

  /**
   * Begins the handshake on `socket`, with what has been received and unshifted. The socket belongs to the
   * TLS socket from here on. Not to be called where `rejectHandshake` is set.
   */
  begin(socket: Socket, listener: HandshakeListener): void {
    this.#listeners.run(listener, emitConnection, this.#server, socket)
  }

  /** Whether the client of `socket` was asked for its certificate by these very settings. */
  hasAsked(socket: TLSSocket): boolean {
    return this.#verdicts.has(socket)
  }

  /** The client's certificate and what verification found. */
  verdictOf(socket: TLSSocket): ClientVerdict {
    return this.#verdicts.get(socket) ?? judge(socket)
  }

  /** Whether `error` is one that `ssl_verify_client` lets pass. */
  tolerates(error: VerifyError): boolean {
    return this.verifyClient === "optional_no_ca" && isUntrustedOnly(error)
  }

  /** ssl_verify_depth, as far as it can be known: see chain.ts. */
  #judgeDepth(verdict: ClientVerdict): ClientVerdict {
    const { certificate, error } = verdict
    if (certificate === undefined || error !== null) return verdict
    const isTooLong = leastClientIntermediates(certificate, this.#authorities) > this.#verifyDepth
    return isTooLong ? { certificate, error: BEYOND_DEPTH } : verdict
  }

  #onSecure(socket: TLSSocket): void {
    const listener = this.#listeners.getStore()
    if (listener === undefined) {
      socket.destroy()
      return
    }
    if (this.#bufferSize !== MAX_RECORD_BYTES) socket.setMaxSendFragment(this.#bufferSize)
    if (this.verifyClient !== "off") this.#verdicts.set(socket, this.#judgeDepth(judge(socket)))
    // What the connection does from here on is no longer part of the handshake.
    this.#listeners.exit(notifySecure, listener, socket)
  }
}

function emitConnection(server: Server | null, socket: Socket): void {
  server?.emit("connection", socket)
}

function notifySecure(listener: HandshakeListener, socket: TLSSocket): void {
  listener.onSecure(socket)
}

/** The verdict on the client of `socket` from the socket alone, whatever the length of its chain. */
export function judge(socket: TLSSocket): ClientVerdict {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined || socket.authorized) return { certificate, error: null }
  return { certificate, error: verifyErrorOf(socket.authorizationError) }
}

function makeServer(options: ServerTlsOptions): Server {
  const protocols = protocolOptions(options.protocols)
  const asksClient = options.verifyClient !== "off"
  return new Server({
    cert: options.credentials.map((credential) => credential.certificate),
    key: options.credentials.map((credential) => credential.key),
    minVersion: protocols.minVersion,
    maxVersion: protocols.maxVersion,
    secureOptions:
      protocols.secureOptions |
      constants.SSL_OP_NO_COMPRESSION |
      constants.SSL_OP_NO_RENEGOTIATION |
      (options.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
    ciphers: withTls13(options.ciphers),
    honorCipherOrder: options.preferServerCiphers,
    ecdhCurve: options.ecdhCurve,
    dhparam: options.dhparam,
    // An empty list, not none: none would be Node's own list of authorities.
    ca: [...options.clientAuthorities],
    requestCert: asksClient,
    // The verdict is HTTP's affair: nginx answers 400 to a client without the right certificate.
    rejectUnauthorized: false,
    sessionIdContext: sessionContext(options),
    sessionTimeout: Math.max(Math.ceil(options.sessionTimeoutMs / 1000), 1),
    ticketKeys: options.ticketKey,
    // Not ALPNProtocols: Node copies that list for each connection into its pool for small buffers, and a tunnel
    // that lives for days would keep 64 KiB of the pool with it.
    ...(options.alpnProtocols.length === 0 ? {} : { ALPNCallback: alpnChoice(options.alpnProtocols) }),
    handshakeTimeout: NO_HANDSHAKE_TIMEOUT_MS,
    allowHalfOpen: true,
  })
}

/** RFC 7301 §3.2: the first of ours that the client has, too; without one the handshake is refused. */
function alpnChoice(ours: readonly string[]): (offer: { protocols: string[] }) => string | undefined {
  return ({ protocols }) => ours.find((name) => protocols.includes(name))
}

/**
 * A session is resumed only where certificates and the rules for clients are the same: otherwise one that was
 * made without a client certificate would pass where one is required. ngx_ssl_session_id_context.
 */
function sessionContext(options: ServerTlsOptions): string {
  const hash = createHash("sha256").update("HTTP")
  for (const { certificate } of options.credentials) hash.update(certificate)
  hash.update(`\n${options.verifyClient}\n${options.verifyDepth}\n`)
  if (options.verifyClient !== "off")
    for (const authority of options.clientAuthorities) hash.update(authority)
  // OpenSSL takes 32 bytes at most.
  return hash.digest("hex").slice(0, 32)
}

function useCache(server: Server, cache: SessionCache, timeoutMs: number, now: () => number): void {
  server.on("newSession", (id: Buffer, session: Buffer, done: () => void) => {
    cache.store(id, session, timeoutMs, now())
    done()
  })
  server.on("resumeSession", (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
    done(null, cache.load(id, now()))
  })
}

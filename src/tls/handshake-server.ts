/** One `tls.Server` and the handshakes that it makes, with one set of certificates. */
import { AsyncLocalStorage } from "node:async_hooks"
import { constants, createHash, X509Certificate } from "node:crypto"
import type { Socket } from "node:net"
import { Server, type TLSSocket } from "node:tls"
import { leastClientIntermediates } from "./chain.ts"
import type { Credential } from "./credentials.ts"
import type { SessionCache } from "./session-cache.ts"
import type { Stapling } from "./stapling.ts"
import { contextOptions, type TlsTuning } from "./tuning.ts"
import { BEYOND_DEPTH, type VerifyError, verifyErrorOf } from "./verify-error.ts"

export type VerifyClient = "off" | "on" | "optional" | "optional_no_ca"

/** Everything that makes one server's TLS. Files are read and checked already. */
export interface ServerTlsOptions extends TlsTuning {
  /** Of different key types; none where every handshake is rejected. */
  readonly credentials: readonly Credential[]
  /** PEM. */
  readonly dhparam: string | undefined
  readonly verifyClient: VerifyClient
  /** Most intermediate certificates between a client's certificate and a trusted one; see chain.ts for its limits. */
  readonly verifyDepth: number
  /** PEM certificates that a client's chain may end in; those of `ssl_trusted_certificate` included. */
  readonly clientAuthorities: readonly string[]
  /** PEM revocation lists for clients' chains; where there are any, each certificate needs one of its issuer. */
  readonly crls: readonly string[]
  /** See ticket-key.ts. */
  readonly ticketKey: Buffer
  readonly sessionTimeoutMs: number
  readonly sessionCache: SessionCache | null
  /** What is stapled where there is one certificate; null for nothing. */
  readonly stapling: Stapling | null
  readonly rejectHandshake: boolean
  /** Largest TLS record that is sent, in bytes. */
  readonly bufferSize: number
  /** Protocols offered by ALPN, best first. */
  readonly alpnProtocols: readonly string[]
}

/** Who waits for the end of one handshake. Exactly one of the two is called, at most once. */
export interface HandshakeListener {
  /** Whether "h2" is offered by ALPN, before what else there is. */
  readonly offersHttp2: boolean
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

/** What all handshakes of one `server` block have in common, whatever their certificates. */
export class ClientVerdicts {
  readonly #verifyDepth: number
  readonly #authorities: readonly X509Certificate[]
  /** The connections that were asked for a certificate under these settings. */
  readonly #verdicts = new WeakMap<TLSSocket, ClientVerdict>()

  constructor({ verifyClient, verifyDepth, clientAuthorities }: ServerTlsOptions) {
    this.#verifyDepth = verifyDepth
    this.#authorities = verifyClient === "off" ? [] : clientAuthorities.map((pem) => new X509Certificate(pem))
  }

  get(socket: TLSSocket): ClientVerdict | undefined {
    return this.#verdicts.get(socket)
  }

  /** Judges a client that was asked for its certificate; its handshake is done. */
  add(socket: TLSSocket): void {
    this.#verdicts.set(socket, this.#judgeDepth(judge(socket)))
  }

  /** ssl_verify_depth, as far as it can be known: see chain.ts. */
  #judgeDepth(verdict: ClientVerdict): ClientVerdict {
    const { certificate, error } = verdict
    if (certificate === undefined || error !== null) return verdict
    const isTooLong = leastClientIntermediates(certificate, this.#authorities) > this.#verifyDepth
    return isTooLong ? { certificate, error: BEYOND_DEPTH } : verdict
  }
}

/**
 * Begins handshakes and knows how they ended. A `tls.Server` that never listens does the work: connections are
 * injected by its `connection` event, as Node's documentation provides. Its events name only the TLS socket, not
 * the connection below, so the listener of each handshake travels in the asynchronous context.
 *
 * A TLS socket holds its `tls.Server`, and so all of this: nothing here may lead to a generation.
 */
export class HandshakeServer {
  readonly #server: Server
  readonly #asksClient: boolean
  readonly #bufferSize: number
  readonly #verdicts: ClientVerdicts
  readonly #listeners = new AsyncLocalStorage<HandshakeListener>()

  /** Throws what OpenSSL throws for options that it does not take. `now`: the wall clock in milliseconds. */
  constructor(options: ServerTlsOptions, verdicts: ClientVerdicts, now: () => number) {
    this.#asksClient = options.verifyClient !== "off"
    this.#bufferSize = Math.max(Math.min(options.bufferSize, MAX_RECORD_BYTES), MIN_RECORD_BYTES)
    this.#verdicts = verdicts
    this.#server = makeServer(options, () => this.#listeners.getStore()?.offersHttp2 === true)
    this.#server.on("secureConnection", (socket) => this.#onSecure(socket))
    this.#server.on("tlsClientError", (error) => this.#listeners.getStore()?.onTlsError(error))
    if (options.sessionCache !== null)
      useCache(this.#server, options.sessionCache, options.sessionTimeoutMs, now)
    if (options.stapling !== null) useStapling(this.#server, options.stapling, now)
  }

  /**
   * Begins the handshake on `socket`, with what has been received and unshifted. The socket belongs to the
   * TLS socket from here on.
   */
  begin(socket: Socket, listener: HandshakeListener): void {
    this.#listeners.run(listener, emitConnection, this.#server, socket)
  }

  #onSecure(socket: TLSSocket): void {
    const listener = this.#listeners.getStore()
    if (listener === undefined) {
      socket.destroy()
      return
    }
    if (this.#bufferSize !== MAX_RECORD_BYTES) socket.setMaxSendFragment(this.#bufferSize)
    if (this.#asksClient) this.#verdicts.add(socket)
    // What the connection does from here on is no longer part of the handshake.
    this.#listeners.exit(notifySecure, listener, socket)
  }
}

function emitConnection(server: Server, socket: Socket): void {
  server.emit("connection", socket)
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

function makeServer(options: ServerTlsOptions, offersHttp2: () => boolean): Server {
  const asksClient = options.verifyClient !== "off"
  const credentials = lastOfEachType(options.credentials)
  const secureOptions =
    constants.SSL_OP_NO_COMPRESSION |
    constants.SSL_OP_NO_RENEGOTIATION |
    (options.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET)
  return new Server({
    ...contextOptions(options, secureOptions),
    cert: credentials.map((credential) => credential.certificate),
    key: credentials.map((credential) => credential.key),
    dhparam: options.dhparam,
    // An empty list, not none: none would be Node's own list of authorities.
    ca: [...options.clientAuthorities],
    ...(options.crls.length === 0 ? {} : { crl: [...options.crls] }),
    requestCert: asksClient,
    // The verdict is HTTP's affair: nginx answers 400 to a client without the right certificate.
    rejectUnauthorized: false,
    sessionIdContext: sessionContext(options),
    sessionTimeout: Math.max(Math.ceil(options.sessionTimeoutMs / 1000), 1),
    ticketKeys: options.ticketKey,
    // Not ALPNProtocols: Node copies that list for each connection into its pool for small buffers, and a tunnel
    // that lives for days would keep 64 KiB of the pool with it.
    ...(options.alpnProtocols.length === 0
      ? {}
      : { ALPNCallback: alpnChoice(options.alpnProtocols, offersHttp2) }),
    handshakeTimeout: NO_HANDSHAKE_TIMEOUT_MS,
    allowHalfOpen: true,
  })
}

/** Of several certificates with keys of one type OpenSSL has the last. Node would match the keys of all with it. */
function lastOfEachType(credentials: readonly Credential[]): readonly Credential[] {
  return credentials.filter(
    ({ keyType }, i) => !credentials.slice(i + 1).some((later) => later.keyType === keyType),
  )
}

/** RFC 7301 §3.2: the first of ours that the client has, too; without one the handshake is refused. */
function alpnChoice(
  ours: readonly string[],
  offersHttp2: () => boolean,
): (offer: { protocols: string[] }) => string | undefined {
  return ({ protocols }) =>
    protocols.includes("h2") && offersHttp2() ? "h2" : ours.find((name) => protocols.includes(name))
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
    for (const pem of [...options.clientAuthorities, ...options.crls]) hash.update(pem)
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

/** RFC 6066 §8: the client gets what there is at this moment, nothing where there is nothing. */
function useStapling(server: Server, stapling: Stapling, now: () => number): void {
  server.on(
    "OCSPRequest",
    (_certificate: Buffer, _issuer: Buffer, done: (error: Error | null, response: Buffer | null) => void) => {
      done(null, stapling.response(now()))
    },
  )
}

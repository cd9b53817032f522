/** TLS as one `server` block offers it: what ngx_http_ssl_module keeps in its SSL_CTX. */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import {
  type ClientVerdict,
  ClientVerdicts,
  HandshakeServer,
  judge,
  type ServerTlsOptions,
  type VerifyClient,
} from "./handshake-server.ts"
import { isUntrustedOnly, type VerifyError } from "./verify-error.ts"

/** Where each handshake has certificates of its own: `ssl_certificate` with variables. */
export interface CertificateSource {
  /**
   * The server for a handshake with a client that asks for `serverName`, "" for one that names none; or why there is
   * none, in nginx's words.
   */
  serverFor(socket: Socket, serverName: string): HandshakeServer | string
}

export class ServerTls {
  readonly rejectHandshake: boolean
  readonly verifyClient: VerifyClient
  readonly #verdicts: ClientVerdicts
  readonly #server: HandshakeServer | null
  readonly #source: CertificateSource | null

  /**
   * Throws what OpenSSL throws for options that it does not take. `now`: the wall clock in milliseconds. `makeSource`:
   * in place of the certificates in `options`.
   */
  constructor(
    options: ServerTlsOptions,
    now: () => number,
    makeSource: ((verdicts: ClientVerdicts) => CertificateSource) | null = null,
  ) {
    this.rejectHandshake = options.rejectHandshake
    this.verifyClient = options.verifyClient
    this.#verdicts = new ClientVerdicts(options)
    // Made for variables as well: what OpenSSL says of the other options is said at the start.
    const server = options.rejectHandshake ? null : new HandshakeServer(options, this.#verdicts, now)
    this.#source = makeSource === null ? null : makeSource(this.#verdicts)
    this.#server = server
  }

  /** What begins the handshake on `socket`, or why it cannot, in nginx's words. Not where `rejectHandshake` is set. */
  serverFor(socket: Socket, serverName: string | undefined): HandshakeServer | string {
    if (this.#source !== null) return this.#source.serverFor(socket, serverName ?? "")
    return this.#server ?? "handshake rejected"
  }

  /** Whether the client of `socket` was asked for its certificate by these very settings. */
  hasAsked(socket: TLSSocket): boolean {
    return this.#verdicts.get(socket) !== undefined
  }

  /** The client's certificate and what verification found. */
  verdictOf(socket: TLSSocket): ClientVerdict {
    return this.#verdicts.get(socket) ?? judge(socket)
  }

  /** Whether `error` is one that `ssl_verify_client` lets pass. */
  tolerates(error: VerifyError): boolean {
    return this.verifyClient === "optional_no_ca" && isUntrustedOnly(error)
  }
}

/** `ssl_certificate` with variables: the certificates of each handshake. ngx_http_ssl_certificate. */
import type { Socket } from "node:net"
import { HoldfastError } from "../base/error.ts"
import type { Conf } from "../config/row.ts"
import type { LocationContext } from "../runtime/module.ts"
import { type ClientVerdicts, HandshakeServer, type ServerTlsOptions } from "../tls/handshake-server.ts"
import type { CertificateSource } from "../tls/server-context.ts"
import { CertificateLoader, type CertificatePair, MadeOfCredentials } from "./ssl-certificates.ts"
import type { sslDirectives } from "./ssl-directives.ts"
import { HandshakeRequests } from "./ssl-handshake-request.ts"

/** What makes the source of a server's certificates; `options` are its settings without them, `now` the wall clock. */
export function handshakeCertificates(
  conf: Conf<typeof sslDirectives>,
  options: ServerTlsOptions,
  pairs: readonly CertificatePair[],
  context: LocationContext,
  now: () => number,
): (verdicts: ClientVerdicts) => CertificateSource {
  const { services, location } = context
  const loader = new CertificateLoader(conf.ssl_password_file ?? [], conf.ssl_certificate_cache, now)
  const name = context.directiveOf("server_name")?.args[0]?.text ?? ""
  const requests = new HandshakeRequests(location, name, services.clock)
  return (verdicts) => {
    const servers = new MadeOfCredentials(
      (credentials) => new HandshakeServer({ ...options, credentials }, verdicts, now),
    )
    return new HandshakeCertificates(pairs, loader, requests, servers)
  }
}

class HandshakeCertificates implements CertificateSource {
  readonly #pairs: readonly CertificatePair[]
  readonly #loader: CertificateLoader
  readonly #requests: HandshakeRequests
  readonly #servers: MadeOfCredentials<HandshakeServer>

  constructor(
    pairs: readonly CertificatePair[],
    loader: CertificateLoader,
    requests: HandshakeRequests,
    servers: MadeOfCredentials<HandshakeServer>,
  ) {
    this.#pairs = pairs
    this.#loader = loader
    this.#requests = requests
    this.#servers = servers
  }

  serverFor(socket: Socket, serverName: string): HandshakeServer | string {
    const request = this.#requests.of(socket, serverName)
    try {
      return this.#servers.get(this.#pairs.map((pair) => this.#loader.load(pair, request)))
    } catch (error) {
      if (error instanceof HoldfastError) return error.message
      throw error
    }
  }
}

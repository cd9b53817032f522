/** TLS to clients: ngx_http_ssl_module. */
import { HoldfastError, type Position } from "../base/error.ts"
import { INFO } from "../base/logger.ts"
import { defineModule, type Module } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerTls } from "../tls/server-context.ts"
import { sslDirectives } from "./ssl-directives.ts"
import { newSslMain, type SslMain, serverTls } from "./ssl-server.ts"
import { sslVariables } from "./ssl-variables.ts"

export const ssl: Module<ServerTls, SslMain> = defineModule({
  name: "ssl",
  directives: sslDirectives,
  variables: sslVariables((request) => request.server.location.of(ssl)),
  main: newSslMain,
  location: (conf, context) =>
    context.location.kind === "server"
      ? serverTls(conf, context, context.main(ssl), context.previousMain(ssl))
      : undefined,
  phases: { serverRewrite: checkClient },
})

/** One server of an address with `listen … ssl`, for `checkTlsServers`. */
export interface TlsServerToCheck {
  readonly tls: ServerTls | undefined
  /** The line of its `server {`. */
  readonly position: Position
}

/**
 * Throws nginx's `no "ssl_certificate" is defined for the "listen ... ssl" directive in file:line` where the
 * default server of an address has neither certificate nor ssl_reject_handshake; and, where it only rejects, for
 * the first of the others that has neither. `servers`: those of one address, in the file's order. ngx_http_ssl_init.
 */
export function checkTlsServers(defaultServer: TlsServerToCheck, servers: readonly TlsServerToCheck[]): void {
  if (defaultServer.tls === undefined) throw noCertificate(defaultServer.position)
  if (!defaultServer.tls.rejectHandshake) return
  for (const server of servers) if (server.tls === undefined) throw noCertificate(server.position)
}

function noCertificate({ file, line }: Position): HoldfastError {
  return new HoldfastError(
    "VALUE",
    `no "ssl_certificate" is defined for the "listen ... ssl" directive in ${file}:${line}`,
  )
}

/**
 * `ssl_verify_client`, before any other phase: 495 for a certificate that was not accepted, 496 for none, 421 for
 * a request to a server with other rules than those under which the client was asked. ngx_http_process_request,
 * ngx_http_set_virtual_server. Stricter than nginx in one point: a client that named no server is held to this too.
 */
function checkClient(request: Request, server: ServerTls): PhaseResult {
  if (server.verifyClient === "off" || request.isInternal) return NEXT
  const socket = request.client.tls
  if (socket === null) return NEXT
  const { certificate, error } = server.verdictOf(socket)
  if (isOtherServer(request, server, certificate !== undefined)) {
    request.log(
      INFO,
      "client attempted to request the server name different from the one that was negotiated while reading client request headers",
    )
    return 421
  }
  if (error !== null && !server.tolerates(error)) {
    request.log(
      INFO,
      `client SSL certificate verify error: (${error.number}:${error.text}) while reading client request headers`,
    )
    return 495
  }
  if (server.verifyClient === "on" && certificate === undefined) {
    request.log(INFO, "client sent no required SSL certificate while reading client request headers")
    return 496
  }
  return NEXT
}

function isOtherServer(request: Request, server: ServerTls, hasCertificate: boolean): boolean {
  const socket = request.client.tls
  const asked = socket?.servername
  if (typeof asked === "string" && asked.toLowerCase() !== request.host) return true
  return socket !== null && hasCertificate && !server.hasAsked(socket)
}

/**
 * `$ssl_…`. Without value on a connection without TLS. ngx_http_ssl_vars.
 *
 * Not here, since Node's public API cannot tell them: `$ssl_curve` (the group that was agreed on; a server's socket
 * does not say it), `$ssl_ciphers` and `$ssl_curves` (what the client offered). A configuration that uses one of
 * them gets nginx's `unknown "ssl_curve" variable`.
 */

import type { X509Certificate } from "node:crypto"
import type { TLSSocket } from "node:tls"
import type { Request } from "../runtime/request.ts"
import type { VariableGetter, VariableRows } from "../runtime/variables.ts"
import {
  escapedPem,
  fingerprint,
  onelineName,
  rawPem,
  remainingDays,
  rfc2253Name,
  serialNumber,
  sessionId,
  tabbedPem,
} from "../tls/certificate-text.ts"
import { type ClientVerdict, judge } from "../tls/handshake-server.ts"
import type { ServerTls } from "../tls/server-context.ts"
import { HandshakeClient } from "./ssl-handshake-request.ts"

/** `tlsOf` gives the settings of the request's server. */
export function sslVariables(tlsOf: (request: Request) => ServerTls | undefined): VariableRows {
  const verdictOf = (request: Request): ClientVerdict | undefined => {
    const socket = request.client.tls
    // A closed connection has no certificate any more; what was found at the handshake is kept where it matters.
    if (socket === null) return undefined
    return tlsOf(request)?.verdictOf(socket) ?? judge(socket)
  }
  const ofCertificate = (read: (certificate: X509Certificate) => string): VariableGetter => {
    return (request) => {
      const certificate = verdictOf(request)?.certificate
      return certificate === undefined ? undefined : nonEmpty(read(certificate))
    }
  }
  return {
    names: {
      ssl_protocol: ofSocket((socket) => socket.getProtocol() ?? ""),
      ssl_cipher: ofSocket((socket) => socket.getCipher()?.name ?? ""),
      ssl_session_id: ofSocket(sessionIdOf),
      ssl_session_reused: ofSocket((socket) => (socket.isSessionReused() ? "r" : ".")),
      ssl_server_name: serverName,
      ssl_alpn_protocol: ofSocket((socket) =>
        typeof socket.alpnProtocol === "string" ? socket.alpnProtocol : "",
      ),
      // Early data is never accepted here: the variable's "1" cannot come.
      ssl_early_data: () => undefined,
      ssl_client_verify: (request) => {
        const verdict = verdictOf(request)
        return verdict === undefined ? undefined : verifyText(verdict)
      },
      ssl_client_cert: ofCertificate(tabbedPem),
      ssl_client_raw_cert: ofCertificate(rawPem),
      ssl_client_escaped_cert: ofCertificate(escapedPem),
      ssl_client_s_dn: ofCertificate((certificate) => rfc2253Name(certificate.subject)),
      ssl_client_i_dn: ofCertificate((certificate) => rfc2253Name(certificate.issuer)),
      ssl_client_s_dn_legacy: ofCertificate((certificate) => onelineName(certificate.subject)),
      ssl_client_i_dn_legacy: ofCertificate((certificate) => onelineName(certificate.issuer)),
      ssl_client_serial: ofCertificate(serialNumber),
      ssl_client_fingerprint: ofCertificate(fingerprint),
      ssl_client_v_start: ofCertificate((certificate) => certificate.validFrom),
      ssl_client_v_end: ofCertificate((certificate) => certificate.validTo),
      ssl_client_v_remain: ofCertificate((certificate) => remainingDays(certificate, Date.now())),
    },
  }
}

/** Of a handshake as well: certificates are chosen by it. */
function serverName({ client }: Request): string | undefined {
  if (client instanceof HandshakeClient) return nonEmpty(client.sentServerName)
  const name = client.tls?.servername
  return typeof name === "string" ? nonEmpty(name) : undefined
}

function ofSocket(read: (socket: TLSSocket) => string): VariableGetter {
  return (request) => {
    const socket = request.client.tls
    return socket === null ? undefined : nonEmpty(read(socket))
  }
}

function sessionIdOf(socket: TLSSocket): string {
  const session = socket.getSession()
  return session === undefined ? "" : sessionId(session)
}

function verifyText({ certificate, error }: ClientVerdict): string {
  if (certificate === undefined) return "NONE"
  return error === null ? "SUCCESS" : `FAILED:${error.text}`
}

function nonEmpty(text: string): string | undefined {
  return text === "" ? undefined : text
}

import type { DetailedPeerCertificate, TLSSocket } from "node:tls"

/**
 * Whether more than `depth` intermediate certificates stand between the peer's certificate and the trusted one.
 * Node has no option for OpenSSL's limit; so the chain that OpenSSL accepted is counted. SSL_set_verify_depth(3).
 * False where the session was resumed: the chain is not in it, and was judged when it was made.
 */
export function chainIsTooLong(socket: TLSSocket, depth: number): boolean {
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  let intermediates = -1
  // Empty for a peer without certificate; a self-signed one names itself as its issuer.
  while (certificate?.issuerCertificate !== undefined && certificate.issuerCertificate !== certificate) {
    certificate = certificate.issuerCertificate
    intermediates++
  }
  return intermediates > depth
}

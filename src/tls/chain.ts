/**
 * `ssl_verify_depth` and `proxy_ssl_verify_depth`: the most intermediate certificates between the peer's certificate
 * and a trusted one. Node has no option for OpenSSL's limit (SSL_set_verify_depth(3)), so chains that OpenSSL
 * accepted are counted afterwards.
 */
import type { X509Certificate } from "node:crypto"
import type { DetailedPeerCertificate, TLSSocket } from "node:tls"

/**
 * The intermediates of an upstream's chain. 0 where the session was resumed: the chain is not in it, and was judged
 * when it was made.
 */
export function upstreamIntermediates(socket: TLSSocket): number {
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  let links = 0
  // Empty for a peer without certificate; a self-signed one names itself as its issuer.
  while (certificate?.issuerCertificate !== undefined && certificate.issuerCertificate !== certificate) {
    certificate = certificate.issuerCertificate
    links++
  }
  return Math.max(links - 1, 0)
}

/**
 * The least number of intermediates that a client's chain can have had. A server is not told by Node which
 * intermediates a client sent: an issuer that is not among `authorities` counts as one, however many there were.
 * So a limit of 0 holds exactly, and a higher one for intermediates that are in the server's own files.
 */
export function leastClientIntermediates(
  client: X509Certificate,
  authorities: readonly X509Certificate[],
): number {
  let certificate = client
  for (let count = 0; count <= authorities.length; count++) {
    if (certificate.checkIssued(certificate)) return Math.max(count - 1, 0)
    const issuer = authorities.find((authority) => certificate.checkIssued(authority))
    if (issuer === undefined) return count + 1
    certificate = issuer
  }
  return authorities.length
}

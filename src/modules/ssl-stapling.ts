/** What `ssl_stapling` staples. ngx_ssl_stapling, with its warnings. */
import { X509Certificate } from "node:crypto"
import { HoldfastError } from "../base/error.ts"
import type { Conf, ValueContext } from "../config/row.ts"
import type { BuildContext } from "../runtime/module.ts"
import { type Credential, certificatesIn, type FileReader, loadOcspResponse } from "../tls/credentials.ts"
import { OcspSubject } from "../tls/ocsp.ts"
import type { Responder } from "../tls/ocsp-fetch.ts"
import { StapledAnswer, StapledFile, type Stapling } from "../tls/stapling.ts"
import type { sslDirectives } from "./ssl-directives.ts"

/** The certificate that stapling is for. */
export interface StapledCertificate {
  readonly credential: Credential
  /** As the log names it. */
  readonly path: string
}

/**
 * Null where nothing is stapled. `certificates`: those of the server; `trusted`: PEM of more that issuers may be
 * among; `now`: the wall clock. Throws FILE in nginx's words for a response that cannot be read.
 */
export function makeStapling(
  conf: Conf<typeof sslDirectives>,
  certificates: readonly StapledCertificate[],
  trusted: readonly string[],
  read: FileReader,
  context: BuildContext,
  now: () => number,
): Stapling | null {
  const directive = context.directiveOf("ssl_stapling")
  if (!conf.ssl_stapling || directive === undefined) return null
  const [certificate] = certificates
  const line = context.blame(directive)
  if (certificate === undefined) return null
  if (certificates.length > 1) {
    // A response for the other certificate would make clients refuse the connection.
    line.warn('"ssl_stapling" ignored, Node.js does not tell which of several certificates a client gets')
    return null
  }
  const file = conf.ssl_stapling_file
  if (file !== undefined && file.text !== "") return new StapledFile(loadOcspResponse(file.path, read))
  try {
    return askingStapling(conf, certificate, trusted, line, context, now)
  } catch (error) {
    // What cannot be read of a certificate that OpenSSL takes.
    if (error instanceof HoldfastError || !(error instanceof Error)) throw error
    line.warn(`"ssl_stapling" ignored, ${error.message} in the certificate "${certificate.path}"`)
    return null
  }
}

function askingStapling(
  conf: Conf<typeof sslDirectives>,
  { credential, path }: StapledCertificate,
  trusted: readonly string[],
  line: ValueContext,
  context: BuildContext,
  now: () => number,
): Stapling | null {
  const [leaf, ...chain] = certificatesIn(credential.certificate).map((pem) => new X509Certificate(pem))
  if (leaf === undefined) return null
  const others = trusted.map((pem) => new X509Certificate(pem))
  const issuer = [...chain, ...others].find((candidate) => leaf.checkIssued(candidate))
  if (issuer === undefined) {
    line.warn(`"ssl_stapling" ignored, issuer certificate not found for certificate "${path}"`)
    return null
  }
  const url = conf.ssl_stapling_responder || responderOf(leaf)
  if (url === undefined) {
    line.warn(`"ssl_stapling" ignored, no OCSP responder URL in the certificate "${path}"`)
    return null
  }
  const responder = parseResponder(url)
  if (typeof responder === "string") {
    line.warn(`"ssl_stapling" ignored, ${responder} in the certificate "${path}"`)
    return null
  }
  const subject = new OcspSubject(leaf, issuer, chain, conf.ssl_stapling_verify)
  return new StapledAnswer(subject, responder, path, context.mainLog, now)
}

/** The first URL of OCSP in its authority information access. RFC 5280 §4.2.2.1. */
function responderOf(certificate: X509Certificate): string | undefined {
  const found = /^OCSP - URI:(.*)$/m.exec(certificate.infoAccess ?? "")?.[1]
  // Node writes what could be misread as JSON.
  return found?.startsWith('"') ? (JSON.parse(found) as string) : found
}

/** Why a URL is none, in nginx's words, where it is none. */
function parseResponder(url: string): Responder | string {
  const rest = url.slice("http://".length)
  if (!/^http:\/\//i.test(url) || rest === "") return `invalid URL prefix in OCSP responder "${url}"`
  const found = /^(\[[^\]]*\]|[^:/?]*)(?::([^/?]*))?(.*)$/.exec(rest)
  const [, host = "", port, path = ""] = found ?? []
  if (host === "") return `no host in OCSP responder "${rest}"`
  const number = port === undefined ? 80 : Number(port)
  if (port !== undefined && (!/^\d+$/.test(port) || number < 1 || number > 65_535))
    return `invalid port in OCSP responder "${rest}"`
  return { host, port: number, path: path === "" ? "/" : path }
}

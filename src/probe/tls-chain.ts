/** Certificates as data, and why a chain is not trusted. */
import { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import { getCACertificates } from "node:tls"
import { children, OBJECT_ID, readDer } from "../tls/der.ts"

export interface CertificateSeen {
  /** The common name, or all of the subject where it has none. */
  readonly subject: string
  readonly issuer: string
  /** DNS names and addresses; the common name does not count (RFC 9525 §6.4). */
  readonly names: readonly string[]
  /** Milliseconds since 1970. */
  readonly validFromMs: number
  readonly validToMs: number
  /** "EC prime256v1", "RSA 2048" */
  readonly key: string
  /** "SHA-1" and "MD5", which nobody accepts any more; else undefined. */
  readonly weakHash: string | undefined
  readonly isSelfIssued: boolean
  /** RFC 7633: a browser wants a stapled status. */
  readonly mustStaple: boolean
  /** Where its issuer's certificate is to be had (RFC 5280 §4.2.2.1). */
  readonly issuerUrl: string | undefined
  /** SHA-256, with colons. */
  readonly fingerprint: string
}

/**
 * How far a chain leads. "trusted": to an authority that is trusted. "self-signed": to one that has signed itself and
 * is not. "open": to one whose issuer is neither sent nor trusted.
 */
export type ChainEnd = "trusted" | "self-signed" | "open"

export interface ChainSeen {
  readonly end: ChainEnd
  /** Of those sent, in the order of the way from the server's own: indexes. */
  readonly path: readonly number[]
}

const MS_A_DAY = 86_400_000
const WEAK: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "MD5"],
  ["2a864886f70d010105", "SHA-1"],
  ["2a8648ce3d0401", "SHA-1"],
])
/** 1.3.6.1.5.5.7.1.24 with its tag. */
const TLS_FEATURE = Buffer.from("06082b06010505070118", "hex")

export function certificateSeen(certificate: X509Certificate): CertificateSeen {
  return {
    subject: shortName(certificate.subject),
    issuer: shortName(certificate.issuer),
    names: namesOf(certificate),
    validFromMs: certificate.validFromDate.getTime(),
    validToMs: certificate.validToDate.getTime(),
    key: keyText(certificate),
    weakHash: weakHashOf(certificate),
    isSelfIssued: certificate.subject === certificate.issuer,
    mustStaple: certificate.raw.includes(TLS_FEATURE),
    issuerUrl: issuerUrlOf(certificate),
    fingerprint: certificate.fingerprint256,
  }
}

/** As browsers compare: the common name alone does not do. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  const found =
    isIP(host) === 0 ? certificate.checkHost(host, { subject: "never" }) : certificate.checkIP(host)
  return found !== undefined
}

/** Follows the issuers from the first of `sent`, by signatures. */
export function chainOf(sent: readonly X509Certificate[], trusted: readonly X509Certificate[]): ChainSeen {
  const path = [0]
  for (;;) {
    const last = sent[path.at(-1) ?? 0]
    if (last === undefined) return { end: "open", path: [] }
    if (trusted.some((one) => one.fingerprint256 === last.fingerprint256 || hasIssued(one, last)))
      return { end: "trusted", path }
    if (hasIssued(last, last)) return { end: "self-signed", path }
    const next = sent.findIndex((one, index) => !path.includes(index) && hasIssued(one, last))
    if (next < 0) return { end: "open", path }
    path.push(next)
  }
}

/** Those of `--ca`; without it Node's own and the system's, which browsers and curl go by. */
export function trustedAuthorities(ca: Buffer | undefined): X509Certificate[] {
  const own = (): string[] => [...new Set([...getCACertificates("default"), ...getCACertificates("system")])]
  const texts = ca === undefined ? own() : pemsOf(ca.toString("latin1"))
  return texts.map((text) => new X509Certificate(text))
}

/** A certificate as a web server gives it: DER, or PEM. */
export function parseIssuer(body: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(body)
  } catch {
    return undefined
  }
}

/** Whole days, rounded down. */
export function daysBetween(fromMs: number, toMs: number): number {
  return Math.floor((toMs - fromMs) / MS_A_DAY)
}

/** Renewed certificates come weeks before their time; those that live a few days come later. Milliseconds. */
export function isEndingSoon({ validFromMs, validToMs }: CertificateSeen, nowMs: number): boolean {
  return validToMs - nowMs < Math.min(14 * MS_A_DAY, (validToMs - validFromMs) / 3)
}

function hasIssued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  } catch {
    return false
  }
}

function pemsOf(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
}

/** Lines of `CN=…` and the like. */
function shortName(name: string): string {
  return /^CN=(.*)$/m.exec(name)?.[1] ?? (name.replaceAll("\n", ", ") || "nobody")
}

function namesOf({ subjectAltName }: X509Certificate): string[] {
  if (subjectAltName === undefined) return []
  return subjectAltName.split(", ").flatMap((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? [])
}

function keyText({ publicKey }: X509Certificate): string {
  const { asymmetricKeyType: type = "", asymmetricKeyDetails: details } = publicKey
  if (type === "rsa" || type === "rsa-pss") return `RSA ${details?.modulusLength ?? "?"}`
  return type === "ec" ? `EC ${details?.namedCurve ?? "?"}` : type
}

/** A root's own signature is nobody's concern. */
function weakHashOf(certificate: X509Certificate): string | undefined {
  if (certificate.subject === certificate.issuer) return undefined
  try {
    const [oid] = children(children(readDer(certificate.raw))[1])
    return oid?.tag === OBJECT_ID ? WEAK.get(oid.content.toString("hex")) : undefined
  } catch {
    return undefined
  }
}

function issuerUrlOf({ infoAccess }: X509Certificate): string | undefined {
  return /^CA Issuers - URI:(http:.+)$/m.exec(infoAccess ?? "")?.[1]
}

import { createHash, randomBytes, webcrypto } from "node:crypto"
import { isIPv4, isIPv6 } from "node:net"
import { BitString, Integer, OctetString, Utf8String } from "asn1js"
import {
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
} from "pkijs"

/** What the demo's TLS server and its clients need, as PEM text. */
export interface DevelopmentCertificates {
  /** The authority's certificate: for clients to trust. Its key is forgotten once the leaf is signed. */
  readonly authority: string
  /** The server's certificate. */
  readonly certificate: string
  /** The server's private key, PKCS #8. */
  readonly key: string
}

// Object identifiers of RFC 5280 and X.520.
const COMMON_NAME = "2.5.4.3"
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"
const BASIC_CONSTRAINTS = "2.5.29.19"
const KEY_USAGE = "2.5.29.15"
const SUBJECT_KEY_IDENTIFIER = "2.5.29.14"
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
const EXTENDED_KEY_USAGE = "2.5.29.37"
const SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"

// The bits of KeyUsage, the first one the highest (RFC 5280 §4.2.1.3).
const DIGITAL_SIGNATURE = 0x80
const SIGN_CERTIFICATES_AND_CRLS = 0x06

// The choices of GeneralName (RFC 5280 §4.2.1.6).
const DNS_NAME = 2
const IP_ADDRESS = 7

const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" }
const DAY_MS = 86_400_000

/** What an ASN.1 value can do: become DER. */
interface Encodable {
  toBER(): ArrayBuffer
}

interface CertificateRequest {
  readonly commonName: string
  readonly issuerName: string
  readonly publicKey: webcrypto.CryptoKey
  readonly days: number
  readonly extensions: readonly Extension[]
}

/**
 * Makes an authority and a server certificate for `names` (DNS names and IP addresses), signed by it: ECDSA
 * P-256, valid from a day ago for `days` days. Nothing is written; both keys are new each time.
 */
export async function makeCertificates(
  names: readonly string[],
  days = 30,
): Promise<DevelopmentCertificates> {
  const issuerName = "Holdfast development authority"
  const authorityKeys = await generateKeys()
  const serverKeys = await generateKeys()
  const authorityKeyId = await keyIdentifier(authorityKeys.publicKey)
  const authority = await buildCertificate({
    commonName: issuerName,
    issuerName,
    publicKey: authorityKeys.publicKey,
    days,
    extensions: [
      extension(BASIC_CONSTRAINTS, true, new BasicConstraints({ cA: true }).toSchema()),
      keyUsage(SIGN_CERTIFICATES_AND_CRLS),
      extension(SUBJECT_KEY_IDENTIFIER, false, authorityKeyId),
    ],
  })
  const certificate = await buildCertificate({
    commonName: names[0] ?? "localhost",
    issuerName,
    publicKey: serverKeys.publicKey,
    days,
    extensions: [
      extension(BASIC_CONSTRAINTS, true, new BasicConstraints({ cA: false }).toSchema()),
      keyUsage(DIGITAL_SIGNATURE),
      extension(
        AUTHORITY_KEY_IDENTIFIER,
        false,
        new AuthorityKeyIdentifier({ keyIdentifier: authorityKeyId }).toSchema(),
      ),
      extension(
        EXTENDED_KEY_USAGE,
        false,
        new ExtKeyUsage({ keyPurposes: [SERVER_AUTHENTICATION] }).toSchema(),
      ),
      extension(
        SUBJECT_ALTERNATIVE_NAME,
        false,
        new GeneralNames({ names: names.map(generalName) }).toSchema(),
      ),
    ],
  })
  for (const unsigned of [authority, certificate]) await unsigned.sign(authorityKeys.privateKey, "SHA-256")
  return {
    authority: toPem("CERTIFICATE", authority.toSchema().toBER()),
    certificate: toPem("CERTIFICATE", certificate.toSchema().toBER()),
    key: toPem("PRIVATE KEY", await webcrypto.subtle.exportKey("pkcs8", serverKeys.privateKey)),
  }
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"])
}

/** All of a certificate but the signature. */
async function buildCertificate(request: CertificateRequest): Promise<Certificate> {
  const certificate = new Certificate()
  certificate.version = 2 // X.509v3
  certificate.serialNumber = new Integer({ valueHex: positiveSerial() })
  certificate.subject.typesAndValues.push(commonName(request.commonName))
  certificate.issuer.typesAndValues.push(commonName(request.issuerName))
  // A day back: the clocks of a machine and of its containers may differ.
  certificate.notBefore.value = new Date(Date.now() - DAY_MS)
  certificate.notAfter.value = new Date(Date.now() + request.days * DAY_MS)
  certificate.extensions = [...request.extensions]
  await certificate.subjectPublicKeyInfo.importKey(request.publicKey)
  return certificate
}

/** Sixteen random bytes, read as a positive number that begins with no zero byte. RFC 5280 §4.1.2.2. */
function positiveSerial(): Uint8Array<ArrayBuffer> {
  const serial = new Uint8Array(randomBytes(16))
  serial[0] = (serial[0] & 0x3f) | 0x40
  return serial
}

/** SHA-1 of the key's bits, as RFC 5280 §4.2.1.2 proposes; strict verifiers ask for such identifiers. */
async function keyIdentifier(key: webcrypto.CryptoKey): Promise<OctetString> {
  const point = await webcrypto.subtle.exportKey("raw", key)
  return new OctetString({ valueHex: new Uint8Array(createHash("sha1").update(Buffer.from(point)).digest()) })
}

function commonName(value: string): AttributeTypeAndValue {
  return new AttributeTypeAndValue({ type: COMMON_NAME, value: new Utf8String({ value }) })
}

function extension(extnID: string, critical: boolean, value: Encodable): Extension {
  return new Extension({ extnID, critical, extnValue: value.toBER() })
}

function keyUsage(bits: number): Extension {
  const unusedBits = 31 - Math.clz32(bits & -bits)
  return extension(KEY_USAGE, true, new BitString({ valueHex: Uint8Array.of(bits), unusedBits }))
}

function generalName(name: string): GeneralName {
  if (!isIPv4(name) && !isIPv6(name)) return new GeneralName({ type: DNS_NAME, value: name })
  return new GeneralName({ type: IP_ADDRESS, value: new OctetString({ valueHex: addressBytes(name) }) })
}

/** The 4 or 16 bytes of an address. Of IPv6 the loopback address is enough for a demo. */
function addressBytes(address: string): Uint8Array<ArrayBuffer> {
  if (isIPv4(address)) return Uint8Array.from(address.split("."), Number)
  if (address !== "::1") throw new Error(`no certificate for ${address}: of IPv6 only ::1 is known here`)
  const bytes = new Uint8Array(16)
  bytes[15] = 1
  return bytes
}

function toPem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`
}

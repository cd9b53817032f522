/** Asking for the status of a certificate, and checking the answer. RFC 6960. */
import { createHash, type KeyObject, verify as verifySignature, X509Certificate } from "node:crypto"
import {
  CONTEXT,
  children,
  type DerValue,
  ENUMERATED,
  expect,
  INTEGER,
  OBJECT_ID,
  OCTET_STRING,
  readAll,
  readDer,
  readTime,
  SEQUENCE,
  writeDer,
} from "./der.ts"

/** 1.3.14.3.2.26 with NULL: AlgorithmIdentifier of SHA-1, which names issuers in OCSP. */
const SHA1 = Buffer.from("300906052b0e03021a0500", "hex")
/** 1.3.6.1.5.5.7.48.1.1 */
const BASIC_RESPONSE = "2b0601050507300101"
/** 1.3.6.1.5.5.7.3.9: who may sign for an authority. */
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"

/** Hash functions by the object identifiers of signature algorithms, and whether RSA's is PSS or what the key says. */
const SIGNATURE_HASHES: Readonly<Record<string, string | null>> = {
  "2a864886f70d010105": "sha1",
  "2a864886f70d01010b": "sha256",
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040302": "sha256",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
  // Ed25519 and Ed448: no hash of its own.
  "2b6570": null,
  "2b6571": null,
}

const RESPONSE_STATUS = [
  "successful",
  "malformedrequest",
  "internalerror",
  "trylater",
  "(UNKNOWN)",
  "sigrequired",
  "unauthorized",
]
const CERTIFICATE_STATUS = ["good", "revoked", "unknown"]

/** A clock that is off by this much is forgiven, as by nginx. */
const SKEW_MS = 300_000

/** A certificate whose status is asked for. */
export class OcspSubject {
  /** The DER of the question. */
  readonly request: Buffer
  readonly #id: Buffer
  readonly #issuer: X509Certificate
  readonly #others: readonly X509Certificate[]
  readonly #verifies: boolean

  /**
   * `others`: more certificates that may have signed an answer, those of the chain; `trusted`: those that must have.
   * With `verifies` the signer must be the issuer, one of the chain, or have been made for it by the issuer.
   */
  constructor(
    certificate: X509Certificate,
    issuer: X509Certificate,
    others: readonly X509Certificate[],
    verifies: boolean,
  ) {
    this.#issuer = issuer
    this.#others = others
    this.#verifies = verifies
    const serial = fieldsOf(certificate)[0] as DerValue
    this.#id = writeDer(SEQUENCE, SHA1, nameHash(issuer), keyHash(issuer), serial.whole)
    this.request = writeDer(SEQUENCE, writeDer(SEQUENCE, writeDer(SEQUENCE, writeDer(SEQUENCE, this.#id))))
  }

  /**
   * When the answer `der` is over, in milliseconds since 1970, Infinity where it does not say. Throws an Error whose
   * message is nginx's for an answer that is not to be used.
   */
  check(der: Buffer, nowMs: number): number {
    const basic = parse("d2i_OCSP_RESPONSE() failed", () => basicResponse(der))
    const { data, algorithm, signature, certificates } = parse("OCSP_response_get1_basic() failed", () =>
      signedParts(basic),
    )
    const single = parse("OCSP_response_get1_basic() failed", () => responsesOf(data))
    this.#checkSigner(data, algorithm, signature, certificates)
    const found = single.find((response) => this.#isOurs(response))
    if (found === undefined) throw new Error("certificate status not found in the OCSP response")
    return validUntil(found, nowMs)
  }

  #checkSigner(data: DerValue, algorithm: string, signature: Buffer, included: readonly Buffer[]): void {
    const failed = "OCSP_basic_verify() failed"
    const own = parse(failed, () => included.map((der) => new X509Certificate(der)))
    const known = [...this.#others, this.#issuer]
    const responder = parse(failed, () => responderOf(data))
    const isSigner = (certificate: X509Certificate): boolean => parse(failed, () => responder(certificate))
    const trusted = known.find(isSigner)
    const signer = trusted ?? own.find(isSigner)
    if (signer === undefined) throw new Error(`${failed} (SSL: ${SIGNER_NOT_FOUND})`)
    const hash = SIGNATURE_HASHES[algorithm]
    if (hash === undefined || !isSignedBy(signer.publicKey, hash, data.whole, signature))
      throw new Error(`${failed} (SSL: ${SIGNATURE_FAILURE})`)
    if (!this.#verifies || trusted !== undefined) return
    if (!this.#isDelegate(signer)) throw new Error(`${failed} (SSL: ${VERIFY_ERROR})`)
  }

  /** RFC 6960 §4.2.2.2: made by the issuer itself for this purpose, and valid now. */
  #isDelegate(signer: X509Certificate): boolean {
    const now = Date.now()
    return (
      signer.checkIssued(this.#issuer) &&
      signer.verify(this.#issuer.publicKey) &&
      signer.keyUsage?.includes(OCSP_SIGNING) === true &&
      signer.validFromDate.getTime() <= now &&
      signer.validToDate.getTime() >= now
    )
  }

  #isOurs(response: readonly DerValue[]): boolean {
    const [algorithm, name, key, serial] = children(response[0])
    const [, ownName, ownKey, ownSerial] = children(readDer(this.#id))
    // Only SHA-1 is what we asked by.
    const hash = children(algorithm)[0]?.content.toString("hex")
    return (
      hash === "2b0e03021a" &&
      isSame(name, ownName) &&
      isSame(key, ownKey) &&
      serial?.tag === INTEGER &&
      isSame(serial, ownSerial)
    )
  }
}

const SIGNER_NOT_FOUND = "error:13800076:OCSP routines::signer certificate not found"
const SIGNATURE_FAILURE = "error:13800075:OCSP routines::signature failure"
const VERIFY_ERROR = "error:13800065:OCSP routines::certificate verify error"

/** Runs what reads DER; whatever is wrong there is `failure`. */
function parse<T>(failure: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof NotSuccessful) throw error
    throw new Error(failure)
  }
}

class NotSuccessful extends Error {}

/** OCSPResponse: the DER of its BasicOCSPResponse. */
function basicResponse(der: Buffer): Buffer {
  const [status, bytes] = children(readDer(der))
  const code = expect(status, ENUMERATED).content[0] ?? 0
  if (code !== 0)
    throw new NotSuccessful(`OCSP response not successful (${code}: ${RESPONSE_STATUS[code] ?? "(UNKNOWN)"})`)
  const [type, response] = children(children(bytes, CONTEXT)[0])
  if (expect(type, OBJECT_ID).content.toString("hex") !== BASIC_RESPONSE) throw new RangeError("not basic")
  return expect(response, OCTET_STRING).content
}

/** Whether `der` is an OCSPResponse at all; throws where it is not. For `ssl_stapling_file`. */
export function checkOcspResponse(der: Buffer): void {
  const [status] = children(readDer(der))
  expect(status, ENUMERATED)
}

function signedParts(basic: Buffer): {
  readonly data: DerValue
  readonly algorithm: string
  readonly signature: Buffer
  readonly certificates: readonly Buffer[]
} {
  const [data, algorithm, signature, certificates] = children(readDer(basic))
  const oid = children(algorithm)[0]
  return {
    data: expect(data, SEQUENCE),
    algorithm: expect(oid, OBJECT_ID).content.toString("hex"),
    // The first byte counts unused bits: none.
    signature: expect(signature, 0x03).content.subarray(1),
    certificates:
      certificates === undefined
        ? []
        : children(children(certificates, CONTEXT)[0]).map(({ whole }) => whole),
  }
}

/** ResponseData without its version. */
function dataFields(data: DerValue): DerValue[] {
  const fields = children(data)
  return fields[0]?.tag === CONTEXT ? fields.slice(1) : fields
}

/** The fields of each SingleResponse. */
function responsesOf(data: DerValue): DerValue[][] {
  return children(dataFields(data)[2]).map((response) => children(response))
}

/** ResponderID: by name ([1]) or by the hash of the key ([2]). */
function responderOf(data: DerValue): (certificate: X509Certificate) => boolean {
  const id = dataFields(data)[0]
  if (id?.tag === CONTEXT + 1) return (certificate) => subjectOf(certificate).equals(id.content)
  const hash = children(id, CONTEXT + 2)[0]?.content
  if (hash === undefined) throw new RangeError("no responder")
  return (certificate) => keyHash(certificate).subarray(2).equals(hash)
}

function isSignedBy(key: KeyObject, hash: string | null, data: Buffer, signature: Buffer): boolean {
  try {
    return verifySignature(hash, data, key, signature)
  } catch {
    return false
  }
}

function validUntil([, status, thisUpdate, ...rest]: readonly DerValue[], nowMs: number): number {
  const code = (status?.tag ?? 2) & 0x1f
  if (code !== 0)
    throw new Error(`certificate status "${CERTIFICATE_STATUS[code] ?? "(UNKNOWN)"}" in the OCSP response`)
  const failed = "OCSP_check_validity() failed"
  const from = parse(failed, () => readTime(thisUpdate))
  const next = rest[0]?.tag === CONTEXT ? rest[0] : undefined
  const until =
    next === undefined ? Number.POSITIVE_INFINITY : parse(failed, () => readTime(readAll(next.content)[0]))
  if (from > nowMs + SKEW_MS)
    throw new Error(`${failed} (SSL: error:1380007E:OCSP routines::status not yet valid)`)
  if (until < nowMs - SKEW_MS)
    throw new Error(`${failed} (SSL: error:1380007D:OCSP routines::status expired)`)
  return until
}

/** The fields of TBSCertificate from the serial number on. */
function fieldsOf(certificate: X509Certificate): DerValue[] {
  const fields = children(children(readDer(certificate.raw))[0])
  return fields[0]?.tag === CONTEXT ? fields.slice(1) : fields
}

/** The DER of its subject. */
function subjectOf(certificate: X509Certificate): Buffer {
  return expect(fieldsOf(certificate)[4], SEQUENCE).whole
}

/** An OCTET STRING. */
function nameHash(certificate: X509Certificate): Buffer {
  return writeDer(OCTET_STRING, createHash("sha1").update(subjectOf(certificate)).digest())
}

/** An OCTET STRING: of the bits of the public key, without the byte that counts unused ones. */
function keyHash(certificate: X509Certificate): Buffer {
  const key = children(fieldsOf(certificate)[5])[1]
  return writeDer(OCTET_STRING, createHash("sha1").update(expect(key, 0x03).content.subarray(1)).digest())
}

function isSame(a: DerValue | undefined, b: DerValue | undefined): boolean {
  return a !== undefined && b !== undefined && a.content.equals(b.content)
}

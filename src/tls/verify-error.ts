/** Why a certificate chain was not accepted: OpenSSL's numbers and words for Node's codes. x509_vfy.h. */

/** A failed verification. */
export interface VerifyError {
  /** X509_V_ERR_…: the number in nginx's `(20:unable to get local issuer certificate)`. */
  readonly number: number
  readonly text: string
}

const ERRORS: Readonly<Record<string, VerifyError>> = {
  UNSPECIFIED: { number: 1, text: "unspecified certificate verification error" },
  UNABLE_TO_GET_ISSUER_CERT: { number: 2, text: "unable to get issuer certificate" },
  UNABLE_TO_GET_CRL: { number: 3, text: "unable to get certificate CRL" },
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: { number: 4, text: "unable to decrypt certificate's signature" },
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: { number: 5, text: "unable to decrypt CRL's signature" },
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: { number: 6, text: "unable to decode issuer public key" },
  CERT_SIGNATURE_FAILURE: { number: 7, text: "certificate signature failure" },
  CRL_SIGNATURE_FAILURE: { number: 8, text: "CRL signature failure" },
  CERT_NOT_YET_VALID: { number: 9, text: "certificate is not yet valid" },
  CERT_HAS_EXPIRED: { number: 10, text: "certificate has expired" },
  CRL_NOT_YET_VALID: { number: 11, text: "CRL is not yet valid" },
  CRL_HAS_EXPIRED: { number: 12, text: "CRL has expired" },
  ERROR_IN_CERT_NOT_BEFORE_FIELD: { number: 13, text: "format error in certificate's notBefore field" },
  ERROR_IN_CERT_NOT_AFTER_FIELD: { number: 14, text: "format error in certificate's notAfter field" },
  ERROR_IN_CRL_LAST_UPDATE_FIELD: { number: 15, text: "format error in CRL's lastUpdate field" },
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: { number: 16, text: "format error in CRL's nextUpdate field" },
  OUT_OF_MEM: { number: 17, text: "out of memory" },
  DEPTH_ZERO_SELF_SIGNED_CERT: { number: 18, text: "self-signed certificate" },
  SELF_SIGNED_CERT_IN_CHAIN: { number: 19, text: "self-signed certificate in certificate chain" },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { number: 20, text: "unable to get local issuer certificate" },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { number: 21, text: "unable to verify the first certificate" },
  CERT_CHAIN_TOO_LONG: { number: 22, text: "certificate chain too long" },
  CERT_REVOKED: { number: 23, text: "certificate revoked" },
  INVALID_CA: { number: 79, text: "invalid CA certificate" },
  PATH_LENGTH_EXCEEDED: { number: 25, text: "path length constraint exceeded" },
  INVALID_PURPOSE: { number: 26, text: "unsuitable certificate purpose" },
  CERT_UNTRUSTED: { number: 27, text: "certificate not trusted" },
  CERT_REJECTED: { number: 28, text: "certificate rejected" },
  HOSTNAME_MISMATCH: { number: 62, text: "hostname mismatch" },
}

/** What OpenSSL says of a chain that goes beyond the depth: it does not look for the next issuer. */
export const BEYOND_DEPTH: VerifyError = ERRORS["UNABLE_TO_GET_ISSUER_CERT_LOCALLY"] as VerifyError

/** The error for what Node gives as `authorizationError`: a code, or an Error with one. */
export function verifyErrorOf(reported: unknown): VerifyError {
  const code = typeof reported === "string" ? reported : codeOf(reported)
  return Object.hasOwn(ERRORS, code) ? (ERRORS[code] as VerifyError) : { number: 1, text: code }
}

function codeOf(reported: unknown): string {
  if (!(reported instanceof Error)) return "UNSPECIFIED"
  return "code" in reported && typeof reported.code === "string" ? reported.code : reported.message
}

/** The errors that `ssl_verify_client optional_no_ca` lets pass. ngx_ssl_verify_error_optional. */
export function isUntrustedOnly(error: VerifyError): boolean {
  return error.number >= 18 && error.number <= 21
}

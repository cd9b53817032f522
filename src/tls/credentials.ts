/**
 * Certificates, keys and the other files of `ssl_*` and `proxy_ssl_*`, checked one by one so that an error names
 * its file in nginx's words. ngx_event_openssl.c.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"
import { HoldfastError } from "../base/error.ts"
import { checkOcspResponse } from "./ocsp.ts"
import { fileErrorText, openSslText } from "./openssl-error.ts"
import { withTls13 } from "./tuning.ts"

/** Reads a file that the configuration names. Throws FILE in nginx's words for open(2). */
export type FileReader = (path: string) => Buffer

/** A certificate chain, leaf first, with its key decrypted: PEM text as latin1. */
export interface Credential {
  readonly certificate: string
  readonly key: string
  /** "rsa", "ec", "ed25519"…: a context has one certificate of each. */
  readonly keyType: string
}

/** Whether `name` holds the PEM itself, `data:…`, in place of naming its file. */
export function isData(name: string): boolean {
  return name.startsWith("data:")
}

const NO_START_LINE = "error:0480006C:PEM routines::no start line:Expecting:"

/**
 * Loads a certificate with its key; an encrypted key is tried with each of `passphrases`.
 * Throws FILE in nginx's words. Absolute paths, or `data:` with the PEM.
 */
export function loadCredential(
  certificatePath: string,
  keyPath: string,
  passphrases: readonly string[],
  read: FileReader,
): Credential {
  const certificate = loadCertificate(certificatePath, read)
  const key = loadKey(keyPath, passphrases, read)
  checkKey(certificate, key, keyPath)
  return {
    certificate: certificate.pem,
    key: key.export({ type: "pkcs8", format: "pem" }).toString("latin1"),
    keyType: key.asymmetricKeyType ?? "",
  }
}

interface LoadedCertificate {
  readonly pem: string
  readonly leaf: X509Certificate
}

function loadCertificate(path: string, read: FileReader): LoadedCertificate {
  const what = `cannot load certificate "${path}"`
  const text = readOr(path, read, (detail) => `${what}: BIO_new_file() failed (SSL: ${detail})`)
  const pem = text.toString("latin1")
  if (!/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(pem))
    throw unusable(`${what}: PEM_read_bio_X509_AUX() failed (SSL: ${NO_START_LINE} TRUSTED CERTIFICATE)`)
  try {
    const leaf = new X509Certificate(text)
    // The whole chain must be readable, as it is when nginx loads it.
    createSecureContext({ cert: pem })
    return { pem, leaf }
  } catch (error) {
    throw unusable(`${what}: PEM_read_bio_X509_AUX() failed (SSL: ${openSslText(error as Error)})`)
  }
}

function loadKey(path: string, passphrases: readonly string[], read: FileReader): KeyObject {
  const what = `cannot load certificate key "${path}"`
  const text = readOr(path, read, (detail) => `${what}: BIO_new_file() failed (SSL: ${detail})`)
  const isEncrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(
    text.toString("latin1"),
  )
  // Nobody is at a terminal to be asked: without a password file an encrypted key cannot be had.
  const attempts = isEncrypted ? (passphrases.length === 0 ? [""] : passphrases) : [undefined]
  let failure: unknown
  for (const passphrase of attempts) {
    try {
      return createPrivateKey({ key: text, format: "pem", passphrase: binary(passphrase) })
    } catch (error) {
      failure = error
    }
  }
  const cause = isEncrypted && passphrases.length === 0 ? BAD_PASSWORD_READ : decoderText(failure as Error)
  throw unusable(`${what}: PEM_read_bio_PrivateKey() failed (SSL: ${cause})`)
}

/** Node leaves out what OpenSSL adds where the file holds no key at all. */
function decoderText(error: Error): string {
  const text = openSslText(error)
  return text === "error:1E08010C:DECODER routines::unsupported"
    ? `${text}:No supported data to decode. Input type: PEM`
    : text
}

const BAD_PASSWORD_READ = "error:04800068:PEM routines::bad password read"

/** A pass phrase is bytes; Node would write the string as UTF-8. */
function binary(passphrase: string | undefined): Buffer | undefined {
  return passphrase === undefined ? undefined : Buffer.from(passphrase, "latin1")
}

function checkKey(certificate: LoadedCertificate, key: KeyObject, keyPath: string): void {
  if (certificate.leaf.checkPrivateKey(key)) return
  const isSameType = certificate.leaf.publicKey.asymmetricKeyType === createPublicKey(key).asymmetricKeyType
  const reason = isSameType
    ? "05800074:x509 certificate routines::key values"
    : "05800073:x509 certificate routines::key type"
  throw unusable(`SSL_CTX_use_PrivateKey("${keyPath}") failed (SSL: error:${reason} mismatch)`)
}

const CERTIFICATES =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/** The certificates in a PEM text, one by one. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.match(CERTIFICATES) ?? []
}

/** Loads an OCSP response, DER. Throws FILE in nginx's words. ngx_ssl_stapling_file. */
export function loadOcspResponse(path: string, read: FileReader): Buffer {
  const der = readOr(path, read, (detail) => {
    // It is opened as binary.
    const reason = detail.replace(`fopen(${path}, r)`, `fopen(${path}, rb)`)
    return `BIO_new_file("${path}") failed (SSL: ${reason})`
  })
  try {
    checkOcspResponse(der)
  } catch {
    const reason = "error:0688010A:asn1 encoding routines::nested asn1 error:Type=OCSP_RESPONSE"
    throw unusable(`d2i_OCSP_RESPONSE_bio("${path}") failed (SSL: ${reason})`)
  }
  return der
}

/** Loads certificates of authorities, PEM. Throws FILE in nginx's words. */
export function loadAuthorities(path: string, read: FileReader): string[] {
  const what = `SSL_CTX_load_verify_locations("${path}") failed`
  const text = readOr(
    path,
    read,
    (detail) => `${what} (SSL: ${detail} error:05880002:x509 certificate routines::system lib)`,
  )
  const found = text.toString("latin1").match(CERTIFICATES)
  if (found === null)
    throw unusable(`${what} (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`)
  for (const pem of found) {
    try {
      new X509Certificate(pem)
    } catch (error) {
      throw unusable(`${what} (SSL: ${openSslText(error as Error)})`)
    }
  }
  return found
}

/** What a file of `ssl_crl` holds: PEM. */
export interface RevocationLists {
  /** One for each authority of a chain is needed, as each link is checked. */
  readonly crls: readonly string[]
  /** Certificates beside them are trusted, as OpenSSL does. */
  readonly authorities: readonly string[]
}

export const NO_REVOCATION: RevocationLists = { crls: [], authorities: [] }

/** Throws FILE in nginx's words. ngx_ssl_crl. */
export function loadRevocationLists(path: string, read: FileReader): RevocationLists {
  const what = `X509_LOOKUP_load_file("${path}") failed`
  const system = "error:05880002:x509 certificate routines::system lib"
  const text = readOr(path, read, (detail) => `${what} (SSL: ${detail} ${system})`).toString("latin1")
  const crls = text.match(/-----BEGIN X509 CRL-----[\s\S]+?-----END X509 CRL-----/g) ?? []
  if (crls.length === 0)
    throw unusable(`${what} (SSL: error:05800088:x509 certificate routines::no certificate or crl found)`)
  for (const crl of crls) {
    try {
      createSecureContext({ crl })
    } catch {
      throw unusable(`${what} (SSL: error:05880009:x509 certificate routines::PEM lib)`)
    }
  }
  return { crls, authorities: certificatesIn(text) }
}

/** Loads Diffie-Hellman parameters, PEM. Throws FILE in nginx's words. */
export function loadDhParameters(path: string, read: FileReader): string {
  const text = readOr(path, read, (detail) => `BIO_new_file("${path}") failed (SSL: ${detail})`).toString(
    "latin1",
  )
  const fail = (detail: string) => unusable(`PEM_read_bio_DHparams("${path}") failed (SSL: ${detail})`)
  if (!/-----BEGIN (X9\.42 )?DH PARAMETERS-----/.test(text)) throw fail(`${NO_START_LINE} DH PARAMETERS`)
  try {
    createSecureContext({ dhparam: text })
  } catch (error) {
    throw fail(openSslText(error as Error))
  }
  return text
}

/** The pass phrases of a password file, one a line. ngx_ssl_read_password_file. */
export function readPassphrases(path: string, read: FileReader): readonly string[] {
  return read(path)
    .toString("latin1")
    .split("\n")
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
    .filter((line) => line !== "")
}

/** Throws VALUE in nginx's words where OpenSSL knows none of `ciphers`. */
export function checkCiphers(ciphers: string): void {
  try {
    createSecureContext({ ciphers: withTls13(ciphers) })
  } catch {
    const reason = "error:0A0000B9:SSL routines::no cipher match"
    throw new HoldfastError("VALUE", `SSL_CTX_set_cipher_list("${ciphers}") failed (SSL: ${reason})`)
  }
}

/** Throws VALUE in nginx's words where OpenSSL does not take `curves`. */
export function checkCurves(curves: string): void {
  try {
    createSecureContext({ ecdhCurve: curves })
  } catch {
    const reason = `error:0A080106:SSL routines::passed invalid argument:group '${curves}' cannot be set`
    throw new HoldfastError("VALUE", `SSL_CTX_set1_curves_list("${curves}") failed (SSL: ${reason})`)
  }
}

/** Reads a file, or what stands behind `data:`; words the failure by `describe`, given what OpenSSL says where fopen(3) fails. */
function readOr(path: string, read: FileReader, describe: (detail: string) => string): Buffer {
  if (isData(path)) return Buffer.from(path.slice("data:".length), "latin1")
  try {
    return read(path)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    const found = /\((\d+): ([^)]*)\)$/.exec(error.message)
    if (found === null) throw error
    // A folder can be opened like a file; that nothing can be read from it shows later.
    if (found[1] === EISDIR) return Buffer.alloc(0)
    throw unusable(describe(fileErrorText(path, Number(found[1]), found[2] as string)))
  }
}

const EISDIR = "21"

function unusable(message: string): HoldfastError {
  return new HoldfastError("FILE", message)
}

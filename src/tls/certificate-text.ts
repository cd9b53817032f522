/** A peer's certificate in the forms of nginx's `$ssl_client_…` variables. Text is bytes as latin1. */
import type { X509Certificate } from "node:crypto"

const DAY_MS = 86_400_000
const HEX = "0123456789ABCDEF"

/** PEM as it is, with the line end at its end: `$ssl_client_raw_cert`. */
export function rawPem(certificate: X509Certificate): string {
  return certificate.toString()
}

/** PEM that fits into a header field: each line but the first begins with a tab. `$ssl_client_cert`. */
export function tabbedPem(certificate: X509Certificate): string {
  return certificate.toString().trimEnd().replaceAll("\n", "\n\t")
}

/** PEM percent-encoded: `$ssl_client_escaped_cert`. */
export function escapedPem(certificate: X509Certificate): string {
  return encodeURIComponent(certificate.toString())
}

/** The SHA-1 of the certificate, in lower case without colons. */
export function fingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint.replaceAll(":", "").toLowerCase()
}

/** Hexadecimal in pairs of digits. */
export function serialNumber(certificate: X509Certificate): string {
  const digits = certificate.serialNumber
  return digits.length % 2 === 0 ? digits : `0${digits}`
}

/** Whole days until the certificate ends; "0" once it has. */
export function remainingDays(certificate: X509Certificate, nowMs: number): string {
  const left = certificate.validToDate.getTime() - Math.floor(nowMs / 1000) * 1000
  return left <= 0 ? "0" : String(Math.floor(left / DAY_MS))
}

/**
 * A distinguished name by RFC 2253, as X509_NAME_print_ex(XN_FLAG_RFC2253): last part first, `,` between, bytes
 * outside ASCII as `\C3`. `name` is `subject` or `issuer` of an X509Certificate: a part a line, escaped by RFC 2253
 * but for its characters outside ASCII. A part whose type OpenSSL has no name for keeps its text, where OpenSSL
 * writes the bytes as `#0C03…`.
 */
export function rfc2253Name(name: string | undefined): string {
  if (name === undefined || name === "") return ""
  return name
    .split("\n")
    .reverse()
    .map((part) => escapeNonAscii(splitMultiValued(part).reverse().join("+")))
    .join(",")
}

/** The older form, as X509_NAME_oneline: `/C=US/CN=name`, in the certificate's order. */
export function onelineName(name: string | undefined): string {
  if (name === undefined || name === "") return ""
  return name
    .split("\n")
    .flatMap(splitMultiValued)
    .map((part) => `/${onelinePart(part)}`)
    .join("")
}

/** `type=value`: only the value is escaped. */
function onelinePart(part: string): string {
  const equals = part.indexOf("=") + 1
  return part.slice(0, equals) + printable(unescape2253(part.slice(equals)))
}

/** The parts that share one place in a name: OpenSSL writes ` + ` between; within a value it would be escaped. */
function splitMultiValued(line: string): string[] {
  const parts: string[] = []
  let start = 0
  for (let i = 0; i < line.length; i++) {
    if (line[i] === "\\") i++
    else if (line.startsWith(" + ", i)) {
      parts.push(line.slice(start, i))
      start = i + 3
    }
  }
  parts.push(line.slice(start))
  return parts
}

function escapeNonAscii(text: string): string {
  let out = ""
  for (const byte of Buffer.from(text, "utf8"))
    out += byte < 0x80 ? String.fromCharCode(byte) : `\\${hexPair(byte)}`
  return out
}

/** Undoes RFC 2253's escapes; the result is bytes as latin1. */
function unescape2253(text: string): string {
  const bytes = Buffer.from(text, "utf8").toString("latin1")
  let out = ""
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== "\\") {
      out += bytes[i]
      continue
    }
    const pair = bytes.slice(i + 1, i + 3)
    const isHex = /^[0-9A-F]{2}$/.test(pair)
    out += isHex ? String.fromCharCode(Number.parseInt(pair, 16)) : (bytes[i + 1] ?? "")
    i += isHex ? 2 : 1
  }
  return out
}

function printable(bytes: string): string {
  let out = ""
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) out += `\\x${hexPair(code)}`
    // The two that would look like the borders of a part.
    else out += code === 0x2f || code === 0x2b ? `\\${bytes[i]}` : bytes[i]
  }
  return out
}

function hexPair(byte: number): string {
  return `${HEX[byte >> 4]}${HEX[byte & 15]}`
}

/**
 * The id in a session as TLSSocket.getSession gives it, in lower case hexadecimal; "" where it has none.
 * The serialisation is SEQUENCE { version, TLS version, cipher, session id, … }: i2d_SSL_SESSION(3).
 */
export function sessionId(session: Buffer): string {
  let at = skipHead(session, 0)
  for (let field = 0; field < 3; field++) {
    const content = skipHead(session, at)
    at = content + lengthAt(session, at)
  }
  const start = skipHead(session, at)
  return session.toString("hex", start, start + lengthAt(session, at))
}

/** The offset of the content of the DER value at `at`. */
function skipHead(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0
  return at + 2 + (first < 0x80 ? 0 : first & 0x7f)
}

function lengthAt(der: Buffer, at: number): number {
  const first = der[at + 1] ?? 0
  if (first < 0x80) return first
  let length = 0
  for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + (der[at + 2 + i] ?? 0)
  return length
}

/**
 * Reads the server name from a ClientHello before OpenSSL sees it, so that a handshake begins with the settings
 * of the right server: protocol versions, ciphers, client certificates and session keys are those of the server
 * that is meant, not of the default one (nginx does the same by OpenSSL's early callback). OpenSSL judges the
 * message; what cannot be read here counts as "no name" and is left to it. RFC 8446 §4.1.2, §5.1; RFC 6066 §3.
 */

/** More bytes are needed. */
export const HELLO_INCOMPLETE = 0
/** The whole message is here, or it will never be one. */
export const HELLO_COMPLETE = 1

/** A ClientHello is not waited for beyond this many bytes; OpenSSL itself takes 128 KiB. */
export const MAX_HELLO_BYTES = 65_536

const RECORD_HANDSHAKE = 22
const MESSAGE_CLIENT_HELLO = 1
const EXTENSION_SERVER_NAME = 0
const RECORD_HEAD_BYTES = 5
const MESSAGE_HEAD_BYTES = 4
/** After the message's head: legacy_version and random. */
const FIXED_FIELDS_BYTES = 34

/** True when a connection that begins with this byte speaks TLS (or SSLv2, which OpenSSL then refuses). */
export function beginsTls(firstByte: number): boolean {
  return firstByte === RECORD_HANDSHAKE || (firstByte & 0x80) !== 0
}

/** HELLO_COMPLETE when `received`, all bytes of a connection so far, holds a whole ClientHello. */
export function helloState(received: Buffer): typeof HELLO_INCOMPLETE | typeof HELLO_COMPLETE {
  if (received.length >= MAX_HELLO_BYTES) return HELLO_COMPLETE
  let at = 0
  let carried = 0
  let wanted = -1
  while (received.length - at >= RECORD_HEAD_BYTES) {
    if (received[at] !== RECORD_HANDSHAKE) return HELLO_COMPLETE
    const length = received.readUInt16BE(at + 3)
    if (length === 0) return HELLO_COMPLETE
    const start = at + RECORD_HEAD_BYTES
    // A message whose own head is split over records is nobody's ClientHello in practice.
    if (wanted === -1 && length < MESSAGE_HEAD_BYTES) return HELLO_COMPLETE
    if (wanted === -1 && received.length >= start + MESSAGE_HEAD_BYTES) {
      if (received[start] !== MESSAGE_CLIENT_HELLO) return HELLO_COMPLETE
      wanted = MESSAGE_HEAD_BYTES + received.readUIntBE(start + 1, 3)
      if (wanted > MAX_HELLO_BYTES) return HELLO_COMPLETE
    }
    if (received.length < start + length) return HELLO_INCOMPLETE
    carried += length
    if (wanted !== -1 && carried >= wanted) return HELLO_COMPLETE
    at = start + length
  }
  return received.length > 0 && received[at] !== undefined && received[at] !== RECORD_HANDSHAKE
    ? HELLO_COMPLETE
    : HELLO_INCOMPLETE
}

/**
 * The name that the client asks for: lower case, without a dot at its end. Undefined where it names none, or
 * nothing that could be a host name. `received` is what `helloState` called complete.
 */
export function serverNameOf(received: Buffer): string | undefined {
  const message = messageOf(received)
  if (message === undefined) return undefined
  const reader = new Reader(message, MESSAGE_HEAD_BYTES + FIXED_FIELDS_BYTES)
  reader.skip(reader.uint8()) // legacy_session_id
  reader.skip(reader.uint16()) // cipher_suites
  reader.skip(reader.uint8()) // legacy_compression_methods
  const end = reader.uint16() + reader.at
  while (reader.at < end && reader.holds(4)) {
    const type = reader.uint16()
    const length = reader.uint16()
    if (type === EXTENSION_SERVER_NAME) return reader.holds(length) ? hostName(reader, length) : undefined
    reader.skip(length)
  }
  return undefined
}

/** The handshake message, put together where it came in several records. */
function messageOf(received: Buffer): Buffer | undefined {
  if (received.length < RECORD_HEAD_BYTES + MESSAGE_HEAD_BYTES || received[0] !== RECORD_HANDSHAKE)
    return undefined
  const firstLength = received.readUInt16BE(3)
  if (received.length < RECORD_HEAD_BYTES + firstLength) return undefined
  const first = received.subarray(RECORD_HEAD_BYTES, RECORD_HEAD_BYTES + firstLength)
  if (first.length < MESSAGE_HEAD_BYTES || first[0] !== MESSAGE_CLIENT_HELLO) return undefined
  const wanted = MESSAGE_HEAD_BYTES + first.readUIntBE(1, 3)
  if (first.length >= wanted) return first.subarray(0, wanted)
  const parts: Buffer[] = []
  for (let at = 0; at + RECORD_HEAD_BYTES <= received.length; ) {
    const length = received.readUInt16BE(at + 3)
    parts.push(received.subarray(at + RECORD_HEAD_BYTES, at + RECORD_HEAD_BYTES + length))
    at += RECORD_HEAD_BYTES + length
  }
  const whole = Buffer.concat(parts)
  return whole.length < wanted ? undefined : whole.subarray(0, wanted)
}

/** ServerNameList: its length, then entries of type, length and name; type 0 is a host name. */
function hostName(reader: Reader, length: number): string | undefined {
  if (length < 5) return undefined
  reader.skip(2)
  if (reader.uint8() !== 0) return undefined
  const nameLength = reader.uint16()
  if (nameLength === 0 || nameLength > length - 5) return undefined
  return normalise(reader.latin1(nameLength))
}

/** As ngx_http_validate_host: no control bytes, slash, colon, empty label; a dot at the end is dropped. */
function normalise(name: string): string | undefined {
  const end = name.charCodeAt(name.length - 1) === DOT ? name.length - 1 : name.length
  if (end === 0) return undefined
  let previous = 0
  for (let i = 0; i < end; i++) {
    const code = name.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f || code === 0x2f || code === 0x3a) return undefined
    if (code === DOT && previous === DOT) return undefined
    previous = code
  }
  return asciiLowerCase(name.slice(0, end))
}

const DOT = 0x2e

/** Lower case for ASCII alone: the locale-free rule of host names. A name without capitals comes back as it is. */
function asciiLowerCase(name: string): string {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code >= 0x41 && code <= 0x5a)
      return name.replaceAll(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32))
  }
  return name
}

/** Reads forward; past the end every number is 0. */
class Reader {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  holds(length: number): boolean {
    return this.at + length <= this.#bytes.length
  }

  uint8(): number {
    const value = this.holds(1) ? (this.#bytes[this.at] as number) : 0
    this.at += 1
    return value
  }

  uint16(): number {
    const value = this.holds(2) ? this.#bytes.readUInt16BE(this.at) : 0
    this.at += 2
    return value
  }

  skip(length: number): void {
    this.at += length
  }

  latin1(length: number): string {
    return this.#bytes.toString("latin1", this.at, this.at + length)
  }
}

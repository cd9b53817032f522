/**
 * What a server said in a TLS handshake, from its bytes: Node shows the chain that it built itself, not what was sent,
 * and not whether a client certificate was asked for. RFC 5246 §7.4 and RFC 8446 §4; what TLS 1.3 encrypts is read with
 * the secrets of our own side.
 */
import { createDecipheriv, createHmac } from "node:crypto"

export interface HandshakeMessage {
  readonly type: number
  readonly body: Buffer
}

/** All that was sent until the server's Finished. */
export interface ServerFlight {
  readonly isTls13: boolean
  readonly messages: readonly HandshakeMessage[]
  /** Of a fatal alert that was not encrypted; undefined without one. RFC 8446 §6. */
  readonly alert: number | undefined
}

export const NEW_SESSION_TICKET = 4
export const CERTIFICATE = 11
export const CERTIFICATE_REQUEST = 13

const RECORD_HEAD_BYTES = 5
const MESSAGE_HEAD_BYTES = 4
const CHANGE_CIPHER_SPEC = 20
const ALERT = 21
const HANDSHAKE = 22
const APPLICATION_DATA = 23
const SERVER_HELLO = 2
const FINISHED = 20
const TAG_BYTES = 16

interface Cipher {
  readonly name: "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305"
  readonly keyBytes: number
  readonly hash: "sha256" | "sha384"
}

const CIPHERS: ReadonlyMap<number, Cipher> = new Map([
  [0x1301, { name: "aes-128-gcm", keyBytes: 16, hash: "sha256" }],
  [0x1302, { name: "aes-256-gcm", keyBytes: 32, hash: "sha384" }],
  [0x1303, { name: "chacha20-poly1305", keyBytes: 32, hash: "sha256" }],
])

/**
 * Reads as far as it can: the bytes may end anywhere, and may be anything. `secret`: the server's handshake traffic
 * secret of TLS 1.3.
 */
export function readFlight(bytes: Buffer, secret: Buffer | undefined): ServerFlight {
  const reader = new FlightReader(secret)
  for (let at = 0; at + RECORD_HEAD_BYTES <= bytes.length && !reader.isDone; ) {
    const end = at + RECORD_HEAD_BYTES + bytes.readUInt16BE(at + 3)
    if (end > bytes.length) break
    reader.takeRecord(bytes.subarray(at, at + RECORD_HEAD_BYTES), bytes.subarray(at + RECORD_HEAD_BYTES, end))
    at = end
  }
  return { isTls13: reader.cipher !== undefined, messages: reader.messages, alert: reader.alert }
}

class FlightReader {
  readonly messages: HandshakeMessage[] = []
  alert: number | undefined
  isDone = false
  /** Of TLS 1.3, once the ServerHello has named it. */
  cipher: Cipher | undefined
  readonly #secret: Buffer | undefined
  #pending = Buffer.alloc(0)
  #sequence = 0

  constructor(secret: Buffer | undefined) {
    this.#secret = secret
  }

  takeRecord(head: Buffer, payload: Buffer): void {
    const type = head[0]
    if (type === ALERT && payload.length === 2) this.alert = payload[1]
    else if (type === HANDSHAKE) this.#takeHandshake(payload)
    else if (type === APPLICATION_DATA) this.#takeEncrypted(head, payload)
    // TLS 1.3 has it for the sake of middleboxes; before, all that follows is encrypted.
    else if (type === CHANGE_CIPHER_SPEC && this.cipher === undefined) this.isDone = true
    else if (type !== CHANGE_CIPHER_SPEC) this.isDone = true
  }

  #takeEncrypted(head: Buffer, payload: Buffer): void {
    const plain =
      this.cipher === undefined || this.#secret === undefined
        ? undefined
        : decrypt(this.cipher, this.#secret, this.#sequence++, head, payload)
    // A content of zeros only, or none that can be read.
    const last = plain?.findLastIndex((byte) => byte !== 0) ?? -1
    if (plain === undefined || last < 0 || plain[last] !== HANDSHAKE) this.isDone = true
    else this.#takeHandshake(plain.subarray(0, last))
  }

  #takeHandshake(payload: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, payload])
    while (this.#pending.length >= MESSAGE_HEAD_BYTES && !this.isDone) {
      const end = MESSAGE_HEAD_BYTES + this.#pending.readUIntBE(1, 3)
      if (end > this.#pending.length) return
      this.#takeMessage({
        type: this.#pending[0] as number,
        body: this.#pending.subarray(MESSAGE_HEAD_BYTES, end),
      })
      this.#pending = this.#pending.subarray(end)
    }
  }

  #takeMessage(message: HandshakeMessage): void {
    this.messages.push(message)
    if (message.type === FINISHED) this.isDone = true
    if (message.type === SERVER_HELLO && isTls13(message.body)) this.cipher = cipherOf(message.body)
  }
}

/** Behind version, random and session id. */
function cipherOf(hello: Buffer): Cipher | undefined {
  const at = SESSION_ID_AT + 1 + (hello[SESSION_ID_AT] ?? 0)
  return at + 2 > hello.length ? undefined : CIPHERS.get(hello.readUInt16BE(at))
}

const SESSION_ID_AT = 34
const SUPPORTED_VERSIONS = 43
const TLS_13 = 0x0304

function isTls13(hello: Buffer): boolean {
  const at = SESSION_ID_AT + 1 + (hello[SESSION_ID_AT] ?? 0) + 3
  const value = readExtensions(hello.subarray(at)).get(SUPPORTED_VERSIONS)
  return value?.length === 2 && value.readUInt16BE(0) === TLS_13
}

/** RFC 8446 §7.1 and §5.2; undefined where it cannot be read. */
function decrypt(cipher: Cipher, secret: Buffer, sequence: number, head: Buffer, payload: Buffer) {
  if (payload.length <= TAG_BYTES) return undefined
  const key = expandLabel(secret, "key", cipher.keyBytes, cipher.hash)
  const nonce = expandLabel(secret, "iv", 12, cipher.hash)
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
  const options = { authTagLength: TAG_BYTES }
  // The three have one interface; the types know each by its name only.
  const decipher = createDecipheriv(cipher.name as "aes-256-gcm", key, nonce, options)
  decipher.setAAD(head)
  decipher.setAuthTag(payload.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(payload.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    return undefined
  }
}

/** HKDF-Expand-Label with an empty context, for at most one block of the hash. */
function expandLabel(secret: Buffer, label: string, length: number, hash: string): Buffer {
  const name = Buffer.from(`tls13 ${label}`, "latin1")
  const info = Buffer.from([0, length, name.length, ...name, 0, 1])
  return createHmac(hash, secret).update(info).digest().subarray(0, length)
}

/** A list of extensions with its length in front: contents by type. */
function readExtensions(bytes: Buffer): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>()
  for (const rest = new Vectors(new Vectors(bytes).take(2)); !rest.isEmpty; ) {
    const type = rest.number(2)
    extensions.set(type, rest.take(2))
  }
  return extensions
}

/** The certificates of a Certificate message, DER each, in the order in which they were sent. */
export function readCertificates({ body }: HandshakeMessage, isTls13: boolean): Buffer[] {
  const message = new Vectors(body)
  if (isTls13) message.take(1)
  const found: Buffer[] = []
  for (const list = new Vectors(message.take(3)); !list.isEmpty; ) {
    found.push(list.take(3))
    if (isTls13) list.take(2)
  }
  return found.filter((der) => der.length > 0)
}

const CERTIFICATE_AUTHORITIES = 47

/** The names of the authorities that a CertificateRequest accepts, DER each; none: any. */
export function readAuthorities({ body }: HandshakeMessage, isTls13: boolean): Buffer[] {
  const message = new Vectors(body)
  message.take(1)
  let names: Buffer
  if (isTls13) {
    const extension = readExtensions(body.subarray(1 + (body[0] ?? 0))).get(CERTIFICATE_AUTHORITIES)
    names = extension === undefined ? Buffer.alloc(0) : new Vectors(extension).take(2)
  } else {
    // Signature algorithms came with TLS 1.2; older versions are not asked with a certificate in mind.
    message.take(2)
    names = message.take(2)
  }
  const found: Buffer[] = []
  for (const list = new Vectors(names); !list.isEmpty; ) found.push(list.take(2))
  return found.filter((der) => der.length > 0)
}

/** Reads values with their length in front; past the end all are empty. */
class Vectors {
  #rest: Buffer

  constructor(bytes: Buffer) {
    this.#rest = bytes
  }

  get isEmpty(): boolean {
    return this.#rest.length === 0
  }

  number(bytes: number): number {
    const value = this.#rest.length < bytes ? 0 : this.#rest.readUIntBE(0, bytes)
    this.#rest = this.#rest.subarray(bytes)
    return value
  }

  take(lengthBytes: number): Buffer {
    const length = this.number(lengthBytes)
    const value = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return value
  }
}

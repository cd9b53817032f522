/** Whether a password is the one that a user file has, in the forms that nginx knows. ngx_crypt. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { md5Crypt, shaCrypt } from "./auth-crypt.ts"

export const MATCH = 0
export const MISMATCH = 1
/** Why it cannot be told: a text for the error log. */
export type PasswordVerdict = typeof MATCH | typeof MISMATCH | string

const APR1 = "$apr1$"
const MD5 = "$1$"
const SHA1_BYTES = 20
/** As libxcrypt: the work grows with the square of a password's length. CRYPT_MAX_PASSPHRASE_SIZE. */
const MAX_CRYPT_BYTES = 512
const MAX_REMEMBERED = 1024

/**
 * Checks passwords, and remembers those that were right: a slow hash is worked out once for each, not for each
 * request. What is kept is a keyed digest that nothing can be read from; the key is this object's own.
 */
export class Passwords {
  readonly #key = randomBytes(32)
  readonly #right = new Set<string>()

  /** `password` as the client sent it, `stored` as it stands in the user file. */
  check(password: string, stored: string): PasswordVerdict {
    // To the C library a password ends at a zero byte.
    const end = password.indexOf("\0")
    const key = Buffer.from(end === -1 ? password : password.slice(0, end), "latin1")
    if (stored.startsWith("{PLAIN}")) return verdict(`{PLAIN}${key.toString("latin1")}`, stored)
    if (stored.startsWith("{SHA}")) return verdict(`{SHA}${sha1(key).toString("base64")}`, stored)
    if (stored.startsWith("{SSHA}")) return checkSsha(key, stored)
    const fault = stored.startsWith(APR1) ? undefined : cryptFault(key, stored)
    return fault ?? this.#checkSlow(key, stored)
  }

  #checkSlow(key: Buffer, stored: string): PasswordVerdict {
    const digest = createHmac("sha256", this.#key).update(`${stored}\0`, "latin1").update(key)
    const known = digest.digest("base64")
    if (this.#right.has(known)) return MATCH
    const result = verdict(slowHash(key, stored), stored)
    if (result !== MATCH) return result
    if (this.#right.size >= MAX_REMEMBERED) this.#right.clear()
    this.#right.add(known)
    return MATCH
  }
}

function slowHash(key: Buffer, stored: string): string {
  if (stored.startsWith(APR1)) return md5Crypt(key, stored, APR1)
  return stored.startsWith(MD5) ? md5Crypt(key, stored, MD5) : shaCrypt(key, stored)
}

/** Why crypt(3) cannot be asked; undefined where it can. */
function cryptFault(key: Buffer, stored: string): string | undefined {
  const kind = /^\$(\w+)\$/.exec(stored)?.[1]
  if (kind === "1" || kind === "5" || kind === "6")
    return key.length < MAX_CRYPT_BYTES ? undefined : "crypt_r() failed (34: Numerical result out of range)"
  const name = kind === undefined ? "DES crypt" : /^2[abxy]?$/.test(kind) ? "bcrypt" : `"$${kind}$"`
  return `password hashes of ${name} are not supported by Holdfast, "openssl passwd -6" makes one that is`
}

function checkSsha(key: Buffer, stored: string): PasswordVerdict {
  const decoded = Buffer.from(stored.slice("{SSHA}".length), "base64")
  if (decoded.length < SHA1_BYTES) return MISMATCH
  const salt = decoded.subarray(SHA1_BYTES)
  return verdict(`{SSHA}${Buffer.concat([sha1(key, salt), salt]).toString("base64")}`, stored)
}

function sha1(...parts: readonly Buffer[]): Buffer {
  const hash = createHash("sha1")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function verdict(made: string, stored: string): PasswordVerdict {
  const a = Buffer.from(made, "latin1")
  const b = Buffer.from(stored, "latin1")
  return a.length === b.length && timingSafeEqual(a, b) ? MATCH : MISMATCH
}

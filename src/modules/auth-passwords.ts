/** Whether a password is the one that a user file has, in the forms that nginx and crypt(3) know. ngx_crypt. */
import { createHash, createHmac, randomBytes } from "node:crypto"
import { equalHashes, md5Crypt } from "./auth-crypt.ts"
import { type PasswordWaiter, SlowHashes } from "./auth-slow-hash.ts"

export const MATCH = 0
export const MISMATCH = 1
/** It takes its time: `checkSlowly` is to be called. */
export const SLOW = 2
/** One of the above, or why it cannot be told: a text for the error log. */
export type PasswordVerdict = typeof MATCH | typeof MISMATCH | typeof SLOW | string

const APR1 = "$apr1$"
const MD5 = "$1$"
const SHA1_BYTES = 20
/** As libxcrypt: the work grows with the square of a password's length. CRYPT_MAX_PASSPHRASE_SIZE. */
const MAX_CRYPT_BYTES = 512
/** Answers that are remembered of each kind; the oldest is forgotten first. */
const MAX_REMEMBERED = 1024

/** Hashes that crypt(3) of Debian knows, and neither Node.js nor the libraries here. */
const UNSUPPORTED = /^(?:\$(y|gy|7|2x|sha1|3)\$|\$(md5)[$,]|(_)[./0-9A-Za-z]{8})/
/** SHA-crypt, bcrypt, and DES with its two letters of salt. */
const SLOW_FORMS = /^(?:\$(?:[56]|2[aby])\$|[./0-9A-Za-z]{2})/

/**
 * Checks passwords, and remembers what came of it: a slow hash is worked out once for each, not for each request. What is kept is a keyed digest that nothing can be read from; the key is this object's own.
 */
export class Passwords {
  readonly #key = randomBytes(32)
  readonly #right = new Set<string>()
  readonly #wrong = new Set<string>()
  readonly #slow = new SlowHashes((id, isRight) => remember(isRight ? this.#right : this.#wrong, id))

  /** `password` as the client sent it, `stored` as it stands in the user file. */
  check(password: string, stored: string): PasswordVerdict {
    const key = keyOf(password)
    if (stored.startsWith("{PLAIN}")) return compareHashes(`{PLAIN}${key.toString("latin1")}`, stored)
    if (stored.startsWith("{SHA}")) return compareHashes(`{SHA}${sha1(key).toString("base64")}`, stored)
    if (stored.startsWith("{SSHA}")) return checkSsha(key, stored)
    const isApr1 = stored.startsWith(APR1)
    const fault = isApr1 ? undefined : cryptFault(key, stored)
    if (fault !== undefined) return fault
    const id = this.#idOf(key, stored)
    if (this.#right.has(id)) return MATCH
    if (this.#wrong.has(id)) return MISMATCH
    if (!isApr1 && !stored.startsWith(MD5)) return SLOW
    const isRight = equalHashes(md5Crypt(key, stored, isApr1 ? APR1 : MD5), stored)
    remember(isRight ? this.#right : this.#wrong, id)
    return isRight ? MATCH : MISMATCH
  }

  /** For what `check` calls SLOW: `waiter` is told later. False where too many wait already. */
  checkSlowly(password: string, stored: string, waiter: PasswordWaiter): boolean {
    const key = keyOf(password)
    return this.#slow.ask(this.#idOf(key, stored), key, stored, waiter)
  }

  /** The waiter of a `checkSlowly` has gone. */
  cancel(password: string, stored: string, waiter: PasswordWaiter): void {
    this.#slow.cancel(this.#idOf(keyOf(password), stored), waiter)
  }

  #idOf(key: Buffer, stored: string): string {
    return createHmac("sha256", this.#key).update(`${stored}\0`, "latin1").update(key).digest("base64")
  }
}

/** What crypt(3) is not asked about, or says no to: a hash that is none matches nothing. Undefined: it can be checked. */
function cryptFault(key: Buffer, stored: string): PasswordVerdict | undefined {
  if (key.length >= MAX_CRYPT_BYTES) return MISMATCH
  if (stored.startsWith(MD5) || SLOW_FORMS.test(stored)) return undefined
  const unsupported = UNSUPPORTED.exec(stored)
  if (unsupported === null) return MISMATCH
  const name = unsupported[1] ?? unsupported[2]
  const kind = name === undefined ? "extended DES" : `"$${name}$"`
  return `password hashes of ${kind} are not supported by Holdfast, "openssl passwd -6" makes one that is`
}

/** To the C library a password ends at a zero byte. */
function keyOf(password: string): Buffer {
  const end = password.indexOf("\0")
  return Buffer.from(end === -1 ? password : password.slice(0, end), "latin1")
}

function remember(answers: Set<string>, id: string): void {
  if (answers.size >= MAX_REMEMBERED)
    for (const oldest of answers) {
      answers.delete(oldest)
      break
    }
  answers.add(id)
}

function checkSsha(key: Buffer, stored: string): PasswordVerdict {
  const decoded = Buffer.from(stored.slice("{SSHA}".length), "base64")
  if (decoded.length < SHA1_BYTES) return MISMATCH
  const salt = decoded.subarray(SHA1_BYTES)
  return compareHashes(`{SSHA}${Buffer.concat([sha1(key, salt), salt]).toString("base64")}`, stored)
}

function sha1(...parts: readonly Buffer[]): Buffer {
  const hash = createHash("sha1")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function compareHashes(made: string, stored: string): PasswordVerdict {
  return equalHashes(made, stored) ? MATCH : MISMATCH
}

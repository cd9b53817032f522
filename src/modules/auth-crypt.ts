/**
 * Hashes of passwords as crypt(3) and htpasswd write them: `$apr1$` and `$1$` (MD5), `$5$` and `$6$` (SHA-crypt, by
 * U. Drepper's specification). The hash itself names salt and rounds.
 */
import { createHash, timingSafeEqual } from "node:crypto"

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const MD5_ROUNDS = 1000
const MD5_SALT_BYTES = 8
/** The order in which the digest's bytes are written, three a group of four letters. */
const MD5_ORDER = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5]
const MD5_LAST = [11]

const SHA_SALT_BYTES = 16
const SHA_DEFAULT_ROUNDS = 5000
const SHA_MIN_ROUNDS = 1000
const SHA_MAX_ROUNDS = 999_999_999

interface ShaCrypt {
  readonly algorithm: "sha256" | "sha512"
  readonly prefix: string
  readonly order: readonly number[]
  readonly last: readonly number[]
}

/** Groups of three that go round by a third of the bytes; the columns change places from group to group. */
function rotatedOrder(columns: readonly [number, number, number], third: number, turn: 1 | 2): number[] {
  const order: number[] = []
  for (let i = 0; i < third; i++)
    for (let j = 0; j < 3; j++) order.push((columns[(j + i * turn) % 3] as number) + i)
  return order
}

const SHA256: ShaCrypt = {
  algorithm: "sha256",
  prefix: "$5$",
  order: rotatedOrder([0, 10, 20], 10, 2),
  last: [31, 30],
}
const SHA512: ShaCrypt = {
  algorithm: "sha512",
  prefix: "$6$",
  order: rotatedOrder([0, 21, 42], 21, 1),
  last: [63],
}

/** MD5-crypt, with the salt of `setting`, which begins with `prefix` (`$apr1$` or `$1$`). ngx_crypt_apr1. */
export function md5Crypt(key: Buffer, setting: string, prefix: string): string {
  const salt = saltOf(setting, prefix.length, MD5_SALT_BYTES)
  const saltBytes = Buffer.from(salt, "latin1")
  const inner = digest("md5", key, saltBytes, key)
  const first = createHash("md5").update(key).update(prefix, "latin1").update(saltBytes)
  first.update(repeated(inner, key.length))
  const start = key.subarray(0, 1)
  for (let bits = key.length; bits > 0; bits >>= 1) first.update((bits & 1) === 1 ? ZERO : start)
  let final = first.digest()
  for (let round = 0; round < MD5_ROUNDS; round++) {
    const hash = createHash("md5").update((round & 1) === 1 ? key : final)
    if (round % 3 !== 0) hash.update(saltBytes)
    if (round % 7 !== 0) hash.update(key)
    final = hash.update((round & 1) === 1 ? final : key).digest()
  }
  return `${prefix}${salt}$${encode(final, MD5_ORDER, MD5_LAST)}`
}

/** SHA-crypt with the salt and the rounds of `setting`, which begins with `$5$` or `$6$`. */
export function shaCrypt(key: Buffer, setting: string): string {
  const work = new ShaCryptWork(key, setting)
  while (!work.step(SHA_MAX_ROUNDS));
  return work.result()
}

/** SHA-crypt in pieces, since a hash may ask for up to 999,999,999 rounds. */
export class ShaCryptWork {
  readonly #form: ShaCrypt
  readonly #rounds: number
  /** What stands before the digest. */
  readonly #head: string
  /** The byte sequences P and S of the specification. */
  readonly #p: Buffer
  readonly #s: Buffer
  #digest: Buffer
  #round = 0

  constructor(key: Buffer, setting: string) {
    this.#form = setting.startsWith(SHA256.prefix) ? SHA256 : SHA512
    const { algorithm, prefix } = this.#form
    const { rounds, written, start } = roundsOf(setting, prefix.length)
    const salt = saltOf(setting, start, SHA_SALT_BYTES)
    const saltBytes = Buffer.from(salt, "latin1")
    const inner = digest(algorithm, key, saltBytes, key)
    const first = createHash(algorithm).update(key).update(saltBytes).update(repeated(inner, key.length))
    for (let bits = key.length; bits > 0; bits >>= 1) first.update((bits & 1) === 1 ? inner : key)
    this.#digest = first.digest()
    const keySum = createHash(algorithm)
    for (let i = 0; i < key.length; i++) keySum.update(key)
    this.#p = repeated(keySum.digest(), key.length)
    const saltSum = createHash(algorithm)
    const saltTimes = 16 + (this.#digest[0] as number)
    for (let i = 0; i < saltTimes; i++) saltSum.update(saltBytes)
    this.#s = repeated(saltSum.digest(), saltBytes.length)
    this.#rounds = rounds
    this.#head = `${prefix}${written}${salt}$`
  }

  /** Does `count` rounds at most; true when all are done. */
  step(count: number): boolean {
    const { algorithm } = this.#form
    const p = this.#p
    const s = this.#s
    const end = Math.min(this.#round + count, this.#rounds)
    let final = this.#digest
    for (let round = this.#round; round < end; round++) {
      const hash = createHash(algorithm).update((round & 1) === 1 ? p : final)
      if (round % 3 !== 0) hash.update(s)
      if (round % 7 !== 0) hash.update(p)
      final = hash.update((round & 1) === 1 ? final : p).digest()
    }
    this.#digest = final
    this.#round = end
    return end === this.#rounds
  }

  /** The hash, when all rounds are done. */
  result(): string {
    return this.#head + encode(this.#digest, this.#form.order, this.#form.last)
  }
}

const ZERO = Buffer.alloc(1)

function digest(algorithm: string, ...parts: readonly Buffer[]): Buffer {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** `bytes` again and again, cut at `length`. */
function repeated(bytes: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length)
  for (let at = 0; at < length; at += bytes.length) bytes.copy(out, at)
  return out
}

/** The salt ends at a `$` or at its longest length. */
function saltOf(setting: string, start: number, maxBytes: number): string {
  const end = setting.indexOf("$", start)
  return setting.slice(start, Math.min(end === -1 ? setting.length : end, start + maxBytes))
}

/** `rounds=N$`: too few or too many are moved to what is allowed, and written so. */
function roundsOf(
  setting: string,
  at: number,
): { readonly rounds: number; readonly written: string; readonly start: number } {
  const found = /^rounds=(\d+)\$/.exec(setting.slice(at))
  if (found === null) return { rounds: SHA_DEFAULT_ROUNDS, written: "", start: at }
  const rounds = Math.max(SHA_MIN_ROUNDS, Math.min(SHA_MAX_ROUNDS, Number(found[1])))
  return { rounds, written: `rounds=${rounds}$`, start: at + found[0].length }
}

function encode(bytes: Buffer, order: readonly number[], last: readonly number[]): string {
  let text = ""
  for (let i = 0; i < order.length; i += 3) text += letters(bytes, order.slice(i, i + 3), 4)
  return text + letters(bytes, last, last.length + 1)
}

/** Bytes as a number, the first most significant, in letters of six bits, the last six bits first. */
function letters(bytes: Buffer, indices: readonly number[], count: number): string {
  let value = 0
  for (const index of indices) value = (value << 8) | (bytes[index] as number)
  let text = ""
  for (let i = 0; i < count; i++) {
    text += ALPHABET[value & 63]
    value >>>= 6
  }
  return text
}

/** Whether two hashes, bytes as latin1, are the same, in a time that does not tell how much of them is. */
export function equalHashes(made: string, stored: string): boolean {
  const a = Buffer.from(made, "latin1")
  const b = Buffer.from(stored, "latin1")
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Certificates that are chosen when they are needed: variables in `ssl_certificate` and `proxy_ssl_certificate`. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { toSystemPath } from "../config/sources.ts"
import type { Request } from "../runtime/request.ts"
import { type Credential, type FileReader, isData, loadCredential } from "../tls/credentials.ts"
import type { CertificateCache, CertificateFile } from "./ssl-values.ts"

/** A pair of `ssl_certificate` and `ssl_certificate_key`. */
export interface CertificatePair {
  readonly certificate: CertificateFile
  readonly key: CertificateFile
}

/** Whether the files of these are known only with a client. */
export function haveVariables(pairs: readonly CertificatePair[]): boolean {
  return pairs.some(({ certificate, key }) => certificate.template !== null || key.template !== null)
}

/** Contexts that are kept at most, and parsed files: some hundred kilobytes each. */
const MAX_MADE = 1000

interface Known {
  readonly credential: Credential
  readonly loadedMs: number
  usedMs: number
}

/** Reads certificates while requests are served, by a worker: it must have the right to. */
export class CertificateLoader {
  readonly #passphrases: readonly string[]
  readonly #cache: CertificateCache | null
  readonly #now: () => number
  /** By the names of both files, the longest unused first. */
  readonly #known = new Map<string, Known>()
  readonly #parsed = new Map<string, { readonly digest: string; readonly credential: Credential }>()

  /** `now`: the wall clock in milliseconds. */
  constructor(passphrases: readonly string[], cache: CertificateCache | null, now: () => number) {
    this.#passphrases = passphrases
    this.#cache = cache
    this.#now = now
  }

  /** Throws FILE in nginx's words. */
  load(pair: CertificatePair, request: Request): Credential {
    const certificate = nameOf(pair.certificate, request)
    const key = nameOf(pair.key, request)
    if (this.#cache === null || isData(certificate)) return this.#read(certificate, key)
    return this.#loadCached(`${certificate}\0${key}`, certificate, key, this.#cache)
  }

  /** Whether variables say that there is no certificate. */
  isNone(pair: CertificatePair, request: Request): boolean {
    return pair.certificate.template?.evaluate(request) === ""
  }

  /** Which files `request` means. */
  names(pair: CertificatePair, request: Request): string {
    return `${nameOf(pair.certificate, request)}\0${nameOf(pair.key, request)}`
  }

  #loadCached(name: string, certificate: string, key: string, cache: CertificateCache): Credential {
    const now = this.#now()
    const known = this.#known.get(name)
    if (known !== undefined) {
      this.#known.delete(name)
      if (now - known.loadedMs <= cache.validMs && now - known.usedMs <= cache.inactiveMs) {
        known.usedMs = now
        this.#known.set(name, known)
        return known.credential
      }
    }
    const credential = this.#read(certificate, key)
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < cache.max) break
      this.#known.delete(oldest)
    }
    this.#known.set(name, { credential, loadedMs: now, usedMs: now })
    return credential
  }

  /** The files are read each time; what they hold is parsed and checked when it is new. */
  #read(certificate: string, key: string): Credential {
    const texts = new OnceRead()
    const name = `${certificate}\0${key}`
    const digest = texts.digestOf(certificate, key)
    const parsed = this.#parsed.get(name)
    if (parsed !== undefined && parsed.digest === digest) return parsed.credential
    const credential = loadNow(certificate, key, this.#passphrases, (path) => texts.read(path))
    if (digest === undefined) return credential
    if (this.#parsed.size >= MAX_MADE) this.#parsed.clear()
    this.#parsed.set(name, { digest, credential })
    return credential
  }
}

function loadNow(
  certificate: string,
  key: string,
  passphrases: readonly string[],
  read: FileReader,
): Credential {
  try {
    return loadCredential(certificate, key, passphrases, read)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    // Said of one connection, not of a context.
    throw new HoldfastError("FILE", error.message.replace(/^SSL_CTX_use_PrivateKey/, "SSL_use_PrivateKey"))
  }
}

/** Files as they were when they were first asked for. */
class OnceRead {
  readonly #files = new Map<string, Buffer>()

  read(path: string): Buffer {
    let bytes = this.#files.get(path)
    if (bytes === undefined) {
      bytes = readNow(path)
      this.#files.set(path, bytes)
    }
    return bytes
  }

  /** Of both files; undefined where one cannot be read, or is none. */
  digestOf(certificate: string, key: string): string | undefined {
    if (isData(certificate) || isData(key)) return undefined
    try {
      return createHash("sha256").update(this.read(certificate)).update(this.read(key)).digest("base64")
    } catch (error) {
      if (error instanceof HoldfastError) return undefined
      throw error
    }
  }
}

/** `data:…` or an absolute path. */
function nameOf({ template, path, confPrefix }: CertificateFile, request: Request): string {
  if (template === null) return path
  const text = template.evaluate(request)
  return isData(text) || text.startsWith("/") ? text : confPrefix + text
}

/** Throws FILE as the reading of a configuration does. */
function readNow(path: string): Buffer {
  try {
    return readFileSync(toSystemPath(path))
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new HoldfastError("FILE", `open() "${path}" failed (${reason})`)
  }
}

/** What was made of credentials, by a hash of them: contexts are worth keeping, be the files read each time. */
export class MadeOfCredentials<T> {
  readonly #make: (credentials: readonly Credential[]) => T
  readonly #made = new Map<string, T>()
  /** By the objects that a cache gives again, so that it is not hashed again. */
  readonly #keys = new WeakMap<Credential, string>()

  constructor(make: (credentials: readonly Credential[]) => T) {
    this.#make = make
  }

  get(credentials: readonly Credential[]): T {
    const key = credentials.map((credential) => this.#keyOf(credential)).join()
    const known = this.#made.get(key)
    const made = known ?? this.#make(credentials)
    // Again, so that the first one is the longest unused.
    if (known !== undefined) this.#made.delete(key)
    else this.#makeRoom()
    this.#made.set(key, made)
    return made
  }

  #makeRoom(): void {
    for (const oldest of this.#made.keys()) {
      if (this.#made.size < MAX_MADE) break
      this.#made.delete(oldest)
    }
  }

  #keyOf(credential: Credential): string {
    let key = this.#keys.get(credential)
    if (key === undefined) {
      key = createHash("sha256").update(credential.certificate).update(credential.key).digest("base64")
      this.#keys.set(credential, key)
    }
    return key
  }
}

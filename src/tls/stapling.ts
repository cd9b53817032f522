/** OCSP responses that are stapled to handshakes. RFC 6066 §8, ngx_event_openssl_stapling.c. */
import { createHash } from "node:crypto"
import { ERROR, type Logger } from "../base/logger.ts"
import type { OcspSubject } from "./ocsp.ts"
import { fetchOcsp, type Responder } from "./ocsp-fetch.ts"

/** Gives what is stapled to the handshakes of one certificate. */
export interface Stapling {
  /** Equal for what staples the same. */
  readonly key: string
  /** The DER of the response, or null where there is none that is valid. `nowMs`: the wall clock. */
  response(nowMs: number): Buffer | null
}

/** `ssl_stapling_file`: one response, for good. */
export class StapledFile implements Stapling {
  readonly key: string
  readonly #der: Buffer

  constructor(der: Buffer) {
    this.#der = der
    this.key = createHash("sha256").update(der).digest("hex")
  }

  response(): Buffer {
    return this.#der
  }
}

/** An answer is asked for anew after an hour, or before it ends, but not within five minutes. */
const REFRESH_MS = 3_600_000
const MIN_REFRESH_MS = 300_000

/**
 * What a responder says of a certificate. The first handshake that could use it has it asked for and goes without;
 * later ones have it renewed when it is time.
 */
export class StapledAnswer implements Stapling {
  readonly key: string
  readonly #subject: OcspSubject
  readonly #responder: Responder
  /** What follows an error in the log. */
  readonly #logTail: string
  readonly #log: Logger
  readonly #now: () => number
  #der: Buffer | null = null
  #validUntilMs = 0
  #refreshMs = 0
  #isLoading = false

  /** `path`: the certificate's, for the log. `now`: the wall clock in milliseconds. */
  constructor(subject: OcspSubject, responder: Responder, path: string, log: Logger, now: () => number) {
    this.#subject = subject
    this.#responder = responder
    this.#logTail = ` while requesting certificate status, responder: ${responder.host}, certificate: "${path}"`
    this.key = JSON.stringify([responder, this.#logTail])
    this.#log = log
    this.#now = now
  }

  response(nowMs: number): Buffer | null {
    const der = this.#validUntilMs >= nowMs ? this.#der : null
    if (!this.#isLoading && this.#refreshMs < nowMs) void this.#load()
    return der
  }

  async #load(): Promise<void> {
    this.#isLoading = true
    this.#refreshMs = this.#now() + MIN_REFRESH_MS
    try {
      const der = await fetchOcsp(this.#responder, this.#subject.request)
      if (der !== undefined) this.#take(der)
    } catch (error) {
      this.#log.log(ERROR, (error as Error).message + this.#logTail)
    }
    this.#isLoading = false
  }

  #take(der: Buffer): void {
    const now = this.#now()
    this.#validUntilMs = this.#subject.check(der, now)
    this.#der = der
    this.#refreshMs = Math.max(
      Math.min(this.#validUntilMs - MIN_REFRESH_MS, now + REFRESH_MS),
      now + MIN_REFRESH_MS,
    )
  }
}

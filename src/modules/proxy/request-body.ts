/** The client's body on its way to the upstream: kept whole where it can be, streamed where it is too large. */
import { chunkHeader, LAST_CHUNK } from "../../http/chunked.ts"
import type { BodyConsumer, Exchange } from "../../runtime/exchange.ts"
import { CHUNKED_BODY } from "./request-head.ts"

/** Told how the body gets on. */
export interface BodyListener {
  /** Enough has come to ask an upstream: all of it, or as much as is kept. */
  onBodyReady(): void
  /** More can be taken with `next`, or the end has come. */
  onBodyProgress(): void
  onBodyFailed(status: number): void
}

const CRLF = Buffer.from("\r\n", "latin1")

/** Collects up to `limitBytes`; what is beyond waits in the client's socket until the upstream takes it. */
export class RequestBody implements BodyConsumer {
  readonly #exchange: Exchange
  readonly #listener: BodyListener
  #limitBytes: number
  #chunks: Buffer[] = []
  #bytes = 0
  #isReady = false
  /** All of the body has come. */
  isComplete = false
  /** Some bytes were given away and are not kept: the request cannot be repeated. */
  isSpent = false
  /** The length to announce, or CHUNKED_BODY. Known once ready. */
  announcedBytes: number

  constructor(exchange: Exchange, listener: BodyListener, announcedBytes: number, limitBytes: number) {
    this.#exchange = exchange
    this.#listener = listener
    this.announcedBytes = announcedBytes
    this.#limitBytes = limitBytes
  }

  onBody(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#isReady) return this.#listener.onBodyProgress()
    if (this.#bytes < this.#limitBytes) return
    this.pause()
    this.#ready()
    this.#listener.onBodyProgress()
  }

  onBodyEnd(): void {
    this.isComplete = true
    if (!this.isSpent) this.announcedBytes = this.#bytes
    if (this.#isReady) this.#listener.onBodyProgress()
    else this.#ready()
  }

  onBodyError(status: number): void {
    this.#listener.onBodyFailed(status)
  }

  #ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    this.#listener.onBodyReady()
  }

  /** Without buffering the upstream is asked at once; what had come with the head is taken as a whole. */
  startUnbuffered(): void {
    this.#limitBytes = 1
    this.#ready()
  }

  /** Whether the whole body is here and can be sent again. */
  get isRepeatable(): boolean {
    return this.isComplete && !this.isSpent
  }

  get hasBytes(): boolean {
    return this.#bytes > 0
  }

  /** The whole body, kept for another try. Only where `isRepeatable`. */
  whole(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)]
    return this.#chunks[0] as Buffer
  }

  /** Takes what is here, framed for the upstream; the end of the body included. Null when there is nothing. */
  take(): Buffer | null {
    this.isSpent = true
    const payload =
      this.#bytes === 0
        ? null
        : this.#chunks.length === 1
          ? (this.#chunks[0] as Buffer)
          : Buffer.concat(this.#chunks, this.#bytes)
    this.#chunks = []
    this.#bytes = 0
    if (this.announcedBytes !== CHUNKED_BODY) return payload
    const pieces: Buffer[] = []
    if (payload !== null) pieces.push(Buffer.from(chunkHeader(payload.length), "latin1"), payload, CRLF)
    if (this.isComplete) pieces.push(Buffer.from(LAST_CHUNK, "latin1"))
    return pieces.length === 0 ? null : Buffer.concat(pieces)
  }

  /** The client is to wait; what has come meanwhile is kept. */
  pause(): void {
    if (!this.isComplete) this.#exchange.pauseBody()
  }

  resume(): void {
    if (!this.isComplete) this.#exchange.resumeBody()
  }
}

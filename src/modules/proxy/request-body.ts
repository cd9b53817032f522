/** The client's body on its way to the upstream: read whole before, or passed on as it comes (proxy_request_buffering). */
import { ALERT, CRIT, ERROR } from "../../base/logger.ts"
import { chunkHeader, LAST_CHUNK } from "../../http/chunked.ts"
import {
  type BodyListener,
  type BufferedBody,
  readRequestBody,
  requestBodyOf,
} from "../../runtime/buffered-body.ts"
import type { BodyConsumer, Exchange } from "../../runtime/exchange.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { TempFileError } from "../../runtime/temp-file.ts"
import { CHUNKED_BODY } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

/** What goes to an upstream as the body: to one after the other, where it can be repeated. */
export interface OutgoingBody {
  /** The length to announce, or CHUNKED_BODY. */
  readonly announcedBytes: number
  /** All of it has been taken, since `begin`. */
  readonly isSent: boolean
  /** All of it can be sent again. */
  readonly isRepeatable: boolean
  /** Whether others look at what `take` gives: it must not be freed when it has been sent. */
  readonly isShared: boolean
  /** It goes to a new connection, from its beginning. */
  begin(): void
  /** What is there of it, framed. Null when there is nothing. */
  take(): Buffer | null
  /** The upstream takes no more for now. */
  pause(): void
  /** More is wanted: `onBodyProgress` follows. */
  resume(): void
}

export interface OutgoingBodyOwner {
  /** An upstream can be asked now. Null: without a body. */
  onBodyReady(body: OutgoingBody | null): void
  /** More can be taken, or the end has come. */
  onBodyProgress(): void
  /** The body cannot be had; see BodyListener. */
  onBodyFailed(status: number): void
}

/** Finds or reads the body that goes to the upstream; `owner` is told when an upstream can be asked, maybe at once. */
export function openRequestBody(request: Request, settings: ProxySettings, owner: OutgoingBodyOwner): void {
  const { head } = request
  const hasOwn = request.parent === null && (head.contentLength >= 0 || head.chunked)
  if (request.isDiscardingBody || (request.parent === null && !hasOwn)) return owner.onBodyReady(null)
  const isPassed = settings.passBody && settings.body === null
  const streamed = request.note<StreamedBody>(StreamedBody)
  if (streamed !== undefined) return streamed.goOn(isPassed, owner)
  const isBuffered =
    settings.requestBuffering || !isPassed || !hasOwn || (head.chunked && settings.versionMinor === 0)
  if (isBuffered || requestBodyOf(request) !== undefined)
    return readRequestBody(request, new BufferedOutgoingBody(request, isPassed, owner))
  const body = new StreamedBody(request, owner, head.chunked ? CHUNKED_BODY : head.contentLength)
  request.setNote(StreamedBody, body)
  request.exchange.readBody(body)
  body.start()
}

/** $request_body: where the body was read whole into memory. */
export function requestBodyText(request: Request): string | undefined {
  const body = requestBodyOf(request)?.whole() ?? request.note<StreamedBody>(StreamedBody)?.whole()
  return body === undefined || body === null ? undefined : body.toString("latin1")
}

/** A body that has been read whole, from memory or from its file. */
class BufferedOutgoingBody implements OutgoingBody, BodyListener {
  readonly #request: Request
  readonly #isPassed: boolean
  readonly #owner: OutgoingBodyOwner
  #body: BufferedBody | null = null
  #position = 0
  /** Read from the file, and not taken yet. */
  #piece: Buffer | null = null
  #isReading = false
  /** Which connection it goes to: what was read for the one before is nobody's. */
  #turn = 0
  readonly isRepeatable = true
  isShared = true

  constructor(request: Request, isPassed: boolean, owner: OutgoingBodyOwner) {
    this.#request = request
    this.#isPassed = isPassed
    this.#owner = owner
  }

  onBodyRead(body: BufferedBody | null): void {
    this.#body = body
    this.isShared = body !== null && body.fileName === undefined
    this.#owner.onBodyReady(body !== null && this.#isPassed ? this : null)
  }

  onBodyFailed(status: number): void {
    this.#owner.onBodyFailed(status)
  }

  get announcedBytes(): number {
    return this.#body?.bytes ?? 0
  }

  get isSent(): boolean {
    return this.#position === this.announcedBytes
  }

  begin(): void {
    this.#position = 0
    this.#piece = null
    this.#isReading = false
    this.#turn++
  }

  take(): Buffer | null {
    const piece = this.isShared && !this.isSent ? (this.#body?.whole() ?? null) : this.#piece
    this.#piece = null
    this.#position += piece?.length ?? 0
    return piece
  }

  /** The next piece is in memory already, or is read when it is wanted. */
  pause(): void {}

  resume(): void {
    if (this.isSent || this.isShared || this.#isReading) return
    this.#isReading = true
    const turn = this.#turn
    this.#body?.read(this.#position, (error, piece) => {
      if (turn !== this.#turn) return
      this.#isReading = false
      try {
        this.#onPiece(error, piece)
      } catch (thrown) {
        failRequest(this.#request, thrown)
      }
    })
  }

  #onPiece(error: TempFileError | null, piece: Buffer): void {
    if (error === null && piece.length > 0) {
      this.#piece = piece
      return this.#owner.onBodyProgress()
    }
    if (error !== null) this.#request.log(CRIT, error.message)
    else this.#request.log(ALERT, `file "${this.#body?.fileName}" was truncated`)
    this.#owner.onBodyFailed(500)
  }
}

const CRLF = Buffer.from("\r\n", "latin1")

/** A body that is passed on as it comes. What had come with the head, where that is all of it, can be sent again. */
class StreamedBody implements BodyConsumer, OutgoingBody {
  readonly #request: Request
  readonly #exchange: Exchange
  #owner: OutgoingBodyOwner
  #chunks: Buffer[] = []
  #bytes = 0
  #hasStarted = false
  /** All of it has come. */
  #isComplete = false
  /** Some bytes were given away and are not kept. */
  #isSpent = false
  isSent = false
  announcedBytes: number

  constructor(request: Request, owner: OutgoingBodyOwner, announcedBytes: number) {
    this.#request = request
    this.#exchange = request.exchange
    this.#owner = owner
    this.announcedBytes = announcedBytes
  }

  onBody(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#hasStarted) this.#owner.onBodyProgress()
  }

  onBodyEnd(): void {
    this.#isComplete = true
    if (!this.#isSpent) this.announcedBytes = this.#bytes
    if (this.#hasStarted) this.#owner.onBodyProgress()
    else this.start()
  }

  onBodyError(status: number): void {
    this.#owner.onBodyFailed(status)
  }

  /** The upstream is asked, whatever has come by now. */
  start(): void {
    if (this.#hasStarted) return
    this.#hasStarted = true
    this.#owner.onBodyReady(this)
  }

  /** The request was redirected after the body's reading had begun. */
  goOn(isPassed: boolean, owner: OutgoingBodyOwner): void {
    this.#owner = owner
    if (!isPassed) return owner.onBodyReady(null)
    if (!this.#isSpent || this.isRepeatable) return owner.onBodyReady(this)
    this.#request.log(ERROR, "the request's body is gone: it was streamed to another upstream")
    owner.onBodyFailed(500)
  }

  get isRepeatable(): boolean {
    return this.#isComplete && !this.#isSpent
  }

  get isShared(): boolean {
    return this.isRepeatable
  }

  begin(): void {
    this.isSent = false
  }

  /** All of it, while it can be sent again. */
  whole(): Buffer | null {
    if (!this.isRepeatable) return null
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks, this.#bytes)]
    return this.#chunks[0] as Buffer
  }

  take(): Buffer | null {
    this.isSent = this.#isComplete
    if (this.isRepeatable) return this.whole()
    this.#isSpent = true
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
    if (this.#isComplete) pieces.push(Buffer.from(LAST_CHUNK, "latin1"))
    return pieces.length === 0 ? null : Buffer.concat(pieces)
  }

  pause(): void {
    if (!this.#isComplete) this.#exchange.pauseBody()
  }

  resume(): void {
    if (!this.#isComplete) this.#exchange.resumeBody()
  }
}

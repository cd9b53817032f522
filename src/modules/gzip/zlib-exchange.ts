import { constants, type Gunzip, type Gzip } from "node:zlib"
import { ALERT, ERROR } from "../../base/logger.ts"
import type { TakenConnection } from "../../runtime/exchange.ts"
import { ExchangeFilter } from "../../runtime/exchange-filter.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"

/** What may wait for zlib, which works beside us, before the producer is to wait: less would look like a slow client. */
const MAX_WAITING_BYTES = 256 * 1024

/** A body that ends before it is larger is coded at once, here and now: a thread's work would cost ten times as much. */
const MAX_WHOLE_BYTES = 16 * 1024

/** What a zlib stream does to a body. */
export interface ZlibCoding {
  /** Makes the stream, when the first bytes come. */
  open(): Gzip | Gunzip
  /** Codes a small body at once; left out where it cannot be known how much would come of it. */
  whole?(body: Buffer): Buffer
  /** The name of zlib's function, for the log. */
  readonly name: "deflate" | "inflate"
}

/**
 * Sends a body through zlib, which works on threads of its own unless the body is small. Backpressure goes both ways:
 * a client that is slow pauses the stream, and a stream that is full makes the producer wait. A flush of the producer
 * is one of the stream (Z_SYNC_FLUSH), so that what is sent piece by piece arrives piece by piece. The stream's memory
 * is given back when the response ends, however it does.
 */
export class ZlibExchange extends ExchangeFilter {
  readonly coding: ZlibCoding
  #stream: Gzip | Gunzip | null = null
  /** The beginning of the body, which may turn out to be all of it. */
  #kept: Buffer[] = []
  /** Bytes were written since the last flush. */
  #isDirty = false
  /** The stream has been flushed; what comes out of it is to go to the client. */
  #isFlushed = false
  /** The producer waits. */
  #isFull = false
  #isEnding = false
  /** The stream is closed: its end was reached or nobody wants it any more. */
  #isOver = false
  /** Bytes of the body that came and went. */
  bytesIn = 0
  bytesOut = 0
  /** All of the body has gone through. */
  isWhole = false

  constructor(request: Request, coding: ZlibCoding) {
    super(request)
    this.coding = coding
  }

  protected get isHolding(): boolean {
    return this.#isEnding && !this.#isOver
  }

  // --- the response

  override write(chunk: Buffer): boolean {
    if (this.#isOver || chunk.length === 0) return true
    this.bytesIn += chunk.length
    this.#isDirty = true
    if (this.#stream === null && this.coding.whole !== undefined && this.bytesIn <= MAX_WHOLE_BYTES) {
      this.#kept.push(chunk)
      return true
    }
    const stream = this.#opened()
    stream.write(chunk)
    this.#isFull = stream.writableLength >= MAX_WAITING_BYTES
    return !this.#isFull
  }

  override flush(): void {
    if (this.#isOver || !this.#isDirty) return this.inner.flush()
    this.#isDirty = false
    this.#opened().flush(constants.Z_SYNC_FLUSH, () => this.#guarded(() => this.#onFlushed()))
  }

  override end(): void {
    if (this.#isOver || this.#isEnding) return
    this.#isEnding = true
    this.producer = null
    const { coding } = this
    if (this.#stream !== null || coding.whole === undefined) {
      this.#opened().end()
      return
    }
    const coded = coding.whole(Buffer.concat(this.#kept))
    this.bytesOut = coded.length
    this.inner.write(coded)
    this.#onEnd()
  }

  override abort(): void {
    this.#close()
    this.inner.abort()
  }

  // --- the stream

  #opened(): Gzip | Gunzip {
    if (this.#stream !== null) return this.#stream
    const stream = this.coding.open()
    this.#stream = stream
    stream.on("data", (chunk: Buffer) => this.#guarded(() => this.#onOutput(stream, chunk)))
    stream.on("drain", () => this.#guarded(() => this.#onRoom()))
    stream.on("end", () => this.#guarded(() => this.#onEnd()))
    stream.on("error", (error: NodeJS.ErrnoException) => this.#guarded(() => this.#onError(error)))
    for (const chunk of this.#kept) stream.write(chunk)
    this.#kept = []
    return stream
  }

  /** An error of our own costs the request, as in its phases. */
  #guarded(work: () => void): void {
    if (this.#isOver) return
    try {
      work()
    } catch (error) {
      failRequest(this.request, error)
    }
  }

  #onOutput(stream: Gzip | Gunzip, chunk: Buffer): void {
    this.bytesOut += chunk.length
    if (!this.inner.write(chunk)) stream.pause()
    if (this.#isFlushed && stream.readableLength === 0) this.#onFlushed()
  }

  /** All that was written before the flush is out of zlib, though some may wait in the paused stream. */
  #onFlushed(): void {
    this.#isFlushed = this.#stream !== null && this.#stream.readableLength > 0
    if (!this.#isFlushed && !this.#isEnding) this.inner.flush()
  }

  #onRoom(): void {
    if (!this.#isFull || this.#isEnding) return
    this.#isFull = false
    this.producer?.onClientDrain()
  }

  #onEnd(): void {
    this.#isOver = true
    this.isWhole = true
    this.inner.end()
  }

  /** The client sees that the answer is cut; whoever produces it stops. */
  #onError(error: NodeJS.ErrnoException): void {
    const { request } = this
    const { name } = this.coding
    const flush = this.#isDirty || this.#isEnding ? constants.Z_NO_FLUSH : constants.Z_SYNC_FLUSH
    const doing = request.upstreamStates === null ? "sending response to client" : "sending to client"
    const text = `${name}() failed: ${flush}, ${error.errno ?? error.message} while ${doing}`
    // Broken data is the upstream's fault; to compress cannot fail but by ours.
    request.log(name === "inflate" ? ERROR : ALERT, text)
    this.#close()
    this.producer?.release()
    this.inner.abort()
  }

  #close(): void {
    this.#isOver = true
    this.#kept = []
    this.#stream?.destroy()
  }

  // --- what the inner exchange tells

  override onClientDrain(): void {
    if (this.#stream === null) super.onClientDrain()
    else this.#stream.resume()
  }

  override onClientGone(): void {
    if (this.producer === null) this.#close()
    super.onClientGone()
  }

  override release(): void {
    this.#close()
    super.release()
  }

  override takeOver(head: string): TakenConnection {
    this.#close()
    return super.takeOver(head)
  }
}

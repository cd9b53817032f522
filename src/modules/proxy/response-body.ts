/** The upstream's body on its way to the client: where it ends, and what is collected before it goes on. */
import { ChunkedDecoder } from "../../http/chunked.ts"
import type { HeaderList } from "../../http/header-list.ts"
import type { ResponseHead } from "../../http/response-head.ts"

/** More to come. */
export const BODY_MORE = 0
/** The body is whole; bytes after it do not belong to it. */
export const BODY_DONE = 1
/** The framing is broken. */
export const BODY_INVALID = 2

/** To join pieces that are smaller than this, on average, costs less than to pass on each of them. */
const SMALL_BYTES = 4 * 1024

const UNTIL_CLOSE = -1
const CHUNKED = -2

/** Where a response's body goes. */
export interface BodyOutput {
  /** Takes a piece; false when the producer should wait. */
  write(piece: Buffer): boolean
}

export class ResponseBody {
  #output: BodyOutput
  /** Bytes still to come, or UNTIL_CLOSE, or CHUNKED. */
  #remaining: number
  readonly #decoder: ChunkedDecoder | null
  /** Bytes to collect before they go to the client; 0 passes all on at once. */
  readonly #bufferBytes: number
  #held: Buffer[] | null = null
  #heldBytes = 0
  /** Payload bytes so far: $upstream_response_length. */
  receivedBytes = 0
  /** More bytes came than the body has. */
  hasExcess = false
  /** The client cannot take more for now. */
  isBlocked = false

  constructor(output: BodyOutput, head: ResponseHead, hasBody: boolean, bufferBytes: number) {
    this.#output = output
    this.#bufferBytes = bufferBytes
    this.#decoder = hasBody && head.chunked ? new ChunkedDecoder() : null
    this.#remaining = !hasBody ? 0 : head.chunked ? CHUNKED : head.contentLength
  }

  get isUntilClose(): boolean {
    return this.#remaining === UNTIL_CLOSE
  }

  /** Whether nothing of the body is to come, before any byte of it was read. */
  get isEmpty(): boolean {
    return this.#remaining === 0
  }

  /** What follows goes to `output`, which can take more. */
  divert(output: BodyOutput): void {
    this.#output = output
    this.isBlocked = false
  }

  /** The trailer section of a chunked body, when it is whole. */
  get trailers(): HeaderList | null {
    return this.#decoder === null ? null : this.#decoder.trailers
  }

  /** Takes bytes from `offset`; returns BODY_MORE, BODY_DONE or BODY_INVALID. The chunk is kept where it waits. */
  push(chunk: Buffer, offset: number): number {
    if (this.#decoder !== null) return this.#pushChunked(chunk, offset, this.#decoder)
    let end = chunk.length
    if (this.#remaining !== UNTIL_CLOSE) {
      end = Math.min(end, offset + this.#remaining)
      this.#remaining -= end - offset
      if (end < chunk.length) this.hasExcess = true
    }
    if (end > offset) this.#pass(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end))
    return this.#remaining === 0 ? BODY_DONE : BODY_MORE
  }

  #pushChunked(chunk: Buffer, start: number, decoder: ChunkedDecoder): number {
    let offset = start
    while (offset < chunk.length) {
      offset = decoder.execute(chunk, offset)
      if (decoder.dataEnd > decoder.dataStart) this.#pass(chunk.subarray(decoder.dataStart, decoder.dataEnd))
      if (decoder.failed) return BODY_INVALID
      if (decoder.done) {
        if (offset < chunk.length) this.hasExcess = true
        return BODY_DONE
      }
    }
    return BODY_MORE
  }

  #pass(piece: Buffer): void {
    this.receivedBytes += piece.length
    if (this.#bufferBytes === 0) return this.#write(piece)
    if (this.#held === null) this.#held = []
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes >= this.#bufferBytes) this.release()
  }

  /** Passes on what was collected: at the body's end, or when the buffer is full. */
  release(): void {
    const held = this.#held
    if (held === null) return
    const bytes = this.#heldBytes
    this.#held = null
    this.#heldBytes = 0
    if (bytes < held.length * SMALL_BYTES) this.#write(Buffer.concat(held, bytes))
    else for (const piece of held) this.#write(piece)
  }

  #write(piece: Buffer): void {
    if (!this.#output.write(piece)) this.isBlocked = true
  }
}

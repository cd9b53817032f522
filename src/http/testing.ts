import { ChunkedDecoder } from "./chunked.ts"
import { HEAD_COMPLETE, HEAD_INCOMPLETE, type RequestHeadLimits, RequestHeadParser } from "./request-head.ts"
import type { SmugglingMessage } from "./smuggling-corpus.ts"
import { parseTarget } from "./target.ts"

/** For tests: nginx's defaults. */
export const TEST_LIMITS: RequestHeadLimits = {
  maxLineBytes: 8192,
  maxHeadBytes: 33792,
  underscoresInHeaders: false,
  ignoreInvalidHeaders: true,
}

/** What a connection's bytes came to: `verdict` is of the end, `messages` came before it. */
export interface Reading {
  verdict: "complete" | "incomplete" | "refused"
  messages: SmugglingMessage[]
}

const READING_HEAD = 0
const READING_LENGTH = 1
const READING_CHUNKED = 2
const OVER = 3

/** For tests: reads requests with their bodies as a server would, until one that is the connection's last. */
export class MessageReader {
  readonly messages: SmugglingMessage[] = []
  refused: boolean = false
  #phase = READING_HEAD
  #remaining = 0
  #current: SmugglingMessage | null = null
  readonly #parser: RequestHeadParser
  readonly #chunked = new ChunkedDecoder()

  constructor(limits: RequestHeadLimits = TEST_LIMITS) {
    this.#parser = new RequestHeadParser(limits)
  }

  get verdict(): Reading["verdict"] {
    if (this.refused) return "refused"
    const between = this.#phase === READING_HEAD && !this.#parser.hasBytes
    return between || this.#phase === OVER ? "complete" : "incomplete"
  }

  read(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length && !this.refused && this.#phase !== OVER) {
      if (this.#phase === READING_HEAD) offset = this.#readHead(chunk, offset)
      else if (this.#phase === READING_LENGTH) offset = this.#readLength(chunk, offset)
      else offset = this.#readChunked(chunk, offset)
    }
  }

  #readHead(chunk: Buffer, offset: number): number {
    const parser = this.#parser
    const next = parser.execute(chunk, offset)
    if (parser.state === HEAD_INCOMPLETE) return chunk.length
    const head = parser.head
    const target = parser.state === HEAD_COMPLETE ? parseTarget(head.method, head.target, true) : undefined
    if (target === undefined) {
      this.refused = true
      return next
    }
    const host = target.host === "" ? head.hostName : target.host
    this.#current = { method: head.method, target: head.target, host, body: "" }
    if (head.chunked) this.#phase = READING_CHUNKED
    else if (head.contentLength > 0) this.#phase = READING_LENGTH
    else this.#finish()
    this.#remaining = head.contentLength
    return next
  }

  #readLength(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#remaining)
    this.#current!.body += chunk.toString("latin1", offset, end)
    this.#remaining -= end - offset
    if (this.#remaining === 0) this.#finish()
    return end
  }

  #readChunked(chunk: Buffer, offset: number): number {
    const decoder = this.#chunked
    const next = decoder.execute(chunk, offset)
    this.#current!.body += chunk.toString("latin1", decoder.dataStart, decoder.dataEnd)
    if (decoder.failed) this.refused = true
    if (decoder.done) {
      decoder.reset()
      this.#finish()
    }
    return next
  }

  #finish(): void {
    this.messages.push(this.#current!)
    this.#phase = this.#parser.head.keepAlive ? READING_HEAD : OVER
    this.#parser.reset()
  }
}

/** For tests: reads `bytes` (latin1) cut at the positions `cuts`, which are in order. */
export function readMessages(bytes: string, cuts: readonly number[] = []): Reading {
  const reader = new MessageReader()
  const all = Buffer.from(bytes, "latin1")
  let from = 0
  for (const cut of [...cuts, all.length]) {
    // A copy that is overwritten after use, so that a parser that keeps a view of it is found out.
    const piece = Buffer.from(all.subarray(from, cut))
    reader.read(piece)
    piece.fill(0x21)
    from = cut
  }
  return { verdict: reader.verdict, messages: reader.messages }
}

import type { Socket } from "node:net"
import { Deadline } from "../client/deadline.ts"
import { ChunkedDecoder } from "../http/chunked.ts"
import type { ResponseHead } from "../http/response-head.ts"

/** An error page fits; what is longer is told by its start. */
export const MAX_BODY_BYTES = 16_384
/** A body that takes longer is cut there: its start has said enough. */
const MAX_BODY_MS = 2000

/**
 * The first bytes of a response's body, latin1. `rest` is what came with the head. Never fails: what has come by the
 * end of the time, or of the connection, is what there is.
 */
export function readBody(socket: Socket, head: ResponseHead, rest: Buffer, whole: Deadline): Promise<string> {
  const collector = new Collector(head)
  if (collector.take(rest)) return Promise.resolve(collector.text)
  const deadline = new Deadline(Math.min(MAX_BODY_MS, whole.leftMs))
  return new Promise((resolve) => {
    const settle = (): void => {
      disarm()
      socket.pause().off("data", take).off("end", settle).off("close", settle)
      resolve(collector.text)
    }
    const take = (chunk: Buffer): void => {
      if (collector.take(chunk)) settle()
    }
    const disarm = deadline.arm(settle)
    socket.on("data", take).on("end", settle).on("close", settle).resume()
    if (socket.destroyed || socket.readableEnded) settle()
  })
}

class Collector {
  readonly #limitBytes: number
  readonly #decoder: ChunkedDecoder | null
  readonly #pieces: Buffer[] = []
  #length = 0
  #raw = 0

  constructor(head: ResponseHead) {
    const isEmpty = head.status === 204 || head.status === 304
    const length = head.contentLength < 0 ? MAX_BODY_BYTES : head.contentLength
    this.#limitBytes = isEmpty ? 0 : Math.min(length, MAX_BODY_BYTES)
    this.#decoder = head.chunked ? new ChunkedDecoder() : null
  }

  get text(): string {
    return Buffer.concat(this.#pieces).subarray(0, this.#limitBytes).toString("latin1")
  }

  /** Returns whether that is all. */
  take(chunk: Buffer): boolean {
    this.#raw += chunk.length
    if (this.#decoder === null) this.#add(chunk)
    else if (this.#decode(this.#decoder, chunk)) return true
    // Chunks may be all framing.
    return this.#length >= this.#limitBytes || this.#raw > 2 * MAX_BODY_BYTES
  }

  #decode(decoder: ChunkedDecoder, chunk: Buffer): boolean {
    let offset = 0
    while (offset < chunk.length && !decoder.done && !decoder.failed) {
      offset = decoder.execute(chunk, offset)
      if (decoder.dataEnd > decoder.dataStart) this.#add(chunk.subarray(decoder.dataStart, decoder.dataEnd))
    }
    return decoder.done || decoder.failed
  }

  #add(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(Buffer.from(piece))
    this.#length += piece.length
  }
}

/** Sends a file, or parts of it, through a request's exchange. */
import { closeSync, read, readSync } from "node:fs"
import { errnoText } from "../../base/errno.ts"
import { ALERT, CRIT, INFO } from "../../base/logger.ts"
import type { ByteRange, PartialBody } from "../../http/ranges.ts"
import type { ResponseProducer } from "../../runtime/exchange.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import type { OpenFile } from "./open-file.ts"

/** What is at most this is read and written in one piece, at once: of a larger file each read is one of this size. */
const PIECE_BYTES = 64 * 1024

/** All of a file of `length` bytes. */
export function wholeFile(length: number): PartialBody {
  return { ranges: [{ start: 0, end: length }], partHeads: null, tail: "", length }
}

/**
 * Sends `body`, parts of `file`, and ends the response; the head was sent. The file is closed when that is done, and
 * when the client has gone.
 */
export function sendFile(request: Request, file: OpenFile, body: PartialBody): void {
  if (body.length <= PIECE_BYTES) sendSmall(request, file, body)
  else new FileSender(request, file, body).start()
}

function sendSmall(request: Request, { descriptor, path }: OpenFile, body: PartialBody): void {
  const bytes = Buffer.allocUnsafe(body.length)
  let isRead = false
  try {
    isRead = readAll(request, descriptor, path, body, bytes)
  } finally {
    closeSync(descriptor)
  }
  if (!isRead) return request.exchange.abort()
  request.exchange.write(bytes)
  request.exchange.end()
}

/** Puts all of `body` into `into`, which is just as long; false, and a line in the log, where the file has not got it. */
function readAll(
  request: Request,
  descriptor: number,
  path: string,
  { ranges, partHeads, tail }: PartialBody,
  into: Buffer,
): boolean {
  let at = 0
  for (let i = 0; i < ranges.length; i++) {
    const { start, end } = ranges[i] as ByteRange
    if (partHeads !== null) at += into.write(partHeads[i] as string, at, "latin1")
    for (let position = start; position < end; ) {
      const count = readNow(request, descriptor, path, into, at, end - position, position)
      if (count <= 0) return false
      position += count
      at += count
    }
  }
  into.write(tail, at, "latin1")
  return true
}

function readNow(
  request: Request,
  descriptor: number,
  path: string,
  into: Buffer,
  offset: number,
  length: number,
  position: number,
): number {
  try {
    const count = readSync(descriptor, into, offset, length, position)
    if (count === 0) logShort(request, path, 0, length)
    return count
  } catch (error) {
    logFailure(request, path, error as NodeJS.ErrnoException)
    return -1
  }
}

/** The file has become shorter since its length was sent. */
function logShort(request: Request, path: string, count: number, wanted: number): void {
  request.log(
    ALERT,
    `pread() read only ${count} of ${wanted} from "${path}" while sending response to client`,
  )
}

function logFailure(request: Request, path: string, error: NodeJS.ErrnoException): void {
  request.log(CRIT, `pread() "${path}" failed (${errnoText(error)}) while sending response to client`)
}

/** Reads piece by piece, no faster than the client takes it: no more than one piece is held here. */
class FileSender implements ResponseProducer {
  readonly #request: Request
  readonly #file: OpenFile
  readonly #body: PartialBody
  #rangeAt = 0
  #position: number
  #isReading = false
  #isBlocked = false
  #isOver = false

  constructor(request: Request, file: OpenFile, body: PartialBody) {
    this.#request = request
    this.#file = file
    this.#body = body
    this.#position = this.#range.start
  }

  get #range(): ByteRange {
    return this.#body.ranges[this.#rangeAt] as ByteRange
  }

  start(): void {
    this.#request.exchange.producer = this
    this.#writeText(this.#body.partHeads?.[0] ?? "")
    this.#read()
  }

  #read(): void {
    const { end } = this.#range
    const bytes = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - this.#position))
    this.#isReading = true
    read(this.#file.descriptor, bytes, 0, bytes.length, this.#position, (error, count) => {
      this.#isReading = false
      if (this.#isOver) return this.#close()
      try {
        this.#onRead(error, bytes, count)
      } catch (thrown) {
        failRequest(this.#request, thrown)
      }
    })
  }

  #onRead(error: NodeJS.ErrnoException | null, bytes: Buffer, count: number): void {
    const { path } = this.#file
    if (error !== null || count === 0) {
      if (error === null) logShort(this.#request, path, count, bytes.length)
      else logFailure(this.#request, path, error)
      this.release()
      return this.#request.exchange.abort()
    }
    this.#position += count
    this.#isBlocked = !this.#request.exchange.write(count === bytes.length ? bytes : bytes.subarray(0, count))
    this.#goOn()
  }

  #goOn(): void {
    if (this.#position === this.#range.end && !this.#nextRange()) return this.#finish()
    if (!this.#isBlocked) this.#read()
  }

  /** Goes to the next part; false where there is none. */
  #nextRange(): boolean {
    if (++this.#rangeAt === this.#body.ranges.length) return false
    this.#position = this.#range.start
    this.#writeText(this.#body.partHeads?.[this.#rangeAt] ?? "")
    return true
  }

  #writeText(text: string): void {
    if (text !== "" && !this.#request.exchange.write(Buffer.from(text, "latin1"))) this.#isBlocked = true
  }

  #finish(): void {
    this.#writeText(this.#body.tail)
    this.release()
    this.#request.exchange.producer = null
    this.#request.exchange.end()
  }

  onClientDrain(): void {
    this.#isBlocked = false
    if (!this.#isReading && !this.#isOver) this.#read()
  }

  onClientGone(): void {
    if (this.#isOver) return
    this.#request.log(INFO, "client prematurely closed connection while sending response to client")
    this.release()
    this.#request.exchange.abort()
  }

  /** The file is closed by the read that is under way, where one is: its number could be another's then. */
  release(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!this.#isReading) this.#close()
  }

  #close(): void {
    closeSync(this.#file.descriptor)
  }
}

/**
 * The body of a client's request, read whole before anybody uses it: in memory, or in a temporary file where it is
 * larger than `client_body_buffer_size`. Read once, by whoever asks first; to be read from then on by any number of
 * others, one after the other or at the same time: an upstream and the next one, what error_page leads to, a mirror.
 * ngx_http_read_client_request_body.
 */
import { freeMemory } from "../base/free-memory.ts"
import { CRIT, NOTICE, WARN } from "../base/logger.ts"
import type { BodyConsumer, Exchange } from "./exchange.ts"
import { failRequest } from "./phases.ts"
import type { Request } from "./request.ts"
import { READ_BYTES, type ReadDone, type TempFile, TempFileError } from "./temp-file.ts"

/** Told once, maybe before `readRequestBody` returns. */
export interface BodyListener {
  /** All of the body is here; null for a request without a body. */
  onBodyRead(body: BufferedBody | null): void
  /** It cannot be had. `status`: 400, 408, 413, 499 when the client has gone, 500 when the disk failed. It is logged. */
  onBodyFailed(status: number): void
}

/**
 * Has the body of the client's request read. Where that was done before, for this request or the one that it is a
 * subrequest of, `listener` gets the same body at once.
 */
export function readRequestBody(request: Request, listener: BodyListener): void {
  const { head } = request
  if (request.isDiscardingBody) return listener.onBodyRead(null)
  const known = request.note<BufferedBody>(BufferedBody)
  if (known !== undefined) return listener.onBodyRead(known.isComplete ? known : null)
  if (request.parent !== null || (head.contentLength < 0 && !head.chunked)) return listener.onBodyRead(null)
  const body = new BufferedBody(request, listener)
  request.setNote(BufferedBody, body)
  request.hold(body)
  request.exchange.readBody(body)
}

/** The body of `request`, where it has been read whole. */
export function requestBodyOf(request: Request): BufferedBody | undefined {
  const body = request.note<BufferedBody>(BufferedBody)
  return body?.isComplete === true ? body : undefined
}

/** A body whose length is announced stays in memory up to this much more than the buffer's size, as in nginx. */
const ANNOUNCED_FACTOR = 1.25

export class BufferedBody implements BodyConsumer {
  /** Its length, once it is complete. */
  bytes = 0
  /** All of it can be read. */
  isComplete = false
  readonly #request: Request
  readonly #exchange: Exchange
  #listener: BodyListener | null
  /** Beyond this it goes into a file. */
  readonly #memoryBytes: number
  /** `client_body_in_file_only` of the location that had it read. */
  readonly #inFile: "off" | "on" | "clean"
  #file: TempFile | null = null
  /** What is not in the file. */
  #chunks: Buffer[] = []
  #chunkBytes = 0
  #isWriting = false
  #hasEnded = false
  #holders = 1

  /** Use `readRequestBody`. */
  constructor(request: Request, listener: BodyListener) {
    const { clientBodyBufferBytes, clientBodyInFile } = request.location.settings
    const { contentLength } = request.head
    this.#request = request
    this.#exchange = request.exchange
    this.#listener = listener
    this.#inFile = clientBodyInFile
    const fits = contentLength >= 0 && contentLength < clientBodyBufferBytes * ANNOUNCED_FACTOR
    this.#memoryBytes = fits ? Number.POSITIVE_INFINITY : clientBodyBufferBytes
  }

  // --- reading it from the client

  onBody(chunk: Buffer): void {
    if (this.#listener === null) return
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.length
    this.bytes += chunk.length
    if (this.#chunkBytes < this.#memoryBytes) return
    // The disk may be slow: what comes meanwhile waits in the client's socket.
    if (this.#isWriting) this.#exchange.pauseBody()
    else this.#write()
  }

  onBodyEnd(): void {
    this.#hasEnded = true
    if (!this.#isWriting && this.#listener !== null) this.#finish()
  }

  onBodyError(status: number): void {
    this.#fail(status)
  }

  #finish(): void {
    if (this.#file !== null ? this.#chunkBytes > 0 : this.#inFile !== "off") return this.#write()
    const listener = this.#listener
    this.#listener = null
    this.isComplete = true
    listener?.onBodyRead(this)
  }

  /** Moves what is in memory to the file. */
  #write(): void {
    const file = this.#file ?? this.#openFile()
    if (file === null) return
    const chunks = this.#chunks
    this.#chunks = []
    this.#chunkBytes = 0
    this.#isWriting = true
    file.write(chunks, (error) => {
      this.#isWriting = false
      for (const chunk of chunks) freeMemory(chunk)
      try {
        this.#onWritten(error)
      } catch (thrown) {
        failRequest(this.#request, thrown)
      }
    })
  }

  #onWritten(error: TempFileError | null): void {
    if (this.#listener === null) return
    if (error !== null) this.#failFile(error)
    else if (this.#hasEnded) this.#finish()
    else if (this.#chunkBytes >= this.#memoryBytes) this.#write()
    if (!this.#hasEnded && this.#listener !== null) this.#exchange.resumeBody()
  }

  /** Null where it cannot be made: the request has failed then. */
  #openFile(): TempFile | null {
    try {
      this.#file = this.#request.location.settings.clientBodyTemp.open(this.#inFile !== "off")
    } catch (error) {
      if (!(error instanceof TempFileError)) throw error
      this.#failFile(error)
      return null
    }
    const level = this.#inFile === "off" ? WARN : NOTICE
    this.#request.log(level, `a client request body is buffered to a temporary file ${this.#file.name}`)
    return this.#file
  }

  #failFile(error: TempFileError): void {
    this.#request.log(CRIT, error.message)
    this.#fail(500)
  }

  #fail(status: number): void {
    const listener = this.#listener
    this.#listener = null
    this.#drop()
    // Whatever answers in this request's place does so without it.
    this.#request.isDiscardingBody = true
    if (status === 500) this.#exchange.resumeBody()
    listener?.onBodyFailed(status)
  }

  // --- what has been read

  /** The path of the file; undefined where it is in memory. */
  get fileName(): string | undefined {
    return this.#file?.name
  }

  /** All of it, where it is in memory: to be looked at and sent, not to be changed or freed. Null where it is in a file. */
  whole(): Buffer | null {
    if (this.#file !== null) return null
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks, this.#chunkBytes)]
    return this.#chunks[0] as Buffer
  }

  /**
   * Reads a piece of it from its file, from `position`, which is below `bytes`. `done` is told later, with a piece
   * that is the caller's to free; a failure is to be logged by the caller, at [crit]. It is not told at all where the
   * last holder has let go by then. Only where `whole` is null.
   */
  read(position: number, done: ReadDone): void {
    if (this.#file === null) throw new Error("a body without a file was read as one with a file")
    this.#file.read(position, done)
  }

  /** Keeps it beyond the end of its request, until `release`. */
  hold(): void {
    this.#holders++
  }

  /** Gives up one hold on it; with the last one its memory is freed and its file closed. */
  release(): void {
    if (--this.#holders > 0) return
    this.#listener = null
    this.isComplete = false
    this.#drop()
  }

  #drop(): void {
    this.#file?.close(this.#inFile === "clean")
    this.#chunks = []
    this.#chunkBytes = 0
  }
}

export { READ_BYTES }

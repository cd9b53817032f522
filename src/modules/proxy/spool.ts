/**
 * What an upstream has sent and its client has not taken yet: in memory as much as `proxy_buffers` hold, what is beyond
 * in a temporary file, as much as `proxy_max_temp_file_size` allows. So an upstream is free although its client is slow.
 * ngx_event_pipe.c. There is one only for an answer whose client has fallen behind.
 */
import { CRIT, WARN } from "../../base/logger.ts"
import { failRequest } from "../../runtime/phases.ts"
import type { Held, Request } from "../../runtime/request.ts"
import { type TempFile, TempFileError, type TempFolder } from "../../runtime/temp-file.ts"
import type { BodyOutput } from "./response-body.ts"

export interface SpoolLimits {
  /** What is kept in memory, give or take a read from the upstream. */
  readonly memoryBytes: number
  /** What is written to the file, all in all; 0: nothing. */
  readonly maxFileBytes: number
  readonly folder: TempFolder
}

export interface SpoolOwner {
  /** More can be taken, after a `write` that returned false. */
  onSpoolRoom(): void
  /** All that was taken is with the client's exchange; after `drain`. */
  onSpoolEmpty(): void
  /** The disk failed, and that is logged: the answer cannot go on. */
  onSpoolFailed(): void
}

/** In order: the piece that was read from the file, the rest of the file, what is being written to it, `tail`. */
export class Spool implements BodyOutput, Held {
  readonly #request: Request
  readonly #limits: SpoolLimits
  readonly #owner: SpoolOwner
  #file: TempFile | null = null
  #readBytes = 0
  #isReading = false
  #isWriting = false
  #tail: Buffer[] = []
  #tailBytes = 0
  /** The client takes no more for now. It does not when this begins. */
  #isBlocked = true
  #isFull = false
  #isDraining = false
  #isDropped = false

  constructor(request: Request, limits: SpoolLimits, owner: SpoolOwner) {
    this.#request = request
    this.#limits = limits
    this.#owner = owner
  }

  get isEmpty(): boolean {
    const isRead = this.#file === null || this.#readBytes === this.#file.bytes
    return this.#tailBytes === 0 && isRead && !this.#isWriting && !this.#isReading
  }

  write(piece: Buffer): boolean {
    if (this.#isDropped) return true
    if (!this.#isBlocked && this.isEmpty) {
      this.#isBlocked = !this.#request.exchange.write(piece)
      return true
    }
    this.#tail.push(piece)
    this.#tailBytes += piece.length
    if (this.#tailBytes < this.#limits.memoryBytes) return true
    this.#spill()
    this.#isFull = this.#tailBytes >= this.#limits.memoryBytes
    return !this.#isFull
  }

  /** Nothing more comes: `onSpoolEmpty` follows when the client has been given all. */
  drain(): void {
    this.#isDraining = true
    this.#tellIfEmpty()
  }

  onClientDrain(): void {
    this.#isBlocked = false
    this.#pump()
  }

  /** Gives up what is held. */
  drop(): void {
    this.#isDropped = true
    this.#file?.close()
    this.#tail = []
    this.#tailBytes = 0
  }

  /** The client's request is over. */
  release(): void {
    this.drop()
  }

  // --- to the file

  /** Moves what is in memory to the file, as far as that may grow. */
  #spill(): void {
    const room = this.#limits.maxFileBytes - (this.#file?.bytes ?? 0)
    if (this.#isWriting || room <= 0) return
    const file = this.#file ?? this.#openFile()
    if (file === null) return
    this.#isWriting = true
    file.write(this.#takeTail(room), (error) => this.#guarded(() => this.#onWritten(error)))
  }

  /** The first `limit` bytes of what is in memory. */
  #takeTail(limit: number): Buffer[] {
    if (this.#tailBytes <= limit) {
      const all = this.#tail
      this.#tail = []
      this.#tailBytes = 0
      return all
    }
    const taken: Buffer[] = []
    let left = limit
    while (left > 0) {
      const piece = this.#tail[0] as Buffer
      const part = piece.length <= left ? piece : piece.subarray(0, left)
      if (part === piece) this.#tail.shift()
      else this.#tail[0] = piece.subarray(left)
      taken.push(part)
      left -= part.length
    }
    this.#tailBytes -= limit
    return taken
  }

  #openFile(): TempFile | null {
    try {
      this.#file = this.#limits.folder.open(false)
    } catch (error) {
      if (!(error instanceof TempFileError)) throw error
      this.#fail(error)
      return null
    }
    this.#request.hold(this)
    this.#request.log(
      WARN,
      `an upstream response is buffered to a temporary file ${this.#file.name} while reading upstream`,
    )
    return this.#file
  }

  #onWritten(error: TempFileError | null): void {
    this.#isWriting = false
    if (error !== null) return this.#fail(error)
    if (this.#tailBytes >= this.#limits.memoryBytes) this.#spill()
    this.#pump()
  }

  #fail(error: TempFileError): void {
    this.#request.log(CRIT, `${error.message} while reading upstream`)
    this.drop()
    this.#owner.onSpoolFailed()
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.drop()
      failRequest(this.#request, error)
    }
  }

  // --- to the client

  /** Passes on what the client takes. */
  #pump(): void {
    while (!this.#isBlocked && !this.#isDropped) {
      if (this.#isReading) break
      if (this.#file !== null && this.#readBytes < this.#file.bytes) {
        this.#read(this.#file)
        break
      }
      if (this.#isWriting) break
      const piece = this.#tail.shift()
      if (piece === undefined) break
      this.#tailBytes -= piece.length
      this.#isBlocked = !this.#request.exchange.write(piece)
    }
    if (this.#isDropped) return
    this.#request.exchange.flush()
    this.#tellIfEmpty()
    if (!this.#isFull || this.#tailBytes >= this.#limits.memoryBytes) return
    this.#isFull = false
    this.#owner.onSpoolRoom()
  }

  #tellIfEmpty(): void {
    if (!this.#isDraining || this.#isDropped || !this.isEmpty) return
    this.drop()
    this.#owner.onSpoolEmpty()
  }

  #read(file: TempFile): void {
    this.#isReading = true
    file.read(this.#readBytes, (error, piece) => this.#guarded(() => this.#onRead(error, piece)))
  }

  #onRead(error: TempFileError | null, piece: Buffer): void {
    this.#isReading = false
    if (error !== null) return this.#fail(error)
    if (piece.length === 0) {
      const name = this.#file?.name ?? ""
      return this.#fail(new TempFileError("pread()", name, new Error("the file was truncated")))
    }
    this.#readBytes += piece.length
    this.#isBlocked = !this.#request.exchange.write(piece)
    this.#pump()
  }
}

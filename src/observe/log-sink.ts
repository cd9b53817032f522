/** An open file that takes bytes without waiting for the disk: sonic-boom, with what a log needs around it. */
import { constants, fstatSync, openSync, writeSync } from "node:fs"
import sonicBoom from "sonic-boom"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { toSystemPath } from "../config/sources.ts"

/** A write to a pipe of at most this many bytes is not mixed with another writer's (PIPE_BUF, pipe(7)). */
const PIPE_WRITE_BYTES = 4096
/** How soon a write that failed is tried again. */
const RETRY_MS = 1000
const FILE_MODE = 0o644
const LF = 10

/** What of sonic-boom is used, in its mode for buffers. */
interface BufferWriter {
  write(chunk: Buffer): boolean
  flush(): void
  end(): void
  destroy(): void
  on(event: "write", listener: (bytes: number) => void): void
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): void
}

/** Told how writing goes. */
export interface LogSinkOwner {
  /** A write failed; it will be tried again. */
  onWriteError(error: NodeJS.ErrnoException): void
  /** Bytes were written. */
  onWritten(): void
}

export class LogSink {
  /** Bytes that were taken and are not written yet. */
  queuedBytes = 0
  /** Whether lines must be cut into writes of at most PIPE_WRITE_BYTES. */
  readonly #isPipe: boolean
  readonly #fd: number
  readonly #owner: LogSinkOwner
  readonly #writer: BufferWriter
  #isEnding = false
  #isFailing = false
  #retryTimer: NodeJS.Timeout | null = null
  #idleWaiters: (() => void)[] = []

  /** Opens `path`. Throws FILE in nginx's words. */
  constructor(path: string, owner: LogSinkOwner) {
    this.#owner = owner
    const opened = open(path)
    this.#fd = opened.fd
    this.#isPipe = opened.isPipe
    this.#writer = new sonicBoom.SonicBoom({
      fd: this.#fd,
      contentMode: "buffer",
      // Pieces are put together up to this: on a pipe no more than others cannot write in between.
      ...(this.#isPipe ? { maxWrite: PIPE_WRITE_BYTES } : {}),
    }) as unknown as BufferWriter
    this.#writer.on("write", (bytes) => this.#onWrite(bytes))
    this.#writer.on("error", (error) => this.#onError(error))
  }

  /** Takes whole lines; `chunk` belongs to the sink. */
  write(chunk: Buffer): void {
    this.queuedBytes += chunk.length
    if (!this.#isPipe || chunk.length <= PIPE_WRITE_BYTES) this.#writer.write(chunk)
    else this.#writeInLines(chunk)
  }

  /** Writes at once where nothing is on its way; otherwise, and what could not be written, takes it as `write` does. */
  writeNow(chunk: Buffer): void {
    const isAtOnce = this.queuedBytes === 0 && (!this.#isPipe || chunk.length <= PIPE_WRITE_BYTES)
    let written = 0
    try {
      if (isAtOnce) written = writeSync(this.#fd, chunk)
    } catch {
      // What is wrong shows again, and is told, when the chunk goes the usual way.
    }
    if (written < chunk.length) this.write(chunk.subarray(written))
  }

  /** Tries to write what is queued although nothing new came. */
  retry(): void {
    if (this.queuedBytes > 0) this.#writer.flush()
  }

  /** Resolves when nothing is queued, or when writing fails. */
  idle(): Promise<void> {
    if (this.queuedBytes === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.retry()
    })
  }

  /** Writes what is queued and closes the file. Takes nothing more. */
  end(): void {
    this.#isEnding = true
    if (this.#isFailing) this.#writer.destroy()
    else this.#writer.end()
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
  }

  #writeInLines(chunk: Buffer): void {
    let start = 0
    while (chunk.length - start > PIPE_WRITE_BYTES) {
      const cut = chunk.lastIndexOf(LF, start + PIPE_WRITE_BYTES - 1)
      // A line longer than that is cut somewhere; nothing else can be done.
      const end = cut < start ? start + PIPE_WRITE_BYTES : cut + 1
      this.#writer.write(chunk.subarray(start, end))
      start = end
    }
    this.#writer.write(chunk.subarray(start))
  }

  #onWrite(bytes: number): void {
    this.queuedBytes = Math.max(0, this.queuedBytes - bytes)
    this.#isFailing = false
    this.#owner.onWritten()
    if (this.queuedBytes === 0) this.#wake()
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#isFailing = true
    this.#owner.onWriteError(error)
    this.#wake()
    if (this.#isEnding) this.#writer.destroy()
    if (this.#isEnding || this.#retryTimer !== null) return
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null
      this.retry()
    }, RETRY_MS)
    this.#retryTimer.unref()
  }

  #wake(): void {
    const waiters = this.#idleWaiters
    if (waiters.length === 0) return
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** Standard output and error by their names, or a file, made where there is none. */
function open(path: string): { fd: number; isPipe: boolean } {
  const standard = path === "stderr" || path === "/dev/stderr" ? 2 : path === "/dev/stdout" ? 1 : 0
  if (standard !== 0) return openStandard(standard)
  // Without O_NONBLOCK a full pipe would hold a thread of the pool, and with it the end of the process.
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
  try {
    const fd = openSync(toSystemPath(path), flags, FILE_MODE)
    return { fd, isPipe: isPipe(fd) }
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new HoldfastError("FILE", `open() "${path}" failed (${reason})`)
  }
}

/**
 * A pipe or a terminal is opened once more, so that it can be written without blocking and without changing
 * it for others. A file is shared as it is: two openings would have two places in it.
 */
function openStandard(fd: number): { fd: number; isPipe: boolean } {
  if (!isPipe(fd)) return { fd, isPipe: false }
  try {
    return { fd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK), isPipe: true }
  } catch {
    return { fd, isPipe: true }
  }
}

function isPipe(fd: number): boolean {
  try {
    return !fstatSync(fd).isFile()
  } catch {
    return false
  }
}

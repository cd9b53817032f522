/** Log files of one thread, by path: lines are gathered and written without waiting for the disk. */
import { errnoText } from "../base/errno.ts"
import { ALERT, EMERG, type Logger, WARN } from "../base/logger.ts"
import type { LogFile } from "../runtime/module.ts"
import { LogSink, type LogSinkOwner } from "./log-sink.ts"

/** How long a line waits for others where the configuration asks for no buffer. */
const DEFAULT_FLUSH_MS = 10
/** Text is made into bytes in pieces of this length: longer strings of many parts are dear to keep. */
const CHUNK_BYTES = 65536
/** What may wait for a file that takes nothing; lines beyond are dropped and counted. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024
/** How long `flush` waits for a file that takes nothing. */
const FLUSH_LIMIT_MS = 5000

export interface LogFileOptions {
  /** Lines are gathered until they are more than this; 0: they are written within some milliseconds. */
  readonly bufferBytes: number
  /** Gathered lines wait no longer than this; 0: until there are enough of them. */
  readonly flushMs: number
}

export const UNBUFFERED: LogFileOptions = { bufferBytes: 0, flushMs: 0 }

/** What somebody made, and how to give back the log files that were opened for it. */
export interface Leased<T> {
  readonly result: T
  /** To be called once. What still writes to such a file may go on; see `LogStream.write`. */
  readonly release: () => void
}

/** All log files of a thread. */
export class LogFiles {
  /** Where trouble with a file is told; null while there is no error log yet. */
  errorLog: Logger | null = null
  readonly #maxQueuedBytes: number
  readonly #byPath = new Map<string, LogStream>()
  readonly #live = new Set<LogStream>()
  /** What is opened while a lease is recorded. */
  #leased: LogStream[] | null = null

  constructor(maxQueuedBytes = MAX_QUEUED_BYTES) {
    this.#maxQueuedBytes = maxQueuedBytes
  }

  /**
   * Opens `path`, or gives the one that is open; `stderr`, `/dev/stderr` and `/dev/stdout` are the process's own.
   * Each opening wants its `close`, but for those within `lease`. The options of the last opening that asks for a
   * buffer hold. Throws FILE in nginx's words.
   */
  open(path: string, options: LogFileOptions = UNBUFFERED): LogStream {
    let stream = this.#byPath.get(path)
    if (stream === undefined) {
      stream = new LogStream(path, this.#maxQueuedBytes, this.#live, (level, text) =>
        this.errorLog?.log(level, text),
      )
      this.#byPath.set(path, stream)
      try {
        stream.openSink()
      } catch (error) {
        this.#byPath.delete(path)
        throw error
      }
    }
    stream.addUser(options, () => this.#byPath.delete(path))
    this.#leased?.push(stream)
    return stream
  }

  /**
   * Does `work`, which may throw, and gives what it returns, with the files that it opened as one: they are closed
   * when they are given back, but for those that have other users.
   */
  lease<T>(work: () => T): Leased<T> {
    const before = this.#leased
    const streams: LogStream[] = []
    this.#leased = streams
    const release = (): void => {
      for (const stream of streams) stream.close()
      streams.length = 0
    }
    try {
      return { result: work(), release }
    } catch (error) {
      release()
      throw error
    } finally {
      this.#leased = before
    }
  }

  /** Opens every file anew by its path: it may have been moved away (SIGUSR1). What cannot be opened stays as it was. */
  reopen(): void {
    for (const stream of [...this.#live]) stream.reopen()
  }

  /** Resolves when all lines so far are written, or cannot be. */
  async flush(): Promise<void> {
    const idle = Promise.all([...this.#live].map((stream) => stream.flush()))
    let limit: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      limit = setTimeout(resolve, FLUSH_LIMIT_MS)
    })
    await Promise.race([idle, late])
    clearTimeout(limit)
  }
}

/** One file, shared by all who write to it in this thread. */
export class LogStream implements LogFile, LogSinkOwner {
  readonly path: string
  readonly #maxQueuedBytes: number
  readonly #live: Set<LogStream>
  readonly #report: (level: number, text: string) => void
  #onUnused: (() => void) | null = null
  #users = 0
  #bufferBytes = CHUNK_BYTES
  #flushMs = DEFAULT_FLUSH_MS
  #hasOwnBuffer = false
  #sink: LogSink | null = null
  /** Lines as text; then, from a certain length on, as bytes. */
  #text = ""
  #chunks: Buffer[] = []
  #chunkBytes = 0
  #lines = 0
  #droppedLines = 0
  #isErrorTold = false
  #timer: NodeJS.Timeout | null = null
  #isTimerRunning = false
  readonly #onTimer: () => void

  /** @internal `live` gets the stream while it has an open file. */
  constructor(
    path: string,
    maxQueuedBytes: number,
    live: Set<LogStream>,
    report: (level: number, text: string) => void,
  ) {
    this.path = path
    this.#maxQueuedBytes = maxQueuedBytes
    this.#live = live
    this.#report = report
    this.#onTimer = () => {
      this.#isTimerRunning = false
      this.#handOver()
    }
  }

  /**
   * Takes a line; its line feed is part of it. Text is bytes as latin1. A file without users (a request or a tunnel
   * has outlived the configuration that named it) is opened for the line, and closed when it is written.
   */
  write(line: string): void {
    if (this.#chunkBytes + this.#text.length + line.length > this.#bufferBytes) this.#handOver()
    this.#text += line
    this.#lines++
    if (this.#text.length >= CHUNK_BYTES) this.#makeChunk()
    if (this.#sink === null) this.#live.add(this)
    if (line.length >= this.#bufferBytes) this.#handOver()
    else if (!this.#isTimerRunning && this.#flushMs > 0) this.#startTimer()
  }

  /** Writes what was gathered before it returns, unless the file is busy taking earlier lines. */
  writeNow(): void {
    this.#makeChunk()
    if (this.#chunks.length === 1 && this.#sink !== null) {
      const chunk = this.#chunks[0]
      this.#empty()
      this.#sink.writeNow(chunk)
    } else this.#handOver()
  }

  /** Resolves when all lines so far are written, or cannot be. */
  flush(): Promise<void> {
    this.#handOver()
    return this.#sink?.idle() ?? Promise.resolve()
  }

  /** One user fewer; without any the file is closed. */
  close(): void {
    if (--this.#users > 0) return
    this.#handOver()
    this.#closeSink()
    this.#onUnused?.()
    // Late lines do not wait for a buffer to be full.
    this.#setBuffer(UNBUFFERED)
  }

  /** @internal */
  addUser(options: LogFileOptions, onUnused: () => void): void {
    this.#users++
    this.#onUnused = onUnused
    if (options.bufferBytes === 0 && this.#hasOwnBuffer && this.#users > 1) return
    this.#handOver()
    this.#setBuffer(options)
  }

  #setBuffer(options: LogFileOptions): void {
    this.#hasOwnBuffer = options.bufferBytes > 0
    this.#bufferBytes = this.#hasOwnBuffer ? options.bufferBytes : CHUNK_BYTES
    this.#flushMs = this.#hasOwnBuffer ? options.flushMs : DEFAULT_FLUSH_MS
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#isTimerRunning = false
  }

  /** @internal Throws FILE. */
  openSink(): LogSink {
    const sink = new LogSink(this.path, this)
    this.#sink = sink
    this.#live.add(this)
    return sink
  }

  /** @internal */
  reopen(): void {
    this.#handOver()
    if (this.#users === 0) {
      this.#closeSink()
      return
    }
    const old = this.#sink
    try {
      this.openSink()
    } catch (error) {
      this.#report(EMERG, (error as Error).message)
      return
    }
    old?.end()
    this.#isErrorTold = false
  }

  /** @internal */
  onWriteError(error: NodeJS.ErrnoException): void {
    if (this.#isErrorTold) return
    this.#isErrorTold = true
    this.#report(ALERT, `write() to "${this.path}" failed (${errnoText(error)})`)
  }

  /** @internal */
  onWritten(): void {
    this.#isErrorTold = false
    if (this.#droppedLines === 0 || this.#sink === null || this.#sink.queuedBytes > 0) return
    const count = this.#droppedLines
    this.#droppedLines = 0
    this.#report(WARN, `${count} ${count === 1 ? "line" : "lines"} for "${this.path}" were dropped`)
  }

  #startTimer(): void {
    this.#isTimerRunning = true
    if (this.#timer !== null) this.#timer.refresh()
    else this.#timer = setTimeout(this.#onTimer, this.#flushMs).unref()
  }

  #makeChunk(): void {
    if (this.#text === "") return
    const chunk = Buffer.from(this.#text, "latin1")
    this.#text = ""
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.length
  }

  #empty(): void {
    this.#chunks = []
    this.#chunkBytes = 0
    this.#lines = 0
  }

  #handOver(): void {
    this.#makeChunk()
    if (this.#chunkBytes === 0) return
    const chunks = this.#chunks
    const lines = this.#lines
    const bytes = this.#chunkBytes
    this.#empty()
    const sink = this.#sink ?? this.#lateSink()
    const limit = this.#hasOwnBuffer
      ? Math.max(this.#maxQueuedBytes, 2 * this.#bufferBytes)
      : this.#maxQueuedBytes
    if (sink === null || (sink.queuedBytes > 0 && sink.queuedBytes + bytes > limit)) this.#drop(lines)
    else if (this.#users > 0) for (const chunk of chunks) sink.write(chunk)
    else {
      // Nobody would wait for it at the end of the program: it is no longer among the live ones.
      for (const chunk of chunks) sink.writeNow(chunk)
      this.#closeSink()
    }
  }

  #lateSink(): LogSink | null {
    try {
      return this.openSink()
    } catch (error) {
      const isTold = this.#isErrorTold
      // Before telling: the error log itself may be the file.
      this.#isErrorTold = true
      if (!isTold) this.#report(ALERT, (error as Error).message)
      return null
    }
  }

  #drop(lines: number): void {
    const isFirst = this.#droppedLines === 0
    this.#droppedLines += lines
    if (isFirst) this.#report(WARN, `"${this.path}" does not take lines as fast as they come, dropping them`)
  }

  #closeSink(): void {
    const sink = this.#sink
    this.#sink = null
    this.#live.delete(this)
    sink?.end()
  }
}

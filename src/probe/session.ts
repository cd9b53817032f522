/** A WebSocket over a stream that is past its handshake: what is sent, and all that comes, with the time. */
import type { Duplex } from "node:stream"
import { extension, PerMessageDeflate, Receiver, Sender } from "ws"
import { ALL_READ, FrameScanner, RSV_NONE, RSV1, VIOLATION } from "../websocket/frame-scanner.ts"
import { NO_STATUS } from "../websocket/frames.ts"

export interface SessionOptions {
  /** Bytes that came with the answer to the handshake. */
  readonly rest: Buffer
  /** Sec-WebSocket-Extensions of the answer, "" for none. */
  readonly extensions: string
  /** A longer message, unpacked, breaks the session. */
  readonly maxMessageBytes: number
  /** Pings of the peer are left without an answer. */
  readonly isMute?: boolean
  /** After the Closes our side of the connection stays open, to see whether the peer ends it (RFC 6455 §7.1.1). */
  readonly lingers?: boolean
}

/** What came. `atMs` is performance.now(). */
export type SessionEvent =
  | { readonly kind: "message"; readonly data: Buffer; readonly isBinary: boolean; readonly atMs: number }
  | { readonly kind: "ping" | "pong"; readonly data: Buffer; readonly atMs: number }
  | { readonly kind: "end"; readonly end: SessionEnd; readonly atMs: number }

/** How it ended: a Close frame, the connection's end without one, or something that is no WebSocket frame. */
export interface SessionEnd {
  readonly how: "close" | "fin" | "reset" | "violation"
  /** Of the Close; 1005 for one without a code. */
  readonly code: number | undefined
  /** Of the Close, or what is wrong. */
  readonly reason: string
  /** From the session's start to its end. */
  readonly afterMs: number
  /** Of a violation: its kind as ws names it (WS_ERR_UNEXPECTED_RSV_1), or zlib (Z_DATA_ERROR). */
  readonly fault?: string
  /** Of a violation: the first bytes of the frame that it is in, where they are known. */
  readonly bytes?: Buffer
}

/** How much has come so far. */
export interface Traffic {
  bytes: number
  messages: number
  pings: number
  pongs: number
  /** Messages that nobody took in time, and that were dropped. */
  dropped: number
}

/** More than that is dropped, oldest first: nobody waits for it. */
const MAX_KEPT_EVENTS = 1000
const MAX_KEPT_BYTES = 8 * 1024 * 1024
/** Who sends that much is read with pauses. Milliseconds. */
const OVERFLOW_PAUSE_MS = 20
/** A peer that pings and does not read gets no more than so many pongs ahead of it. */
const MAX_UNSENT_PONGS = 64
const MAX_FRAGMENTS = 10_000
const MAX_FAULT_BYTES = 32

interface Waiter {
  readonly accept: (event: SessionEvent) => boolean
  readonly settle: (event: SessionEvent | undefined) => void
}

/** Owns the stream. */
export class Session {
  readonly startedMs = performance.now()
  /** Whether permessage-deflate is in use. */
  readonly isCompressed: boolean
  readonly traffic: Traffic = { bytes: 0, messages: 0, pings: 0, pongs: 0, dropped: 0 }
  /** How it ended, once it has. */
  end: SessionEnd | undefined
  /** When the peer ended its side of the connection, from the session's start; undefined while it has not. */
  peerEndedMs: number | undefined
  readonly #stream: Duplex
  readonly #deflate: PerMessageDeflate | undefined
  readonly #receiver: Receiver
  readonly #sender: Sender
  readonly #scanner: FrameScanner
  readonly #isMute: boolean
  readonly #lingers: boolean
  readonly #waiters = new Set<Waiter>()
  #events: SessionEvent[] = []
  #keptBytes = 0
  #unsentPongs = 0
  #restTimer: NodeJS.Timeout | undefined
  /** What the scanner found, for the words of it and the bytes. */
  #broken: { readonly reason: string; readonly bytes: Buffer } | undefined
  #hasClosed = false

  /** Extensions that cannot be negotiated so are taken for none: `extensionsFault` tells. */
  constructor(stream: Duplex, options: SessionOptions) {
    this.#stream = stream
    this.#isMute = options.isMute ?? false
    this.#lingers = options.lingers ?? false
    this.#deflate = deflateOf(options)
    this.isCompressed = this.#deflate !== undefined
    const extensions: Record<string, PerMessageDeflate> =
      this.#deflate === undefined ? {} : { "permessage-deflate": this.#deflate }
    const limits = { maxPayload: options.maxMessageBytes, maxFragments: MAX_FRAGMENTS }
    this.#receiver = new Receiver({ extensions, ...limits })
    this.#sender = new Sender(stream, extensions)
    this.#scanner = new FrameScanner({ isMasked: false, rsv: this.isCompressed ? RSV1 : RSV_NONE })
    this.#listen()
    if (options.rest.length > 0) this.#read(options.rest)
    stream.resume()
  }

  /** The first event that came, or comes within `limitMs`, and that `accept` takes; undefined when none does. */
  take(accept: (event: SessionEvent) => boolean, limitMs: number): Promise<SessionEvent | undefined> {
    const index = this.#events.findIndex(accept)
    if (index >= 0) return Promise.resolve(this.#removeAt(index))
    if (this.end !== undefined) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.settle(undefined), limitMs)
      const waiter: Waiter = {
        accept,
        settle: (event) => {
          clearTimeout(timer)
          this.#waiters.delete(waiter)
          resolve(event)
        },
      }
      this.#waiters.add(waiter)
    })
  }

  /** The next message; undefined when none comes within `limitMs`. */
  async message(limitMs: number): Promise<Extract<SessionEvent, { kind: "message" }> | undefined> {
    const event = await this.take((one) => one.kind === "message", limitMs)
    return event?.kind === "message" ? event : undefined
  }

  /** The end; undefined when it does not come within `limitMs`. */
  async ended(limitMs: number): Promise<SessionEnd | undefined> {
    if (this.end === undefined) await this.take((one) => one.kind === "end", limitMs)
    return this.end
  }

  /** Whether the peer ends its side of the connection within `limitMs`; with `lingers`, after the Closes. */
  peerEnds(limitMs: number): Promise<boolean> {
    const stream = this.#stream
    if (this.peerEndedMs !== undefined || stream.destroyed)
      return Promise.resolve(this.peerEndedMs !== undefined)
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer)
        stream.off("end", settle).off("close", settle)
        resolve(this.peerEndedMs !== undefined)
      }
      const timer = setTimeout(settle, limitMs)
      stream.on("end", settle).on("close", settle)
    })
  }

  /** Sends a message, in one frame or, with `fin` false, a first or further piece of one. */
  send(data: Buffer, options: { isBinary?: boolean; isCompressed?: boolean; fin?: boolean } = {}): void {
    if (!this.#canSend) return
    this.#sender.send(data, {
      binary: options.isBinary ?? false,
      compress: (options.isCompressed ?? false) && this.isCompressed,
      fin: options.fin ?? true,
      mask: true,
    })
  }

  ping(payload: Buffer): void {
    if (this.#canSend) this.#sender.ping(payload, true)
  }

  /** Says goodbye; the answer is the session's end. */
  close(code: number, reason = ""): void {
    if (!this.#canSend) return
    this.#hasClosed = true
    this.#sender.close(code, reason, true)
  }

  /** Ends our side of the connection, without a Close. */
  halfClose(): void {
    this.#stream.end()
  }

  destroy(): void {
    this.#finish({ how: "fin", code: undefined, reason: "ended by us", afterMs: this.#elapsedMs })
    this.#stream.destroy()
  }

  get #elapsedMs(): number {
    return performance.now() - this.startedMs
  }

  /** Behind a Close nothing may be sent (RFC 6455 §5.5.1). */
  get #canSend(): boolean {
    return this.end === undefined && !this.#hasClosed && this.#stream.writable
  }

  #listen(): void {
    const stream = this.#stream
    this.#receiver
      .on("message", (data: Buffer | Buffer[], isBinary: boolean) => {
        const whole = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
        this.traffic.messages++
        this.#push({ kind: "message", data: whole, isBinary, atMs: performance.now() })
      })
      .on("ping", (data: Buffer) => this.#pinged(Buffer.from(data)))
      .on("pong", (data: Buffer) => {
        this.traffic.pongs++
        this.#push({ kind: "pong", data: Buffer.from(data), atMs: performance.now() })
      })
      .on("conclude", (code: number, reason: Buffer) => this.#concluded(code, reason.toString("utf8")))
      .on("error", (error: NodeJS.ErrnoException) => this.#violated(error))
      .on("drain", () => {
        if (this.#restTimer === undefined) stream.resume()
      })
      .on("close", () => this.#tidy())
    stream
      .on("data", (chunk: Buffer) => {
        this.traffic.bytes += chunk.length
        if (this.end === undefined && !this.#read(chunk)) stream.pause()
      })
      .on("end", () => this.#ended())
      .on("error", (error: NodeJS.ErrnoException) => this.#over("reset", error.code ?? error.message))
      .on("close", () => {
        this.#over("reset", "the connection was closed")
        // Not destroyed: what it unpacks at the moment would fail over it.
        if (!this.#receiver.writableEnded) this.#receiver.end()
        this.#tidy()
      })
  }

  /** False: no more for now. */
  #read(chunk: Buffer): boolean {
    if (this.#broken === undefined) this.#scan(chunk)
    return this.#receiver.write(chunk)
  }

  #scan(chunk: Buffer): void {
    const scanner = this.#scanner
    let at = 0
    do {
      at = scanner.execute(chunk, at)
      if (scanner.event !== VIOLATION) continue
      const before = scanner.takeRetained() ?? Buffer.alloc(0)
      const bytes = Buffer.concat([before, chunk.subarray(scanner.passEnd)]).subarray(0, MAX_FAULT_BYTES)
      this.#broken = { reason: scanner.fault, bytes: Buffer.from(bytes) }
      return
    } while (scanner.event !== ALL_READ)
  }

  #pinged(data: Buffer): void {
    this.traffic.pings++
    this.#push({ kind: "ping", data, atMs: performance.now() })
    if (this.#isMute || !this.#canSend || this.#unsentPongs >= MAX_UNSENT_PONGS) return
    this.#unsentPongs++
    this.#sender.pong(data, true, () => {
      this.#unsentPongs--
    })
  }

  #concluded(code: number, reason: string): void {
    if (this.end !== undefined) return
    // The answer to their Close; after ours there is nothing more to say (RFC 6455 §5.5.1).
    const answer = code === NO_STATUS ? undefined : code
    if (this.#canSend) this.#sender.close(answer, "", true)
    this.#hasClosed = true
    this.#finish({ how: "close", code, reason, afterMs: this.#elapsedMs })
    if (!this.#lingers) this.#stream.end()
    this.#stream.resume()
  }

  #violated(error: NodeJS.ErrnoException): void {
    const reason = this.#broken?.reason ?? error.message
    const bytes = this.#broken === undefined ? {} : { bytes: this.#broken.bytes }
    const fault = { fault: error.code ?? error.name, ...bytes }
    this.#finish({ how: "violation", code: undefined, reason, afterMs: this.#elapsedMs, ...fault })
    this.#stream.destroy()
  }

  /** What came before the end is unpacked first. */
  #ended(): void {
    this.peerEndedMs = this.#elapsedMs
    const over = (): void => this.#over("fin", "the connection was ended without a Close frame")
    if (this.#receiver.writableEnded || this.#receiver.destroyed) over()
    else this.#receiver.end(over)
  }

  #over(how: "fin" | "reset", reason: string): void {
    this.#finish({ how, code: undefined, reason, afterMs: this.#elapsedMs })
    this.#stream.destroy()
  }

  #finish(end: SessionEnd): void {
    if (this.end !== undefined) return
    this.end = end
    clearTimeout(this.#restTimer)
    this.#push({ kind: "end", end, atMs: performance.now() })
    for (const waiter of [...this.#waiters]) waiter.settle(undefined)
  }

  /** Only when neither side of the codec is at work: it would fail over a zlib stream that is gone. */
  #tidy(): void {
    if (this.#stream.closed && this.#receiver.closed) this.#deflate?.cleanup()
  }

  #push(event: SessionEvent): void {
    for (const waiter of this.#waiters) if (waiter.accept(event)) return waiter.settle(event)
    this.#events.push(event)
    this.#keptBytes += sizeOf(event)
    while (this.#events.length > MAX_KEPT_EVENTS || this.#keptBytes > MAX_KEPT_BYTES) {
      this.traffic.dropped++
      this.#removeAt(0)
      this.#rest()
    }
  }

  #rest(): void {
    if (this.#restTimer !== undefined || this.end !== undefined) return
    this.#stream.pause()
    this.#restTimer = setTimeout(() => {
      this.#restTimer = undefined
      this.#stream.resume()
    }, OVERFLOW_PAUSE_MS)
  }

  #removeAt(index: number): SessionEvent | undefined {
    const [event] = this.#events.splice(index, 1)
    if (event !== undefined) this.#keptBytes -= sizeOf(event)
    return event
  }
}

const TOO_LONG: ReadonlySet<string> = new Set([
  "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
  "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
  "WS_ERR_TOO_MANY_BUFFERED_PARTS",
])

/** Whether the peer broke no rule, but sent a message that is longer than what is read here. */
export function isTooLong({ fault }: SessionEnd): boolean {
  return TOO_LONG.has(fault ?? "")
}

function sizeOf(event: SessionEvent): number {
  return event.kind === "end" ? 0 : event.data.length
}

/**
 * What is wrong with the Sec-WebSocket-Extensions of an answer to an offer of permessage-deflate alone, in plain
 * words; undefined when browsers take it. RFC 6455 §9.1, RFC 7692 §7.
 */
export function extensionsFault(extensions: string): string | undefined {
  if (extensions === "") return undefined
  try {
    const other = Object.keys(extension.parse(extensions)).find((name) => name !== "permessage-deflate")
    if (other !== undefined) return `the extension "${other}" was not offered`
    negotiated(extensions, 0)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function deflateOf({ extensions, maxMessageBytes }: SessionOptions): PerMessageDeflate | undefined {
  return extensionsFault(extensions) === undefined ? negotiated(extensions, maxMessageBytes) : undefined
}

/** What the answer says of permessage-deflate. Throws where its parameters cannot be. */
function negotiated(extensions: string, maxPayload: number): PerMessageDeflate | undefined {
  const parameters = extensions === "" ? undefined : extension.parse(extensions)["permessage-deflate"]
  if (parameters === undefined) return undefined
  const deflate = new PerMessageDeflate({ isServer: false, maxPayload, threshold: 0 })
  deflate.accept(parameters)
  return deflate
}

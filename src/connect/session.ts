/** One WebSocket from its opening to its end. */
import type { Socket } from "node:net"
import type { WebSocket } from "ws"
import type { Connection } from "../client/dial.ts"
import { formatDuration } from "../client/duration.ts"
import {
  ABNORMAL_CLOSURE,
  INVALID_PAYLOAD,
  MESSAGE_TOO_BIG,
  POLICY_VIOLATION,
  PROTOCOL_ERROR,
} from "../websocket/frames.ts"

/** What was agreed on. */
export interface SessionInfo {
  readonly address: string
  /** "TLSv1.3", or undefined without TLS. */
  readonly tls: string | undefined
  /** "" where none was chosen. */
  readonly subprotocol: string
  readonly extensions: string
  /** The answer's Server field. */
  readonly server: string | undefined
  /** From the first look-up to the answer. */
  readonly tookMs: number
}

export interface SessionEnd {
  /** What the Close frame had; NO_STATUS for one without a code, ABNORMAL_CLOSURE where none came. */
  readonly code: number
  readonly reason: string
  /** Who sent the first Close. */
  readonly by: "us" | "peer" | "nobody"
  /** What went wrong: a frame that breaks the protocol, a pong that did not come. */
  readonly fault: string | undefined
  /** How the connection itself ended, where no Close frame came: "FIN", or the name of an error. */
  readonly how: string
  readonly livedMs: number
  /** Since the peer was last heard of. */
  readonly idleMs: number
  /** Since anything passed in either direction. */
  readonly quietMs: number
}

export interface SessionListener {
  readonly message: (data: Buffer, isBinary: boolean) => void
  readonly ping: (payload: Buffer) => void
  readonly pong: (payload: Buffer, roundTripMs: number | undefined) => void
}

export interface SessionOptions {
  /** 0: no pings of our own. */
  readonly pingEveryMs: number
  /** How long a connection that is being closed may stay without a byte. */
  readonly closeMs: number
}

/** What may wait to be written before `send` says so. */
const MAX_UNSENT_BYTES = 1_048_576
/** How long a peer that broke the protocol may take to end the connection. */
const FAULT_LINGER_MS = 1000
/** How often in that time a connection that is being closed is looked at. */
const LOOKS_WHILE_CLOSING = 4
/** Pings that were sent and not answered; an answer to a later one stands for those before (RFC 6455 §5.5.3). */
const MAX_OPEN_PINGS = 64

const FAULT_CODES: ReadonlyMap<string, number> = new Map([
  ["WS_ERR_INVALID_UTF8", INVALID_PAYLOAD],
  ["WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", MESSAGE_TOO_BIG],
  ["WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH", MESSAGE_TOO_BIG],
  ["WS_ERR_TOO_MANY_BUFFERED_PARTS", POLICY_VIOLATION],
])

/** Owns the WebSocket and its connection. Made as soon as it is open: a message may be right behind. */
export class Session {
  readonly info: SessionInfo
  /** Resolves when the connection is gone; never rejects. */
  readonly ended: Promise<SessionEnd>
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #closeMs: number
  readonly #watch: NodeJS.Timeout
  readonly #openedMs = performance.now()
  readonly #openPings = new Map<string, number>()
  readonly #listener: SessionListener
  #heardMs = this.#openedMs
  #spokenMs = this.#openedMs
  #sentCode: number | undefined
  #fault: { readonly text: string; readonly code: number } | undefined
  #how = "FIN"
  #pingTimer: NodeJS.Timeout | undefined
  #faultTimer: NodeJS.Timeout | undefined
  #pingCount = 0
  /** What `#giveUp` saw last. */
  #still: { readonly sinceMs: number; readonly bytesRead: number } | undefined

  constructor(
    webSocket: WebSocket,
    { socket }: Connection,
    info: SessionInfo,
    listener: SessionListener,
    { pingEveryMs, closeMs }: SessionOptions,
  ) {
    this.#webSocket = webSocket
    this.#socket = socket
    this.#closeMs = closeMs
    this.#listener = listener
    this.info = info
    socket.once("error", (error: NodeJS.ErrnoException) => {
      this.#how = error.code ?? error.message
    })
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      this.#heardMs = performance.now()
      listener.message(data, isBinary)
    })
    webSocket.on("ping", (payload: Buffer) => {
      this.#heardMs = this.#spokenMs = performance.now()
      listener.ping(payload)
    })
    webSocket.on("pong", (payload: Buffer) => this.#takePong(payload))
    webSocket.on("error", (error: NodeJS.ErrnoException) => this.#fail(error))
    this.ended = new Promise((resolve) => {
      webSocket.once("close", (code: number, reason: Buffer) => resolve(this.#end(code, reason)))
    })
    this.#watch = setInterval(() => this.#giveUp(), closeMs / LOOKS_WHILE_CLOSING)
    if (pingEveryMs > 0) this.#pingTimer = setInterval(() => this.#pingOrGiveUp(pingEveryMs), pingEveryMs)
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN
  }

  /** Resolves when the next message may follow: at once while little waits to be written. */
  send(data: Buffer, isBinary: boolean): Promise<void> {
    this.#spokenMs = performance.now()
    return new Promise((resolve) => {
      // A failure is followed by the end.
      this.#webSocket.send(data, { binary: isBinary }, () => resolve())
      if (this.#webSocket.bufferedAmount < MAX_UNSENT_BYTES) resolve()
    })
  }

  /** `payload`: at most 125 bytes. */
  ping(payload: Buffer): void {
    this.#spokenMs = performance.now()
    const key = payload.toString("latin1")
    this.#openPings.delete(key)
    this.#openPings.set(key, this.#spokenMs)
    for (const oldest of this.#openPings.keys()) {
      if (this.#openPings.size <= MAX_OPEN_PINGS) break
      this.#openPings.delete(oldest)
    }
    this.#webSocket.ping(payload)
  }

  /** One that nobody asked for. `payload`: at most 125 bytes. */
  pong(payload: Buffer): void {
    this.#spokenMs = performance.now()
    this.#webSocket.pong(payload)
  }

  /** Begins the closing handshake; after the first time it does nothing. */
  close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.#sentCode = code
    this.resume()
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.#webSocket.terminate()
  }

  /** No more messages, until `resume`. */
  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }

  #takePong(payload: Buffer): void {
    this.#heardMs = performance.now()
    const key = payload.toString("latin1")
    const sentMs = this.#openPings.get(key)
    for (const open of sentMs === undefined ? [] : [...this.#openPings.keys()]) {
      this.#openPings.delete(open)
      if (open === key) break
    }
    this.#listener.pong(payload, sentMs === undefined ? undefined : this.#heardMs - sentMs)
  }

  #pingOrGiveUp(everyMs: number): void {
    // Who does not read cannot see the answer.
    if (this.#webSocket.isPaused || !this.isOpen) return
    if (this.#openPings.size === 0) return this.ping(Buffer.from(`holdfast ${++this.#pingCount}`))
    const text = `no pong within ${formatDuration(everyMs)}: the connection is dead`
    this.#fault = { text, code: ABNORMAL_CLOSURE }
    this.terminate()
  }

  /** Ends a connection that is being closed and on which nothing comes: what we do not read is not the peer's fault. */
  #giveUp(): void {
    const { readyState, CLOSING, isPaused } = this.#webSocket
    const { bytesRead } = this.#socket
    const now = performance.now()
    if (readyState !== CLOSING || isPaused) this.#still = undefined
    else if (this.#still?.bytesRead !== bytesRead) this.#still = { sinceMs: now, bytesRead }
    else if (now - this.#still.sinceMs >= this.#closeMs) this.terminate()
  }

  #fail(error: NodeJS.ErrnoException): void {
    const code = FAULT_CODES.get(error.code ?? "") ?? PROTOCOL_ERROR
    const text =
      code === MESSAGE_TOO_BIG
        ? "the peer sent a message larger than --max-message allows"
        : `the peer broke the protocol: ${error.message}`
    this.#fault ??= { text, code }
    this.#faultTimer ??= setTimeout(() => this.terminate(), FAULT_LINGER_MS)
  }

  #end(code: number, reason: Buffer): SessionEnd {
    clearInterval(this.#pingTimer)
    clearInterval(this.#watch)
    clearTimeout(this.#faultTimer)
    const now = performance.now()
    const isOurs = this.#sentCode !== undefined || this.#fault !== undefined
    return {
      code: this.#fault?.code ?? (code === ABNORMAL_CLOSURE ? code : (this.#sentCode ?? code)),
      reason: reason.toString("utf8"),
      by: isOurs ? "us" : code === ABNORMAL_CLOSURE ? "nobody" : "peer",
      fault: this.#fault?.text,
      how: this.#how,
      livedMs: now - this.#openedMs,
      idleMs: now - this.#heardMs,
      quietMs: now - Math.max(this.#heardMs, this.#spokenMs),
    }
  }
}

/** One WebSocket that is left alone, and watched until it ends. */
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { type HandshakeResult, openHandshake } from "./handshake.ts"
import { Session, type SessionEnd, type SessionEvent } from "./session.ts"

/** "silent": answers pings and sends nothing else. "pinging": sends pings. "mute": sends nothing at all. */
export type HeldKind = "silent" | "pinging" | "mute"

/**
 * "alive": it was open at the end, and answered. "unanswered": nothing says that it is closed, but a ping got no answer.
 * "closed": it ended while it was watched. "lost": it had ended without a word, and the ping at the end showed it.
 * "unopened": there was no handshake.
 */
export type HeldState = "alive" | "unanswered" | "closed" | "lost" | "unopened"

export interface HeldSocket {
  readonly kind: HeldKind
  readonly state: HeldState
  /** Why it did not open. */
  readonly refusal: HandshakeResult | undefined
  readonly end: SessionEnd | undefined
  /** From the handshake to the end, or to the end of watching. Milliseconds, as all below. */
  readonly livedMs: number
  /** From the last frame in either direction to the same. */
  readonly idleMs: number
  /** 0: none were sent. */
  readonly pingEveryMs: number
  readonly pingsSent: number
  readonly pongs: number
  readonly peerPings: number
  /** The time between two of them, on average; undefined for fewer than two. */
  readonly peerPingEveryMs: number | undefined
  readonly messages: number
  /** The start of the first message, "" for none, and for a binary one. */
  readonly firstMessage: string
}

export interface HoldOptions {
  readonly kind: HeldKind
  readonly holdMs: number
  /** Of kind "pinging". */
  readonly pingEveryMs: number
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
const MAX_SHOWN = 200
const GOODBYE_MS = 1000
const PING_PAYLOAD = Buffer.from("holdfast-probe")

/** Opens a socket and watches it for `holdMs`. Never throws for what a peer does. */
export async function holdSocket(context: ProbeContext, options: HoldOptions): Promise<HeldSocket> {
  const opened = await openHandshake(context)
  if (!("answer" in opened)) return unopened(options, opened)
  const session = new Session(opened.connection.socket, {
    rest: opened.rest,
    extensions: opened.answer.head.headers.getJoined("sec-websocket-extensions") ?? "",
    maxMessageBytes: MAX_MESSAGE_BYTES,
    isMute: options.kind === "mute",
  })
  try {
    return await new Watch(session, options, context.client.timeoutMs).run()
  } finally {
    session.close(NORMAL_CLOSURE)
    await session.ended(GOODBYE_MS)
    session.destroy()
  }
}

class Watch {
  readonly #session: Session
  readonly #options: HoldOptions
  readonly #answerMs: number
  readonly #untilMs: number
  #lastFrameMs: number
  #pingsSent = 0
  #pongs = 0
  #peerPings = 0
  #firstPeerPingMs = 0
  #lastPeerPingMs = 0
  #messages = 0
  #firstMessage = ""

  constructor(session: Session, options: HoldOptions, answerMs: number) {
    this.#session = session
    this.#options = options
    this.#answerMs = answerMs
    this.#untilMs = session.startedMs + options.holdMs
    this.#lastFrameMs = session.startedMs
  }

  async run(): Promise<HeldSocket> {
    let nextPingMs = this.#session.startedMs + this.#pingEveryMs
    while (performance.now() < this.#untilMs) {
      if (this.#pingEveryMs > 0 && performance.now() >= nextPingMs) {
        this.#ping()
        nextPingMs += this.#pingEveryMs
      }
      const dueMs = this.#pingEveryMs > 0 ? Math.min(nextPingMs, this.#untilMs) : this.#untilMs
      const event = await this.#session.take(() => true, Math.max(dueMs - performance.now(), 0))
      if (event?.kind === "end") return this.#result("closed", event.atMs, event.end)
      if (event !== undefined) this.#note(event)
    }
    return this.#look()
  }

  get #pingEveryMs(): number {
    return this.#options.kind === "pinging" ? this.#options.pingEveryMs : 0
  }

  /** Some cut a connection and tell nobody: a ping finds out. */
  async #look(): Promise<HeldSocket> {
    const watchedMs = performance.now()
    if (this.#options.kind === "mute") return this.#result("alive", watchedMs)
    const result = this.#result.bind(this)
    this.#session.ping(PING_PAYLOAD)
    const event = await this.#session.take(({ kind }) => kind === "pong" || kind === "end", this.#answerMs)
    if (event?.kind === "end") return result("lost", watchedMs, event.end)
    return result(event === undefined ? "unanswered" : "alive", watchedMs)
  }

  #ping(): void {
    this.#session.ping(PING_PAYLOAD)
    this.#pingsSent++
    this.#lastFrameMs = performance.now()
  }

  #note(event: Exclude<SessionEvent, { kind: "end" }>): void {
    this.#lastFrameMs = event.atMs
    if (event.kind === "pong") this.#pongs++
    if (event.kind === "message") {
      if (this.#messages === 0 && !event.isBinary) this.#firstMessage = startOf(event.data)
      this.#messages++
    }
    if (event.kind !== "ping") return
    if (this.#peerPings === 0) this.#firstPeerPingMs = event.atMs
    this.#lastPeerPingMs = event.atMs
    this.#peerPings++
  }

  #result(state: HeldState, endMs: number, end?: SessionEnd): HeldSocket {
    const gaps = this.#peerPings - 1
    return {
      kind: this.#options.kind,
      state,
      refusal: undefined,
      end,
      livedMs: endMs - this.#session.startedMs,
      idleMs: endMs - this.#lastFrameMs,
      pingEveryMs: this.#pingEveryMs,
      pingsSent: this.#pingsSent,
      pongs: this.#pongs,
      peerPings: this.#peerPings,
      peerPingEveryMs: gaps > 0 ? (this.#lastPeerPingMs - this.#firstPeerPingMs) / gaps : undefined,
      messages: this.#messages,
      firstMessage: this.#firstMessage,
    }
  }
}

function startOf(data: Buffer): string {
  return data.subarray(0, MAX_SHOWN).toString("utf8")
}

function unopened(options: HoldOptions, refusal: HandshakeResult): HeldSocket {
  return {
    kind: options.kind,
    state: "unopened",
    refusal,
    end: undefined,
    livedMs: 0,
    idleMs: 0,
    pingEveryMs: 0,
    pingsSent: 0,
    pongs: 0,
    peerPings: 0,
    peerPingEveryMs: undefined,
    messages: 0,
    firstMessage: "",
  }
}

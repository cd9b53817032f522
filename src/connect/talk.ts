/** Input to messages and messages to a view, over one connection or, where that is asked for, one after the other. */
import { setTimeout as pause } from "node:timers/promises"
import { HoldfastError } from "../base/error.ts"
import { formatDuration } from "../client/duration.ts"
import type { Endpoint } from "../client/endpoint.ts"
import type { Secrets } from "../client/secrets.ts"
import { GOING_AWAY, NORMAL_CLOSURE } from "../websocket/frames.ts"
import { type Action, COMMANDS_HELP } from "./actions.ts"
import { retryDelayMs } from "./backoff.ts"
import { explainCut, isClean, isPassing } from "./ending.ts"
import type { ConnectEvent, View } from "./events.ts"
import { type OpenOptions, openSession } from "./handshake.ts"
import { OpenError } from "./open-error.ts"
import type { Session, SessionEnd } from "./session.ts"

export interface TalkOptions extends OpenOptions {
  /** How long to go on after the last input. */
  readonly waitMs: number
  /** Never close: the peer does. */
  readonly staysOpen: boolean
  /** Ends with the first message that comes. */
  readonly isForOneMessage: boolean
  /** The longest pause before another try; 0: no other try. */
  readonly reconnectMs: number
  /** Messages that are sent are shown, too. */
  readonly showsSent: boolean
}

/** What it writes to, as far as it has to wait for it. */
export interface Sink {
  readonly writableNeedDrain: boolean
  once(event: "drain", listener: () => void): unknown
}

/** A session that lived that long was a good one: the pauses begin anew. */
const GOOD_SESSION_MS = 10_000

export class Talk {
  readonly #endpoint: Endpoint
  readonly #options: TalkOptions
  readonly #view: View
  readonly #sink: Sink
  readonly #secrets: Secrets
  /** Ends pauses between tries, and waits for a session. */
  readonly #left = new AbortController()
  #session: Session | undefined
  #waiting: (() => void)[] = []
  /** The end is meant: no other try. */
  #isLeaving = false
  /** The end is meant, and another connection. */
  #isRenewing = false
  #isMute = false
  /** For the sink. */
  #isDraining = false
  #messages = 0
  #failure: Error | undefined

  constructor(endpoint: Endpoint, options: TalkOptions, view: View, sink: Sink, secrets: Secrets) {
    this.#endpoint = endpoint
    this.#options = options
    this.#view = view
    this.#sink = sink
    this.#secrets = secrets
  }

  get isConnected(): boolean {
    return this.#session?.isOpen === true
  }

  /**
   * Returns the exit status. Throws OpenError where there is no connection and no other try, and what is wrong with the
   * input or the output.
   */
  async run(input: AsyncIterable<Action>): Promise<0 | 1> {
    void this.#pump(input).catch((error: unknown) => this.fail(error as Error))
    try {
      return await this.#connectOften()
    } finally {
      this.#left.abort()
    }
  }

  async #connectOften(): Promise<0 | 1> {
    for (let attempt = 1; ; attempt++) {
      const end = await this.#connectOnce()
      if (this.#failure !== undefined) throw this.#failure
      if (end !== undefined && end.livedMs > GOOD_SESSION_MS) attempt = 1
      if (this.#isRenewing && !this.#isLeaving) {
        this.#isRenewing = false
        attempt = 0
        continue
      }
      const isLast =
        this.#isLeaving || this.#options.reconnectMs === 0 || (end !== undefined && !isPassing(end))
      if (isLast || !(await this.#pauseBefore(attempt))) return end !== undefined && isClean(end) ? 0 : 1
    }
  }

  /** Ctrl-C: closes the connection, at once where it is asked for again. Returns whether there is one. */
  interrupt(): boolean {
    const session = this.#session
    if (session?.isOpen === true) this.#leave(NORMAL_CLOSURE)
    else session?.terminate()
    this.#isLeaving = true
    this.#left.abort()
    return session !== undefined
  }

  /** Ends the run, which throws `error`. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#leave(GOING_AWAY)
  }

  /** Nobody reads what is written any more. */
  outputGone(): void {
    this.#isMute = true
    this.#leave(NORMAL_CLOSURE)
    this.#session?.resume()
  }

  /** One connection from beginning to end; undefined where there was none, and another try may follow. */
  async #connectOnce(): Promise<SessionEnd | undefined> {
    try {
      const opened = (session: Session): void => this.#opened(session)
      const session = await openSession(this.#endpoint, this.#options, this.#listener(), opened)
      const seen = await session.ended
      this.#session = undefined
      const end = { ...seen, reason: this.#secrets.hide(seen.reason) }
      this.#show({ event: "close", end, explanation: explainCut(end, session.info) })
      return end
    } catch (error) {
      if (!(error instanceof OpenError)) throw error
      const shown = this.#shown(error)
      if (this.#options.reconnectMs === 0 || !error.isPassing || this.#isLeaving) throw shown
      this.#show(shown.event)
      return undefined
    }
  }

  /** Without credentials. */
  #shown(error: OpenError): OpenError {
    const { stage, message, status, details, isPassing } = error
    const shown = { isPassing, details: details.map((line) => this.#secrets.hide(line)), cause: error.cause }
    return new OpenError(
      stage,
      this.#secrets.hide(message),
      status === undefined ? shown : { ...shown, status },
    )
  }

  #listener() {
    return {
      message: (data: Buffer, isBinary: boolean): void => this.#take(data, isBinary),
      ping: (payload: Buffer): void => this.#show({ event: "ping", payload }),
      pong: (payload: Buffer, roundTripMs: number | undefined): void =>
        this.#show({ event: "pong", payload, roundTripMs }),
    }
  }

  #opened(session: Session): void {
    this.#session = session
    this.#show({ event: "open", url: this.#endpoint.url, info: session.info })
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
    if (this.#isLeaving) session.close(NORMAL_CLOSURE, "")
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#isMute) return
    this.#messages++
    this.#show({ event: "message", data, isBinary })
    if (this.#options.isForOneMessage) {
      this.#isMute = true
      return this.#leave(NORMAL_CLOSURE)
    }
    if (this.#sink.writableNeedDrain) this.#waitForSink()
  }

  /** What was read already still comes. */
  #waitForSink(): void {
    this.#session?.pause()
    if (this.#isDraining) return
    this.#isDraining = true
    this.#sink.once("drain", () => {
      this.#isDraining = false
      this.#session?.resume()
    })
  }

  #show(event: ConnectEvent): void {
    if (!this.#isMute || event.event === "close") this.#view(event)
  }

  #leave(code: number): void {
    this.#isLeaving = true
    this.#session?.close(code, "")
    this.#left.abort()
  }

  async #pump(input: AsyncIterable<Action>): Promise<void> {
    for await (const action of input) await this.#perform(action)
    await this.#finish()
  }

  async #perform(action: Action): Promise<void> {
    if (action.kind === "help") {
      for (const text of COMMANDS_HELP) this.#show({ event: "notice", text })
      return
    }
    const session = await this.#openOne()
    switch (action.kind) {
      case "message":
        if (this.#options.showsSent)
          this.#show({ event: "sent", data: action.data, isBinary: action.isBinary })
        return session.send(action.data, action.isBinary)
      case "ping":
        return session.ping(action.payload)
      case "pong":
        return session.pong(action.payload)
      case "close":
        this.#isLeaving = true
        return session.close(action.code, action.reason)
      default:
        this.#isRenewing = true
        session.close(NORMAL_CLOSURE, "")
    }
  }

  /** After the last input. */
  async #finish(): Promise<void> {
    const { staysOpen, isForOneMessage, waitMs } = this.#options
    if (staysOpen) return
    const over =
      waitMs === 0 ? undefined : pause(waitMs, true, { signal: this.#left.signal }).catch(() => true)
    for (;;) {
      const session = await this.#openOne()
      const isOver = over === undefined || (await Promise.race([over, session.ended.then(() => false)]))
      if (this.#isLeaving) return
      if (!isOver) continue
      if (isForOneMessage && this.#messages === 0)
        this.#failure = new HoldfastError("PROCESS", `no message came within ${formatDuration(waitMs)}`)
      return this.#leave(NORMAL_CLOSURE)
    }
  }

  /** Waits until a session is open. */
  async #openOne(): Promise<Session> {
    for (;;) {
      const session = this.#session
      if (session?.isOpen === true) return session
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Returns whether there is to be another try. */
  async #pauseBefore(attempt: number): Promise<boolean> {
    const inMs = retryDelayMs(attempt, this.#options.reconnectMs)
    this.#show({ event: "retry", attempt, inMs })
    await pause(inMs, undefined, { signal: this.#left.signal }).catch(() => {})
    return !this.#isLeaving
  }
}

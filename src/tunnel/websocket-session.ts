/**
 * What Holdfast does in a WebSocket tunnel beside relaying it: goodbyes, pings, and an answer to frames that break
 * the protocol. RFC 6455 §5.5, §7. Both directions are seen by a FrameGate; payload is never touched.
 */
import { randomBytes } from "node:crypto"
import { ERROR, INFO } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import { FRAME_BOUNDARY, MESSAGE_BOUNDARY } from "../websocket/frame-scanner.ts"
import {
  closeFrame,
  GOING_AWAY,
  OPCODE_CLOSE,
  OPCODE_PONG,
  PROTOCOL_ERROR,
  pingFrame,
} from "../websocket/frames.ts"
import { FrameGate, type FrameSink, type GateOwner, NOTHING } from "./frame-gate.ts"
import { type PingHost, type PingSettings, Pings } from "./pings.ts"

/** What is the same for all tunnels of a location. */
export interface WebSocketOptions {
  readonly ping: PingSettings | null
  /** The code of a goodbye to the client. */
  readonly closeCode: number
  /** How long each side has for its part of the closing handshake. */
  readonly closeTimeoutMs: number
  /** Frames against the protocol are relayed, and nothing is looked at any more. */
  readonly passesErrors: boolean
}

/** The tunnel, as its session sees it. */
export interface SessionHost {
  readonly toClient: FrameSink
  readonly toUpstream: FrameSink
  readonly lastClientMs: number
  readonly lastUpstreamMs: number
  readonly isClientBlocked: boolean
  readonly isUpstreamBlocked: boolean
  log(level: number, message: string): void
  /** Ends our side of a connection (FIN) once all is written; what comes for it from then on is dropped. */
  endClient(): void
  endUpstream(): void
  /** Nothing of what a side still sends goes on: however slow the other one is, it is read, up to its end. */
  dropFromClient(): void
  dropFromUpstream(): void
  /** Ends both at once, whatever is unsent. */
  cut(): void
}

/** Frames pass. */
const OPEN = 0
/** The client's turn of a closing handshake: a Close is on its way, or its answer is awaited. */
const CLOSING_CLIENT = 1
/** The upstream's turn; the client is done with. */
const CLOSING_UPSTREAM = 2
/** Both are told that the protocol was broken. */
const FAILING = 3
/** The handshakes are over: the connections end. */
const ENDING = 4

export class WebSocketSession implements GateOwner, PingHost {
  readonly fromClient: FrameGate
  readonly fromUpstream: FrameGate
  readonly #options: WebSocketOptions
  readonly #host: SessionHost
  readonly #timers: TimerWheel
  /** Made for a closing handshake. */
  #timer: Timer | null = null
  readonly #pings: Pings | null
  #phase = OPEN
  /** Half of the client's turn is over: the end of a frame will do where the end of a message does not come. */
  #isPressing = false
  #isBlind = false
  #hasClientEnded = false
  #hasUpstreamEnded = false

  /** `rsv`: reserved bits that the negotiated extensions may set, as for FrameScanner. */
  constructor(options: WebSocketOptions, rsv: number, host: SessionHost, timers: TimerWheel) {
    this.#options = options
    this.#host = host
    this.#timers = timers
    this.fromClient = new FrameGate(true, rsv, host.toUpstream, this)
    this.fromUpstream = new FrameGate(false, rsv, host.toClient, this)
    this.#pings = options.ping === null ? null : new Pings(options.ping, this, timers)
  }

  start(): void {
    this.#pings?.start()
  }

  /** The tunnel is over. */
  stop(): void {
    this.#timer?.stop()
    this.#pings?.stop()
  }

  #limit(limitMs: number): void {
    this.#timer ??= this.#timers.timer(() => this.#onTimeout())
    this.#timer.start(limitMs)
  }

  /** Frames pass; else it is ending, within times of its own. */
  get isOpen(): boolean {
    return this.#phase === OPEN
  }

  // --- goodbye

  /** Ends the WebSocket in peace: a Close, its answer, then TCP. Nothing where frames are not looked at any more. */
  sayGoodbye(): void {
    if (this.#phase !== OPEN || this.#isBlind) return
    const code = this.#options.closeCode
    this.#host.log(INFO, `closing WebSocket with ${code}`)
    this.#closeClient(code)
  }

  /** The client comes first: what it sends before its answer still reaches the upstream. */
  #closeClient(code: number): void {
    this.#pings?.stop()
    const { closeTimeoutMs } = this.#options
    if (this.#isClosing()) {
      // The applications say goodbye themselves already: all that they need is a limit.
      this.#phase = ENDING
      return this.#limit(2 * closeTimeoutMs)
    }
    // Behind our FIN, which passed on the upstream's, a client can be told nothing.
    if (this.#hasUpstreamEnded) return this.#closeUpstream()
    this.#phase = CLOSING_CLIENT
    this.#limit(closeTimeoutMs / 2)
    this.fromUpstream.close(closeFrame(code, "", null), MESSAGE_BOUNDARY)
  }

  #isClosing(): boolean {
    return this.fromClient.scanner.isClosed || this.fromUpstream.scanner.isClosed
  }

  #closeUpstream(): void {
    this.#phase = CLOSING_UPSTREAM
    this.#limit(this.#options.closeTimeoutMs)
    if (this.fromClient.isShut || this.fromClient.scanner.isClosed || this.#hasClientEnded) this.#end()
    else this.fromClient.close(upstreamClose(GOING_AWAY), FRAME_BOUNDARY)
  }

  /** The client had its time. If it takes nothing, that must not keep the upstream's answer from being heard. */
  #giveUpClient(): void {
    if (this.#host.isClientBlocked) this.#discardFromUpstream()
    this.#closeUpstream()
  }

  #discardFromUpstream(): void {
    this.fromUpstream.discard()
    this.#host.dropFromUpstream()
  }

  /** Nothing more is to be said: TCP ends, and has a limit for it. */
  #end(): void {
    this.#phase = ENDING
    this.#limit(this.#options.closeTimeoutMs)
    this.#host.endClient()
    this.#host.endUpstream()
  }

  #onTimeout(): void {
    if (this.#phase !== CLOSING_CLIENT) return this.#host.cut()
    if (this.#isPressing) return this.#giveUpClient()
    this.#isPressing = true
    this.#limit(this.#options.closeTimeoutMs / 2)
    this.fromUpstream.press()
  }

  /** A side has ended its connection: there will be no other boundary, and no answer of its. */
  onClientEnd(): void {
    this.#pings?.stop()
    // Before the rest of a frame that was held back: a Close behind that would be a part of the frame.
    if (this.#phase === CLOSING_CLIENT) this.#closeUpstream()
    this.#hasClientEnded = true
    this.fromClient.end()
  }

  /**
   * The client's connection is no more. True where the upstream has its Close: the tunnel ends with its answer, or
   * when its time is up.
   */
  onClientGone(): boolean {
    if (this.#phase === CLOSING_CLIENT) this.#closeUpstream()
    const isUpstreamTold =
      this.#phase !== OPEN && (this.fromClient.isShut || this.fromClient.scanner.isClosed)
    if (isUpstreamTold) this.#discardFromUpstream()
    return isUpstreamTold
  }

  onUpstreamEnd(): void {
    this.#hasUpstreamEnded = true
    this.#pings?.stop()
    this.fromUpstream.end()
    if (this.#phase === CLOSING_UPSTREAM && this.fromClient.isShut) this.#end()
  }

  // --- GateOwner

  onControl(gate: FrameGate): Buffer | null {
    const { opcode, payload, payloadLength } = gate.scanner
    if (opcode === OPCODE_PONG) return this.#pings?.isAnswer(payload, payloadLength) === true ? NOTHING : null
    if (opcode !== OPCODE_CLOSE) return null
    this.#pings?.stop()
    // The client's answer to our Close goes no further: the upstream gets a Close of its own.
    if (gate === this.fromUpstream || this.#phase !== CLOSING_CLIENT || !this.fromUpstream.isShut) return null
    this.#phase = CLOSING_UPSTREAM
    this.#limit(this.#options.closeTimeoutMs)
    this.#host.endClient()
    return upstreamClose(GOING_AWAY)
  }

  onClosePassed(gate: FrameGate): void {
    if (gate === this.fromUpstream && this.#phase === CLOSING_UPSTREAM && this.fromClient.isShut) this.#end()
  }

  onShut(gate: FrameGate): void {
    if (gate === this.fromClient) this.#host.dropFromClient()
    else this.#host.dropFromUpstream()
    if (this.#phase === FAILING) this.#endFailed(gate)
    else if (gate === this.fromClient) {
      if (this.fromUpstream.scanner.isClosed || this.#hasUpstreamEnded) this.#end()
    } else if (this.#phase === CLOSING_CLIENT && (this.fromClient.scanner.isClosed || this.#hasClientEnded)) {
      // No answer will come: it has said its last word.
      this.#closeUpstream()
    }
  }

  onViolation(gate: FrameGate): boolean {
    if (this.#phase === FAILING) return false
    const isClient = gate === this.fromClient
    this.#host.log(
      isClient ? INFO : ERROR,
      `${isClient ? "client" : "upstream"} sent invalid WebSocket frame: ${gate.scanner.fault}`,
    )
    this.#pings?.stop()
    if (this.#options.passesErrors && this.#phase === OPEN) {
      this.#isBlind = true
      const other = isClient ? this.fromUpstream : this.fromClient
      other.goBlind()
      return true
    }
    this.#fail()
    return false
  }

  /** RFC 6455 §7.1.7: a Close to both, then TCP, without waiting for answers. */
  #fail(): void {
    this.#phase = FAILING
    this.#limit(this.#options.closeTimeoutMs)
    this.fromClient.close(upstreamClose(PROTOCOL_ERROR), FRAME_BOUNDARY)
    this.fromUpstream.close(closeFrame(PROTOCOL_ERROR, "", null), FRAME_BOUNDARY)
    // Those that had a Close before.
    for (const gate of [this.fromClient, this.fromUpstream])
      if (gate.isShut || gate.scanner.isClosed) this.#endFailed(gate)
  }

  #endFailed(gate: FrameGate): void {
    if (gate === this.fromClient) this.#host.endUpstream()
    else this.#host.endClient()
  }

  // --- PingHost

  get lastClientMs(): number {
    return this.#host.lastClientMs
  }

  get lastUpstreamMs(): number {
    return this.#host.lastUpstreamMs
  }

  /** Where one side takes nothing, no answer of the other is read. */
  get #isFree(): boolean {
    return !this.#host.isClientBlocked && !this.#host.isUpstreamBlocked
  }

  pingClient(payload: Buffer): boolean {
    return this.#isFree && this.fromUpstream.insert(pingFrame(payload, null))
  }

  pingUpstream(payload: Buffer): boolean {
    return this.#isFree && this.fromClient.insert(pingFrame(payload, randomBytes(4)))
  }

  onClientSilent(): void {
    this.#host.log(INFO, "client did not answer a ping")
    this.#giveUpClient()
  }

  onUpstreamSilent(): void {
    this.#host.log(ERROR, "upstream did not answer a ping")
    this.#closeClient(GOING_AWAY)
  }
}

/** Toward a server frames are masked (RFC 6455 §5.3). */
function upstreamClose(code: number): Buffer {
  return closeFrame(code, "", randomBytes(4))
}

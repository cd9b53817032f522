/** What a health check does with a WebSocket that it has opened: a ping where it is asked for, then a goodbye. RFC 6455 §5.5. */
import { randomBytes } from "node:crypto"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import { ALL_READ, CONTROL, FrameScanner, RSV_NONE, VIOLATION } from "../../websocket/frame-scanner.ts"
import {
  closeFrame,
  NO_STATUS,
  NORMAL_CLOSURE,
  OPCODE_CLOSE,
  OPCODE_PONG,
  pingFrame,
} from "../../websocket/frames.ts"

const PING_BYTES = 8
const MASK_KEY_BYTES = 4

const PINGING = 0
const CLOSING = 1
const CLOSED = 2

export class WebSocketCheck {
  readonly #connection: UpstreamConnection
  readonly #scanner = new FrameScanner({ isMasked: false, rsv: RSV_NONE })
  readonly #payload: Buffer | null
  #state: number

  /** Sends its first frame. `pings`: a ping has to be answered before the goodbye. */
  constructor(connection: UpstreamConnection, pings: boolean) {
    this.#connection = connection
    this.#payload = pings ? randomBytes(PING_BYTES) : null
    this.#state = PINGING
    if (this.#payload === null) this.#sayGoodbye()
    else connection.write(pingFrame(this.#payload, randomBytes(MASK_KEY_BYTES)))
  }

  /** nginx's " while …". */
  get doing(): string {
    return this.#state === PINGING ? " while waiting for WebSocket pong" : " while closing WebSocket"
  }

  /** The goodbye has been said: the connection's end is as good as a Close. */
  get isClosing(): boolean {
    return this.#state !== PINGING
  }

  get isClosed(): boolean {
    return this.#state === CLOSED
  }

  /** Takes bytes from `start`; returns what is wrong with them, or undefined. */
  push(chunk: Buffer, start: number): string | undefined {
    const scanner = this.#scanner
    let offset = start
    for (;;) {
      offset = scanner.execute(chunk, offset)
      if (scanner.event === VIOLATION) return `upstream sent invalid WebSocket frame (${scanner.fault})`
      if (scanner.event === CONTROL) {
        const fault = this.#onControl(scanner)
        if (fault !== undefined || this.#state === CLOSED) return fault
      } else if (scanner.event === ALL_READ) return undefined
    }
  }

  #onControl(scanner: FrameScanner): string | undefined {
    if (scanner.opcode === OPCODE_PONG) {
      const payload = scanner.payload.subarray(0, scanner.payloadLength)
      if (this.#state === PINGING && this.#payload?.equals(payload) === true) this.#sayGoodbye()
    } else if (scanner.opcode === OPCODE_CLOSE) {
      if (this.#state === PINGING) {
        const code = scanner.closeCode === NO_STATUS ? "without code" : `with code ${scanner.closeCode}`
        return `upstream closed WebSocket ${code}`
      }
      this.#state = CLOSED
    }
    return undefined
  }

  #sayGoodbye(): void {
    this.#state = CLOSING
    this.#connection.write(closeFrame(NORMAL_CLOSURE, "", randomBytes(MASK_KEY_BYTES)))
  }
}

/**
 * The frame codec of ws, which its module exports and its types leave out. Used where a WebSocket runs over a
 * connection whose handshake we wrote by hand.
 */
import type { Duplex, Writable } from "node:stream"

declare module "ws" {
  interface DeflateOptions {
    readonly isServer?: boolean
    readonly maxPayload?: number
    readonly threshold?: number
  }

  /** RFC 7692. */
  class PerMessageDeflate {
    constructor(options?: DeflateOptions)
    /** Takes what the answer negotiated; throws where that cannot be. */
    accept(parameters: readonly Record<string, readonly (string | true)[]>[]): unknown
    cleanup(): void
  }

  /** Sec-WebSocket-Extensions, RFC 6455 §9.1. */
  const extension: {
    parse(value: string): Record<string, readonly Record<string, readonly (string | true)[]>[]>
  }

  type Extensions = Readonly<Record<string, PerMessageDeflate>>

  /**
   * Reads frames. Events: "message" (Buffer or Buffer[], whether it is binary), "ping" and "pong" (Buffer), "conclude"
   * (code, reason) for a Close, "error" for what breaks the protocol.
   */
  class Receiver extends Writable {
    constructor(options: {
      readonly extensions?: Extensions
      readonly isServer?: boolean
      readonly maxPayload?: number
      readonly maxFragments?: number
    })
  }

  class Sender {
    constructor(socket: Duplex, extensions?: Extensions)
    close(
      code: number | undefined,
      reason: string | undefined,
      mask: boolean,
      done?: (error?: Error) => void,
    ): void
    ping(payload: Buffer, mask: boolean, done?: (error?: Error) => void): void
    pong(payload: Buffer, mask: boolean, done?: (error?: Error) => void): void
    send(
      payload: Buffer,
      options: {
        readonly binary: boolean
        readonly compress: boolean
        readonly fin: boolean
        readonly mask: boolean
      },
      done?: (error?: Error) => void,
    ): void
  }
}

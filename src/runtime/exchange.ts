/**
 * The client's side of one request, whatever protocol carries it: HTTP/1.1 on a socket, or a stream of
 * HTTP/2. Handlers answer through it and read the request's body from it.
 */
import type { Duplex } from "node:stream"
import type { ExchangeProgress } from "./progress.ts"

/** Takes the request's body as it arrives. */
export interface BodyConsumer {
  /** `chunk` belongs to the consumer, which may free its memory. */
  onBody(chunk: Buffer): void
  onBodyEnd(): void
  /** The body broke: `status` is what to answer (400, 408, 413), 499 when the client has gone. */
  onBodyError(status: number): void
}

/** Whoever produces the response's body or waits for something: told when the client can take more, or has gone. */
export interface ResponseProducer {
  onClientDrain(): void
  /** The client closed or reset before the response's end. */
  onClientGone(): void
  /** Our own code failed somewhere: what is held for the request (a peer, a connection) is given back. */
  release(): void
}

/** A connection, or a stream of one, that an exchange gave away after a 101. */
export interface TakenConnection {
  readonly stream: Duplex
  /** Bytes of the client that came behind the head. */
  readonly received: Buffer | null
  /** To be called once, when whoever has the stream is done with it: closes it, whatever is unsent. */
  close(): void
}

export interface Exchange extends ExchangeProgress {
  readonly isHeadSent: boolean
  /** Told about the client until the response's end; null when nobody asks. */
  producer: ResponseProducer | null

  /** Makes the head from `request.response`. It leaves with the first body bytes, or with `flush`. Handlers call `sendHead` of send-head.ts. */
  sendHead(): void
  /** Takes body bytes; returns false when the producer should wait for `onClientDrain`. */
  write(chunk: Buffer): boolean
  /** Sends what has been taken so far. */
  flush(): void
  /** The response is complete. */
  end(): void
  /** The response cannot be completed: the client must see that it is cut. */
  abort(): void
  /** An informational response (`100 Continue`, 103) goes out at once. */
  sendInformational(status: number, fields: string): void

  /** Hands the body to `consumer` from now on. Its end comes even for an empty body. */
  readBody(consumer: BodyConsumer): void
  pauseBody(): void
  resumeBody(): void

  /**
   * Sends the head of a 101 and gives the connection away. `head` is that of HTTP/1.1; a stream of HTTP/2 makes its
   * own of `request.response`. The exchange is over, and knows nobody any more.
   */
  takeOver(head: string): TakenConnection
}

/** For tests of what stands in front of an exchange: both its ends. */
import type { Exchange, ResponseProducer } from "./exchange.ts"

/** Keeps what it is given, piece by piece, and says when it has ended. */
export class RecordingExchange implements Exchange {
  readonly chunks: Buffer[] = []
  /** Resolved when the answer has ended or was given up. */
  readonly over = Promise.withResolvers<void>()
  producer: ResponseProducer | null = null
  isHeadSent = false
  isComplete = false
  bodyBytesSent = 0
  bytesSent = 0
  requestLength = 0
  /** The client takes no more. */
  isFull = false
  hasEnded = false
  hasAborted = false
  /** Called at each flush. */
  onFlush: (() => void) | null = null
  /** How many bytes had come at each flush. */
  readonly flushedAt: number[] = []

  get pieces(): number[] {
    return this.chunks.map((chunk) => chunk.length)
  }

  sendHead(): void {
    this.isHeadSent = true
    this.bytesSent += 100
  }
  write(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.bytesSent += chunk.length
    return !this.isFull
  }
  flush(): void {
    this.flushedAt.push(this.bytesSent)
    this.onFlush?.()
  }
  end(): void {
    this.hasEnded = true
    this.over.resolve()
  }
  abort(): void {
    this.hasAborted = true
    this.over.resolve()
  }
  sendInformational(): void {}
  readBody(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  takeOver(): never {
    throw new Error("no tunnel here")
  }
}

/** A producer that notes what it is told. */
export class RecordingProducer implements ResponseProducer {
  readonly drained = Promise.withResolvers<void>()
  isGone = false
  isReleased = false
  onClientDrain(): void {
    this.drained.resolve()
  }
  onClientGone(): void {
    this.isGone = true
  }
  release(): void {
    this.isReleased = true
  }
}

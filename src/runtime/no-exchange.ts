import type { BodyConsumer, Exchange, TakenConnection } from "./exchange.ts"

/** The exchange of a request that no client has sent: what it would answer goes nowhere, and it has no body. */
export class NoExchange implements Exchange {
  readonly isHeadSent = false
  readonly isComplete = false
  readonly bodyBytesSent = 0
  readonly bytesSent = 0
  readonly requestLength = 0
  producer = null

  sendHead(): void {}

  write(): boolean {
    return true
  }

  flush(): void {}

  end(): void {}

  abort(): void {}

  sendInformational(): void {}

  readBody(consumer: BodyConsumer): void {
    consumer.onBodyEnd()
  }

  pauseBody(): void {}

  resumeBody(): void {}

  takeOver(): TakenConnection {
    throw new Error("there is no client to take over")
  }
}

import { ALERT, type Logger } from "../../base/logger.ts"
import type { Client } from "../../runtime/client.ts"
import type { TunnelLogger } from "../../runtime/module.ts"
import type { ExchangeProgress, Progress } from "../../runtime/progress.ts"
import type { Request, UpstreamState } from "../../runtime/request.ts"

/**
 * What is left of a request once it is a tunnel: where its lines go, and the numbers that they need. It holds
 * nothing of the generation, which a tunnel may outlive by days.
 */
export class TunnelLog implements Progress {
  readonly client: Client
  readonly startMs: number
  readonly upstreamStates: UpstreamState[] | null
  readonly exchange: TunnelBytes
  readonly #logger: Logger
  /** `, client: …, server: …, request: …` */
  readonly #tail: string
  readonly #loggers: readonly TunnelLogger[]

  /** To be made when the head of the 101, `headBytes` long, is about to leave: all else is final by then. */
  constructor(request: Request, headBytes: number) {
    this.client = request.client
    this.startMs = request.startMs
    this.upstreamStates = request.upstreamStates
    this.exchange = new TunnelBytes(request.exchange, headBytes)
    this.#logger = request.location.logger
    // Copied: as V8 keeps it, it is a tree of pieces, one of which holds the whole head of the request.
    this.#tail = Buffer.from(request.logTail(), "latin1").toString("latin1")
    this.#loggers = startLogs(request)
  }

  /** Writes to the error log. */
  log(level: number, message: string): void {
    if (level <= this.#logger.level) this.#logger.log(level, message + this.#tail, this.client.number)
  }

  /** The tunnel is over: its lines go to the access logs. `bytesSent`: all that went to the client after the 101. */
  finish(bytesSent: number): void {
    this.exchange.add(bytesSent)
    for (const logger of this.#loggers) {
      try {
        logger(this)
      } catch (error) {
        this.log(ALERT, `unhandled error while logging: ${String(error)}`)
      }
    }
  }
}

const NO_LOGGERS: readonly TunnelLogger[] = []

function startLogs(request: Request): readonly TunnelLogger[] {
  let loggers: readonly TunnelLogger[] = NO_LOGGERS
  for (const start of request.location.tunnelLogStarters ?? []) {
    const logger = start(request)
    // Not pushed onto an empty array: that would make room for seventeen.
    if (logger !== undefined) loggers = [...loggers, logger]
  }
  return loggers
}

class TunnelBytes implements ExchangeProgress {
  readonly isComplete = false
  readonly requestLength: number
  bytesSent: number
  bodyBytesSent: number

  constructor({ requestLength, bytesSent, bodyBytesSent }: ExchangeProgress, headBytes: number) {
    this.requestLength = requestLength
    this.bytesSent = bytesSent + headBytes
    this.bodyBytesSent = bodyBytesSent
  }

  add(bytes: number): void {
    this.bytesSent += bytes
    this.bodyBytesSent += bytes
  }
}

/** What the streams of one connection tell, to the exchange of each: one set of listeners for all of them. */
import type { ServerHttp2Stream } from "node:http2"
import { failRequest } from "../runtime/phases.ts"
import type { Http2Exchange } from "./http2-exchange.ts"
import type { Http2Flood } from "./http2-flood.ts"

type StreamListener = (this: ServerHttp2Stream) => void
type Act = (exchange: Http2Exchange) => void

export class Http2StreamEvents {
  readonly #onDrain: StreamListener
  readonly #onFinish: StreamListener
  readonly #onGone: StreamListener
  readonly #onTrailers: StreamListener
  readonly #onData: (this: ServerHttp2Stream, chunk: Buffer) => void
  readonly #onEnd: StreamListener

  /** `exchanges`: by the numbers of their streams; those of other streams are not told. */
  constructor(exchanges: ReadonlyMap<number, Http2Exchange>, flood: Http2Flood) {
    const tell = (stream: ServerHttp2Stream, act: Act): void => {
      const exchange = exchanges.get(stream.id ?? 0)
      if (exchange !== undefined) guarded(exchange, act)
    }
    this.#onDrain = function () {
      tell(this, drain)
    }
    this.#onFinish = function () {
      tell(this, finish)
    }
    this.#onGone = function () {
      tell(this, gone)
    }
    this.#onTrailers = function () {
      tell(this, wantTrailers)
    }
    this.#onEnd = function () {
      tell(this, bodyEnd)
    }
    this.#onData = function (chunk) {
      flood.payloadBytes += chunk.length
      const exchange = exchanges.get(this.id ?? 0)
      if (exchange === undefined) return
      try {
        exchange.onBodyData(chunk)
      } catch (error) {
        failRequest(exchange.request, error)
      }
    }
  }

  listen(stream: ServerHttp2Stream): void {
    stream.on("drain", this.#onDrain)
    stream.on("finish", this.#onFinish)
    stream.on("aborted", this.#onGone)
    stream.on("close", this.#onGone)
    stream.on("wantTrailers", this.#onTrailers)
  }

  /** Lets the request's body flow. */
  readBody(stream: ServerHttp2Stream): void {
    stream.on("data", this.#onData)
    stream.on("end", this.#onEnd)
    stream.resume()
  }

  /** For a stream of which no body has been read. */
  unlisten(stream: ServerHttp2Stream): void {
    stream.off("drain", this.#onDrain)
    stream.off("finish", this.#onFinish)
    stream.off("aborted", this.#onGone)
    stream.off("close", this.#onGone)
    stream.off("wantTrailers", this.#onTrailers)
  }
}

/** An error of our own code costs its request, and nothing else. */
export function guarded(exchange: Http2Exchange, act: Act): void {
  try {
    act(exchange)
  } catch (error) {
    failRequest(exchange.request, error)
  }
}

export function gone(exchange: Http2Exchange): void {
  exchange.onGone()
}

function drain(exchange: Http2Exchange): void {
  exchange.onDrain()
}

function finish(exchange: Http2Exchange): void {
  exchange.onFinish()
}

function wantTrailers(exchange: Http2Exchange): void {
  exchange.onWantTrailers()
}

function bodyEnd(exchange: Http2Exchange): void {
  exchange.onBodyEnd()
}

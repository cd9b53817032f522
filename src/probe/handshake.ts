/** One handshake over HTTP/1.1 (RFC 6455 §4), with all that came back as bytes. */
import type { Socket } from "node:net"
import { Deadline } from "../client/deadline.ts"
import { type Connection, dial } from "../client/dial.ts"
import { DialError } from "../client/dial-error.ts"
import type { Endpoint } from "../client/endpoint.ts"
import { HEAD_COMPLETE, HEAD_INCOMPLETE } from "../http/request-head.ts"
import { type ResponseHead, ResponseHeadParser } from "../http/response-head.ts"
import { answerFault } from "./answer-fault.ts"
import { readBody } from "./body.ts"
import type { ProbeContext } from "./context.ts"
import { type HandshakeRequest, handshakeRequest, type RequestChanges } from "./request.ts"

/** Browsers stop at 256 KB or so; whoever sends more does not mean to be read. */
const MAX_HEAD_BYTES = 65_536
/** What is kept of what came in place of an answer. */
const MAX_KEPT_BYTES = 4096
/** A server has no use for more than one or two. */
const MAX_INTERIM = 100

interface Attempt {
  /** What was sent, latin1, with credentials. */
  readonly request: string
  readonly key: string
  /** Where it went to; "" where no connection was made. */
  readonly address: string
  readonly connectMs: number
  readonly tlsMs: number
  /** From the request to the answer's first byte; undefined without an answer. */
  readonly firstByteMs: number | undefined
  readonly totalMs: number
}

/** A head came. */
export interface Answer extends Attempt {
  readonly kind: "answer"
  readonly head: ResponseHead
  /** As it came, latin1. */
  readonly headText: string
  /** Statuses of 1xx responses before it. */
  readonly interim: readonly number[]
  /** What keeps it from accepting the handshake; undefined when it does, and for a plain request. */
  readonly fault: string | undefined
  /** The body's first bytes, latin1; "" with a 101. */
  readonly body: string
}

/** None came. */
export interface NoAnswer extends Attempt {
  /** "closed": by FIN; "reset"; "silent": until the time was over; "malformed": no HTTP; "endless": no end of the head. */
  readonly kind: "closed" | "reset" | "silent" | "malformed" | "endless"
  /** What came, latin1; may be "". */
  readonly received: string
  readonly reason: string
}

/** There was no connection to ask on. */
export interface Unreachable {
  readonly kind: "unreachable"
  readonly error: DialError
}

export type HandshakeResult = Answer | NoAnswer | Unreachable

/** A connection past its handshake; whoever has it owns the socket. */
export interface Upgraded {
  readonly answer: Answer
  readonly connection: Connection
  /** What came behind the head. */
  readonly rest: Buffer
}

/** One without a fault. */
export type AcceptedAnswer = Answer & { readonly fault: undefined }

/** Whether `result` accepts the handshake in every respect. */
export function isAccepted(result: HandshakeResult | undefined): result is AcceptedAnswer {
  return result?.kind === "answer" && result.head.status === 101 && result.fault === undefined
}

/** Tries a handshake and closes the connection. Never throws. */
export async function tryHandshake(
  context: ProbeContext,
  changes: RequestChanges = {},
  endpoint: Endpoint = context.endpoint,
): Promise<HandshakeResult> {
  const result = await openHandshake(context, changes, endpoint)
  if (!("answer" in result)) return result
  result.connection.socket.destroy()
  return result.answer
}

/** Tries a handshake; the connection stays open where the answer accepts it. Never throws. */
export async function openHandshake(
  context: ProbeContext,
  changes: RequestChanges = {},
  endpoint: Endpoint = context.endpoint,
): Promise<Upgraded | HandshakeResult> {
  const deadline = new Deadline(context.client.timeoutMs)
  let connection: Connection
  try {
    connection = await dial(endpoint, { ...context.dialOptions, deadline })
  } catch (error) {
    if (!(error instanceof DialError)) throw error
    return { kind: "unreachable", error }
  }
  const request = handshakeRequest(endpoint, context.client, changes)
  return new Exchange(connection, request, changes.isPlain === true, deadline).run()
}

/** Sends the request and reads until it is clear what came. */
class Exchange {
  readonly #connection: Connection
  readonly #socket: Socket
  readonly #request: HandshakeRequest
  readonly #isPlain: boolean
  readonly #deadline: Deadline
  readonly #parser = new ResponseHeadParser(MAX_HEAD_BYTES)
  readonly #interim: number[] = []
  readonly #sentMs = performance.now()
  #firstByteMs: number | undefined
  #head: Buffer[] = []
  #received = 0

  constructor(connection: Connection, request: HandshakeRequest, isPlain: boolean, deadline: Deadline) {
    this.#connection = connection
    this.#socket = connection.socket
    this.#request = request
    this.#isPlain = isPlain
    this.#deadline = deadline
  }

  run(): Promise<Upgraded | HandshakeResult> {
    const socket = this.#socket
    return new Promise((resolve) => {
      const settle = (result: Promise<Upgraded | HandshakeResult> | HandshakeResult): void => {
        disarm()
        socket.off("data", take).off("end", ended).off("error", failed).off("close", ended)
        // An error that comes later is of no interest, and would end the program.
        socket.on("error", () => {})
        if ("kind" in result) socket.destroy()
        resolve(result)
      }
      const ended = (): void => settle(this.#none("closed", "the connection was closed"))
      const failed = (error: NodeJS.ErrnoException): void =>
        settle(this.#none("reset", error.code ?? error.message))
      const take = (chunk: Buffer): void => {
        const result = this.#take(chunk)
        if (result !== undefined) settle(result)
      }
      const disarm = this.#deadline.arm(() => {
        const isEndless = this.#received > 0
        settle(this.#none(isEndless ? "endless" : "silent", `after ${this.#deadline.limitMs / 1000} s`))
      })
      socket.on("data", take).on("end", ended).on("error", failed).on("close", ended)
      socket.write(this.#request.text, "latin1")
    })
  }

  /** Returns the result once it is clear. */
  #take(chunk: Buffer): Promise<Upgraded | HandshakeResult> | HandshakeResult | undefined {
    this.#firstByteMs ??= performance.now() - this.#sentMs
    this.#received += chunk.length
    const parser = this.#parser
    let offset = 0
    for (;;) {
      const start = offset
      offset = parser.execute(chunk, offset)
      this.#head.push(chunk.subarray(start, offset))
      if (parser.state === HEAD_INCOMPLETE) return undefined
      if (parser.state !== HEAD_COMPLETE) return this.#malformed(chunk.subarray(offset))
      const { status } = parser.head
      if (status === 101 || status >= 200) return this.#answered(parser.head, chunk.subarray(offset))
      this.#interim.push(status)
      if (this.#interim.length > MAX_INTERIM)
        return this.#none("endless", `${MAX_INTERIM} responses of ${status}`)
      this.#head = []
      parser.reset()
    }
  }

  #malformed(rest: Buffer): HandshakeResult {
    this.#head.push(rest)
    const { errorReason, errorDetail } = this.#parser
    if (errorReason === "upstream sent too big header")
      return this.#none("endless", `more than ${MAX_HEAD_BYTES / 1024} KB of header fields`)
    return this.#none("malformed", errorDetail.replace(/^upstream sent /, ""))
  }

  async #answered(head: ResponseHead, rest: Buffer): Promise<Upgraded | HandshakeResult> {
    const fault = this.#isPlain ? undefined : answerFault(head, this.#request)
    const headText = Buffer.concat(this.#head).toString("latin1")
    const isUpgrade = head.status === 101
    // Until somebody reads on: whoever has the connection, or `readBody`.
    this.#socket.pause()
    const body = isUpgrade ? "" : await readBody(this.#socket, head, rest, this.#deadline)
    const answer: Answer = {
      ...this.#attempt(),
      kind: "answer",
      head,
      headText,
      interim: this.#interim,
      fault,
      body,
    }
    if (isUpgrade && fault === undefined) return { answer, connection: this.#connection, rest }
    this.#socket.destroy()
    return answer
  }

  #none(kind: NoAnswer["kind"], reason: string): NoAnswer {
    const received = Buffer.concat(this.#head).subarray(0, MAX_KEPT_BYTES).toString("latin1")
    return { ...this.#attempt(), kind, received, reason }
  }

  #attempt(): Attempt {
    const { address, connectMs, tlsMs } = this.#connection
    return {
      request: this.#request.text,
      key: this.#request.key,
      address,
      connectMs,
      tlsMs,
      firstByteMs: this.#firstByteMs,
      totalMs: this.#deadline.elapsedMs,
    }
  }
}

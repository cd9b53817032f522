/** A WebSocket over HTTP/2: SETTINGS, an extended CONNECT, and a word (RFC 8441). */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Settings,
} from "node:http2"
import { Deadline } from "../client/deadline.ts"
import type { Connection } from "../client/dial.ts"
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { MAX_MESSAGE_BYTES } from "./messages-talk.ts"
import { commonFields, EXTENSIONS_OFFER, withGiven } from "./request.ts"
import { Session, type SessionEnd } from "./session.ts"

/**
 * "silent": no SETTINGS, or no answer, in time. "not-offered": SETTINGS do not have it. "untried": what the user
 * wants to be sent cannot be, over HTTP/2. "refused": a status that is not
 * 200. "broken": the connection, the stream or the frames of the WebSocket are. "opened": 200, and what follows is up
 * to `reply`.
 */
export type Http2Kind = "silent" | "not-offered" | "untried" | "refused" | "broken" | "opened"

export interface Http2Talk {
  readonly kind: Http2Kind
  /** Undefined: no answer came. */
  readonly status: number | undefined
  /** Of the answer, "" for none. */
  readonly server: string
  /** Of a refusal: its start, latin1. */
  readonly body: string
  /** What is broken: "the stream was reset: PROTOCOL_ERROR". */
  readonly reason: string
  /** From the request to its answer. Milliseconds. */
  readonly ms: number
  /** What came to a ping and a text: undefined for nothing. */
  readonly reply: "pong" | "message" | undefined
  readonly replyMs: number
  readonly end: SessionEnd | undefined
}

const NOTHING: Omit<Http2Talk, "kind"> = {
  status: undefined,
  server: "",
  body: "",
  reason: "",
  ms: 0,
  reply: undefined,
  replyMs: 0,
  end: undefined,
}

const MAX_BODY_BYTES = 4096
const MAX_SESSION_MEGABYTES = 8
const MAX_FIELDS = 256

/** Owns the connection. Never throws for what a peer does. */
export async function talkHttp2(connection: Connection, context: ProbeContext): Promise<Http2Talk> {
  const deadline = new Deadline(context.client.timeoutMs)
  const session = connect(`https://${context.endpoint.authority}`, {
    createConnection: () => connection.socket,
    settings: { enablePush: false },
    maxSessionMemory: MAX_SESSION_MEGABYTES,
    maxHeaderListPairs: MAX_FIELDS,
    // HTTP/2 on a proxy may be slow to say what it can: our own end says when it is too late.
    timeout: 0,
  })
  const failure = failureOf(session)
  try {
    const settings = await settingsOf(session, deadline)
    if (settings === undefined)
      return { ...NOTHING, kind: failure() === "" ? "silent" : "broken", reason: failure() }
    if (settings.enableConnectProtocol !== true) return { ...NOTHING, kind: "not-offered" }
    return await converse(session, context, failure)
  } finally {
    session.destroy()
    connection.socket.destroy()
  }
}

/** What went wrong with the connection, "" for nothing. */
function failureOf(session: ClientHttp2Session): () => string {
  let reason = ""
  session.on("error", (error: NodeJS.ErrnoException) => {
    reason ||= error.code === "ERR_HTTP2_ERROR" ? error.message : (error.code ?? error.message)
  })
  session.on("goaway", (code) => {
    if (code !== constants.NGHTTP2_NO_ERROR) reason ||= `GOAWAY: ${errorName(code)}`
  })
  session.on("close", () => {
    reason ||= "the connection was closed"
  })
  return () => reason
}

function settingsOf(session: ClientHttp2Session, deadline: Deadline): Promise<Settings | undefined> {
  return new Promise((resolve) => {
    const settle = (settings?: Settings): void => {
      disarm()
      resolve(settings)
    }
    const disarm = deadline.arm(() => settle())
    session.once("remoteSettings", settle)
    session.once("close", () => settle())
  })
}

async function converse(
  session: ClientHttp2Session,
  context: ProbeContext,
  failure: () => string,
): Promise<Http2Talk> {
  const { timeoutMs } = context.client
  const deadline = new Deadline(timeoutMs)
  let stream: ClientHttp2Stream
  try {
    stream = session.request(requestOf(context), { endStream: false })
  } catch (error) {
    // Either the peer has ended it in the meantime, or a header of the user's is none of HTTP/2.
    const reason = failure() || (error as Error).message
    return { ...NOTHING, kind: session.closed || session.destroyed ? "broken" : "untried", reason }
  }
  let streamFailure = ""
  stream.on("error", (error) => {
    streamFailure ||=
      stream.rstCode > 0 ? `the stream was reset: ${errorName(stream.rstCode)}` : error.message
  })
  const headers = await answerOf(stream, deadline)
  const ms = deadline.elapsedMs
  if (headers === undefined) {
    const isReset = stream.rstCode > 0
    const reason =
      streamFailure || (isReset ? `the stream was reset: ${errorName(stream.rstCode)}` : failure())
    return { ...NOTHING, kind: reason === "" ? "silent" : "broken", reason, ms }
  }
  const status = headers[":status"] ?? 0
  const common = { ...NOTHING, status, server: String(headers["server"] ?? ""), ms }
  if (status < 200 || status > 299)
    return { ...common, kind: "refused", body: await startOf(stream, deadline) }
  return { ...common, ...(await trade(stream, headers, timeoutMs)) }
}

function requestOf({ endpoint, client }: ProbeContext): OutgoingHttpHeaders {
  const own: (readonly [string, string])[] = [["sec-websocket-version", "13"]]
  if (client.subprotocols.length > 0) own.push(["sec-websocket-protocol", client.subprotocols.join(", ")])
  own.push(["sec-websocket-extensions", EXTENSIONS_OFFER], ...commonFields(endpoint, client))
  const headers: Record<string, string | string[]> = {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "https",
    ":authority": endpoint.authority,
    ":path": endpoint.target,
  }
  for (const [name, value] of withGiven(own, client.headers)) {
    const key = name.toLowerCase()
    if (key === "host") headers[":authority"] = value
    if (NOT_IN_HTTP2.has(key)) continue
    const before = headers[key]
    headers[key] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/** RFC 9113 §8.2.2, RFC 8441 §5. */
const NOT_IN_HTTP2: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "upgrade",
  "keep-alive",
  "transfer-encoding",
  "proxy-connection",
  "te",
  "http2-settings",
  "sec-websocket-key",
])

type Answer = IncomingHttpHeaders & { readonly ":status"?: number }

function answerOf(stream: ClientHttp2Stream, deadline: Deadline): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const settle = (headers?: Answer): void => {
      disarm()
      resolve(headers)
    }
    const disarm = deadline.arm(() => settle())
    stream.once("response", (headers) => settle(headers))
    stream.once("close", () => settle())
  })
}

/** The first bytes of a refusal's body. */
function startOf(stream: ClientHttp2Stream, deadline: Deadline): Promise<string> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let length = 0
    const settle = (): void => {
      disarm()
      stream.destroy()
      resolve(Buffer.concat(pieces).subarray(0, MAX_BODY_BYTES).toString("latin1"))
    }
    const disarm = deadline.arm(settle)
    stream.on("data", (chunk: Buffer) => {
      pieces.push(chunk)
      length += chunk.length
      if (length >= MAX_BODY_BYTES) settle()
    })
    stream.once("end", settle).once("close", settle)
  })
}

const HELLO = Buffer.from("holdfast-probe")

async function trade(
  stream: ClientHttp2Stream,
  headers: Answer,
  limitMs: number,
): Promise<Pick<Http2Talk, "kind" | "reason" | "reply" | "replyMs" | "end">> {
  const session = new Session(stream, {
    rest: Buffer.alloc(0),
    extensions: String(headers["sec-websocket-extensions"] ?? ""),
    maxMessageBytes: MAX_MESSAGE_BYTES,
  })
  const startedMs = performance.now()
  session.ping(HELLO)
  const event = await session.take(({ kind }) => kind !== "ping", limitMs)
  const replyMs = performance.now() - startedMs
  // What ended it before our goodbye.
  const { end } = session
  session.close(NORMAL_CLOSURE)
  await session.ended(Math.min(GOODBYE_MS, limitMs))
  session.destroy()
  const reply = event?.kind === "pong" || event?.kind === "message" ? event.kind : undefined
  const isBroken = end !== undefined && end.how !== "close"
  return { kind: isBroken ? "broken" : "opened", reason: isBroken ? end.reason : "", reply, replyMs, end }
}

const GOODBYE_MS = 500

/** "PROTOCOL_ERROR". RFC 9113 §7. */
function errorName(code: number): string {
  const found = Object.entries(constants).find(
    ([name, value]) => value === code && ERROR_NAMES.has(name.replace("NGHTTP2_", "")),
  )
  return found === undefined ? `error ${code}` : found[0].replace("NGHTTP2_", "")
}

const ERROR_NAMES: ReadonlySet<string> = new Set([
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
])

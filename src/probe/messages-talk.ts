/** Sessions of the step "messages", and one message there and back. */
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { type Answer, type HandshakeResult, openHandshake } from "./handshake.ts"
import type { RequestChanges } from "./request.ts"
import { Session, type SessionEnd } from "./session.ts"

/** What a server sends in one message; who sends more is not read any further. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

export interface Talk {
  readonly session: Session
  readonly answer: Answer
}

/** Opens a WebSocket. Never throws. */
export async function openTalk(
  context: ProbeContext,
  changes: RequestChanges = {},
): Promise<Talk | HandshakeResult> {
  const opened = await openHandshake(context, changes)
  if (!("answer" in opened)) return opened
  const session = new Session(opened.connection.socket, {
    rest: opened.rest,
    extensions: extensionsOf(opened.answer),
    maxMessageBytes: MAX_MESSAGE_BYTES,
    lingers: true,
  })
  return { session, answer: opened.answer }
}

const GOODBYE_MS = 300

/** Ends a session in peace, as far as the peer takes part. */
export async function leave({ session }: Talk): Promise<void> {
  session.close(NORMAL_CLOSURE)
  await session.ended(GOODBYE_MS)
  session.destroy()
}

/** Sec-WebSocket-Extensions, "" for none. */
export function extensionsOf({ head }: Answer): string {
  return head.headers.getJoined("sec-websocket-extensions") ?? ""
}

/** How a message is put on the wire. */
export type Manner = "text" | "binary" | "fragmented" | "compressed"

/**
 * "same": it came back. "ended": the session ended before it did. "other": other messages came. "silent": none of them.
 * "slow": none, and at the pace of a shorter one it would have needed longer than it had. "unopened": no session.
 */
export type TripOutcome = "same" | "ended" | "other" | "silent" | "slow" | "unopened"

/** A message there and back. */
export interface Trip {
  readonly manner: Manner
  readonly bytes: number
  readonly outcome: TripOutcome
  readonly ms: number
  /** It came back as the other kind: a binary one as text, or the reverse. */
  readonly isOtherKind: boolean
  readonly end: SessionEnd | undefined
}

const PIECES = 3

/** Sends `bytes` bytes and waits for the same to come back; with `isWrapped`, in a message that has it in it. */
export async function trip(
  session: Session,
  manner: Manner,
  bytes: number,
  limitMs: number,
  isWrapped = false,
): Promise<Trip> {
  const data = payloadOf(bytes)
  const startedMs = performance.now()
  let others = 0
  sendAs(session, manner, data)
  const event = await session.take((one) => {
    if (one.kind !== "message") return one.kind === "end"
    if (isWrapped ? one.data.includes(data) : one.data.equals(data)) return true
    if (one.atMs >= startedMs) others++
    return false
  }, limitMs)
  const ms = performance.now() - startedMs
  const common = { manner, bytes, ms, isOtherKind: false, end: session.end }
  if (event?.kind === "message")
    return {
      ...common,
      outcome: "same",
      isOtherKind: event.isBinary !== (manner === "binary"),
      end: undefined,
    }
  if (session.end !== undefined) return { ...common, outcome: "ended" }
  return { ...common, outcome: others > 0 ? "other" : "silent" }
}

function sendAs(session: Session, manner: Manner, data: Buffer): void {
  if (manner !== "fragmented")
    return session.send(data, { isBinary: manner === "binary", isCompressed: manner === "compressed" })
  const size = Math.ceil(data.length / PIECES)
  for (let at = 0; at < data.length; at += size)
    session.send(data.subarray(at, at + size), { fin: at + size >= data.length })
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
const MARK_DIGITS = 8

/**
 * Letters and digits, which any server can take for text, and none for a line's end. It begins at random, so that an
 * answer that comes too late is not taken for the next one's.
 */
export function payloadOf(bytes: number): Buffer {
  const data = Buffer.alloc(bytes, DIGITS, "latin1")
  for (let at = 0; at < Math.min(bytes, MARK_DIGITS); at++)
    data[at] = DIGITS.charCodeAt(Math.floor(Math.random() * DIGITS.length))
  return data
}

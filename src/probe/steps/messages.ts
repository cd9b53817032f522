/** Messages of all sizes, pings, goodbye, half-close. */
import type { ProbeContext } from "../context.ts"
import { type HandshakeResult, isAccepted } from "../handshake.ts"
import { type AnswerSeen, hearAnswer } from "../messages-answer.ts"
import {
  type CloseSeen,
  type HalfClose,
  measureTrips,
  type PingsSeen,
  type RoundTrips,
  tryClose,
  tryHalfClose,
  tryPings,
} from "../messages-manners.ts"
import { type SizesSeen, trySizes } from "../messages-sizes.ts"
import { extensionsOf, leave, openTalk, type Talk, trip } from "../messages-talk.ts"
import { describeMessages } from "../messages-text.ts"
import { extensionsFault, type Session, type SessionEnd, type Traffic } from "../session.ts"
import type { Step } from "../step.ts"

export interface MessagesSeen {
  /** A handshake that was not accepted, although the one before it was. */
  refusal?: HandshakeResult
  /** As negotiated, "" for none, and what is wrong with them. */
  extensions: string
  extensionsFault?: string | undefined
  answer?: AnswerSeen
  /** How another session went to which nothing was said, after one that ended early or on our text. */
  again?: SessionEnd | "stays open" | "does not open"
  /** From the request of the handshake to its answer. Milliseconds. */
  handshakeMs?: number | undefined
  trips?: RoundTrips | undefined
  sizes?: SizesSeen
  pings?: PingsSeen | undefined
  close?: CloseSeen | undefined
  halfClose?: HalfClose | undefined
  /** Frames that cannot be read came; the same without an offer of compression went well. */
  worksUncompressed?: boolean
  /** Of the first session. */
  traffic?: Traffic
  /** How long that was open. Milliseconds. */
  openMs?: number
}

export const messages: Step = {
  id: "messages",
  title: "messages",
  skip: (_context, seen) => (isAccepted(seen.handshake) ? undefined : ""),
  run: async (context, seen, progress) => {
    const found: MessagesSeen = { extensions: "" }
    seen.messages = found
    const talk = await openTalk(context)
    if ("session" in talk) await look(context, talk, found, progress)
    else found.refusal = talk
    return describeMessages(found, context)
  },
}

async function look(
  context: ProbeContext,
  talk: Talk,
  found: MessagesSeen,
  progress: (text: string) => void,
): Promise<void> {
  const { session } = talk
  found.extensions = extensionsOf(talk.answer)
  found.extensionsFault = extensionsFault(found.extensions)
  found.handshakeMs = talk.answer.firstByteMs
  found.traffic = session.traffic
  progress("a first message")
  found.answer = await hearAnswer(talk, context)
  found.openMs = performance.now() - session.startedMs
  const { kind } = found.answer
  if (kind === "early" || kind === "ended") {
    session.destroy()
    found.again = await lookAgain(context, found.answer.ms)
  }
  const last = kind === "echo" ? await lookAtEcho(context, session, talk, found, progress) : session
  if (last !== undefined) await sayGoodbye(context, last, found, progress)
  if (kind === "echo" && found.sizes?.limit?.passedBytes !== 0)
    found.halfClose = await tryHalfClose(context, context.client.timeoutMs, found.answer.isWrapped === true)
  if (hasUnreadableFrames(found)) found.worksUncompressed = await worksUncompressed(context)
}

/** What there is to see with an echo; returns the session that is open after it. */
async function lookAtEcho(
  context: ProbeContext,
  session: Session,
  talk: Talk,
  found: MessagesSeen,
  progress: (text: string) => void,
): Promise<Session | undefined> {
  const isWrapped = found.answer?.isWrapped === true
  progress("round trips")
  found.trips = await measureTrips(session, context.client.timeoutMs, isWrapped)
  found.openMs = performance.now() - session.startedMs
  const sizes = await trySizes(context, talk, progress, isWrapped)
  found.sizes = sizes.seen
  return sizes.talk?.session
}

async function sayGoodbye(
  context: ProbeContext,
  session: Session,
  found: MessagesSeen,
  progress: (text: string) => void,
): Promise<void> {
  const { timeoutMs } = context.client
  progress("pings")
  found.pings = await tryPings(session, timeoutMs)
  progress("the closing handshake")
  found.close = await tryClose(session, timeoutMs)
  session.destroy()
}

const MIN_AGAIN_MS = 300

/** Was it our text, or would it have ended anyway? */
async function lookAgain(context: ProbeContext, afterMs: number): Promise<MessagesSeen["again"]> {
  const talk = await openTalk(context)
  if (!("session" in talk)) return "does not open"
  const limitMs = Math.min(context.client.timeoutMs, Math.max(MIN_AGAIN_MS, 2 * afterMs))
  const end = await talk.session.ended(limitMs)
  await leave(talk)
  return end ?? "stays open"
}

/** ws's name for a frame with the mark of a compressed message. */
const UNEXPECTED_MARK = "WS_ERR_UNEXPECTED_RSV_1"

function hasUnreadableFrames(found: MessagesSeen): boolean {
  const ends = [found.answer?.end, ...(found.sizes?.trips ?? []).map(({ end }) => end)]
  return ends.some((end) => end?.fault === UNEXPECTED_MARK)
}

const COMPRESSIBLE_BYTES = 65_536

async function worksUncompressed(context: ProbeContext): Promise<boolean> {
  const talk = await openTalk(context, { noExtensions: true })
  if (!("session" in talk)) return false
  const found = await trip(talk.session, "text", COMPRESSIBLE_BYTES, context.client.timeoutMs)
  await leave(talk)
  return found.outcome === "same" || found.end?.how !== "violation"
}

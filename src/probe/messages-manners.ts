/** Round trips, pings and the ways to say goodbye. */
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { openTalk, payloadOf, trip } from "./messages-talk.ts"
import type { Session, SessionEnd } from "./session.ts"

/** Times of round trips. Milliseconds. */
export interface RoundTrips {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const TRIPS = 50
const TRIP_BYTES = 32
/** Fifty trips around the world are not worth waiting for. */
const MAX_TRIPS_MS = 2000

/** Small messages one after the other; undefined where not even one came back. */
export async function measureTrips(
  session: Session,
  limitMs: number,
  isWrapped: boolean,
): Promise<RoundTrips | undefined> {
  const endMs = performance.now() + Math.min(MAX_TRIPS_MS, limitMs)
  const times: number[] = []
  while (times.length < TRIPS && performance.now() < endMs) {
    const one = await trip(session, "text", TRIP_BYTES, limitMs, isWrapped)
    if (one.outcome !== "same") break
    times.push(one.ms)
  }
  return times.length === 0 ? undefined : timesOf(times)
}

export function timesOf(times: readonly number[]): RoundTrips {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99) }
}

export interface PingsSeen {
  readonly sent: number
  /** Undefined: none was answered. */
  readonly times: RoundTrips | undefined
  /** Pongs that carried something else than the ping (RFC 6455 §5.5.3). */
  readonly strange: number
}

const PINGS = 5
const PING_BYTES = 8

/** Pings one after the other, up to the first that gets no answer; undefined where the session is over. */
export async function tryPings(session: Session, limitMs: number): Promise<PingsSeen | undefined> {
  const times: number[] = []
  let sent = 0
  while (sent < PINGS && session.end === undefined) {
    const payload = payloadOf(PING_BYTES)
    const startedMs = performance.now()
    session.ping(payload)
    sent++
    const pong = await session.take((one) => one.kind === "pong" && one.data.equals(payload), limitMs)
    if (pong === undefined) break
    times.push(pong.atMs - startedMs)
  }
  // The end explains what is missing.
  if (session.end !== undefined && times.length === 0) return undefined
  const strange = session.traffic.pongs - times.length
  return { sent, times: times.length === 0 ? undefined : timesOf(times), strange }
}

export interface CloseSeen {
  /** Undefined: no answer in time. */
  readonly end: SessionEnd | undefined
  readonly answerMs: number
  /** From the answer to the end of the peer's side of the connection; undefined: not in time. */
  readonly tcpEndMs: number | undefined
}

/** Says goodbye, and waits for the answer and for the end of the connection. The session is over after it. */
export async function tryClose(session: Session, limitMs: number): Promise<CloseSeen | undefined> {
  if (session.end !== undefined) return undefined
  const startedMs = performance.now()
  session.close(NORMAL_CLOSURE)
  const end = await session.ended(limitMs)
  const answeredMs = performance.now()
  const hasEnded = end !== undefined && (end.how !== "close" || (await session.peerEnds(limitMs)))
  const tcpEndMs = hasEnded ? performance.now() - answeredMs : undefined
  session.destroy()
  return { end, answerMs: answeredMs - startedMs, tcpEndMs }
}

/** "answered": a message under way when we ended our side still came back. "cut": the connection ended before. */
export type HalfClose = "answered" | "cut" | "silent"

const HALF_CLOSE_BYTES = 64

/** Ends our side behind a message: whoever takes that for the end of everything loses the answer. */
export async function tryHalfClose(
  context: ProbeContext,
  limitMs: number,
  isWrapped: boolean,
): Promise<HalfClose | undefined> {
  const talk = await openTalk(context)
  if (!("session" in talk)) return undefined
  const { session } = talk
  const answer = trip(session, "text", HALF_CLOSE_BYTES, limitMs, isWrapped)
  session.halfClose()
  const { outcome } = await answer
  session.destroy()
  if (outcome === "same") return "answered"
  return outcome === "ended" ? "cut" : "silent"
}

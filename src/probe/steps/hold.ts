/** How long an idle socket lives, with and without pings. */
import { formatDuration } from "../../client/duration.ts"
import type { ProbeContext } from "../context.ts"
import { isAccepted } from "../handshake.ts"
import { type HeldSocket, holdSocket } from "../held-socket.ts"
import { endText, refusalText } from "../outcome-text.ts"
import { type Step, step } from "../step.ts"

export interface HoldSeen {
  /** How long they were watched. */
  readonly holdMs: number
  /** Sends nothing of its own, and answers pings. */
  readonly silent: HeldSocket
  readonly pinging: HeldSocket
  /** Does not answer pings either: whether the peer finds dead clients. */
  readonly mute: HeldSocket
}

export const hold: Step = {
  id: "hold",
  title: "hold",
  skip: ({ plan }, seen) => {
    if (plan.holdMs === 0) return ""
    return isAccepted(seen.handshake) ? undefined : "the WebSocket does not open"
  },
  run: async (context, seen, progress) => {
    const { holdMs } = context.plan
    const clock = showClock(holdMs, progress)
    try {
      const held = await watch(context, holdMs)
      seen.hold = held
      return describe(held)
    } finally {
      clearInterval(clock)
    }
  },
}

const MAX_PING_EVERY_MS = 20_000
/** How many pings go into the time that is watched. */
const PINGS = 4
/** Pings this much more often than the cut must keep a socket open, if pings do. */
const PINGS_PER_CUT = 3
const LEAST_PING_EVERY_MS = 50

async function watch(context: ProbeContext, holdMs: number): Promise<HoldSeen> {
  const pingEveryMs = Math.min(MAX_PING_EVERY_MS, holdMs / PINGS)
  const [silent, pinging, mute] = await Promise.all([
    holdSocket(context, { kind: "silent", holdMs, pingEveryMs }),
    holdSocket(context, { kind: "pinging", holdMs, pingEveryMs }),
    holdSocket(context, { kind: "mute", holdMs, pingEveryMs }),
  ])
  if (!pingsWereTooRare(silent, pinging)) return { holdMs, silent, pinging, mute }
  const oftenMs = Math.max(silent.idleMs / PINGS_PER_CUT, LEAST_PING_EVERY_MS)
  const again = { kind: "pinging", holdMs: 2 * PINGS_PER_CUT * oftenMs, pingEveryMs: oftenMs } as const
  return { holdMs, silent, pinging: await holdSocket(context, again), mute }
}

/** Then its end says nothing about pings: it was as idle as the other. */
function pingsWereTooRare(silent: HeldSocket, pinging: HeldSocket): boolean {
  return silent.state === "closed" && pinging.state === "closed" && pinging.pingEveryMs > 0.8 * silent.idleMs
}

function showClock(holdMs: number, progress: (text: string) => void): NodeJS.Timeout {
  const startedMs = performance.now()
  return setInterval(() => {
    progress(`${Math.round((performance.now() - startedMs) / 1000)} s of ${formatDuration(holdMs)}`)
  }, 1000)
}

function describe(held: HoldSeen) {
  const { silent, pinging, mute, holdMs } = held
  const lines = [silent, pinging, mute].map(describeSocket)
  if (silent.state === "unopened") return step("info", "no further WebSocket opened to be watched", lines)
  if (isOpen(silent)) {
    const outcome = isOpen(pinging) || pinging.state === "unopened" ? "ok" : "warning"
    return step(outcome, `open after ${formatDuration(holdMs)} idle${keptBy(silent)}`, lines)
  }
  const summary = `${cutText(silent)}; ${withPings(pinging)}`
  return step("failed", summary, lines)
}

function isOpen({ state }: HeldSocket): boolean {
  return state === "alive" || state === "unanswered"
}

function keptBy({ peerPingEveryMs, peerPings, messages }: HeldSocket): string {
  if (messages > 1) return `, but for ${messages} messages of the server`
  if (peerPingEveryMs !== undefined) return `, the server pings every ${seconds(peerPingEveryMs)}`
  return peerPings > 0 ? ", the server pings" : ""
}

/** "cut after 7.0 s idle (FIN)" */
function cutText({ state, end, livedMs, idleMs }: HeldSocket): string {
  if (state === "lost") return `gone within ${seconds(livedMs)} idle, without a word`
  return `cut after ${seconds(idleMs)} idle${end === undefined ? "" : ` (${endText(end)})`}`
}

function withPings(pinging: HeldSocket): string {
  if (pinging.state === "unopened") return "pings were not tried"
  if (isOpen(pinging)) return `a ping every ${seconds(pinging.pingEveryMs)} keeps it open`
  return `with pings after ${seconds(pinging.livedMs)}`
}

/** To a tenth, as the times of a cut are told. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** One line that says all of a socket. */
export function describeSocket(socket: HeldSocket): string {
  const { kind, state, refusal, end, livedMs, idleMs, pongs, pingsSent, peerPings, messages } = socket
  const name = NAMES[kind]
  if (state === "unopened")
    return `${name}: did not open: ${refusal === undefined ? "" : refusalText(refusal)}`
  const traffic = [
    pingsSent > 0 ? `${pongs} of ${pingsSent} pings answered` : "",
    peerPings > 0 ? `${peerPings} pings of the server` : "",
    messages > 0 ? `${messages} messages` : "",
  ].filter((text) => text !== "")
  const also = traffic.length === 0 ? "" : `; ${traffic.join(", ")}`
  if (state === "alive") return `${name}: open after ${seconds(livedMs)}${also}`
  if (state === "unanswered") return `${name}: open after ${seconds(livedMs)}, but no answer to a ping${also}`
  const how = end === undefined ? "" : endText(end)
  if (state === "lost") return `${name}: at ${seconds(livedMs)} a ping found it gone: ${how}${also}`
  return `${name}: ${how} after ${seconds(livedMs)}, ${seconds(idleMs)} after the last frame${also}`
}

const NAMES = {
  silent: "without pings",
  pinging: "with pings",
  mute: "without answers to pings",
} as const

/** What the step "messages" says of what it saw. */

import { printable } from "../base/visible-text.ts"
import { formatDuration } from "../client/duration.ts"
import { MESSAGE_TOO_BIG, NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import type { AnswerSeen } from "./messages-answer.ts"
import type { CloseSeen, PingsSeen } from "./messages-manners.ts"
import type { SizesSeen } from "./messages-sizes.ts"
import type { Trip } from "./messages-talk.ts"
import type { Outcome, StepResult } from "./report.ts"
import { isTooLong, type SessionEnd } from "./session.ts"
import { step } from "./step.ts"
import type { MessagesSeen } from "./steps/messages.ts"

export function describeMessages(found: MessagesSeen, { plan }: ProbeContext): StepResult {
  if (found.refusal !== undefined) return step("failed", "the handshake was accepted once, and then not")
  const { answer } = found
  if (answer === undefined) return step("info", "not tried")
  const parts = [answerText(found, answer, plan.expect), sizesText(found.sizes), pongText(found.pings)]
  if (answer.kind !== "early") parts.push(closeSummary(found.close))
  return step(
    outcomeOf(found, answer),
    parts.filter((part) => part !== "").join(", "),
    details(found, answer),
  )
}

const FAILED: ReadonlySet<AnswerSeen["kind"]> = new Set(["early", "unmet", "held"])

function outcomeOf(found: MessagesSeen, answer: AnswerSeen): Outcome {
  const { sizes, pings, close } = found
  const trips = sizes?.trips ?? []
  const isBroken = [answer.end, ...trips.map(({ end }) => end)].some(
    (end) => end?.how === "violation" && !isTooLong(end),
  )
  if (answer.kind === "early" && answer.end !== undefined && isNoFault(answer.end)) return "info"
  if (FAILED.has(answer.kind) || isBroken || sizes?.limit?.refusal.outcome === "silent") return "failed"
  if (isDead(found)) return "failed"
  if (pings?.times === undefined && pings !== undefined) return "warning"
  if (close !== undefined && (close.end === undefined || close.tcpEndMs === undefined)) return "warning"
  if (trips.some(isFault)) return "warning"
  return answer.kind === "echo" || answer.kind === "met" ? "ok" : "info"
}

/** Nothing came at all, though a pong and a Close must. */
function isDead({ traffic, close, pings }: MessagesSeen): boolean {
  return traffic?.bytes === 0 && pings?.times === undefined && close !== undefined && close.end === undefined
}

/** None is a limit that is told, a server of texts alone, or a slow path. */
function isFault({ manner, outcome, end }: Trip): boolean {
  return (outcome === "ended" || outcome === "silent") && end?.code !== MESSAGE_TOO_BIG && manner !== "binary"
}

function answerText(found: MessagesSeen, answer: AnswerSeen, expect: string | undefined): string {
  const took = formatDuration(answer.ms)
  switch (answer.kind) {
    case "echo": {
      const { p50Ms, p99Ms } = found.trips ?? { p50Ms: answer.ms, p99Ms: answer.ms }
      return `${answer.isWrapped === true ? "echo in a text of its own" : "echo"} (p50 ${formatDuration(p50Ms)}, p99 ${formatDuration(p99Ms)})`
    }
    case "met":
      return `answered as expected in ${took}`
    case "unmet":
      return expect === undefined ? "no answer" : "no answer with what was expected"
    case "held":
      return "answers are held back until more is sent"
    case "other":
      return answer.protocol === undefined
        ? "no echo, so no sizes are tried: other messages came"
        : `it speaks ${answer.protocol}, so no echo is tried`
    case "silent":
      return "no echo, so no sizes are tried"
    case "ended":
      return answer.end?.how === "violation"
        ? endText(answer.end)
        : `no echo: our text ended it (${endText(answer.end)})`
    case "early":
      return `${endText(answer.end)} ${took} after the handshake, before anything was sent`
  }
}

/** The code in place of one that was not sent (RFC 6455 §7.1.5). */
const NO_STATUS = 1005

/** A Close that says that all is done, or says nothing. */
export function isPeaceful({ how, code }: SessionEnd): boolean {
  return how === "close" && (code === NORMAL_CLOSURE || code === NO_STATUS)
}

function isNoFault(end: SessionEnd): boolean {
  return isPeaceful(end) || isTooLong(end)
}

/** "Close 1011 \"oops\"", "cut (ECONNRESET)". */
export function endText(end: SessionEnd | undefined): string {
  if (end === undefined) return "no end"
  if (isTooLong(end)) return "a message that is longer than probe reads"
  if (end.how === "violation") return `broken frames: ${printable(end.reason)}`
  if (end.how === "fin") return "connection ended without a Close"
  if (end.how === "reset") return `connection cut (${end.reason})`
  const reason = end.reason === "" ? "" : ` "${printable(end.reason)}"`
  return end.code === NO_STATUS ? "Close without a code" : `Close ${end.code}${reason}`
}

/** Of what passed: the byte behind a round size says that the limit is not there, and no more. */
export function aboutText(bytes: number): string {
  return sizeText(bytes > 1024 && bytes % 1024 === 1 ? bytes - 1 : bytes)
}

export function sizeText(bytes: number): string {
  if (bytes >= 1_048_576 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MB`
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KB` : `${bytes} B`
}

function sizesText(sizes: SizesSeen | undefined): string {
  if (sizes === undefined) return ""
  const { limit, trips } = sizes
  if (limit !== undefined) return `up to ${aboutText(limit.passedBytes)}`
  const bad = trips.find((one) => isFault(one) && one.manner !== "text")
  if (bad !== undefined) return `${bad.manner} messages do not come back`
  const passed = trips.filter(({ outcome }) => outcome === "same").map(({ bytes }) => bytes)
  return passed.length === 0 ? "" : `${sizeText(Math.min(...passed))} to ${sizeText(Math.max(...passed))}`
}

function pongText(pings: PingsSeen | undefined): string {
  if (pings === undefined) return ""
  return pings.times === undefined ? "no pong" : "pong"
}

function closeSummary(close: CloseSeen | undefined): string {
  if (close === undefined) return ""
  if (close.end === undefined) return "Close gets no answer"
  if (close.end.how !== "close") return endText(close.end)
  return close.tcpEndMs === undefined ? "TCP stays open after the Close" : "clean close"
}

function details(found: MessagesSeen, answer: AnswerSeen): string[] {
  return [
    ...answer.before.map((text) => `came by itself: ${text}`),
    ...answer.after.map((text) => `came after our message: ${text}`),
    ...againText(found),
    ...tripsText(found),
    ...(found.sizes?.trips ?? []).map(tripText),
    ...pingsText(found),
    ...closeText(found.close),
    ...halfCloseText(found),
  ]
}

function againText({ again, answer }: MessagesSeen): string[] {
  if (again === undefined || answer === undefined) return []
  const what = typeof again === "string" ? again : endText(again)
  return [`another session to which nothing was said: ${what}`]
}

function tripsText({ trips, extensions }: MessagesSeen): string[] {
  const compression = extensions === "" ? "no compression" : printable(extensions)
  if (trips === undefined) return [`negotiated: ${compression}`]
  const times = `p50 ${formatDuration(trips.p50Ms)}, p99 ${formatDuration(trips.p99Ms)}`
  return [`negotiated: ${compression}`, `${trips.count} round trips one by one: ${times}`]
}

function tripText({ manner, bytes, outcome, ms, isOtherKind, end }: Trip): string {
  const what = `${sizeText(bytes)}, ${manner}`
  if (outcome === "unopened") return `${what}: no session opened for it`
  if (outcome === "ended") return `${what}: ${endText(end)} after ${formatDuration(ms)}`
  if (outcome === "other") return `${what}: other messages came in its place`
  if (outcome === "slow")
    return `${what}: not back within ${formatDuration(ms)}, and at the pace of 64 KB not to be expected`
  if (outcome === "silent") return `${what}: nothing came back within ${formatDuration(ms)}`
  const kind = isOtherKind ? ` as ${manner === "binary" ? "text" : "binary"}` : ""
  return `${what}: came back${kind} in ${formatDuration(ms)}`
}

function pingsText({ pings, trips, traffic }: MessagesSeen): string[] {
  const lines: string[] = []
  if (pings?.times === undefined && pings !== undefined) lines.push("ping: no pong")
  if (pings?.times !== undefined) {
    const { count, p50Ms } = pings.times
    lines.push(
      `ping: ${count} of ${pings.sent} answered, p50 ${formatDuration(p50Ms)}${whoText(p50Ms, trips?.p50Ms)}`,
    )
  }
  if (traffic !== undefined && traffic.pings > 0) lines.push(`pings of the peer: ${traffic.pings}`)
  return lines
}

/** A difference below this is noise. Milliseconds. */
const CLEARLY_MS = 5

function whoText(pongMs: number, echoMs: number | undefined): string {
  if (echoMs === undefined) return ""
  if (echoMs < CLEARLY_MS) return "; too near for times to tell who answers"
  return isPongNearer(pongMs, echoMs)
    ? "; an echo takes longer: the application needs it, or the ping is answered on the way"
    : "; as slow as an echo: the backend answers"
}

/** Whether a pong comes from somewhere nearer than the echo. */
export function isPongNearer(pongMs: number, echoMs: number): boolean {
  return echoMs - pongMs > CLEARLY_MS && pongMs < echoMs / 2
}

function closeText(close: CloseSeen | undefined): string[] {
  if (close === undefined) return []
  const { end, answerMs, tcpEndMs } = close
  if (end === undefined) return [`our Close 1000: no answer within ${formatDuration(answerMs)}`]
  const tcp = tcpEndMs === undefined ? "TCP stays open" : `TCP ended ${formatDuration(tcpEndMs)} later`
  return [`our Close 1000: ${endText(end)} after ${formatDuration(answerMs)}; ${tcp}`]
}

function halfCloseText({ halfClose }: MessagesSeen): string[] {
  if (halfClose === undefined) return []
  const what = {
    answered: "a message under way still came back",
    cut: "the rest was cut off",
    silent: "nothing came",
  }
  return [`our side of TCP ended first: ${what[halfClose]}`]
}

/** How many sockets open at once, and where it bends. */
import { setTimeout as pause } from "node:timers/promises"
import { formatDuration } from "../../client/duration.ts"
import { type BurstCounts, type BurstFailure, BurstRun, ownLimitOf } from "../burst-run.ts"
import type { ProbeContext } from "../context.ts"
import { isAccepted } from "../handshake.ts"
import { isLoopback } from "../loopback.ts"
import type { Observations } from "../observations.ts"
import { endText, refusalText } from "../outcome-text.ts"
import { type Step, step } from "../step.ts"
import { seconds } from "./hold.ts"

/** Times of a tenth of the handshakes, in milliseconds. */
export interface Tenth {
  readonly p50: number
  readonly p99: number
}

export interface BurstSeen extends BurstCounts {
  readonly asked: number
  /** A second. */
  readonly rate: number
  /** The error by which this machine could open no more; "" for none. */
  readonly ownLimit: string
  /** How busy this process was with it, 0 to 1: near 1 its times are its own. */
  readonly ownLoad: number
  /** In the order in which they opened; fewer for few. */
  readonly tenths: readonly Tenth[]
  /** Whether one more opened a while later, all others still open; undefined where it was not tried. */
  readonly opensLater: boolean | undefined
  /** The same once all others were closed. */
  readonly opensWhenClosed: boolean | undefined
}

/** More need to be agreed to, but on this machine. */
export const MAX_UNASKED = 100

export const burst: Step = {
  id: "burst",
  title: "burst",
  skip: ({ plan }, seen) => {
    if (plan.burst === 0) return ""
    if (!isAccepted(seen.handshake)) return "the WebSocket does not open"
    const isAgreed = plan.burst <= MAX_UNASKED || plan.isBurstAgreed || isLoopback(seen.handshake.address)
    return isAgreed ? undefined : `more than ${MAX_UNASKED} sockets were not agreed to (--yes)`
  },
  run: async (context, seen, progress) => {
    const found = await tryBurst(atOneAddress(context, seen), progress)
    seen.burst = found
    return describe(found)
  },
}

/** A rate limit of requests a second has room again by then. */
const LATER_MS = 1200
/** A server notices that a connection is closed by then. */
const CLOSED_MS = 300

async function tryBurst(context: ProbeContext, progress: (text: string) => void): Promise<BurstSeen> {
  const { burst: asked, burstRate: rate } = context.plan
  const run = new BurstRun(context, nameOf)
  try {
    const before = performance.eventLoopUtilization()
    await run.openAll(asked, rate, progress)
    const ownLoad = performance.eventLoopUtilization(before).utilization
    const ownLimit = ownLimitOf(run.counts.first?.refusal)
    const isFailed = run.counts.first !== undefined && ownLimit === ""
    const opensLater = isFailed ? await tryAfter(run, LATER_MS) : undefined
    const { counts } = run
    await run.closeAll()
    const opensWhenClosed = isFailed ? await tryAfter(run, CLOSED_MS) : undefined
    const tenths = tenthsOf(counts.handshakeMs)
    return { ...counts, asked, rate, ownLimit, ownLoad, tenths, opensLater, opensWhenClosed }
  } finally {
    await run.closeAll()
  }
}

async function tryAfter(run: BurstRun, ms: number): Promise<boolean> {
  await pause(ms)
  return run.tryOne()
}

/** A name is not to be looked up for each; a proxy does that itself. */
function atOneAddress(context: ProbeContext, { handshake }: Observations): ProbeContext {
  if (context.client.proxy !== undefined || handshake?.kind !== "answer") return context
  return { ...context, dialOptions: { ...context.dialOptions, address: handshake.address } }
}

const TENTHS = 10

export function tenthsOf(times: readonly number[]): Tenth[] {
  const count = Math.min(TENTHS, times.length)
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * times.length) / count)
    const sorted = times.slice(from, Math.floor(((index + 1) * times.length) / count)).sort((a, b) => a - b)
    return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }
  })
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
}

/** What a failure is, in a few words: "503 Service Temporarily Unavailable", "closed without an answer". */
export function nameOf({ refusal, end }: Pick<BurstFailure, "refusal" | "end">): string {
  if (end !== undefined) return `${endText(end)} after the handshake`
  return refusal === undefined ? "" : refusalText(refusal)
}

function describe(found: BurstSeen) {
  const { asked, mostOpen, first, cut, handshakeMs } = found
  const sorted = [...handshakeMs].sort((a, b) => a - b)
  const times = `handshake p50 ${formatDuration(quantile(sorted, 0.5))}, p99 ${formatDuration(quantile(sorted, 0.99))}`
  const lines = detailsOf(found)
  if (first === undefined && cut.count > 0)
    return step("warning", `${cut.count} of ${asked} were cut while they were held; ${times}`, lines)
  if (first === undefined) return step("ok", `${mostOpen} open at once; ${times}`, lines)
  const what = found.ownLimit === "" ? nameOf(first) : `this machine's own limit (${found.ownLimit})`
  const outcome = found.ownLimit === "" ? "failed" : "info"
  return step(outcome, `${mostOpen} of ${asked} open at once: ${what}`, lines)
}

function detailsOf(found: BurstSeen): string[] {
  return [...factsOf(found), ...tenthsText(found)]
}

/** Counts and what was tried, a line each. */
export function factsOf(found: BurstSeen): string[] {
  const { first, kinds, cut, opensLater, opensWhenClosed, asked, rate, tried, opened } = found
  const lines = [`${tried} of ${asked} tried, ${rate} a second: ${opened} opened`]
  if (first !== undefined)
    lines.push(
      `the first that did not: number ${first.number}, ${first.open} open, ${formatDuration(first.afterMs)}`,
    )
  for (const [name, count] of kinds) lines.push(`${name}: ${count} times`)
  if (cut.count > 0)
    lines.push(
      `${cut.count} cut while they were held, ${seconds(cut.youngestMs)} to ${seconds(cut.oldestMs)} old`,
    )
  if (opensLater !== undefined)
    lines.push(
      `one more ${LATER_MS / 1000} s later, the others still open: ${opensLater ? "opened" : "refused"}`,
    )
  if (opensWhenClosed !== undefined)
    lines.push(`one more with the others closed: ${opensWhenClosed ? "opened" : "refused"}`)
  return lines
}

/** From there on what is slow may be probe itself. */
export const BUSY = 0.7
/** Below that a tenth is one or two handshakes. */
const ENOUGH = 50

export function tenthsText({ tenths, handshakeMs, ownLoad }: BurstSeen): string[] {
  if (tenths.length < 2 || handshakeMs.length < ENOUGH) return []
  const row = (of: (tenth: Tenth) => number): string =>
    tenths.map((one) => formatDuration(of(one))).join(", ")
  return [
    `handshake p50 by tenths: ${row(({ p50 }) => p50)}`,
    `handshake p99 by tenths: ${row(({ p99 }) => p99)}`,
    ...(ownLoad > BUSY ? ["this machine was busy itself: the times are its own, too"] : []),
  ]
}

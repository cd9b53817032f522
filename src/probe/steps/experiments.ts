/** The handshake again with one thing changed, where it failed; as Firefox asks, where it did not. */
import { setTimeout as pause } from "node:timers/promises"
import { printable } from "../../base/visible-text.ts"
import { Deadline } from "../../client/deadline.ts"
import type { ProbeContext } from "../context.ts"
import {
  type Experiment,
  type Experiments,
  experimentsFor,
  isWorthwhile,
  type Trial,
} from "../experiments.ts"
import { findFlapping } from "../flapping.ts"
import { type HandshakeResult, isAccepted, tryHandshake } from "../handshake.ts"
import { followRedirects } from "../redirects.ts"
import type { StepResult } from "../report.ts"
import { outcomeText } from "../result-text.ts"
import { type Step, step } from "../step.ts"

export const experiments: Step = {
  id: "experiments",
  title: "experiments",
  skip: (_context, seen) => {
    const result = seen.handshake
    return result === undefined || result.kind === "unreachable" ? "" : undefined
  },
  run: async (context, seen, progress) => {
    const first = seen.handshake as HandshakeResult
    const made = await experiment(context, first, progress)
    seen.experiments = made
    return describe(first, made)
  },
}

/** One after the other, so that no limit is met for our sake; stops when it takes longer than one answer may. */
async function experiment(
  context: ProbeContext,
  first: HandshakeResult,
  progress: (text: string) => void,
): Promise<Experiments> {
  const deadline = new Deadline(context.client.timeoutMs)
  const trials: Trial[] = []
  let redirects: Omit<Experiments, "trials"> = { turns: [] }
  for (const one of experimentsFor(context, first)) {
    if (deadline.leftMs === 0) break
    if (!isWorthwhile(one.id, trials)) continue
    progress(one.text)
    if (one.id === "redirected") {
      const { last, ...rest } = await followRedirects(context, first, deadline)
      redirects = rest
      if (last !== undefined) trials.push({ id: one.id, text: one.text, result: last })
      continue
    }
    trials.push(await tryOne(context, one, first))
    const [newest] = trials.slice(-1)
    if (newest !== undefined && hasMetLimit(first, newest.result)) break
    // Whether it is the change that did it, or the second request.
    if (isAccepted(first) && newest !== undefined && !isAccepted(newest.result))
      trials.push({ id: "again", text: "the same again", result: await tryHandshake(context) })
  }
  const flapping = await findFlapping(context, first, trials)
  return { trials, ...redirects, ...(flapping === undefined ? {} : { flapping }) }
}

async function tryOne(context: ProbeContext, one: Experiment, first: HandshakeResult): Promise<Trial> {
  const { id, text, changes, endpoint } = one
  if (id === "again") await pause(pauseBefore(first))
  // A server that waits for more in place of a TLS handshake is not waited for.
  const timeoutMs =
    id === "other-scheme" ? Math.min(context.client.timeoutMs, TLS_MS) : context.client.timeoutMs
  const asked = { ...context, client: { ...context.client, timeoutMs } }
  return { id, text, result: await tryHandshake(asked, changes, endpoint) }
}

const TLS_MS = 2000
/** A limit of one request a second is over then. */
const PAUSE_MS = 1200
const LONGEST_PAUSE_MS = 3000

/** A limit by rate is told by asking later. */
function pauseBefore(first: HandshakeResult): number {
  if (first.kind !== "answer" || first.head.status === 101) return 0
  const after = Number(first.head.headers.get("retry-after") ?? 0) * 1000
  return Math.min(Math.max(PAUSE_MS, Number.isFinite(after) ? after : 0), LONGEST_PAUSE_MS)
}

function hasMetLimit(first: HandshakeResult, result: HandshakeResult): boolean {
  const status = result.kind === "answer" ? result.head.status : 0
  return status === 429 && !(first.kind === "answer" && first.head.status === status)
}

function describe(first: HandshakeResult, { trials, turns, flapping }: Experiments): StepResult {
  if (flapping !== undefined)
    return step(
      "failed",
      "the same request is accepted at times, and at times not",
      flapping.map(({ text, result }) => printable(`${text}: ${outcomeText(result)}`)),
    )
  const details = [
    ...trials.map(({ text, result }) => printable(`${text}: ${outcomeText(result)}`)),
    ...turns.map(({ status, to, isSameHost }) =>
      printable(`${status} to ${to}${isSameHost ? "" : " (another host)"}`),
    ),
  ]
  if (isAccepted(first)) {
    const [firefox] = trials
    if (firefox === undefined) return step("skipped", "no time was left")
    return step(isAccepted(firefox.result) ? "ok" : "info", details[0] ?? "", details)
  }
  const good = trials.filter(({ id, result }) => id !== "plain-get" && isAccepted(result))
  const [best] = good
  if (trials.length === 0) return step("skipped", "no time was left", details)
  const tried = trials.length === 1 ? "1 tried" : `${trials.length} tried`
  if (best === undefined) return step("info", `${tried}, none is accepted`, details)
  return step("info", printable(`${tried}; accepted ${best.text}`), details)
}

/** Whether a change of the request decides, or whose turn it is among several backends. */
import { Deadline } from "../client/deadline.ts"
import type { ProbeContext } from "./context.ts"
import { DECIDING, type Experiment, experimentsFor, type Trial } from "./experiments.ts"
import { type HandshakeResult, isAccepted, tryHandshake } from "./handshake.ts"

const LEAST_MS = 2000
const LIMITS: ReadonlySet<number> = new Set([429, 503])

/**
 * Where one experiment came out otherwise than `first`: both again, until the same request is accepted once and refused
 * once. Returns all that was asked then, `first` in front; undefined where each comes out as before.
 */
export async function findFlapping(
  context: ProbeContext,
  first: HandshakeResult,
  trials: readonly Trial[],
): Promise<readonly Trial[] | undefined> {
  const isOther = ({ id, result }: Trial): boolean =>
    DECIDING.has(id) && isAccepted(result) !== isAccepted(first)
  const change = trials.find(isOther)
  const changed = experimentsFor(context, first).find(({ id }) => id === change?.id)
  if (change === undefined || changed === undefined) return undefined
  const same: Experiment = { id: "again", text: "the same again", changes: {}, endpoint: context.endpoint }
  const [refused, accepted] = isAccepted(first) ? [changed, same] : [same, changed]
  if (isOfLimit(isAccepted(first) ? change.result : first)) return undefined
  const deadline = new Deadline(context.client.timeoutMs)
  const impatient = withPatience(context, isAccepted(first) ? first : change.result)
  const known = statusOf(isAccepted(first) ? change.result : first)
  const made: Trial[] = [{ id: "again", text: "the handshake", result: first }, change]
  // Backends in turn, two or three of them: one order of these that would always hit the same is not there.
  for (const one of [refused, refused, accepted, accepted, refused]) {
    if (deadline.leftMs === 0) return undefined
    const result = await tryHandshake(impatient, one.changes, one.endpoint)
    const status = statusOf(result)
    if (LIMITS.has(status) && status !== known) return undefined
    made.push({ id: one.id, text: one === same ? same.text : `${one.text}, again`, result })
    if (isAccepted(result) === (one === refused)) return made
  }
  return undefined
}

/** Silence is a refusal, too: it is not waited for much longer than the answer of those that accept took. */
function withPatience(context: ProbeContext, accepted: HandshakeResult): ProbeContext {
  const { client } = context
  const tookMs = accepted.kind === "answer" ? accepted.totalMs : 0
  return { ...context, client: { ...client, timeoutMs: Math.min(client.timeoutMs, LEAST_MS + 3 * tookMs) } }
}

/** Of a limit: 429, or nginx's own 503, whose reason is not that of RFC 9110. Our own requests meet it. */
function isOfLimit(result: HandshakeResult): boolean {
  if (result.kind !== "answer") return false
  const { status, reason } = result.head
  return status === 429 || (status === 503 && reason === "Service Temporarily Unavailable")
}

function statusOf(result: HandshakeResult): number {
  return result.kind === "answer" ? result.head.status : 0
}

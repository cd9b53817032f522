/** A handshake that failed, with all that its causes look at. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import { shownField } from "../../client/redact.ts"
import type { Case, Cause, Weighed } from "../cause.ts"
import type { ExperimentId, Trial } from "../experiments.ts"
import { type Identity, identify, type Lost } from "../fingerprint.ts"
import { type Answer, type HandshakeResult, isAccepted } from "../handshake.ts"
import { edgeHop } from "../hops.ts"
import type { Place } from "../mends.ts"
import type { Mend } from "../report.ts"
import { noAnswerText, outcomeText, statusText } from "../result-text.ts"

export interface Facts {
  readonly one: Case
  readonly result: HandshakeResult
  /** Undefined where none came. */
  readonly answer: Answer | undefined
  /** 0 without an answer. */
  readonly status: number
  readonly identity: Identity
  readonly place: Place
  /** The answer to a plain GET, where one was tried and came. */
  readonly plain: Answer | undefined
  /** Whether a plain GET got the same answer, body and all; undefined where it is not known. */
  readonly isLikePlain: boolean | undefined
  readonly trials: readonly Trial[]
}

/** A cause in a table of this folder: it looks at facts. */
export interface FailureCause {
  readonly id: string
  readonly title: string
  readonly by: "edge" | "backend" | "client" | "way"
  readonly rules?: readonly string[]
  readonly weigh: (facts: Facts) => Weighed | undefined
}

export function factsOf(one: Case, result: HandshakeResult): Facts {
  const answer = result.kind === "answer" ? result : undefined
  const identity: Identity = answer === undefined ? { answeredBy: "unknown", via: [] } : identify(answer)
  const trials = one.seen.experiments?.trials ?? []
  const plain = trials.find(({ id }) => id === "plain-get")?.result
  const isKnown = answer !== undefined && plain !== undefined
  return {
    one,
    result,
    answer,
    status: answer?.head.status ?? 0,
    identity,
    place: {
      edge: identity.page?.product ?? identity.edge?.product,
      path: one.context.endpoint.target.split("?")[0] ?? "/",
    },
    plain: plain?.kind === "answer" ? plain : undefined,
    isLikePlain: isKnown ? plain.kind === "answer" && isSameAnswer(answer, plain) : undefined,
    trials,
  }
}

/** As rows of a table for `rank`. */
export function causesFor(facts: Facts, table: readonly FailureCause[]): Cause[] {
  return table.map(({ id, title, by, rules, weigh }) => ({
    id,
    title,
    hop: () => hopOf(facts, by),
    weigh: () => weigh(facts),
    ...(rules === undefined ? {} : { rules }),
  }))
}

/** Who it is, in the words that `corroborate` knows. */
export function hopOf({ one, identity }: Facts, by: FailureCause["by"]): string {
  if (by === "edge") return edgeHop(one)
  if (by === "client") return "client"
  if (by === "way") return "between this machine and the edge"
  return identity.backend === undefined ? "backend" : `backend (${identity.backend.product})`
}

/** With the answer itself as the first line of evidence. */
export function found(
  facts: Facts,
  weight: number,
  mend: readonly Mend[],
  evidence: readonly string[] = [],
  more: Pick<Weighed, "title" | "hop"> = {},
): Weighed {
  return { weight, mend, evidence: [...answerLines(facts), ...evidence], ...more }
}

function answerLines({ result, identity }: Facts): string[] {
  if (result.kind !== "answer")
    return result.kind === "unreachable" ? [result.error.message] : [noAnswerText(result)]
  const after = result.firstByteMs === undefined ? "" : `, after ${formatDuration(result.firstByteMs)}`
  const who = identity.page?.because ?? identity.edge?.because
  const from = who === undefined ? "" : ` (${who})`
  return [printable(`${result.head.statusLine}${after}${from}`)]
}

/** The outcome of an experiment as a line, where it was made. */
export function trialLine({ trials, result }: Facts, id: ExperimentId): string[] {
  const trial = trials.find((one) => one.id === id)
  if (trial === undefined) return []
  const same =
    result.kind === "answer" && trial.result.kind === "answer" && isSameAnswer(result, trial.result)
      ? ", the same answer"
      : ""
  return [printable(`${trial.text}: ${outcomeText(trial.result)}${same}`)]
}

export function trialOf({ trials }: Facts, id: ExperimentId): HandshakeResult | undefined {
  return trials.find((one) => one.id === id)?.result
}

/** Whether the experiment was made and accepted. */
export function accepts(facts: Facts, id: ExperimentId): boolean {
  return isAccepted(trialOf(facts, id))
}

/** Whether the experiment was made and refused. */
export function refuses(facts: Facts, id: ExperimentId): boolean {
  const result = trialOf(facts, id)
  return result !== undefined && !isAccepted(result)
}

export function header({ answer }: Facts, key: string): string | undefined {
  return answer?.head.headers.getJoined(key)
}

/** `Location: …` as it may be shown. */
export function headerLine(facts: Facts, name: string): string[] {
  const value = header(facts, name.toLowerCase())
  return value === undefined ? [] : [printable(shownField(name, value))]
}

const LONGEST_QUOTE = 120

/** What the body says, in a line. */
export function bodyLine({ answer }: Facts): string[] {
  const text = printable((answer?.body ?? "").replace(/\s+/g, " ").trim())
  if (text === "") return []
  return [`its body: "${text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text}"`]
}

/** Whether two answers are the same to a reader: status, names of fields, and body but for numbers that change. */
export function isSameAnswer(one: Answer, other: Answer): boolean {
  return (
    statusText(one) === statusText(other) &&
    constantPart(one.body) === constantPart(other.body) &&
    fieldNames(one) === fieldNames(other)
  )
}

/** Those that depend on the connection, or on what was asked before. */
const CHANGING: ReadonlySet<string> = new Set([
  "age",
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "retry-after",
  "set-cookie",
  "transfer-encoding",
  "vary",
])

function fieldNames({ head }: Answer): string {
  const names = head.headers.keys.filter((key) => !CHANGING.has(key))
  return [...new Set(names)].sort().join()
}

function constantPart(body: string): string {
  return body.replace(/[0-9a-f]{6,}|\d+/gi, "#")
}

/**
 * How likely it is that the backend's sentence means one of `losts`: 95 where it can mean nothing else, less where it
 * can; 0 where it does not.
 */
export function lostWeight({ identity }: Facts, ...losts: readonly Lost[]): number {
  const { refusal } = identity
  if (refusal === undefined) return 0
  const isAll = refusal.orElse.every((lost) => losts.includes(lost))
  if (losts.includes(refusal.lost)) return isAll ? 95 : 75
  return refusal.orElse.some((lost) => losts.includes(lost)) ? 40 : 0
}

/** What the backend says, word for word. */
export function refusalLines({ identity }: Facts): string[] {
  const { refusal } = identity
  if (refusal === undefined) return []
  return [`the backend${refusal.by === undefined ? "" : ` (${refusal.by.product})`} says: "${refusal.text}"`]
}

/** Whether the answer was made at the edge, as far as it is known. */
export function isOfEdge({ identity }: Facts): boolean {
  return identity.answeredBy === "edge"
}

export function isOfBackend({ identity }: Facts): boolean {
  return identity.answeredBy === "backend"
}

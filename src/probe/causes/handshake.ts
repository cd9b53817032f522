/** Why a handshake over HTTP/1.1 was not accepted. */

import { printable } from "../../base/visible-text.ts"
import { withoutSecrets } from "../../client/endpoint.ts"
import { type Case, rank } from "../cause.ts"
import { dialText } from "../dial-text.ts"
import { type HandshakeResult, isAccepted, type Unreachable } from "../handshake.ts"
import type { Diagnosis, Suspect } from "../report.ts"
import { noAnswerText, outcomeText } from "../result-text.ts"
import { diagnoseAddresses } from "./addresses.ts"
import { diagnoseAccepted } from "./handshake-accepted.ts"
import { ACCESS_CAUSES } from "./handshake-access.ts"
import { ANSWER_CAUSES } from "./handshake-answer.ts"
import { EDGE_CAUSES } from "./handshake-edges.ts"
import { causesFor, type Facts, type FailureCause, factsOf, hopOf } from "./handshake-facts.ts"
import { diagnoseFlapping } from "./handshake-flapping.ts"
import { HAPROXY_CAUSES, isHaproxyFailure } from "./handshake-haproxy.ts"
import { LIMIT_CAUSES } from "./handshake-limits.ts"
import { ROUTE_CAUSES } from "./handshake-route.ts"
import { UPGRADE_CAUSES } from "./handshake-upgrade.ts"
import { UPSTREAM_CAUSES } from "./handshake-upstream.ts"
import { diagnoseTls } from "./tls.ts"

const TABLES: readonly FailureCause[] = [
  ...UPGRADE_CAUSES,
  ...ROUTE_CAUSES,
  ...ACCESS_CAUSES,
  ...LIMIT_CAUSES,
  ...UPSTREAM_CAUSES,
  ...ANSWER_CAUSES,
  ...EDGE_CAUSES,
]

export function diagnoseHandshake(one: Case): Diagnosis[] {
  const result = one.seen.handshake
  if (result === undefined) return []
  if (result.kind === "unreachable") return unreachable(one, result)
  const flapping = diagnoseFlapping(one, tableOf)
  if (flapping !== undefined) return [flapping]
  if (isAccepted(result)) return diagnoseAccepted(one, result)
  // TLS 1.3 refuses a client's certificate behind the handshake: told there.
  if (one.seen.tls?.opened?.late !== undefined) return []
  const facts = factsOf(one, result)
  const suspects = rank(one, causesFor(facts, tableOf(facts)))
  return [
    {
      severity: "error",
      what: whatOf(result),
      suspects: suspects.length > 0 ? told(one, suspects) : [unknown(facts)],
    },
  ]
}

function tableOf(facts: Facts): readonly FailureCause[] {
  return isHaproxyFailure(facts) ? HAPROXY_CAUSES : TABLES
}

/** Where the edge and the backend are both suspects, the backend itself tells which it is. */
function told({ context }: Case, suspects: readonly Suspect[]): readonly Suspect[] {
  const [first, ...others] = suspects
  const sides = new Set(suspects.map(({ hop }) => hop.startsWith("backend")))
  if (first === undefined || sides.size < 2 || context.plan.backend !== undefined) return suspects
  const test = {
    where: "to tell these apart, the same with the address of the backend itself",
    text: `--backend ws://127.0.0.1:3000${withoutSecrets(context.endpoint.target)}`,
  }
  return [{ ...first, mend: [...first.mend, test] }, ...others]
}

/** The steps before found why, mostly; not what happens now and then. */
function unreachable(one: Case, { error }: Unreachable): Diagnosis[] {
  const isKnown = [...diagnoseAddresses(one), ...diagnoseTls(one)].some(
    ({ severity }) => severity === "error",
  )
  if (isKnown) return []
  const suspect: Suspect = {
    id: "no-connection",
    title:
      "There was a connection a moment ago, and there is none now: the server is at a limit, or restarts",
    hop: hopOf(factsOf(one, { kind: "unreachable", error }), "edge"),
    certainty: "possible",
    evidence: [printable(`${error.code}: ${error.message}`)],
    mend: [{ where: "see whether it lasts", text: "holdfast probe --watch" }],
  }
  return [
    {
      severity: "error",
      what: `The WebSocket cannot be asked for: ${dialText(error)}.`,
      suspects: [suspect],
    },
  ]
}

function whatOf(result: Exclude<HandshakeResult, Unreachable>): string {
  if (result.kind !== "answer") return `The WebSocket does not open: ${noAnswerText(result)}.`
  const { fault = "" } = result
  // The values differ from try to try: they are evidence.
  const what = fault.startsWith("Sec-WebSocket-Accept is")
    ? "101, but Sec-WebSocket-Accept is wrong"
    : outcomeText(result)
  return `The WebSocket does not open: ${what}.`
}

/** An answer that nothing of the tables explains. */
function unknown(facts: Facts): Suspect {
  return {
    id: "unexplained",
    title: "Who answers gives a reason of its own, which is not known here",
    hop: hopOf(facts, "edge"),
    certainty: "possible",
    evidence: [
      outcomeText(facts.result),
      ...facts.trials.map(({ text, result }) => `${text}: ${outcomeText(result)}`),
    ],
    mend: [{ where: "see what the same with its body says", text: "holdfast probe --verbose" }],
  }
}

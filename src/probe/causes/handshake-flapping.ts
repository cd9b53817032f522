/** A handshake that is accepted at times, and at times not. */
import { printable } from "../../base/visible-text.ts"
import { type Case, rank } from "../cause.ts"
import type { Trial } from "../experiments.ts"
import { identify } from "../fingerprint.ts"
import { isAccepted } from "../handshake.ts"
import { edgeHop } from "../hops.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import { outcomeText } from "../result-text.ts"
import { causesFor, type Facts, type FailureCause, factsOf } from "./handshake-facts.ts"

const OTHERS = 3

/** What `causesOf` finds for the answer that refuses, behind what they all have in common: it does not come always. */
export function diagnoseFlapping(
  one: Case,
  causesOf: (facts: Facts) => readonly FailureCause[],
): Diagnosis | undefined {
  const trials = one.seen.experiments?.flapping
  const refused = trials?.find(({ result }) => !isAccepted(result))
  if (trials === undefined || refused === undefined) return undefined
  // What the experiments say of it is chance.
  const { experiments: _, ...seen } = one.seen
  const alone: Case = { ...one, seen: { ...seen, handshake: refused.result } }
  const facts = factsOf(alone, refused.result)
  // Not every answer names the edge.
  const naming = trials.find(({ result }) => result.kind === "answer" && identify(result).edge !== undefined)
  const named: Case = { ...one, seen: { ...seen, handshake: naming?.result ?? refused.result } }
  const others = rank(alone, causesFor(facts, causesOf(facts)))
  const opened = trials.filter(({ result }) => isAccepted(result)).length
  return {
    severity: "error",
    what: `The WebSocket opens at times, and at times not: ${outcomeText(refused.result)}.`,
    suspects: [
      oneOfSeveral(named, linesOf(trials), `${opened} of ${trials.length} handshakes are accepted`),
      ...others.slice(0, OTHERS).map(lessSure),
    ],
  }
}

/** One of several backends does not take handshakes, and the edge goes on asking it. */
export function oneOfSeveral(one: Case, lines: readonly string[], count?: string): Suspect {
  const { handshake } = one.seen
  const product = handshake?.kind === "answer" ? identify(handshake).edge?.product : undefined
  const isNginx = product === "nginx" || product === "holdfast"
  return {
    id: "one-of-several-refuses",
    title: "One of several backends is down or unlike the others, and the edge goes on asking it",
    hop: edgeHop(one),
    certainty: "likely",
    evidence: count === undefined ? lines : [count, ...lines],
    mend: [
      ...(product === "haproxy" ? [] : NGINX_MENDS),
      ...(isNginx ? [] : [CHECKED_SERVERS]),
      { where: "each backend, to find the one", text: "holdfast probe --backend ws://10.0.0.1:3000/ URL" },
    ],
  }
}

const NGINX_MENDS: readonly Mend[] = [
  {
    where: "nginx or Holdfast, in the location of the socket: another one is asked where one fails",
    text: "proxy_next_upstream error timeout http_502 http_503;",
  },
  {
    where: "nginx or Holdfast, in the upstream: one that has failed is left out for a while",
    text: "server 10.0.0.1:3000 max_fails=1 fail_timeout=10s;\nserver 10.0.0.2:3000 max_fails=1 fail_timeout=10s;",
  },
]

export const CHECKED_SERVERS: Mend = {
  where: "HAProxy, in the backend of the sockets: a check for each server",
  text: "option httpchk GET /health\nserver s1 10.0.0.1:3000 check\nserver s2 10.0.0.2:3000 check",
}

function linesOf(trials: readonly Trial[]): string[] {
  return trials.map(({ text, result }) => printable(`${text}: ${outcomeText(result)}`))
}

/** It explains one backend, not what all have in common. */
function lessSure(suspect: Suspect): Suspect {
  return { ...suspect, title: `Of the one that refuses: ${suspect.title}`, certainty: "possible" }
}

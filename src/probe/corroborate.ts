/** What else was asked, the backend itself and the configuration, speaks for a cause or against it. */

import { printable } from "../base/visible-text.ts"
import type { Case, Cause, Weighed } from "./cause.ts"
import { dialText } from "./dial-text.ts"
import { identify } from "./fingerprint.ts"
import { type HandshakeResult, isAccepted } from "./handshake.ts"
import { findingText } from "./steps/config.ts"

/** Beside one that the backend clears of suspicion, another is nearly all that is left. */
const CLEARED = 0.1
const LESS_LIKELY = 0.3
const MORE_LIKELY = 1.5
/** A configuration that has the fault, and a server that shows it: near to a proof. */
const FOUND_IN_CONFIG = 40
/** Only what a cause itself has proved is more. */
const MOST = 99

/** `hop`: who would do it, in the words of `hops.ts`. */
export function corroborate(one: Case, cause: Cause, found: Weighed): Weighed {
  return withBackend(one, found.hop ?? cause.hop(one), withConfig(one, cause, found))
}

function withConfig({ seen }: Case, { rules = [] }: Cause, found: Weighed): Weighed {
  const same = (seen.config?.findings ?? []).filter(({ ruleId }) => rules.includes(ruleId))
  if (same.length === 0) return found
  return reweighed(found, found.weight + FOUND_IN_CONFIG, same.map(findingText))
}

function withBackend({ context, seen }: Case, hop: string, found: Weighed): Weighed {
  const edge = seen.handshake
  const backend = seen.backend?.handshake
  if (edge === undefined || backend === undefined || isAccepted(edge)) return found
  const isBackends = hop.startsWith("backend")
  const url = context.plan.backend?.url ?? "the backend"
  if (isAccepted(backend)) {
    if (isBackends) return reweighed(found, found.weight * CLEARED, [])
    return reweighed(found, found.weight * MORE_LIKELY, [`${url} itself accepts the same handshake: 101`])
  }
  const what = outcomeOf(backend)
  if (what !== outcomeOf(edge)) return found
  const evidence = [`${url} itself does the same: ${what}`]
  // Another proxy, then: it is not told from the first one by what it answers.
  const proxy = backend.kind === "answer" ? identify(backend).edge : undefined
  if (!isBackends && proxy !== undefined)
    return { ...reweighed(found, found.weight, evidence), hop: `the proxy at ${url} (${proxy.product})` }
  return reweighed(found, found.weight * (isBackends ? MORE_LIKELY : LESS_LIKELY), isBackends ? evidence : [])
}

function reweighed(found: Weighed, weight: number, more: readonly string[]): Weighed {
  const limited = Math.min(weight, Math.max(found.weight, MOST))
  return { ...found, weight: limited, evidence: [...found.evidence, ...more] }
}

function outcomeOf(result: HandshakeResult): string {
  if (result.kind === "answer") return printable(result.head.statusLine.replace(/^HTTP\/\S+ /, ""))
  return result.kind === "unreachable" ? printable(dialText(result.error)) : `no answer (${result.kind})`
}

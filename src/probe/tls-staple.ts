/** The stapled OCSP response: what it says, and whether it is fresh. */
import type { X509Certificate } from "node:crypto"
import { OcspSubject } from "../tls/ocsp.ts"

/**
 * "none": nothing was stapled. "good"; "revoked"; "stale": its time is over; "bad": another fault. "unchecked": the
 * issuer's certificate is not known, so nobody could check it.
 */
export interface StapleSeen {
  readonly state: "none" | "good" | "revoked" | "stale" | "bad" | "unchecked"
  /** Milliseconds since 1970; Infinity where it does not end. Only of good ones. */
  readonly untilMs: number | undefined
  /** Why it is no good. */
  readonly reason: string
}

export function stapleSeen(
  staple: Buffer | undefined,
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
): StapleSeen {
  if (staple === undefined) return { state: "none", untilMs: undefined, reason: "" }
  const issuer = issuers.find((one) => leaf.checkIssued(one))
  if (issuer === undefined) return { state: "unchecked", untilMs: undefined, reason: "" }
  try {
    const untilMs = new OcspSubject(leaf, issuer, issuers, true).check(staple, Date.now())
    return { state: "good", untilMs, reason: "" }
  } catch (error) {
    const reason = (error as Error).message
    return { state: stateOf(reason), untilMs: undefined, reason }
  }
}

function stateOf(reason: string): StapleSeen["state"] {
  if (reason.includes('"revoked"')) return "revoked"
  return reason.includes("status expired") ? "stale" : "bad"
}

/** What is wrong with a certificate and its chain. */

import type { TlsOpenedSeen } from "./steps/tls.ts"
import { daysBetween, isEndingSoon } from "./tls-chain.ts"

export type FaultId =
  | "certificate-expired"
  | "certificate-not-yet-valid"
  | "certificate-wrong-name"
  | "certificate-self-signed"
  | "intermediate-missing"
  | "authority-unknown"
  | "certificate-weak-signature"
  | "certificate-not-trusted"
  | "certificate-revoked"
  | "certificate-expires-soon"
  | "staple-missing"
  | "staple-not-usable"

export interface Fault {
  readonly id: FaultId
  /** Whether clients refuse it; others are warnings. */
  readonly isFatal: boolean
  /** Behind "The certificate": "expired 3 days ago". */
  readonly text: string
}

/** OpenSSL's codes for what is told by the times. */
const BY_TIME: readonly string[] = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]
/** And for authorities that Node does not know; where the chain is trusted all the same, the system knows it. */
const BY_STORE: readonly string[] = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]
const EXPLAINED: ReadonlySet<string> = new Set([...BY_TIME, ...BY_STORE])

/** Most telling first. */
export function faultsOf(opened: TlsOpenedSeen, nowMs: number): Fault[] {
  const names = nameFaults(opened)
  const trust = trustFaults(opened)
  // One that a program made for itself rarely has the right names either.
  const isMade = trust[0]?.id === "certificate-self-signed"
  const both = isMade ? [...trust, ...names] : [...names, ...trust]
  return [...timeFaults(opened, nowMs), ...both, ...statusFaults(opened)]
}

/** Of the server's own certificate and of those that it is trusted by. */
function timeFaults({ certificates, chain }: TlsOpenedSeen, nowMs: number): Fault[] {
  for (const [place, index] of chain.path.entries()) {
    const one = certificates[index]
    if (one === undefined) continue
    const whose = place === 0 ? "" : `has an intermediate, ${one.subject}, that `
    if (one.validToMs < nowMs)
      return [fatal("certificate-expired", `${whose}expired ${ago(daysBetween(one.validToMs, nowMs))}`)]
    if (one.validFromMs > nowMs) return [fatal("certificate-not-yet-valid", `${whose}is not valid yet`)]
    if (isEndingSoon(one, nowMs)) {
      const left = daysText(daysBetween(nowMs, one.validToMs))
      return [{ id: "certificate-expires-soon", isFatal: false, text: `${whose}expires in ${left}` }]
    }
  }
  return []
}

function nameFaults({ isForHost, host }: TlsOpenedSeen): Fault[] {
  return isForHost ? [] : [fatal("certificate-wrong-name", `is not for ${host}`)]
}

function trustFaults({ trustError, chain, fetchedIssuer, certificates }: TlsOpenedSeen): Fault[] {
  const weak = chain.path.map((index) => certificates[index]).find((one) => one?.weakHash !== undefined)
  const weakness =
    weak === undefined ? [] : [fatal("certificate-weak-signature", `is signed with ${weak.weakHash}`)]
  if (trustError === undefined) return weakness
  if (chain.end === "self-signed" && chain.path.length === 1)
    return [fatal("certificate-self-signed", "is signed by itself")]
  if (chain.end === "self-signed")
    return [fatal("authority-unknown", "comes from an authority that is not trusted")]
  if (chain.end === "trusted")
    return EXPLAINED.has(trustError) || weakness.length > 0
      ? weakness
      : [fatal("certificate-not-trusted", `is not trusted (${trustError})`)]
  const leaf = certificates[chain.path.at(-1) ?? 0]
  if (fetchedIssuer?.end === "trusted" || (fetchedIssuer === undefined && leaf?.issuerUrl !== undefined))
    return [fatal("intermediate-missing", "comes without its intermediate")]
  return [fatal("authority-unknown", "has an issuer that is neither trusted nor sent")]
}

function statusFaults({ staple, isStapleLate, certificates }: TlsOpenedSeen): Fault[] {
  if (staple.state === "revoked") return [fatal("certificate-revoked", "has been revoked")]
  if (staple.state === "stale" || staple.state === "bad")
    return [
      { id: "staple-not-usable", isFatal: false, text: "comes with an OCSP response that is not usable" },
    ]
  const wants = certificates[0]?.mustStaple === true
  if (staple.state !== "none" || !wants || isStapleLate) return []
  return [{ id: "staple-missing", isFatal: false, text: "wants a stapled OCSP response, and none comes" }]
}

function fatal(id: FaultId, text: string): Fault {
  return { id, isFatal: true, text }
}

function ago(days: number): string {
  return days === 0 ? "today" : `${daysText(days)} ago`
}

export function daysText(days: number): string {
  if (days === 0) return "less than a day"
  return days === 1 ? "1 day" : `${days} days`
}

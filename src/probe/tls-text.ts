/** What was seen of TLS, in words. */
import { formatDuration } from "../client/duration.ts"
import type { TlsOpenedSeen, VersionSeen } from "./steps/tls.ts"
import type { TlsFailure } from "./tls-attempt.ts"
import { type CertificateSeen, daysBetween } from "./tls-chain.ts"
import { daysText, type Fault } from "./tls-faults.ts"

const FAILURES: ReadonlyMap<string, string> = new Map([
  ["ERR_SSL_WRONG_VERSION_NUMBER", "what answers is not TLS"],
  ["ERR_SSL_PACKET_LENGTH_TOO_LONG", "what answers is not TLS"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "the server chose a version that is not accepted"],
  ["ECONNRESET", "the connection ended during the TLS handshake"],
  ["EPIPE", "the connection ended during the TLS handshake"],
  ["CLOSED", "the connection ended during the TLS handshake"],
])

export function failureText({ alert, code, text, stage }: TlsFailure): string {
  if (alert !== undefined) return `refused by the alert ${alert}`
  return (stage === "tls" ? FAILURES.get(code) : undefined) ?? text
}

/** "TLSv1.3" as people write it. */
export function versionName(version: string): string {
  return version === "TLSv1" ? "TLS 1.0" : version.replace("TLSv", "TLS ")
}

/** "versions: TLS 1.2; not TLS 1.0, TLS 1.1 (alert internal_error), TLS 1.3 (alert protocol_version)" */
export function versionsText(versions: readonly VersionSeen[]): string {
  const taken = versions.filter(({ isTaken }) => isTaken).map(({ version }) => versionName(version))
  const refused = Map.groupBy(
    versions.filter(({ isTaken }) => !isTaken),
    ({ why }) => why.replace("refused by the ", ""),
  )
  const others = [...refused].map(
    ([why, of]) => `${of.map(({ version }) => versionName(version)).join(", ")} (${why})`,
  )
  const not = others.length === 0 ? "" : `; not ${others.join(", ")}`
  return `versions: ${taken.length === 0 ? "none" : taken.join(", ")}${not}`
}

export function openedText(opened: TlsOpenedSeen, faults: readonly Fault[]): string {
  const { protocol, certificates, alpn, late, tlsMs } = opened
  const [leaf] = certificates
  const state =
    faults.length > 0
      ? `the certificate ${faults.map(({ text }) => text).join(", it ")}`
      : leaf === undefined
        ? "no certificate"
        : `certificate of ${leaf.subject}, ${daysText(daysBetween(Date.now(), leaf.validToMs))} left`
  if (late !== undefined) return `${versionName(protocol)}, then ${failureText(late)}`
  const more = faults.length > 0 ? [] : [alpn ?? "no ALPN", formatDuration(tlsMs)]
  return [versionName(protocol), state, ...more].join(", ")
}

export function openedLines(opened: TlsOpenedSeen): string[] {
  const { protocol, cipher, address, certificates, nameless } = opened
  const name =
    nameless === "same" ? "the same certificate" : nameless === "other" ? "another certificate" : nameless
  return [
    `${versionName(protocol)}, ${cipher}, at ${address}`,
    ...certificates.map((one, index) => `${index + 1}. ${certificateText(one)}`),
    ...chainLines(opened),
    ...(certificates[0] === undefined ? [] : [`names: ${namesText(certificates[0])}`]),
    `OCSP: ${stapleText(opened)}`,
    alpnText(opened),
    ...opened.resumption.map(
      ({ version, by, isResumed }) =>
        `${versionName(version)} sessions: ${isResumed ? `resumed, by ${by}` : by === "" ? "none to resume" : `not resumed, though a ${by} was given`}`,
    ),
    ...(opened.requestedFrom === undefined ? [] : [requestText(opened)]),
    `without a name (SNI): ${name}`,
    ...opened.others.map(
      ({ address: other, certificate, why }) =>
        `at ${other}: ${certificate === undefined ? why : certificateText(certificate)}`,
    ),
  ]
}

export function certificateText({ subject, issuer, key, validFromMs, validToMs }: CertificateSeen): string {
  return `${subject}, by ${issuer}, ${key}, ${dayOf(validFromMs)} to ${dayOf(validToMs)}`
}

const MAX_NAMES = 12

export function namesText({ names, subject }: CertificateSeen): string {
  if (names.length === 0) return `none but the common name ${subject}, which browsers do not look at`
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ""
  return names.slice(0, MAX_NAMES).join(", ") + more
}

/** RFC 3339, to the minute. */
export function timeText(ms: number): string {
  return Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(0, 16)}Z` : "ever"
}

function dayOf(ms: number): string {
  return timeText(ms).slice(0, 10)
}

function chainLines({ chain, certificates, trustError }: TlsOpenedSeen): string[] {
  const order = chain.path.every((index, place) => index === place) ? "" : ", not in the order of signing"
  const apart = certificates.length - chain.path.length
  const extra = apart > 0 ? `, ${apart} of ${certificates.length} not needed` : ""
  const isSystems = trustError !== undefined && chain.end === "trusted"
  const fault = isSystems ? `trusted by this system's authorities (${trustError} by Node's)` : trustError
  return [`chain: ${fault ?? "trusted"}${order}${extra}`]
}

function stapleText({ staple, isStapleLate }: TlsOpenedSeen): string {
  if (staple.state === "none") return isStapleLate ? "stapled with a later handshake" : "nothing stapled"
  if (staple.state === "good") return `stapled, good until ${timeText(staple.untilMs ?? 0)}`
  if (staple.state === "unchecked") return "stapled, not checked: its issuer is not known"
  return `stapled, ${staple.reason}`
}

function alpnText({ alpn, alpnOfTwo }: TlsOpenedSeen): string {
  const [one, two] = [alpn ?? "none", alpnOfTwo ?? "none"]
  return one === two ? `ALPN: ${one}, also where h2 is offered` : `ALPN: ${one}; where h2 is offered: ${two}`
}

function requestText({ requestedFrom, isCertificateGiven }: TlsOpenedSeen): string {
  const from =
    requestedFrom === 0 ? "" : ` of ${requestedFrom} ${requestedFrom === 1 ? "authority" : "authorities"}`
  return `a client certificate${from} is asked for; ${isCertificateGiven ? "that of --cert was sent" : "none was given (--cert)"}`
}

/** TLS: versions, chain, name, expiry, OCSP, ALPN, session resumption, client certificates. */
import type { X509Certificate } from "node:crypto"
import type { SecureVersion } from "node:tls"
import { withScheme } from "../../client/endpoint.ts"
import type { ProbeContext } from "../context.ts"
import { tryHandshake } from "../handshake.ts"
import type { Observations } from "../observations.ts"
import { withoutCredentials } from "../plain-http.ts"
import type { StepResult } from "../report.ts"
import { type Step, step } from "../step.ts"
import { type TlsFailure, type TlsOpened, type TlsResult, type TlsTry, tryTls } from "../tls-attempt.ts"
import {
  type CertificateSeen,
  type ChainEnd,
  type ChainSeen,
  certificateSeen,
  chainOf,
  isFor,
  trustedAuthorities,
} from "../tls-chain.ts"
import { faultsOf } from "../tls-faults.ts"
import { fetchIssuer } from "../tls-issuer.ts"
import { type StapleSeen, stapleSeen } from "../tls-staple.ts"
import { failureText, openedLines, openedText, versionsText } from "../tls-text.ts"

export const VERSIONS = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const satisfies SecureVersion[]

export interface VersionSeen {
  readonly version: (typeof VERSIONS)[number]
  readonly isTaken: boolean
  /** Why not, in a few words. */
  readonly why: string
}

export interface ResumptionSeen {
  /** "TLSv1.3" */
  readonly version: string
  /** "": the server gave nothing to resume by. */
  readonly by: "ticket" | "session id" | ""
  readonly isResumed: boolean
}

/** What another address of the same name presents. */
export interface OtherAddressSeen {
  readonly address: string
  /** Undefined where the handshake failed. */
  readonly certificate: CertificateSeen | undefined
  readonly isForHost: boolean
  readonly trustError: string | undefined
  readonly why: string
}

/** A handshake that came to its end. */
export interface TlsOpenedSeen {
  readonly address: string
  readonly host: string
  readonly tlsMs: number
  readonly protocol: string
  readonly cipher: string
  /** Chosen from h2 and http/1.1, and from http/1.1 alone; undefined: none. */
  readonly alpn: string | undefined
  readonly alpnOfTwo: string | undefined
  readonly trustError: string | undefined
  /** As sent. */
  readonly certificates: readonly CertificateSeen[]
  readonly chain: ChainSeen
  readonly isForHost: boolean
  /** The issuer that was left out, as fetched from where the certificate says; undefined: not there, or not asked. */
  readonly fetchedIssuer:
    | { readonly url: string; readonly end: ChainEnd; readonly subject: string }
    | undefined
  readonly staple: StapleSeen
  /** A later handshake had a staple: nginx fetches it after the first. */
  readonly isStapleLate: boolean
  readonly resumption: readonly ResumptionSeen[]
  /** Undefined where no client certificate is asked for; else how many authorities are named. */
  readonly requestedFrom: number | undefined
  readonly isCertificateGiven: boolean
  /** What the server had to say behind the handshake: a refusal of our certificate. */
  readonly late: TlsFailure | undefined
  /** Without a name (SNI): "same", "other" certificate, or why it fails. */
  readonly nameless: string
  readonly others: readonly OtherAddressSeen[]
}

/** The handshake again in other ways, where it failed: undefined where it opens, else why not. */
export type TrialId = "small" | "nameless" | "h2" | "no-alpn" | "proxied"

export interface TlsSeen {
  readonly opened: TlsOpenedSeen | undefined
  readonly failure: TlsFailure | undefined
  readonly versions: readonly VersionSeen[]
  readonly trials: Readonly<Partial<Record<TrialId, string | undefined>>>
  /** The status line of plain HTTP at the same port; undefined where there is none. */
  readonly plainAnswer: string | undefined
  /** The failed handshake asked for a client certificate before. */
  readonly isCertificateRequested: boolean
}

export const tls: Step = {
  id: "tls",
  title: "TLS",
  skip: ({ endpoint }, seen) => {
    if (!endpoint.secure) return ""
    return isUnreachable(seen) ? "no connection" : undefined
  },
  run: async (context, seen, progress) => {
    const found = await look(context, seen, progress)
    seen.tls = found
    return describe(found, context)
  },
}

function isUnreachable({ addresses }: Observations): boolean {
  if (addresses === undefined) return false
  return addresses.error !== undefined || addresses.tried.every(({ error }) => error !== undefined)
}

/** Least time that tickets of TLS 1.3 have to come in, which is one way of the net. */
const LEAST_LINGER_MS = 300
const HTTP_1 = ["http/1.1"]

async function look(
  context: ProbeContext,
  seen: Observations,
  progress: (text: string) => void,
): Promise<TlsSeen> {
  const first = await tryTls(context, { alpn: HTTP_1, lingerMs: LEAST_LINGER_MS })
  if (first.kind === "opened") return lookFurther(context, seen, first, progress)
  const { failure, requested } = first
  const isCertificateRequested = requested !== undefined
  const none = { opened: undefined, failure, isCertificateRequested }
  if (failure.stage !== "tls") return { ...none, versions: [], trials: {}, plainAnswer: undefined }
  progress("it failed: other ways")
  const plainAnswer = await askPlainly(context, failure)
  if (plainAnswer !== undefined) return { ...none, versions: [], trials: {}, plainAnswer }
  const [versions, trials] = await Promise.all([tryVersions(context), tryOtherwise(context)])
  return { ...none, versions, trials, plainAnswer }
}

/** Alerts are TLS: whoever sends one speaks it. */
async function askPlainly(context: ProbeContext, { alert }: TlsFailure): Promise<string | undefined> {
  if (alert !== undefined) return undefined
  const plain = withScheme(context.endpoint, false, context.endpoint.port)
  const bare = withoutCredentials(context, plain)
  const answer = await tryHandshake(bare, { isPlain: true }, bare.endpoint)
  return answer.kind === "answer" ? answer.head.statusLine : undefined
}

const TRIALS: Readonly<Record<TrialId, TlsTry>> = {
  small: { alpn: HTTP_1, isSmall: true },
  nameless: { alpn: HTTP_1, isNameless: true },
  h2: { alpn: ["h2"] },
  "no-alpn": {},
  proxied: { alpn: HTTP_1, isProxied: true },
}

async function tryOtherwise(context: ProbeContext): Promise<TlsSeen["trials"]> {
  const entries = Object.entries(TRIALS).map(async ([id, options]) => [
    id,
    whyNot(await tryTls(context, options)),
  ])
  return Object.fromEntries(await Promise.all(entries))
}

async function tryVersions(
  context: ProbeContext,
  known: readonly (TlsResult | undefined)[] = [],
): Promise<VersionSeen[]> {
  return Promise.all(
    VERSIONS.map(async (version) => {
      const isKnown = known.some((one) => one?.kind === "opened" && one.protocol === version)
      const why = isKnown ? undefined : whyNot(await tryTls(context, { only: version, alpn: HTTP_1 }))
      return { version, isTaken: why === undefined, why: why ?? "" }
    }),
  )
}

function whyNot(result: TlsResult): string | undefined {
  return result.kind === "opened" ? undefined : failureText(result.failure)
}

async function lookFurther(
  context: ProbeContext,
  seen: Observations,
  first: TlsOpened,
  progress: (text: string) => void,
): Promise<TlsSeen> {
  progress("versions, resumption, other addresses")
  // TLS 1.2 apart: its sessions are resumed by other means.
  const older =
    first.protocol === "TLSv1.3"
      ? await tryTls(context, { only: "TLSv1.2", alpn: HTTP_1, lingerMs: LEAST_LINGER_MS })
      : undefined
  const [versions, resumption, two, nameless, others] = await Promise.all([
    tryVersions(context, [first, older]),
    tryResumption(context, [first, older]),
    tryTls(context, { alpn: ["h2", ...HTTP_1] }),
    tryTls(context, { alpn: HTTP_1, isNameless: true }),
    tryOthers(context, seen, first.address),
  ])
  const opened: TlsOpenedSeen = {
    ...(await certificatesSeen(context, first)),
    ...connectionSeen(context, first),
    alpnOfTwo: two.kind === "opened" ? two.alpn : undefined,
    isStapleLate: two.kind === "opened" && two.staple !== undefined,
    resumption,
    nameless: compareNameless(first, nameless),
    others,
  }
  const isCertificateRequested = first.requested !== undefined
  return { opened, failure: undefined, versions, trials: {}, plainAnswer: undefined, isCertificateRequested }
}

function connectionSeen({ endpoint, client }: ProbeContext, first: TlsOpened) {
  const { address, tlsMs, protocol, cipher, alpn, requested, late, trustError } = first
  return {
    ...{ address, tlsMs, protocol, cipher, alpn, late, trustError },
    host: endpoint.host,
    requestedFrom: requested?.authorities.length,
    isCertificateGiven: client.tls.cert !== undefined,
  }
}

async function certificatesSeen(context: ProbeContext, first: TlsOpened) {
  const { chain: sent, trustError, staple } = first
  const leaf = sent[0]
  const trusted = trustError === undefined ? [] : trustedAuthorities(context.client.tls.ca)
  const found = chainOf(sent, trusted)
  const chain: ChainSeen = trustError === undefined ? { ...found, end: "trusted" } : found
  return {
    certificates: sent.map(certificateSeen),
    chain,
    isForHost: leaf !== undefined && isFor(leaf, context.endpoint.host),
    fetchedIssuer: chain.end === "open" ? await fetchLast(context, sent, chain, trusted) : undefined,
    staple:
      leaf === undefined
        ? { state: "none" as const, untilMs: undefined, reason: "" }
        : stapleSeen(staple, leaf, [...sent.slice(1), ...(staple === undefined ? [] : authorities(context))]),
  }
}

function authorities(context: ProbeContext): X509Certificate[] {
  return trustedAuthorities(context.client.tls.ca)
}

async function fetchLast(
  context: ProbeContext,
  sent: readonly X509Certificate[],
  { path }: ChainSeen,
  trusted: readonly X509Certificate[],
): Promise<TlsOpenedSeen["fetchedIssuer"]> {
  const last = sent[path.at(-1) ?? 0]
  const url = last === undefined ? undefined : certificateSeen(last).issuerUrl
  const issuer = url === undefined ? undefined : await fetchIssuer(context, url)
  if (url === undefined || issuer === undefined) return undefined
  return { url, end: chainOf([...sent, issuer], trusted).end, subject: certificateSeen(issuer).subject }
}

async function tryResumption(
  context: ProbeContext,
  donors: readonly (TlsResult | undefined)[],
): Promise<ResumptionSeen[]> {
  const seen = donors.map(async (donor): Promise<ResumptionSeen[]> => {
    if (donor?.kind !== "opened" || donor.late !== undefined) return []
    const { protocol: version, session, hasTicket } = donor
    if (session === undefined) return [{ version, by: "", isResumed: false }]
    const only = version === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2"
    const again = await tryTls(context, { only, alpn: HTTP_1, session })
    const by = version === "TLSv1.3" || hasTicket ? "ticket" : "session id"
    return [{ version, by, isResumed: again.kind === "opened" && again.isReused }]
  })
  return (await Promise.all(seen)).flat()
}

function compareNameless(first: TlsOpened, nameless: TlsResult): string {
  if (nameless.kind === "refused") return failureText(nameless.failure)
  return nameless.chain[0]?.fingerprint256 === first.chain[0]?.fingerprint256 ? "same" : "other"
}

/** More would take long, and tell no more. */
const MAX_OTHERS = 8

async function tryOthers(
  context: ProbeContext,
  { addresses }: Observations,
  first: string,
): Promise<OtherAddressSeen[]> {
  const alive = (addresses?.tried ?? []).filter(
    ({ error, address }) => error === undefined && address !== first,
  )
  return Promise.all(
    alive.slice(0, MAX_OTHERS).map(async ({ address }): Promise<OtherAddressSeen> => {
      const result = await tryTls(context, { alpn: HTTP_1, address })
      const leaf = result.kind === "opened" ? result.chain[0] : undefined
      return {
        address,
        certificate: leaf === undefined ? undefined : certificateSeen(leaf),
        isForHost: leaf !== undefined && isFor(leaf, context.endpoint.host),
        trustError: result.kind === "opened" ? result.trustError : undefined,
        why: whyNot(result) ?? "",
      }
    }),
  )
}

function describe(
  { opened, failure, versions, plainAnswer, trials }: TlsSeen,
  context: ProbeContext,
): StepResult {
  if (opened === undefined) {
    const tried = Object.entries(trials).map(
      ([id, why]) => `${TRIAL_TEXTS[id as TrialId]}: ${why ?? "it opens"}`,
    )
    const plain = plainAnswer === undefined ? [] : [`plain HTTP at this port answers ${plainAnswer}`]
    const asked = versions.length === 0 ? [] : [versionsText(versions)]
    return step("failed", failure === undefined ? "" : failureText(failure), [...asked, ...tried, ...plain])
  }
  const faults = faultsOf(opened, Date.now())
  const lines = [versionsText(versions), ...openedLines(opened)]
  const isFatal = faults.some((fault) => fault.isFatal) || opened.late !== undefined
  const bad = isFatal ? "failed" : "warning"
  const isExcused = context.client.tls.insecure && opened.late === undefined
  const outcome = faults.length === 0 && opened.late === undefined ? "ok" : isExcused ? "info" : bad
  return step(outcome, openedText(opened, faults), lines)
}

const TRIAL_TEXTS: Readonly<Record<TrialId, string>> = {
  small: "with a ClientHello that fits into one packet",
  nameless: "without a name (SNI)",
  h2: "offering h2 alone",
  "no-alpn": "offering no protocol (ALPN)",
  proxied: 'behind "PROXY UNKNOWN" (PROXY protocol)',
}

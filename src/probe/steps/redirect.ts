/** What plain HTTP answers for the same host and path: a redirect, a page, or a WebSocket in the clear. */
import { HoldfastError } from "../../base/error.ts"
import { printable } from "../../base/visible-text.ts"
import { hostPort, parseEndpoint, withScheme } from "../../client/endpoint.ts"
import { shownValue } from "../../client/redact.ts"
import { type ProbeContext, probeContext } from "../context.ts"
import { dialText } from "../dial-text.ts"
import { type HandshakeResult, isAccepted, tryHandshake } from "../handshake.ts"
import type { Observations } from "../observations.ts"
import { withoutCredentials } from "../plain-http.ts"
import type { StepResult } from "../report.ts"
import { type Step, step } from "../step.ts"

/** One request of the way that redirects lead. */
export interface Hop {
  /** As asked, with http: or https: */
  readonly url: string
  readonly status: number
  readonly statusLine: string
  /** Where it leads to, whole; undefined without one. */
  readonly location: string | undefined
  /** The field Strict-Transport-Security. */
  readonly hsts: string | undefined
}

export interface RedirectSeen {
  readonly port: number
  /** Why plain HTTP could not be asked. */
  readonly why: string | undefined
  /** The first over plain HTTP, the others where they led at the same host. */
  readonly hops: readonly Hop[]
  /** The last of them leads to one that was asked before. */
  readonly isLoop: boolean
  /** How a handshake over plain HTTP was answered; undefined: not at all. */
  readonly upgrade: { readonly statusLine: string; readonly isAccepted: boolean } | undefined
}

const HTTP_PORT = 80
/** A chain that is longer is one fault more. */
const MAX_HOPS = 5

export const redirect: Step = {
  id: "redirect",
  title: "redirect",
  skip: ({ endpoint }, seen) => {
    if (!endpoint.secure) return ""
    return isUnreachable(seen) ? "no connection" : undefined
  },
  run: async (context, seen) => {
    const found = await look(context)
    seen.redirect = found
    return describe(found, context)
  },
}

function isUnreachable({ addresses, tls }: Observations): boolean {
  if (tls?.failure !== undefined && tls.failure.stage !== "tls") return true
  if (addresses === undefined) return false
  return addresses.error !== undefined || addresses.tried.every(({ error }) => error !== undefined)
}

async function look(context: ProbeContext): Promise<RedirectSeen> {
  const port = context.plan.httpPort ?? HTTP_PORT
  const none = { port, hops: [], isLoop: false, upgrade: undefined }
  if (port === context.endpoint.port) return { ...none, why: "it is the port of TLS" }
  const plain = plainContext(context, port)
  const first = await tryHandshake(plain, { isPlain: true, origin: null })
  if (first.kind !== "answer") return { ...none, why: whyNot(first) }
  const [hops, upgraded] = await Promise.all([follow(plain, first), tryHandshake(plain)])
  const upgrade =
    upgraded.kind === "answer"
      ? { statusLine: upgraded.head.statusLine, isAccepted: isAccepted(upgraded) }
      : undefined
  return { port, why: undefined, hops, isLoop: isLoop(hops), upgrade }
}

/** The same over plain HTTP, at the addresses that `--resolve` gives for the URL's own port. */
function plainContext(context: ProbeContext, port: number): ProbeContext {
  const { endpoint, client, plan } = context
  const resolve = new Map(client.resolve)
  const given = client.resolve.get(hostPort(endpoint.host, endpoint.port))
  const key = hostPort(endpoint.host, port)
  if (given !== undefined && !resolve.has(key)) resolve.set(key, given)
  const plain = withScheme(endpoint, false, port)
  return withoutCredentials(probeContext(plain, { ...client, resolve }, plan), plain)
}

function whyNot(result: Exclude<HandshakeResult, { kind: "answer" }>): string {
  if (result.kind !== "unreachable") return `no answer: ${result.reason}`
  const { code, stage } = result.error
  return code === "ECONNREFUSED" && stage === "connect" ? "nothing listens there" : dialText(result.error)
}

async function follow(plain: ProbeContext, first: HandshakeResult): Promise<Hop[]> {
  const hops: Hop[] = []
  let context = plain
  let result = first
  for (;;) {
    const hop = hopOf(context, result)
    if (hop === undefined) return hops
    hops.push(hop)
    const next = nextOf(plain, hop)
    if (next === undefined || hops.length >= MAX_HOPS || isLoop(hops)) return hops
    context = next
    result = await tryHandshake(context, { isPlain: true, origin: null })
  }
}

function isLoop(hops: readonly Hop[]): boolean {
  const to = hops.at(-1)?.location
  return to !== undefined && hops.some(({ url }) => url === to)
}

function hopOf({ endpoint }: ProbeContext, result: HandshakeResult): Hop | undefined {
  if (result.kind !== "answer") return undefined
  const { status, statusLine, headers } = result.head
  const url = `${endpoint.secure ? "https" : "http"}://${endpoint.authority}${endpoint.target}`
  const location = status >= 300 && status < 400 ? headers.get("location") : undefined
  return {
    url,
    status,
    statusLine,
    location: location === undefined ? undefined : (URL.parse(location, url)?.href ?? location),
    hsts: endpoint.secure ? headers.get("strict-transport-security") : undefined,
  }
}

/** At the same host only: nobody asked us to go elsewhere. */
function nextOf(plain: ProbeContext, { location }: Hop): ProbeContext | undefined {
  if (location === undefined) return undefined
  try {
    const endpoint = parseEndpoint(location.replace(/#.*$/s, ""))
    return endpoint.host === plain.endpoint.host ? withoutCredentials(plain, endpoint) : undefined
  } catch (error) {
    if (error instanceof HoldfastError) return undefined
    throw error
  }
}

/** How the first redirect's target differs from the URL: "" where it is the same. */
export function difference({ hops }: RedirectSeen, { endpoint }: ProbeContext): string {
  const [hop] = hops
  const to = URL.parse(hop?.location ?? "")
  const from = URL.parse(hop?.url ?? "")
  if (to === null || from === null) return "cannot be read"
  if (to.protocol !== "https:") return "does not lead to https:"
  if (to.hostname !== from.hostname) return "leads to another host"
  if (to.pathname !== from.pathname) return "does not keep the path"
  if (to.search !== from.search) return "does not keep the query"
  return (to.port || "443") === String(endpoint.port) ? "" : "leads to another port"
}

function describe(found: RedirectSeen, context: ProbeContext): StepResult {
  const { port, why, hops, isLoop: loops, upgrade } = found
  if (why !== undefined) return step("info", `plain HTTP at port ${port}: ${why}`)
  const lines = hops.map(({ url, statusLine, location, hsts }) => {
    const to = location === undefined ? "" : `, to ${shownValue("location", location)}`
    const policy = hsts === undefined ? "" : `, HSTS: ${hsts}`
    return printable(`${shownValue("location", url)}: ${statusLine}${to}${policy}`)
  })
  if (upgrade !== undefined)
    lines.push(`a WebSocket handshake there: ${printable(upgrade.statusLine)}${upgradeText(found)}`)
  const [first] = hops
  if (loops) return step("warning", "the redirect from http: goes round in circles", lines)
  if (upgrade?.isAccepted === true)
    return step("info", `port ${port} takes WebSockets without TLS, too`, lines)
  if (first?.location === undefined)
    return step("info", `plain HTTP is not redirected: ${statusOf(first)}`, lines)
  const fault = difference(found, context)
  if (fault !== "") return step("info", `the redirect (${first.status}) ${fault}`, lines)
  return step("ok", `http: is redirected to https: by ${first.status}, path and query kept`, lines)
}

function upgradeText({ upgrade }: RedirectSeen): string {
  if (upgrade?.isAccepted === true) return ", accepted"
  return /^HTTP\/\S+ 3/.test(upgrade?.statusLine ?? "") ? "; WebSocket clients do not follow redirects" : ""
}

function statusOf(hop: Hop | undefined): string {
  return printable(hop?.statusLine.replace(/^HTTP\/\S+ /, "") ?? "no answer")
}

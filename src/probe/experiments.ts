/** The handshake again with one thing changed, to tell causes apart. */
import { type Endpoint, ownOrigin, withScheme, withTarget } from "../client/endpoint.ts"
import type { ProbeContext } from "./context.ts"
import type { Answer, HandshakeResult } from "./handshake.ts"
import type { RequestChanges } from "./request.ts"

const CHANGES = {
  "plain-get": { text: "as a plain GET", changes: { isPlain: true } },
  again: { text: "the same again", changes: {} },
  "no-origin": { text: "without Origin", changes: { origin: null } },
  "other-origin": {
    text: "with the Origin of another site",
    changes: { origin: "https://elsewhere.invalid" },
  },
  "no-extensions": { text: "without Sec-WebSocket-Extensions", changes: { noExtensions: true } },
  "no-subprotocols": { text: "without Sec-WebSocket-Protocol", changes: { noSubprotocols: true } },
  "no-cookies": { text: "without cookies", changes: { noCookies: true } },
  "lower-case": { text: "with header names in lower case", changes: { lowerCase: true } },
  "keep-alive": {
    text: 'with Firefox\'s "Connection: keep-alive, Upgrade"',
    changes: { connection: "keep-alive, Upgrade" },
  },
  // What a load balancer sends for its own checks.
  "proxy-protocol": { text: "with the PROXY protocol before it", changes: { prefix: "PROXY UNKNOWN\r\n" } },
} as const satisfies Record<string, { readonly text: string; readonly changes: RequestChanges }>

/**
 * "own-origin": with the Origin of a page of the same site. "other-slash": with a slash at the path's end taken away, or one added. "backend-origin": with the Origin that
 * --backend itself would have. "other-scheme": with TLS on the same port. "redirected": where a redirect points to.
 */
export type ExperimentId =
  | keyof typeof CHANGES
  | "other-slash"
  | "own-origin"
  | "backend-origin"
  | "other-scheme"
  | "redirected"

/** One request of them. */
export interface Experiment {
  readonly id: ExperimentId
  /** What was different: "without Origin". */
  readonly text: string
  readonly changes: RequestChanges
  readonly endpoint: Endpoint
}

export interface Trial {
  readonly id: ExperimentId
  readonly text: string
  readonly result: HandshakeResult
}

/** A redirect that was followed. */
export interface Turn {
  readonly status: number
  /** Where it leads, without credentials. */
  readonly to: string
  readonly isSameHost: boolean
}

export interface Experiments {
  readonly trials: readonly Trial[]
  readonly turns: readonly Turn[]
  /** What ended the following of redirects, where it was not an answer. */
  readonly turnsEnd?: "loop" | "too-many" | "no-url"
  /** The same asked several times, where it was accepted at times and at times not. */
  readonly flapping?: readonly Trial[]
}

/** Whether one of these is accepted and the other is not says what decides, unless it is a matter of whose turn it is. */
export const DECIDING: ReadonlySet<ExperimentId> = new Set([
  "no-origin",
  "own-origin",
  "other-origin",
  "backend-origin",
  "no-extensions",
  "no-subprotocols",
  "no-cookies",
  "lower-case",
  "keep-alive",
  "other-slash",
])

/** What is asked after a handshake that was accepted: Firefox's way of asking. */
const AFTER_ACCEPTED: readonly ExperimentId[] = ["keep-alive"]
/** A limit counts every request: no more of them than tell it from other causes. */
const LIMITED: ReadonlySet<number> = new Set([429, 503])
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const PATHS: ReadonlySet<number> = new Set([200, 204, 400, 403, 404, 405, 410, 426])
/** An answer that took longer is not asked for many times. */
const SLOW_MS = 1500

/** Which experiments tell the causes of `result` apart, in the order in which they are made. */
export function experimentsFor(context: ProbeContext, result: HandshakeResult): readonly Experiment[] {
  return idsFor(context, result).map((id) => experimentOf(context, id))
}

function idsFor(context: ProbeContext, result: HandshakeResult): readonly ExperimentId[] {
  if (result.kind === "unreachable") return []
  if (result.kind === "silent" || result.kind === "endless") return ["plain-get"]
  // Garbage is the port's own, or comes from behind somebody who answers this himself.
  if (result.kind === "malformed")
    return ["proxy-protocol", "plain-get", ...otherScheme(context), "no-extensions", "keep-alive"]
  if (result.kind !== "answer")
    return ["plain-get", ...otherScheme(context), "proxy-protocol", "no-extensions", "keep-alive"]
  if (result.head.status === 101)
    return result.fault === undefined ? AFTER_ACCEPTED : ["again", "plain-get", "no-extensions"]
  return idsForAnswer(context, result)
}

function idsForAnswer(
  { client, plan }: ProbeContext,
  { head, firstByteMs = 0 }: Answer,
): readonly ExperimentId[] {
  const { status } = head
  if (LIMITED.has(status)) return ["again", "plain-get"]
  if (REDIRECTS.has(status)) return ["plain-get", "redirected"]
  if (firstByteMs > SLOW_MS || status === 504) return ["plain-get"]
  if (status === 502) return ["plain-get", "no-extensions", "lower-case", "keep-alive"]
  const ids: ExperimentId[] = ["plain-get"]
  if (PATHS.has(status)) ids.push("other-slash")
  if (client.origin === "none") ids.push("own-origin")
  else ids.push("no-origin")
  if (client.origin !== "none" && plan.backend !== undefined) ids.push("backend-origin")
  ids.push("other-origin", "no-extensions", "lower-case", "keep-alive")
  if (client.subprotocols.length > 0) ids.push("no-subprotocols")
  if (client.cookies.length > 0) ids.push("no-cookies")
  return ids
}

/** Whoever answers a plain GET speaks HTTP on that port, without more. */
const ONLY_WITHOUT_HTTP: ReadonlySet<ExperimentId> = new Set(["other-scheme", "proxy-protocol"])

/** Whether what was tried so far leaves a question for `id`. */
export function isWorthwhile(id: ExperimentId, trials: readonly Trial[]): boolean {
  const plain = trials.find((trial) => trial.id === "plain-get")?.result
  return !(ONLY_WITHOUT_HTTP.has(id) && plain?.kind === "answer")
}

function otherScheme({ endpoint }: ProbeContext): readonly ExperimentId[] {
  return endpoint.secure ? [] : ["other-scheme"]
}

function experimentOf({ endpoint, plan }: ProbeContext, id: ExperimentId): Experiment {
  if (id === "other-slash") {
    const target = otherSlash(endpoint.target)
    return {
      id,
      text: `for ${withTarget(endpoint, target).url}`,
      changes: {},
      endpoint: withTarget(endpoint, target),
    }
  }
  if (id === "other-scheme") {
    const secured = withScheme(endpoint, true, endpoint.port)
    return { id, text: `for ${secured.url}`, changes: {}, endpoint: secured }
  }
  if (id === "backend-origin") {
    const { authority = "", secure = false } = plan.backend ?? {}
    const origin = `${secure ? "https" : "http"}://${authority}`
    return { id, text: `with "Origin: ${origin}"`, changes: { origin }, endpoint }
  }
  if (id === "own-origin") {
    const origin = ownOrigin(endpoint)
    return { id, text: `with "Origin: ${origin}"`, changes: { origin }, endpoint }
  }
  if (id === "redirected") return { id, text: "where the redirect leads", changes: {}, endpoint }
  return { id, ...CHANGES[id], endpoint }
}

/** `target` with the last slash of its path taken away, or one added. */
export function otherSlash(target: string): string {
  const [path = "", ...query] = target.split("?")
  const other = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : `${path === "/" ? "" : path}/`
  return [other, ...query].join("?")
}

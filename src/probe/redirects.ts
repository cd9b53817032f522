/** Where redirects of a handshake lead. Browsers do not follow them; to do it once tells what would be the right URL. */
import type { Deadline } from "../client/deadline.ts"
import { type Endpoint, parseEndpoint } from "../client/endpoint.ts"
import type { ProbeContext } from "./context.ts"
import type { Experiments, Turn } from "./experiments.ts"
import { type HandshakeResult, tryHandshake } from "./handshake.ts"

const MAX_TURNS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

interface Followed extends Omit<Experiments, "trials"> {
  /** What was answered at the end; undefined where nothing was asked. */
  readonly last: HandshakeResult | undefined
}

/** Follows `first`, at most five times. What the user gave as credentials stays with the host that it was given for. */
export async function followRedirects(
  context: ProbeContext,
  first: HandshakeResult,
  deadline: Deadline,
): Promise<Followed> {
  const turns: Turn[] = []
  const visited = new Set([keyOf(context.endpoint)])
  let at = context.endpoint
  let last: HandshakeResult | undefined
  for (let result = first; isRedirect(result); result = last) {
    const next = targetOf(at, result.head.headers.get("location") ?? "")
    if (next === undefined) return { turns, last, turnsEnd: "no-url" }
    turns.push({ status: result.head.status, to: next.url, isSameHost: next.host === context.endpoint.host })
    if (visited.has(keyOf(next))) return { turns, last, turnsEnd: "loop" }
    if (turns.length > MAX_TURNS) return { turns, last, turnsEnd: "too-many" }
    if (deadline.leftMs === 0) break
    visited.add(keyOf(next))
    last = await tryHandshake(contextFor(context, next), {}, next)
    at = next
  }
  return { turns, last }
}

function isRedirect(result: HandshakeResult | undefined): result is HandshakeResult & { kind: "answer" } {
  return result?.kind === "answer" && REDIRECTS.has(result.head.status)
}

function keyOf({ secure, authority, target }: Endpoint): string {
  return `${secure} ${authority} ${target}`
}

/** Undefined where `location` is no URL of HTTP. */
export function targetOf(from: Endpoint, location: string): Endpoint | undefined {
  const url = URL.parse(location, `${from.secure ? "https" : "http"}://${from.authority}${from.target}`)
  if (url === null || location === "" || !/^(?:https?|wss?):$/.test(url.protocol)) return undefined
  url.hash = ""
  url.username = ""
  url.password = ""
  const to = parseEndpoint(url.href)
  return mayShare(from, to) ? { ...to, userinfo: from.userinfo } : to
}

function contextFor(context: ProbeContext, next: Endpoint): ProbeContext {
  const client = mayShare(context.endpoint, next)
    ? context.client
    : {
        ...context.client,
        headers: [],
        cookies: [],
        tls: { ...context.client.tls, cert: undefined, key: undefined },
      }
  return { ...context, endpoint: next, client, dialOptions: { ...context.dialOptions, tls: client.tls } }
}

/** Whether what is meant for one may be sent to the other. */
function mayShare(from: Endpoint, to: Endpoint): boolean {
  return to.host === from.host && (to.secure || !from.secure)
}

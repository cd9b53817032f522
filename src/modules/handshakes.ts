/** Counts the WebSocket handshakes of each location, and why they fail: for `holdfast status`. No directive of its own. */
import { listContains } from "../http/hop-by-hop.ts"
import type { Location } from "../runtime/location.ts"
import {
  defineModule,
  type HandshakeCounts,
  type HandshakeFailure,
  type Module,
  type TunnelLogger,
} from "../runtime/module.ts"
import type { FirstError, Request, UpstreamState } from "../runtime/request.ts"
import { faultyPart } from "../websocket/handshake.ts"
import { unresolvedName } from "./proxy/name-lookup.ts"
import { proxy } from "./proxy/proxy.ts"
import { asksForUpgrade } from "./proxy/request-head.ts"

/** A location as it is counted. */
interface Counted {
  /** As it is written, its modifier included; "" for a server's own level. */
  readonly text: string
  readonly counts: HandshakeCounts
}

export const handshakes: Module<Counted, undefined> = defineModule({
  name: "handshakes",
  directives: {},
  location: (_conf, { location, services }): Counted => ({
    text: textOf(location),
    counts: services.handshakes,
  }),
  log: countFailure,
  logTunnel: countTunnel,
})

function textOf({ kind, pattern, regex, isNoRegex }: Location): string {
  if (kind === "exact") return `= ${pattern}`
  if (kind === "regex") return `${regex?.regex.flags.includes("i") ? "~*" : "~"} ${pattern}`
  return isNoRegex ? `^~ ${pattern}` : pattern
}

function countTunnel(request: Request, { text, counts }: Counted): TunnelLogger {
  const location = counts.of(request.server.name, text)
  location.tunnelOpened()
  return location.tunnelClosed
}

function countFailure(request: Request, own: Counted): void {
  if (!wantsWebSocket(request)) return
  const attempts = request.upstreamStates?.length ?? 0
  const first = request.firstError
  // An error page that asks an upstream is a second try: what that came to counts.
  const error = first !== null && first.attempts === attempts ? first : null
  const { text, counts } = error?.location.of(handshakes) ?? own
  counts.of(request.server.name, text).handshakeFailed(failureOf(request, error))
}

/** Those too that have lost their `Upgrade` on the way to here. */
function wantsWebSocket({ head, parent }: Request): boolean {
  if (parent !== null) return false
  return head.upgrade === "" ? head.headers.has("sec-websocket-key") : listContains(head.upgrade, "websocket")
}

function failureOf(request: Request, error: FirstError | null): HandshakeFailure {
  const last = request.upstreamStates?.at(-1)
  const status = error?.status ?? request.response.status
  if (status === 499 || status === 0) return { cause: "client-gone", status: 0, peer: "", part: "" }
  if (last !== undefined && last.failure !== null)
    return { cause: last.failure, status, peer: last.peer, part: "" }
  const unresolved = last === undefined || last.peer === "" ? unresolvedName(request) : undefined
  if (unresolved !== undefined) return { cause: "name-not-resolved", status, peer: unresolved, part: "" }
  const part = faultyPart(request.head)
  if (part !== undefined) return { cause: "bad-handshake", status, peer: "", part }
  if (last === undefined || last.status === 0) return { cause: "own-status", status, peer: "", part: "" }
  return answerOf(request, error?.location ?? request.location, last)
}

/** The backend has answered, and not with a 101. */
function answerOf(request: Request, location: Location, { status, peer }: UpstreamState): HandshakeFailure {
  const settings = location.of(proxy)
  const isForwarded = settings === undefined || asksForUpgrade(request, settings)
  return { cause: isForwarded ? "backend-status" : "upgrade-not-forwarded", status, peer, part: "" }
}

import { describe, effective } from "../effective.ts"
import type { Location, Model, Upstream } from "../model.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"

/** Paths on which messages also go by POST where no WebSocket comes through. */
const FALLBACK_PATH = /socket\.io|socket\\\.io|engine\.io|sockjs|signalr|\bhubs?\b|stomp|cometd|faye/i

const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["http_403", "a client that may not come in is asked for again at every server, before it is told so"],
  [
    "http_404",
    "a session that one server does not know is asked for at every server, where a sticky client never was",
  ],
  [
    "http_429",
    "a server that slows one client down counts as failed (max_fails), and when each has done so all clients get 502",
  ],
])

export const nextUpstreamRetries = rule({
  id: "next-upstream-retries",
  severity: "warning",
  title: "proxy_next_upstream repeats what must not be repeated",
  page: {
    happens:
      "A refused handshake is sent to one server after the other: their logins, counters and logs see it each time, and a server that refused one client with 429 or 500 is taken for broken and gets nobody for 10 seconds: a few such clients are enough to take out all servers, for everyone. With non_idempotent, messages that a client sent by long polling arrive twice.",
    shows:
      "Several addresses and statuses in `$upstream_addr` and `$upstream_status` of one line (`403, 403`). For failed servers `upstream server temporarily disabled while reading response header from upstream` (level warn), then `no live upstreams while connecting to upstream` and 502 for everyone.",
    why: "A handshake is a GET without a body, so nginx repeats it under each condition that proxy_next_upstream names. A try that ended with http_500 to http_504 or http_429 counts towards max_fails (1 where nothing is said), http_403 and http_404 do not. A POST is repeated only with non_idempotent, and nginx cannot know whether the first server has already acted on it.",
    fix: "proxy_next_upstream error timeout; which is the default.",
  },
  inspectWebSocket(location, model, report) {
    const upstream = severalServers(location.proxy?.upstream ?? null)
    if (upstream === null || !location.forwardsUpgrade) return
    const { node } = location
    const conditions = effective(node, "proxy_next_upstream", model.target)
    if (conditions === undefined || conditions.origin === null || !mayRepeat(node, model)) return
    const origin = conditions.origin
    const told = describe("proxy_next_upstream", conditions, node)
    conditions.args.forEach((condition, argument) => {
      const harm = harmOf(condition, location, countsFailures(upstream))
      if (harm === undefined) return
      const severity = condition === "http_500" ? "info" : "warning"
      report(origin, `${condition} for "${upstream.name}": ${harm}. ${told}.`, { severity, argument })
    })
  },
})

function harmOf(condition: string, { path }: Location, counts: boolean): string | undefined {
  if (!counts && (condition === "http_500" || condition === "http_429")) return undefined
  if (condition === "non_idempotent")
    return FALLBACK_PATH.test(path)
      ? "what a client without a WebSocket sends by POST is sent twice when the first server fails in the middle of it"
      : undefined
  if (condition === "http_500")
    return "a handshake that makes the application fail is repeated at every server, and each of them counts as failed (max_fails)"
  return REFUSALS.get(condition)
}

/** With one server there is no next one. */
function severalServers(upstream: Upstream | null): Upstream | null {
  if (upstream === null) return null
  const live = upstream.servers.filter(({ args }) => !args.includes("down"))
  return live.length > 1 ? upstream : null
}

/** `max_fails=0`: a server that failed is asked all the same. */
function countsFailures({ servers }: Upstream): boolean {
  return !servers.every(({ args }) => args.includes("max_fails=0"))
}

function mayRepeat(block: Node, { target }: Model): boolean {
  return effective(block, "proxy_next_upstream_tries", target)?.value !== "1"
}

import { setDirective } from "../edits.ts"
import { describe, effective, timeSeconds } from "../effective.ts"
import { rule } from "../rule.ts"

/** A pause that a busy backend or a phone between two cells makes now and then. */
const SHORT_SECONDS = 10

/** Whose window is full when each of them counts. */
const SIDES = [
  { name: "proxy_send_timeout", reader: "the backend", log: "upstream timed out" },
  { name: "send_timeout", reader: "the client", log: "client timed out" },
] as const

export const websocketSendTimeout = rule({
  id: "websocket-send-timeout",
  severity: "warning",
  title: "A WebSocket is cut when one side reads slowly for a moment",
  page: {
    happens:
      "While data flows, a WebSocket is closed without a Close frame (code 1006) because its receiver took nothing for a few seconds: a backend in a long garbage collection, a phone that changes cells. What was on its way is lost.",
    shows:
      "`upstream timed out (110: Connection timed out) while proxying upgraded connection` for proxy_send_timeout, `client timed out (110: Connection timed out) while proxying upgraded connection` for send_timeout; nginx writes both at the level `info`. The line in the access log has 101.",
    why: "After a 101 these two clocks run only while the proxy holds bytes that the other side does not take: proxy_send_timeout towards the backend, send_timeout towards the client. An idle WebSocket does not meet them (proxy_read_timeout ends that one), and their default of 60 seconds is right for nearly everyone; short values come from hardening guides that think of plain requests.",
    fix: "proxy_send_timeout 60s; send_timeout 60s;",
  },
  inspectWebSocket({ node, proxy, forwardsUpgrade }, { target, tree }, report) {
    if (proxy === null || !forwardsUpgrade) return
    for (const { name, reader, log } of SIDES) {
      const timeout = effective(node, name, target)
      const origin = timeout?.origin
      if (timeout === undefined || origin === null || origin === undefined) continue
      const seconds = timeSeconds(timeout.value)
      if (seconds === undefined || seconds >= SHORT_SECONDS) continue
      report(
        origin.isWithin(node) ? origin : proxy.node,
        `A WebSocket is cut ("${log}") when ${reader} takes no bytes for ${seconds} seconds: ${describe(name, timeout, node)}.`,
        { advice: `${name} 60s;`, fix: setDirective(tree, node, name, "60s") },
      )
    }
  },
})

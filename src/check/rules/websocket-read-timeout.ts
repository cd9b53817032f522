import { setDirective } from "../edits.ts"
import { describe, effective, timeSeconds } from "../effective.ts"
import { isSurelyWebSocket } from "../handshake-fields.ts"
import type { Location, Model } from "../model.ts"
import { rule } from "../rule.ts"
import { hasUnreadAround } from "../unread.ts"

/** Applications that ping do so every 20 to 30 seconds, some every minute. */
const SHORT_SECONDS = 120

/** A time that somebody wrote and that is as long as this may be made for an application that pings. */
const DELIBERATE_SECONDS = 60

/** Of `websocket on`, where no `websocket_ping` stands. */
const DEFAULT_PING_SECONDS = 30

export const websocketReadTimeout = rule({
  id: "websocket-read-timeout",
  severity: "warning",
  title: "Idle WebSockets are cut early by proxy_read_timeout",
  page: {
    happens:
      "A WebSocket on which nothing is said for that long is closed without a Close frame; the browser reports code 1006. With the default that is after 60 seconds.",
    shows:
      "`upstream timed out (110: Connection timed out) while proxying upgraded connection`. nginx writes it at the level `info`, so an error log of the usual level `error` or `warn` is silent; the request's line in the access log has 101 and, with `$request_time`, 60 seconds and a bit.",
    why: "After a 101 nginx starts this clock anew whenever bytes come, from the backend or from the client; a silence of both that lasts as long as proxy_read_timeout ends the tunnel. Browsers send no pings of their own accord: the backend, the application or the proxy has to. Socket.IO, SockJS, SignalR, Action Cable and Phoenix do so every 3 to 30 seconds: at their usual paths this is an info.",
    fix: "proxy_read_timeout 3600s; and let the application ping more often than that.",
  },
  inspectWebSocket(location, model, report) {
    const { node, proxy, webSocket } = location
    const { target, tree } = model
    // A backend's name says what it is, not that WebSockets come to it through here.
    if (proxy === null || (!location.forwardsUpgrade && webSocket?.startsWith("its backend is"))) return
    const timeout = effective(node, "proxy_read_timeout", target)
    const seconds = timeout === undefined ? undefined : timeSeconds(timeout.value)
    if (timeout === undefined || seconds === undefined || seconds >= SHORT_SECONDS) return
    if (timeout.origin === null && hasUnreadAround(tree, node)) return
    const isOn = effective(node, "websocket", target)?.value === "on"
    // `websocket on` has an hour where nothing is said.
    if (isOn && timeout.origin === null) return
    if (pingSeconds(location, model, isOn) < seconds) return
    report(
      timeout.origin?.isWithin(node) ? timeout.origin : proxy.node,
      `WebSockets (${webSocket}) are cut after ${seconds} seconds of silence: ${describe("proxy_read_timeout", timeout, node)}.`,
      {
        severity: isHarmless(location, seconds, timeout.origin !== null) ? "info" : "warning",
        fix: setDirective(tree, node, "proxy_read_timeout", "3600s"),
      },
    )
  },
})

/** Libraries whose servers or clients ping every 3 to 30 seconds unless they are told not to. */
const PINGING =
  /socket\.io|socket\\\.io|engine\.io|sockjs|signalr|negotiate|\/hubs?(?:[/$)]|$)|cable|\/live\/websocket|phoenix/i

function isHarmless(location: Location, seconds: number, isWritten: boolean): boolean {
  if (seconds < DELIBERATE_SECONDS) return false
  return isWritten || PINGING.test(location.path) || !isSurelyWebSocket(location)
}

/** How often Holdfast itself pings; infinite where it does not. */
function pingSeconds({ node }: Location, { target }: Model, isOn: boolean): number {
  const ping = effective(node, "websocket_ping", target)
  if (ping === undefined) return isOn ? DEFAULT_PING_SECONDS : Number.POSITIVE_INFINITY
  return timeSeconds(ping.args[0] ?? "") ?? Number.POSITIVE_INFINITY
}

import { describe, type Effective, effective, timeSeconds } from "../effective.ts"
import type { Location, Model } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

/** Who lets a WebSocket be silent for so long means it to live for hours. */
const LONG_SECONDS = 600

export const workerShutdownTimeout = rule({
  id: "worker-shutdown-timeout",
  severity: "warning",
  title: "What a reload of nginx does to open WebSockets",
  page: {
    happens:
      "nginx reloads by starting new workers; the old ones stay for the WebSockets that they hold. Without worker_shutdown_timeout they stay for days, each reload adds a set of them, with its memory and its old certificates and upstreams. With it all their WebSockets are cut in the same moment, without a Close frame (code 1006), and their clients come back together.",
    shows:
      "`nginx: worker process is shutting down` in the list of processes, several for each reload. With the timeout: 1006 in all browsers at once, that many seconds after each reload (certificate renewals reload, too), and in the access log lines with 101 and the time at which it happened.",
    why: "A connection cannot move from one process to another, so an old worker can only wait or cut. Holdfast swaps the configuration inside its workers: a reload costs no WebSocket there, and worker_shutdown_timeout counts for its stop only.",
    fix: "worker_shutdown_timeout 1h; or as long as your WebSockets may live, with clients that wait a random time before they come back.",
  },
  inspect(model, report) {
    // Since 1.11.11 there is such a directive. Holdfast's reload keeps WebSockets.
    if (model.target.isHoldfast || !model.target.since("1.11.11")) return
    const locations = model.webSockets.filter(({ forwardsUpgrade }) => forwardsUpgrade)
    if (locations.length === 0) return
    const own = model.main.own("worker_shutdown_timeout").at(-1)
    if (own !== undefined) inspectLength(own, locations, model, report)
    else inspectMissing(locations, model, report)
  },
})

function inspectLength(own: Node, locations: readonly Location[], model: Model, report: Report): void {
  const seconds = timeSeconds(own.args[0] ?? "")
  // 0 is none at all.
  if (seconds === undefined || seconds === 0) return
  const longest = longestSilence(locations, model)
  if (longest === null || seconds >= longest.seconds) return
  report(
    own,
    `Each reload cuts all WebSockets after ${seconds} seconds: worker_shutdown_timeout is ${own.args[0]} here, while a WebSocket may be silent for longer than that (line ${longest.node.position.line}: ${describe("proxy_read_timeout", longest.timeout, longest.node)}).`,
  )
}

function longestSilence(
  locations: readonly Location[],
  { target }: Model,
): { node: Node; timeout: Effective; seconds: number } | null {
  let longest: { node: Node; timeout: Effective; seconds: number } | null = null
  for (const { node } of locations) {
    const timeout = effective(node, "proxy_read_timeout", target)
    const seconds = timeout === undefined ? undefined : timeSeconds(timeout.value)
    if (timeout === undefined || seconds === undefined) continue
    if (longest === null || seconds > longest.seconds) longest = { node, timeout, seconds }
  }
  return longest
}

/** Only where the main context is somebody's work: a part of a configuration says nothing of workers. */
function inspectMissing(locations: readonly Location[], model: Model, report: Report): void {
  const workers = model.main.own("worker_processes").at(-1)
  if (workers === undefined || hasUnreadAround(model.tree, model.main)) return
  const longest = longestSilence(locations, model)
  if (longest === null || longest.seconds < LONG_SECONDS) return
  report(
    workers,
    "Nothing sets worker_shutdown_timeout: after each reload the old workers stay for as long as one of their WebSockets does.",
    { severity: "info" },
  )
}

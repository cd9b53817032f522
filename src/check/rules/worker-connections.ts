import { describe, effective } from "../effective.ts"
import type { Model } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

/** Fewer places than this were chosen for plain requests, if they were chosen. */
const LOW_CONNECTIONS = 1024
/** With several workers these are many all the same. */
const LOW_SOCKETS = 512
const VERY_LOW_SOCKETS = 128

export const workerConnections = rule({
  id: "worker-connections",
  severity: "warning",
  title: "Few WebSockets fit into worker_connections, or into the limit of open files",
  page: {
    happens:
      "Each open WebSocket holds its places for hours. When they are used up, new WebSockets and plain requests fail alike: with 500, or with a connection that is accepted and closed or never answered.",
    shows:
      "`1024 worker_connections are not enough while connecting to upstream` in the error log and 500 in the access log, or the same without `while connecting` and no line in the access log. For open files: `socket() failed (24: Too many open files) while connecting to upstream` and `accept4() failed (24: Too many open files)`. At its start nginx may say `8192 worker_connections exceed open file resource limit: 1024`.",
    why: "In nginx a connection to the backend counts like one from a client: a proxied WebSocket takes two of worker_connections and two open files, and nothing is shared between workers. Holdfast counts the clients only, but each tunnel has two open files there, too, and all workers are one process.",
    fix: "worker_rlimit_nofile 65536; events { worker_connections 16384; }",
  },
  inspect(model, report) {
    if (!model.webSockets.some(({ forwardsUpgrade }) => forwardsUpgrade)) return
    const events = model.main.own("events").at(-1)
    if (events === undefined) return
    const connections = effective(events, "worker_connections", model.target)
    const count = Number(connections?.value)
    if (connections === undefined || !Number.isInteger(count)) return
    if (connections.origin !== null) inspectCount(model, connections.origin, count, report)
    const files = model.main.own("worker_rlimit_nofile").at(-1)
    if (files !== undefined) inspectFiles(model, files, events, report)
  },
})

/** What is written is too low. Where nothing is written, nothing was thought of it yet: no finding. */
function inspectCount(model: Model, origin: Node, count: number, report: Report): void {
  const each = socketsOf(model, count)
  const workers = Number(effective(model.main, "worker_processes", model.target)?.value ?? 1)
  const isCounted = Number.isInteger(workers)
  const sockets = isCounted ? each * workers : each
  if (count >= LOW_CONNECTIONS || sockets > LOW_SOCKETS) return
  const whole = isCounted
    ? `${sockets} WebSockets in all (worker_processes is ${workers})`
    : `${each} WebSockets in each worker`
  const taken = model.target.isHoldfast ? "" : ", which take two each, client and backend"
  report(origin, `worker_connections is ${count} here: room for ${whole}${taken}.`, {
    severity: sockets < VERY_LOW_SOCKETS ? "warning" : "info",
    advice: "worker_connections 16384;",
  })
}

function socketsOf({ target }: Model, count: number): number {
  return target.isHoldfast ? count : Math.floor(count / 2)
}

function inspectFiles(model: Model, files: Node, events: Node, report: Report): void {
  const limit = Number(files.args[0])
  const connections = effective(events, "worker_connections", model.target)
  if (connections === undefined || !Number.isInteger(limit)) return
  const { isHoldfast } = model.target
  const needed = Number(connections.value) * (isHoldfast ? 2 : 1)
  if (limit >= needed) return
  const told = describe("worker_connections", connections, events).replace(" here", "")
  report(
    files,
    `worker_rlimit_nofile is ${limit} here, and ${told}: the files run out first, at ${Math.floor(limit / 2)} WebSockets${isHoldfast ? "" : " a worker"}.`,
    {
      severity: limit < Number(connections.value) ? "warning" : "info",
      advice: `worker_rlimit_nofile ${Number(connections.value) * 2};`,
    },
  )
}

/** The request is too much: too large, too often, too many. */
import { mendBigHeaders, mendConnections, mendRate } from "../mends.ts"
import {
  accepts,
  bodyLine,
  type Facts,
  type FailureCause,
  found,
  header,
  headerLine,
  isOfBackend,
  isOfEdge,
  trialLine,
} from "./handshake-facts.ts"

const PROVED = 95

export const LIMIT_CAUSES: readonly FailureCause[] = [
  {
    id: "header-too-large",
    title: "The request's header fields are larger than the server takes: mostly cookies",
    by: "edge",
    weigh: (facts) => {
      const { status } = facts
      const isSaid = status === 400 && /Request Header Or Cookie Too Large/i.test(facts.answer?.body ?? "")
      if (status !== 431 && status !== 494 && !isSaid) return undefined
      const mend = [
        ...(isOfBackend(facts) ? [{ where: "Node.js", text: "node --max-http-header-size=32768" }] : []),
        ...mendBigHeaders(facts.place),
      ]
      const lines = [...sizeLine(facts), ...trialLine(facts, "no-cookies"), ...bodyLine(facts)]
      return found(facts, PROVED, mend, lines, isOfBackend(facts) ? { hop: "backend" } : {})
    },
  },
  {
    id: "url-too-long",
    title: "The URL is longer than the server takes",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 414) return undefined
      return found(facts, PROVED, mendBigHeaders(facts.place), [
        `the URL's path and query: ${facts.one.context.endpoint.target.length} bytes`,
      ])
    },
  },
  {
    id: "body-limit",
    title: "A limit for bodies meets a request that has none: what answers takes uploads, not sockets",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 413) return undefined
      return found(facts, 50, [
        { where: `nginx, in the location of ${facts.place.path}`, text: "client_max_body_size 1m;" },
      ])
    },
  },
  {
    id: "rate-limit",
    title: "A limit on requests in a time is met",
    by: "edge",
    rules: ["limits-on-handshakes"],
    weigh: (facts) => {
      const { status } = facts
      if (status !== 429 && (status !== 503 || !mayBeLimit(facts))) return undefined
      const lines = [...headerLine(facts, "Retry-After"), ...trialLine(facts, "again")]
      const weight = accepts(facts, "again") ? PROVED : status === 429 ? 80 : 30
      const mend = isOfBackend(facts)
        ? [{ where: "the application: its limit on requests, for the socket", text: facts.place.path }]
        : mendRate(facts.place)
      return found(facts, weight, mend, lines, isOfBackend(facts) ? { hop: "backend" } : {})
    },
  },
  {
    id: "connection-limit",
    title: "A limit on connections at the same time is met (limit_conn): each open WebSocket counts",
    by: "edge",
    rules: ["limits-on-handshakes"],
    weigh: (facts) => {
      if (facts.status !== 503 || !mayBeLimit(facts) || accepts(facts, "again")) return undefined
      return found(facts, isOfEdge(facts) ? 45 : 25, mendConnections(facts.place), trialLine(facts, "again"))
    },
  },
]

/** nginx's own 503 comes of limit_conn, limit_req, or `return 503`: what upstreams do wrong is a 502 or 504. */
function mayBeLimit(facts: Facts): boolean {
  const { edge } = facts.place
  if (edge !== undefined && edge !== "nginx" && edge !== "holdfast") return false
  return !isOfBackend(facts)
}

function sizeLine(facts: Facts): string[] {
  const { result, one } = facts
  if (result.kind !== "answer") return []
  const cookies = one.context.client.cookies.join("; ").length
  const line = `the request's head: ${result.request.length} bytes, cookies ${cookies} of them`
  return header(facts, "server") === undefined ? [line] : [line, ...headerLine(facts, "Server")]
}

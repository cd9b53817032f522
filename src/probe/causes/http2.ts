/** What is wrong with what the step "http2" saw. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import type { Case } from "../cause.ts"
import { isAccepted } from "../handshake.ts"
import { edgeHop } from "../hops.ts"
import type { Http2Talk } from "../http2-talk.ts"
import type { Diagnosis, Mend } from "../report.ts"

export function diagnoseHttp2(one: Case): Diagnosis[] {
  const talk = one.seen.http2?.talk
  if (talk === undefined) return []
  // Where the handshake fails over HTTP/1.1, too, there is one cause for both, and it is told there.
  if (!isAccepted(one.seen.handshake)) return []
  const evidence = faultsOf(one, talk)
  return evidence === undefined ? [] : [offeredAndBroken(one, talk, evidence)]
}

/** What is wrong with a WebSocket that is offered; undefined for nothing. */
function faultsOf({ context }: Case, talk: Http2Talk): string[] | undefined {
  const { kind, status, reason, body } = talk
  const waited = formatDuration(context.client.timeoutMs)
  if (kind === "refused") {
    const line = body.split(/\r?\n/, 1)[0] ?? ""
    return [`extended CONNECT: ${status}`, ...(line === "" ? [] : [line.slice(0, 200)])]
  }
  if (kind === "broken") return [`extended CONNECT: ${printable(reason)}`]
  if (kind === "silent" && status === undefined) return [`extended CONNECT: no answer within ${waited}`]
  return undefined
}

function offeredAndBroken(one: Case, talk: Http2Talk, faults: readonly string[]): Diagnosis {
  const how =
    talk.kind === "refused"
      ? `is refused: ${talk.status}`
      : talk.kind === "broken"
        ? "breaks"
        : "gets no answer"
  return {
    severity: "error",
    what: `A WebSocket over HTTP/2 is offered, and ${how}. Browsers that have a page of this host open take that way.`,
    suspects: [
      {
        id: talk.kind === "refused" ? "extended-connect-refused" : "extended-connect-broken",
        title:
          talk.kind === "refused"
            ? "Behind the edge's HTTP/2 something wants a handshake of HTTP/1.1: GET, Upgrade, Sec-WebSocket-Key"
            : "The edge announces WebSockets over HTTP/2, and does not carry them",
        hop: edgeHop(one),
        certainty: "likely",
        evidence: ["SETTINGS_ENABLE_CONNECT_PROTOCOL is 1", ...faults, "the handshake over HTTP/1.1: 101"],
        mend: mendsOf(edgeHop(one)),
      },
    ],
  }
}

const BY_EDGE: readonly (readonly [RegExp, Mend])[] = [
  [/holdfast/i, { where: "Holdfast, in the server: not to offer it", text: "http2_extended_connect off;" }],
  [
    /haproxy/i,
    { where: "HAProxy, in global: not to offer it", text: "h2-workaround-bogus-websocket-clients" },
  ],
  [
    /envoy/i,
    {
      where: "Envoy, in the route and the listener: to carry it",
      text: "upgrade_configs: [{ upgrade_type: websocket }]\nhttp2_protocol_options: { allow_connect: true }",
    },
  ],
  [/node/i, { where: "Node.js: not to offer it", text: "settings: { enableConnectProtocol: false }" }],
]

/** The edge's own first; all of them where it does not say what it is. */
function mendsOf(hop: string): Mend[] {
  const own = BY_EDGE.filter(([pattern]) => pattern.test(hop)).map(([, mend]) => mend)
  return own.length > 0 ? own : BY_EDGE.map(([, mend]) => mend)
}

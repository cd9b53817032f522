/** A handshake that is accepted, and still not by everybody. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import type { Case } from "../cause.ts"
import { identify } from "../fingerprint.ts"
import { type AcceptedAnswer, isAccepted } from "../handshake.ts"
import { edgeHop } from "../hops.ts"
import { mendLostField } from "../mends.ts"
import type { Diagnosis } from "../report.ts"
import { outcomeText } from "../result-text.ts"

export function diagnoseAccepted(one: Case, answer: AcceptedAnswer): Diagnosis[] {
  return [
    ...subprotocolIgnored(one, answer),
    ...firefoxRefused(one, answer),
    ...slow(one, answer),
    ...lengthOf101(answer),
  ]
}

/** Users wait for it, and clients give up after 5 to 20 s. Milliseconds. */
const SLOW_MS = 2000

/** Both handshakes waited: one could be chance. */
function slow(one: Case, { firstByteMs }: AcceptedAnswer): Diagnosis[] {
  const second = one.seen.experiments?.trials.find(({ id }) => id === "keep-alive")?.result
  const times = [firstByteMs, second?.kind === "answer" ? second.firstByteMs : undefined]
  const [first = 0, again = 0] = times
  const least = Math.min(first, again)
  if (least < SLOW_MS) return []
  const path = one.context.endpoint.target.split("?")[0] ?? "/"
  return [
    {
      severity: "warning",
      what: `The handshake takes ${formatDuration(least)} until it is answered.`,
      suspects: [
        {
          id: "slow-handshake",
          title:
            "The application is slow to answer it, or the edge holds it back or tries servers that are gone first",
          hop: "backend",
          certainty: "possible",
          evidence: [`the first: ${formatDuration(first)}, the second: ${formatDuration(again)}`],
          mend: [
            {
              where: "the backend itself, to see whether it is as slow",
              text: "holdfast probe --backend ws://127.0.0.1:3000/ URL",
            },
            {
              where: `nginx, in the location of ${path}: limit_req without nodelay makes handshakes wait`,
              text: "limit_req zone=sockets burst=50 nodelay;",
            },
            {
              where: `nginx, in the location of ${path}: a server that is gone is given up sooner`,
              text: "proxy_connect_timeout 2s;",
            },
          ],
        },
      ],
    },
  ]
}

/**
 * Browsers fail the connection when they offered subprotocols and none was chosen (WHATWG WebSockets, "establish a
 * WebSocket connection"); RFC 6455 alone would let it pass.
 */
function subprotocolIgnored(one: Case, { head }: AcceptedAnswer): Diagnosis[] {
  const { subprotocols } = one.context.client
  if (subprotocols.length === 0 || head.headers.has("sec-websocket-protocol")) return []
  const { plan, endpoint } = one.context
  const backend = one.seen.backend?.handshake
  const edge = edgeHop(one)
  const chosen = isAccepted(backend) ? backend.head.headers.get("sec-websocket-protocol") : undefined
  const offered = `Sec-WebSocket-Protocol: ${subprotocols.join(", ")}`
  const evidence = [`sent: ${offered}`, "the answer has no Sec-WebSocket-Protocol"]
  const place = {
    edge: identify({ head, body: "" }).edge?.product,
    path: endpoint.target.split("?")[0] ?? "/",
  }
  const lost = {
    id: "subprotocol-lost",
    title: "Sec-WebSocket-Protocol is taken away on the way, of the request or of the answer",
    hop: edge,
    certainty: chosen === undefined ? ("possible" as const) : ("certain" as const),
    evidence: [
      ...evidence,
      ...(chosen === undefined
        ? []
        : [`${plan.backend?.url ?? "the backend"} itself chooses ${printable(chosen)}`]),
    ],
    mend: mendLostField(place, "Sec-WebSocket-Protocol"),
  }
  const unknown = {
    id: "subprotocol-unknown",
    title: "The application speaks none of the subprotocols that are offered, and accepts without one",
    hop: "backend",
    certainty: isAccepted(backend) ? ("certain" as const) : ("likely" as const),
    evidence,
    mend: [
      { where: "the client: without subprotocols", text: "new WebSocket(url)" },
      { where: "the application", text: offered },
    ],
  }
  const suspects = chosen !== undefined ? [lost] : isAccepted(backend) ? [unknown] : [unknown, lost]
  return [
    {
      severity: "error",
      what: "Browsers close at once: they offered a subprotocol and none is chosen.",
      suspects,
    },
  ]
}

/** Chrome and Safari send "Connection: Upgrade". */
function firefoxRefused(one: Case, answer: AcceptedAnswer): Diagnosis[] {
  const trials = one.seen.experiments?.trials ?? []
  const firefox = trials.find(({ id }) => id === "keep-alive")
  const again = trials.find(({ id }) => id === "again")
  // Once more as at first, and accepted: it is the change.
  if (firefox === undefined || isAccepted(firefox.result) || !isAccepted(again?.result)) return []
  const place = {
    edge: identify(answer).edge?.product ?? ("nginx" as const),
    path: one.context.endpoint.target.split("?")[0] ?? "/",
  }
  return [
    {
      severity: "error",
      what: "Firefox cannot connect, other browsers can.",
      suspects: [
        {
          id: "connection-passed-as-sent",
          title:
            'The client\'s own Connection header reaches a backend that knows only "Upgrade" ($http_connection)',
          hop: edgeHop(one),
          certainty: "likely",
          evidence: [
            'with "Connection: Upgrade": 101',
            `with "Connection: keep-alive, Upgrade", as Firefox sends it: ${outcomeText(firefox.result)}`,
            'with "Connection: Upgrade" again: 101',
          ],
          mend: [
            {
              where: `nginx, in the location of ${place.path}`,
              text: 'proxy_set_header Connection "upgrade";',
            },
            {
              where: "the backend: Connection is a list (RFC 9110 §7.6.1)",
              text: "Connection: keep-alive, Upgrade",
            },
          ],
        },
      ],
    },
  ]
}

function lengthOf101({ head }: AcceptedAnswer): Diagnosis[] {
  const name = head.headers.has("content-length") ? "Content-Length" : "Transfer-Encoding"
  const value = head.headers.get(name.toLowerCase())
  if (value === undefined) return []
  return [
    {
      severity: "info",
      what: `The 101 has ${name}, which no 1xx may have: some proxies take the socket's bytes for a body.`,
      suspects: [
        {
          id: "length-in-101",
          title: `Whoever writes the 101 adds ${name} to every answer`,
          hop: "backend",
          certainty: "likely",
          evidence: [printable(`${name}: ${value}`)],
          mend: [
            {
              where: "the backend, or the edge that adds it",
              text: `no ${name} in a 101 (RFC 9110 §8.6, RFC 9112 §6.1)`,
            },
          ],
        },
      ],
    },
  ]
}

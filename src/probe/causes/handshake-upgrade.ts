/** The handshake is lost on its way to the backend, which sees something else. */
import type { Weighed } from "../cause.ts"
import { mendLostField, mendUpgrade } from "../mends.ts"
import {
  accepts,
  bodyLine,
  type Facts,
  type FailureCause,
  found,
  isOfEdge,
  lostWeight,
  refusalLines,
  trialLine,
} from "./handshake-facts.ts"

const UPGRADE_RULES = [
  "websocket-upgrade-header",
  "websocket-connection-header",
  "headers-lost-by-inheritance",
]
const PROVED = 95

export const UPGRADE_CAUSES: readonly FailureCause[] = [
  {
    id: "upgrade-not-forwarded",
    title:
      "The edge, or a proxy behind it, does not pass Upgrade and Connection on: the backend sees a plain request",
    by: "edge",
    rules: [...UPGRADE_RULES, "websocket-http-version"],
    weigh: upgradeLost,
  },
  {
    id: "http-1.0-to-backend",
    title: "The edge speaks HTTP/1.0 to the backend, which has no Upgrade",
    by: "edge",
    rules: ["websocket-http-version"],
    weigh: (facts) => {
      return found(facts, lostWeight(facts, "http-1.0"), mendUpgrade(facts.place), refusalLines(facts))
    },
  },
  {
    id: "key-not-forwarded",
    title: "Sec-WebSocket-Key does not reach the backend",
    by: "edge",
    weigh: (facts) => fieldLost(facts, "key", "Sec-WebSocket-Key"),
  },
  {
    id: "version-not-forwarded",
    title: "Sec-WebSocket-Version does not reach the backend",
    by: "edge",
    weigh: (facts) => fieldLost(facts, "version", "Sec-WebSocket-Version"),
  },
  {
    id: "extensions-refused",
    title: "The backend cannot do with the offer of permessage-deflate, which every browser makes",
    by: "backend",
    weigh: (facts) => {
      if (!accepts(facts, "no-extensions")) return undefined
      const mend = [
        ...mendLostFieldAway(facts),
        {
          where: "the backend's WebSocket library",
          text: "accept the handshake and ignore unknown extensions (RFC 6455 §9.1)",
        },
      ]
      return found(facts, PROVED, mend, trialLine(facts, "no-extensions"))
    },
  },
  {
    id: "subprotocol-refused",
    title: "The backend refuses the subprotocols that are offered",
    by: "backend",
    weigh: (facts) => {
      const isSaid = facts.identity.refusal?.lost === "subprotocol"
      if (!accepts(facts, "no-subprotocols") && !isSaid) return undefined
      const offered = facts.one.context.client.subprotocols.join(", ")
      const mend = [{ where: "the application: the subprotocols that it knows", text: offered }]
      return found(facts, PROVED, mend, [...refusalLines(facts), ...trialLine(facts, "no-subprotocols")])
    },
  },
  {
    id: "header-case",
    title: "The backend knows the header fields only in one spelling, and the edge passes on what it gets",
    by: "backend",
    weigh: (facts) => {
      if (!accepts(facts, "lower-case")) return undefined
      const mend = [{ where: "the backend", text: "names of header fields have no case (RFC 9110 §5.1)" }]
      return found(facts, PROVED, mend, trialLine(facts, "lower-case"))
    },
  },
]

function upgradeLost(facts: Facts): Weighed | undefined {
  const { identity, place, isLikePlain } = facts
  const mend = mendUpgrade(place)
  const lines = [...refusalLines(facts), ...trialLine(facts, "plain-get")]
  const lost = identity.refusal?.lost
  if (lost === "upgrade" || lost === "connection") {
    const name = lost === "upgrade" ? "Upgrade" : "Connection: Upgrade"
    const title = `The edge, or a proxy behind it, does not pass "${name}" on to the backend`
    return found(facts, lostWeight(facts, lost), mend, lines, { title })
  }
  const said = lostWeight(facts, "upgrade-or-connection", "upgrade", "connection")
  // Another answer than to a plain GET: the backend has seen a handshake.
  if (said > 0) return found(facts, isLikePlain === false && said < PROVED ? said / 3 : said, mend, lines)
  return lost === undefined ? plainSeen(facts) : undefined
}

/** The backend does not say so, but does what it does with a plain request. */
function plainSeen(facts: Facts): Weighed | undefined {
  const { status, place, isLikePlain } = facts
  if (isOfEdge(facts) || isCaddyWithoutRoute(facts) || isEventStream(facts)) return undefined
  const mend = mendUpgrade(place)
  const lines = [...bodyLine(facts), ...trialLine(facts, "plain-get")]
  if (status === 426) return found(facts, isLikePlain === true ? 85 : 70, mend, lines)
  if (isLikePlain !== true) return undefined
  if (status === 200) return found(facts, isPage(facts) ? 45 : 75, mend, lines)
  if (status === 404 || status === 400) return found(facts, 55, mend, lines)
  return status === 405 || status === 501 ? found(facts, 40, mend, lines) : undefined
}

/** Caddy answers 200 without a body where no route meets the request (seen by running 2.6.2). */
export function isCaddyWithoutRoute({ answer, identity, status }: Facts): boolean {
  return status === 200 && identity.edge?.product === "caddy" && answer?.body === ""
}

function isEventStream({ answer }: Facts): boolean {
  return /^text\/event-stream\b/i.test(answer?.head.headers.get("content-type") ?? "")
}

/** A whole page of HTML: what a site shows for any path. */
export function isPage({ answer }: Facts): boolean {
  return /<!doctype html|<html[\s>]/i.test(answer?.body ?? "")
}

function fieldLost(facts: Facts, lost: "key" | "version", field: string): Weighed {
  return found(facts, lostWeight(facts, lost), mendLostField(facts.place, field), refusalLines(facts))
}

function mendLostFieldAway({ place }: Facts) {
  return [
    {
      where: `nginx, in the location of ${place.path}, until then`,
      text: 'proxy_set_header Sec-WebSocket-Extensions "";',
    },
  ]
}

/** The request comes to somebody who does not let it in. */
import { ownOrigin } from "../../client/endpoint.ts"
import type { Weighed } from "../cause.ts"
import {
  mendAccess,
  mendByLog,
  mendClientCertificate,
  mendHost,
  mendNoPassword,
  mendOrigins,
  mendPlainPort,
  mendRoute,
} from "../mends.ts"
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
  lostWeight,
  refusalLines,
  refuses,
  trialLine,
} from "./handshake-facts.ts"

const PROVED = 95
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 402, 403])
/** Action Cable answers 404 to an Origin that it does not allow. */
const ORIGIN_STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 404, 500])

export const ACCESS_CAUSES: readonly FailureCause[] = [
  {
    id: "credentials-wanted",
    title: "A password or token is wanted; browsers send no Authorization header with a WebSocket",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 401 || accepts(facts, "no-origin")) return undefined
      const isBasic = /^basic/i.test(header(facts, "www-authenticate") ?? "")
      const lines = [...headerLine(facts, "WWW-Authenticate"), ...trialLine(facts, "plain-get")]
      const mend = mendNoPassword(facts.place, isOfBackend(facts))
      return found(facts, 80, mend, lines, {
        title: isBasic
          ? "A password is wanted (auth_basic or its like); browsers' WebSockets cannot be given one"
          : "A password or token is wanted; browsers send no Authorization header with a WebSocket",
        ...(isOfBackend(facts) ? { hop: "backend" } : {}),
      })
    },
  },
  {
    id: "cookie-refused",
    title: "The session in the cookie is refused: without it the handshake is accepted",
    by: "backend",
    weigh: (facts) => {
      if ((facts.status !== 401 && facts.status !== 403) || !accepts(facts, "no-cookies")) return undefined
      const mend = [{ where: "the client", text: "sign in again for a new cookie" }]
      return found(facts, PROVED, mend, trialLine(facts, "no-cookies"))
    },
  },
  {
    id: "proxy-authentication",
    title: "A proxy on the way wants a password",
    by: "way",
    weigh: (facts) => {
      if (facts.status !== 407) return undefined
      const mend = [{ where: "holdfast probe", text: "--proxy http://USER:PASSWORD@HOST:PORT" }]
      return found(facts, PROVED, mend, headerLine(facts, "Proxy-Authenticate"))
    },
  },
  {
    id: "host-not-forwarded",
    title: "The application compares Origin with Host, and the edge sends it another Host than the client's",
    by: "edge",
    rules: ["websocket-host-header", "headers-lost-by-inheritance"],
    weigh: hostLost,
  },
  {
    id: "origin-not-allowed",
    title: "The application does not allow pages of this Origin",
    by: "backend",
    weigh: originRefused,
  },
  {
    id: "origin-wanted",
    title: "The application wants an Origin, as browsers send it, and got none",
    by: "client",
    weigh: (facts) => {
      if (facts.one.context.client.origin !== "none" || !ORIGIN_STATUSES.has(facts.status)) return undefined
      const { endpoint } = facts.one.context
      const mend = [{ where: "holdfast probe", text: `--origin ${ownOrigin(endpoint)}` }]
      return found(facts, accepts(facts, "own-origin") ? PROVED : 20, mend, trialLine(facts, "own-origin"))
    },
  },
  {
    id: "denied-by-edge",
    title:
      "The edge refuses this client: by address, method, country or referer, what satisfy joins, or auth_request",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 403 || isOfBackend(facts)) return undefined
      if (header(facts, "cf-mitigated") !== undefined) return undefined
      const weight = isOfEdge(facts) ? 75 : 25
      const lines = [...trialLine(facts, "plain-get"), ...trialLine(facts, "no-origin")]
      return found(facts, weight, mendAccess(facts.place), lines)
    },
  },
  {
    id: "folder-without-index",
    title: "The URL meets a folder of files (root) that has no index file, not the location of the socket",
    by: "edge",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      const { edge, path } = facts.place
      if (facts.status !== 403 || !isOfEdge(facts) || !path.endsWith("/")) return undefined
      if (edge !== "nginx" && edge !== "holdfast" && edge !== "apache") return undefined
      const mend = [...mendRoute(facts.place), ...mendByLog(facts.place, "directory index of … is forbidden")]
      return found(facts, 40, mend, trialLine(facts, "plain-get"))
    },
  },
  {
    id: "challenged",
    title: "Cloudflare asks for a challenge that only a browser's page can answer",
    by: "edge",
    weigh: (facts) => {
      const line = headerLine(facts, "cf-mitigated")
      if (line.length === 0) return undefined
      const mend = [{ where: "Cloudflare's dashboard", text: `Security > WAF: Skip for ${facts.place.path}` }]
      return found(facts, PROVED, mend, line)
    },
  },
  {
    id: "refused-by-application",
    title: "The application refuses this client: a session, a token or a right is missing",
    by: "backend",
    weigh: (facts) => {
      const { status } = facts
      if (!REFUSALS.has(status) || facts.identity.refusal !== undefined) return undefined
      if (isOfEdge(facts) || originWeight(facts) >= PROVED) return undefined
      const mend = [
        {
          where: "holdfast probe: with what the application wants",
          text: '--cookie NAME=VALUE --header "NAME: VALUE"',
        },
      ]
      return found(facts, status === 400 ? 30 : status === 401 ? 40 : 45, mend, [
        ...bodyLine(facts),
        ...trialLine(facts, "plain-get"),
      ])
    },
  },
  {
    id: "method-not-allowed",
    title: "What answers there takes other methods only: an API or a form, not a socket",
    by: "backend",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      if (facts.status !== 405) return undefined
      const mend = [{ where: "the route of the socket takes", text: "GET" }]
      const lines = [...headerLine(facts, "Allow"), ...trialLine(facts, "plain-get")]
      return found(facts, 65, mend, lines, isOfEdge(facts) ? { hop: "edge" } : {})
    },
  },
  {
    id: "client-certificate-wanted",
    title: "The server wants a client's certificate",
    by: "edge",
    weigh: (facts) => {
      if (!saysClientCertificate(facts) || !isAskedFor(facts)) return undefined
      const mend = [
        { where: "holdfast probe", text: "--cert client.crt --key client.key" },
        { where: "nginx, if it is not meant to be wanted", text: "ssl_verify_client off;" },
      ]
      return found(facts, PROVED, mend, bodyLine(facts))
    },
  },
  {
    id: "backend-wants-certificate",
    title: "The backend wants a certificate of the edge (mutual TLS), and the edge sends none or another",
    by: "edge",
    weigh: (facts) => {
      if (!saysClientCertificate(facts) || isAskedFor(facts)) return undefined
      return found(facts, PROVED, mendClientCertificate(facts.place), bodyLine(facts))
    },
  },
  {
    id: "plain-on-tls-port",
    title: "The port speaks TLS: the URL must begin with wss:",
    by: "client",
    weigh: (facts) => {
      if (
        !/plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/i.test(
          facts.answer?.body ?? "",
        )
      )
        return undefined
      const { endpoint } = facts.one.context
      if (endpoint.secure) return undefined
      const mend = [
        { where: "the client", text: endpoint.url.replace(/^ws:/, "wss:") },
        ...mendPlainPort(facts.place),
      ]
      return found(facts, isOfBackend(facts) ? 40 : PROVED + 2, mend, bodyLine(facts))
    },
  },
]

/** nginx's sentence, 400. */
function saysClientCertificate({ answer }: Facts): boolean {
  return /SSL certificate (?:was sent|error)/i.test(answer?.body ?? "")
}

/** Whether it is us of whom a certificate is wanted: without TLS, or without a request for one, it is the edge. */
function isAskedFor({ one }: Facts): boolean {
  const { tls } = one.seen
  return one.context.endpoint.secure && (tls?.opened === undefined || tls.opened.requestedFrom !== undefined)
}

/** How likely it is that the Origin is what is refused. */
function originWeight(facts: Facts): number {
  if (!ORIGIN_STATUSES.has(facts.status)) return 0
  const isShown = ORIGIN_TRIALS.some((id) => accepts(facts, id))
  const said = lostWeight(facts, "origin", "host")
  // Without Origin it is refused, too: it is something else.
  return isShown ? 95 : refuses(facts, "no-origin") && said < 95 ? Math.min(said, 30) : said
}

const ORIGIN_TRIALS = ["no-origin", "other-origin", "backend-origin"] as const

function originLines(facts: Facts): string[] {
  return [...ORIGIN_TRIALS.flatMap((id) => trialLine(facts, id)), ...refusalLines(facts)]
}

/** The page's own origin is refused: whoever compares it with Host sees another Host. */
function hostLost(facts: Facts): Weighed | undefined {
  const weight = originWeight(facts)
  if (sentOrigin(facts) !== ownOrigin(facts.one.context.endpoint)) return undefined
  const { refusal } = facts.identity
  // A library that has a list, and looks at nothing else.
  const isListed = refusal?.lost === "origin" && !refusal.orElse.includes("host") && refusal.by !== undefined
  if (isListed && !accepts(facts, "backend-origin")) return undefined
  const share = accepts(facts, "backend-origin") ? 1.05 : refuses(facts, "backend-origin") ? 0.2 : 0.8
  return found(facts, weight * share, mendHost(facts.place), originLines(facts))
}

function originRefused(facts: Facts): Weighed {
  const origin = sentOrigin(facts)
  const share = origin === ownOrigin(facts.one.context.endpoint) ? 0.6 : 1
  return found(facts, originWeight(facts) * share, mendOrigins(origin, facts.identity.backend?.product), [
    `Origin: ${origin}`,
    ...originLines(facts),
  ])
}

function sentOrigin({ one }: Facts): string {
  const { client, endpoint } = one.context
  const given = client.headers.find(([name]) => name.toLowerCase() === "origin")?.[1]
  return given ?? client.origin ?? ownOrigin(endpoint)
}

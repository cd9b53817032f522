/** The request does not come to the socket: redirects, other paths, pages. */
import type { Weighed } from "../cause.ts"
import { edgeHop } from "../hops.ts"
import { mendNoRedirect, mendPathKept, mendRoute, mendSlash } from "../mends.ts"
import { targetOf } from "../redirects.ts"
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
  trialLine,
} from "./handshake-facts.ts"
import { isCaddyWithoutRoute, isPage } from "./handshake-upgrade.ts"

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const PROVED = 95
const LOGIN = /log[-_]?in|sign[-_]?in|oauth|\bsso\b|\/auth\b|\/sessions?\b/i

export const ROUTE_CAUSES: readonly FailureCause[] = [
  {
    id: "redirect-loop",
    title: "The redirects lead back to where they began",
    by: "edge",
    weigh: (facts) => {
      if (facts.one.seen.experiments?.turnsEnd !== "loop") return undefined
      return redirected(facts, PROVED + 3, mendNoRedirect(facts.place))
    },
  },
  {
    id: "redirect-to-https",
    title: "The server redirects http: to https:, and WebSocket clients do not follow redirects",
    by: "edge",
    rules: ["redirect-catches-socket"],
    weigh: (facts) => {
      const { endpoint } = facts.one.context
      const to = locationOf(facts)
      if (to === undefined || endpoint.secure || !to.secure || to.host !== endpoint.host) return undefined
      const mend = [{ where: "the client", text: to.url }, ...mendNoRedirect(facts.place)]
      return redirected(facts, PROVED, mend)
    },
  },
  {
    id: "slash-redirect",
    title:
      "The path has one slash too few or too many: the redirect only changes that, and clients do not follow",
    by: "edge",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      const { endpoint } = facts.one.context
      const to = locationOf(facts)
      if (to === undefined || to.host !== endpoint.host || to.secure !== endpoint.secure) return undefined
      if (to.target.replace(/\/(?=\?|$)/, "") !== endpoint.target.replace(/\/(?=\?|$)/, "")) return undefined
      if (to.target === endpoint.target) return undefined
      return redirected(facts, accepts(facts, "redirected") ? PROVED : 80, mendSlash(facts.place))
    },
  },
  {
    id: "redirect-to-login",
    title: "The application wants a session first and sends clients to its login page",
    by: "backend",
    weigh: (facts) => {
      const location = header(facts, "location") ?? ""
      if (!REDIRECTS.has(facts.status) || !LOGIN.test(location)) return undefined
      const mend = [
        { where: "holdfast probe", text: "--cookie NAME=VALUE" },
        { where: "the application: answer a handshake without a session by", text: "401 Unauthorized" },
      ]
      const to = locationOf(facts)
      if (to === undefined || to.host === facts.one.context.endpoint.host) return redirected(facts, 75, mend)
      const browser = { where: "a browser, to see what is wanted", text: to.url.replace(/^ws/, "http") }
      return {
        ...redirected(facts, 75, [browser, ...mend]),
        title:
          "Clients are sent to a login page of another host: single sign-on, or the login of this network",
        hop: edgeHop(facts.one),
      }
    },
  },
  {
    id: "redirected",
    title: "The server redirects the handshake, and WebSocket clients do not follow redirects",
    by: "edge",
    rules: ["redirect-catches-socket"],
    weigh: (facts) => {
      if (!REDIRECTS.has(facts.status)) return undefined
      const to = locationOf(facts)
      const mend = to === undefined ? [] : [{ where: "the client", text: to.url }]
      return redirected(facts, accepts(facts, "redirected") ? 70 : 40, [
        ...mend,
        ...mendNoRedirect(facts.place),
      ])
    },
  },
  {
    id: "slash",
    title: "The socket stands at the path with one slash more or less",
    by: "client",
    weigh: (facts) => {
      if (!accepts(facts, "other-slash")) return undefined
      return found(facts, PROVED + 2, mendSlash(facts.place), trialLine(facts, "other-slash"))
    },
  },
  {
    id: "file-in-place-of-socket",
    title:
      "The edge serves a file in the socket's place: of another location (try_files, root), or of error_page … =200",
    by: "edge",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      if (facts.status !== 200 || !isFileOfNginx(facts)) return undefined
      const lines = [
        ...headerLine(facts, "ETag"),
        ...headerLine(facts, "Last-Modified"),
        ...trialLine(facts, "plain-get"),
      ]
      const mend = [
        ...mendRoute(facts.place),
        {
          where: "nginx, if it is the page of an error, so that the error is seen",
          text: "# without =200\nerror_page 502 /50x.html;",
        },
      ]
      return found(facts, PROVED, mend, lines)
    },
  },
  {
    id: "event-stream",
    title: "Server-sent events are served there: a stream for EventSource, not a socket",
    by: "client",
    weigh: (facts) => {
      const type = header(facts, "content-type") ?? ""
      if (facts.status !== 200 || !/^text\/event-stream\b/i.test(type)) return undefined
      const { url } = facts.one.context.endpoint
      const mend = [
        { where: "the client, for the stream", text: `new EventSource("${url.replace(/^ws/, "http")}")` },
        { where: "the client, for a socket", text: "the URL of the socket, which is another one" },
      ]
      return found(facts, 85, mend, [...headerLine(facts, "Content-Type"), ...trialLine(facts, "plain-get")])
    },
  },
  {
    id: "page-in-place-of-socket",
    title: "A page is served there: the URL meets the site (a fallback to index.html), not the socket",
    by: "edge",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      if (facts.status !== 200 || facts.isLikePlain === false) return undefined
      const lines = [...headerLine(facts, "Content-Type"), ...bodyLine(facts)]
      return found(facts, isPage(facts) ? 60 : 30, mendRoute(facts.place), lines)
    },
  },
  {
    id: "no-location",
    title: "The edge has nothing at that path or for that name",
    by: "edge",
    rules: ["location-shadowed"],
    weigh: (facts) => {
      const isCaddys = isCaddyWithoutRoute(facts)
      if (isCaddys) return found(facts, 80, mendRoute(facts.place), ["its answer has no body"])
      if (facts.status !== 404 && facts.status !== 410) return undefined
      if (isOfBackend(facts)) return found(facts, 15, mendRoute(facts.place))
      return found(facts, isOfEdge(facts) ? 85 : 35, mendRoute(facts.place), trialLine(facts, "plain-get"))
    },
  },
  {
    id: "path-unknown-to-backend",
    title:
      "The backend has no socket at the path that reaches it: another one, or proxy_pass with a path that replaces it",
    by: "backend",
    rules: ["proxy-pass-uri-replaced"],
    weigh: (facts) => {
      const { identity, status } = facts
      const said = lostWeight(facts, "path")
      if (said === 0 && (status !== 404 || isOfEdge(facts) || identity.refusal !== undefined))
        return undefined
      const mend = [
        ...mendPathKept(facts.place),
        { where: "the application: the path of its socket", text: facts.place.path },
      ]
      // A different answer to a plain GET: the upgrade has come through.
      const weight = said > 0 ? said : facts.isLikePlain === false ? 75 : 50
      return found(facts, weight, mend, [...bodyLine(facts), ...trialLine(facts, "plain-get")])
    },
  },
  {
    id: "engine-io-url",
    title: "There is a Socket.IO server, whose sockets have a transport and a version in the URL",
    by: "client",
    weigh: (facts) => {
      const mend = [{ where: "the client", text: "/socket.io/?EIO=4&transport=websocket" }]
      return found(facts, lostWeight(facts, "transport"), mend, bodyLine(facts))
    },
  },
  {
    id: "session-unknown",
    title:
      "The session in the URL belongs to another backend process: without stickiness the next request meets another one",
    by: "edge",
    rules: ["upstream-without-stickiness"],
    weigh: (facts) => {
      const weight = Math.min(lostWeight(facts, "session"), 80)
      return found(facts, weight, [{ where: "nginx, in the upstream", text: "ip_hash;" }], bodyLine(facts))
    },
  },
  {
    id: "negotiate-first",
    title: "SignalR wants an id that its negotiation gives, or a client that skips it",
    by: "client",
    weigh: (facts) => {
      const mend = [
        { where: "holdfast probe: the id of POST …/negotiate", text: "?id=CONNECTION_TOKEN" },
        {
          where: "the SignalR client",
          text: "skipNegotiation: true, transport: HttpTransportType.WebSockets",
        },
      ]
      return found(facts, lostWeight(facts, "negotiate"), mend, bodyLine(facts))
    },
  },
  {
    id: "misdirected",
    title: "The server's name in TLS (SNI) and Host do not fit together for it",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 421) return undefined
      return found(facts, 80, [
        { where: "nginx", text: `server_name ${facts.one.context.endpoint.host};` },
        {
          where: "the client: without --resolve and Host of another name",
          text: facts.one.context.endpoint.url,
        },
      ])
    },
  },
]

function redirected(facts: Facts, weight: number, mend: Weighed["mend"]): Weighed {
  const turns = facts.one.seen.experiments?.turns ?? []
  const others = turns.filter(({ isSameHost }) => !isSameHost).map(({ to }) => `${to} is another host`)
  return found(facts, weight, mend, [
    ...headerLine(facts, "Location"),
    ...trialLine(facts, "redirected"),
    ...others,
  ])
}

function locationOf(facts: Facts) {
  if (!REDIRECTS.has(facts.status)) return undefined
  return targetOf(facts.one.context.endpoint, header(facts, "location") ?? "")
}

/** nginx and Holdfast make a file's ETag of its time and its length, in hexadecimal digits. */
function isFileOfNginx(facts: Facts): boolean {
  const match = /^(?:W\/)?"([0-9a-f]+)-[0-9a-f]+"$/.exec(header(facts, "etag") ?? "")
  const modified = Date.parse(header(facts, "last-modified") ?? "")
  return match !== null && Number.parseInt(match[1] ?? "", 16) * 1000 === modified
}

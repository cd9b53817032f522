/** The edge asks the backend and gets nothing, or nothing that it can pass on. */
import { formatDuration } from "../../client/duration.ts"
import { isAccepted } from "../handshake.ts"
import {
  mendBackendAddress,
  mendBackendScheme,
  mendByLog,
  mendByLogOf502,
  mendClientCertificate,
  mendInLog,
  mendTimeouts,
  mendUpgrade,
} from "../mends.ts"
import {
  bodyLine,
  type Facts,
  type FailureCause,
  found,
  header,
  hopOf,
  isOfBackend,
  isOfEdge,
  trialLine,
  trialOf,
} from "./handshake-facts.ts"

const PROVED = 95
/** A refused connection is known at once; one that gets no answer is not. */
const QUICK_MS = 1000

/** https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/ */
const CLOUDFLARE: Readonly<Record<number, string>> = {
  520: "Cloudflare got an answer from the origin that it does not understand, or none",
  521: "The origin refuses Cloudflare's connections",
  522: "Cloudflare's connection to the origin times out",
  523: "Cloudflare has no way to the origin's address",
  524: "The origin did not answer Cloudflare within 100 s",
  525: "The TLS handshake between Cloudflare and the origin failed",
  526: "Cloudflare does not trust the origin's certificate",
  530: "Cloudflare cannot resolve the origin's name, or its tunnel is down",
}

export const UPSTREAM_CAUSES: readonly FailureCause[] = [
  {
    id: "backend-down",
    title:
      "Nothing listens at the address that the edge asks: the application is down, or its address is another",
    by: "backend",
    weigh: (facts) => {
      // Apache says 503.
      const isApaches = facts.status === 503 && facts.identity.page?.product === "apache"
      if (!isApaches && (facts.status !== 502 || isOfBackend(facts))) return undefined
      // A page that comes, from the same place, means that somebody is there.
      const weight = comesByGet(facts) ? 10 : isApaches ? 88 : isQuick(facts) ? 70 : 30
      const mend = [...mendBackendAddress(facts.place), ...mendByLogOf502(facts.place)]
      return found(facts, weight, mend, [...reasonLine(facts), ...trialLine(facts, "plain-get")])
    },
  },
  {
    id: "backend-breaks-off",
    title: "The backend closes the connection, or answers what is no HTTP, when a handshake comes",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 502 || isOfBackend(facts)) return undefined
      const mend = [
        mendInLog(facts.place),
        ...mendByLog(
          facts.place,
          "upstream prematurely closed connection while reading response header from upstream\n" +
            "recv() failed (104: Connection reset by peer) while reading response header from upstream",
        ),
        ...mendUpgrade(facts.place),
      ]
      return found(facts, comesByGet(facts) ? 85 : 40, mend, [
        ...reasonLine(facts),
        ...trialLine(facts, "plain-get"),
      ])
    },
  },
  {
    id: "other-address",
    title: "The edge asks another address or port than that of --backend, and nothing is there",
    by: "edge",
    weigh: (facts) => {
      const { context, seen } = facts.one
      const { backend } = context.plan
      if (facts.status !== 502 || isOfBackend(facts) || !isQuick(facts) || comesByGet(facts)) return undefined
      if (backend === undefined || !isAccepted(seen.backend?.handshake)) return undefined
      const mend = [
        ...mendBackendAddress(facts.place).map(({ where, text }) => ({
          where,
          text: text.replaceAll(
            "http://127.0.0.1:3000",
            `http${backend.secure ? "s" : ""}://${backend.authority}`,
          ),
        })),
        ...mendByLogOf502(facts.place),
      ]
      return found(facts, 40, mend)
    },
  },
  {
    id: "header-too-big-for-edge",
    title: "The head of the backend's answer is larger than the edge takes: a cookie or a token in it",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 502 || isOfBackend(facts) || !comesByGet(facts)) return undefined
      const mend = [
        { where: `nginx, in the location of ${facts.place.path}`, text: "proxy_buffer_size 16k;" },
        ...mendByLog(facts.place, "upstream sent too big header while reading response header from upstream"),
      ]
      const { edge } = facts.place
      return edge === undefined || edge === "nginx" || edge === "holdfast"
        ? found(facts, 35, mend, trialLine(facts, "plain-get"))
        : undefined
    },
  },
  {
    id: "backend-certificate-untrusted",
    title:
      "TLS between the edge and the backend fails: a certificate that is not trusted, or one that is wanted",
    by: "edge",
    rules: ["upstream-tls-name"],
    weigh: backendTlsFails,
  },
  {
    id: "tls-to-plain-backend",
    title: "The edge speaks TLS (https:) to a backend that speaks none",
    by: "edge",
    rules: ["upstream-tls-name"],
    weigh: (facts) => schemeMismatch(facts, false),
  },
  {
    id: "plain-to-tls-backend",
    title: "The edge speaks plain HTTP (http:) to a backend that wants TLS",
    by: "edge",
    weigh: (facts) => schemeMismatch(facts, true),
  },
  {
    id: "backend-unreachable",
    title: "The edge's packets to the backend are lost: a wrong address, or a firewall that drops them",
    by: "edge",
    weigh: (facts) => {
      const { status } = facts
      if (isOfBackend(facts) || !(status === 504 || (status === 502 && !isQuick(facts)))) return undefined
      if (comesByGet(facts)) return undefined
      const mend = [
        ...mendBackendAddress(facts.place),
        ...mendByLog(
          facts.place,
          "upstream timed out (110: Connection timed out) while connecting to upstream",
        ),
      ]
      return found(facts, 45, mend, trialLine(facts, "plain-get"))
    },
  },
  {
    id: "backend-silent",
    title: "The backend takes the connection and does not answer the handshake",
    by: "backend",
    weigh: backendSilent,
  },
  {
    id: "no-backend-in-service",
    title: "The edge has no backend that it takes for healthy",
    by: "edge",
    weigh: (facts) => {
      const { status, identity } = facts
      const edge = identity.edge?.product
      // Theirs is a 502 then.
      const isNginx = edge === "nginx" || edge === "holdfast"
      if (status !== 503 || isOfBackend(facts) || isNginx) return undefined
      const mend = [
        ...mendBackendAddress(facts.place),
        { where: "the health check of the edge: what it asks must be answered", text: facts.place.path },
      ]
      const weight = identity.reason === undefined ? 45 : 85
      return found(facts, weight, mend, [...reasonLine(facts), ...trialLine(facts, "again")])
    },
  },
  {
    id: "out-of-service",
    title: "Somebody says 503 on purpose: maintenance, a deployment, or a backend with too much to do",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 503) return undefined
      const mend = [
        { where: `nginx, in the location of ${facts.place.path}`, text: "# take away\n# return 503;" },
      ]
      const lines = [...(isOfEdge(facts) ? [] : bodyLine(facts)), ...trialLine(facts, "plain-get")]
      return found(
        facts,
        isOfBackend(facts) ? 70 : 35,
        mend,
        lines,
        isOfEdge(facts) ? { hop: hopOf(facts, "edge") } : {},
      )
    },
  },
  {
    id: "cloudflare-to-origin",
    title: "Cloudflare does not get an answer from the origin",
    by: "edge",
    weigh: (facts) => {
      const title = CLOUDFLARE[facts.status]
      if (title === undefined) return undefined
      const isTls = facts.status === 525 || facts.status === 526
      const mend = isTls
        ? [
            {
              where: "Cloudflare's dashboard, SSL/TLS",
              text: "Full (strict), with a certificate that is valid at the origin",
            },
          ]
        : [{ where: "the origin's firewall: allow https://www.cloudflare.com/ips/", text: "listen 443 ssl;" }]
      return found(facts, PROVED, mend, [], { title })
    },
  },
  {
    id: "application-error",
    title: "The application fails while it handles the handshake",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 500 || isOfEdge(facts)) return undefined
      const mend = [mendInLog(facts.place)]
      return found(facts, 60, mend, [...bodyLine(facts), ...trialLine(facts, "plain-get")])
    },
  },
  {
    id: "edge-error",
    title:
      "The edge itself fails: a rewrite in a circle, auth_request without an answer, or a file that it may not read",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 500 || isOfBackend(facts)) return undefined
      const mend = [{ where: "nginx: its log says which", text: "error_log /var/log/nginx/error.log warn;" }]
      return found(facts, isOfEdge(facts) ? 80 : 35, mend, [
        ...reasonLine(facts),
        ...trialLine(facts, "plain-get"),
      ])
    },
  },
  {
    id: "not-implemented",
    title: "What answers has no WebSockets",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 501 && facts.status !== 505) return undefined
      return found(facts, 60, mendUpgrade(facts.place), [
        ...bodyLine(facts),
        ...trialLine(facts, "plain-get"),
      ])
    },
  },
]

function backendSilent(facts: Facts) {
  if (facts.status !== 504 || isOfBackend(facts)) return undefined
  const took = facts.result.kind === "answer" ? (facts.result.firstByteMs ?? 0) : 0
  const isDefault = Math.abs(took - 60_000) < 1000
  const lines = [
    `the edge gave up after ${formatDuration(took)}${isDefault ? ": the 60 s that nginx waits by default" : ""}`,
    ...trialLine(facts, "plain-get"),
  ]
  const mend = [
    mendInLog(facts.place),
    ...mendByLog(
      facts.place,
      "upstream timed out (110: Connection timed out) while reading response header from upstream",
    ),
    ...mendTimeouts(facts.place).map(({ where, text }) => ({
      where: `if it only needs longer: ${where}`,
      text,
    })),
  ]
  return found(facts, comesByGet(facts) ? 85 : 65, mend, lines)
}

function schemeMismatch(facts: Facts, isBackendSecure: boolean) {
  const { status, one } = facts
  if (status !== 502 && !(status === 400 && isBackendSecure)) return undefined
  const log = isBackendSecure
    ? "upstream prematurely closed connection while reading response header from upstream\n" +
      "upstream sent no valid HTTP/1.0 header while reading response header from upstream"
    : "SSL_do_handshake() failed (SSL: … wrong version number) while SSL handshaking to upstream"
  const mend = [...mendBackendScheme(facts.place, isBackendSecure), ...mendByLog(facts.place, log)]
  if (status === 400) {
    const isSaid = /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server/i.test(
      facts.answer?.body ?? "",
    )
    // Whoever asks by wss: has spoken TLS with the edge: it is the edge that has not.
    return isSaid && (one.context.endpoint.secure || isOfBackend(facts))
      ? found(facts, PROVED, mend, bodyLine(facts))
      : undefined
  }
  if (isOfBackend(facts) || !isQuick(facts) || comesByGet(facts)) return undefined
  const { backend } = one.context.plan
  // What --backend speaks, and was found to speak.
  if (backend !== undefined && isAccepted(one.seen.backend?.handshake))
    return backend.secure === isBackendSecure
      ? found(facts, 50, mend, [`${backend.url} accepts the handshake`])
      : undefined
  return found(facts, 25, mend)
}

/** proxy_ssl_verify, the name that the backend is asked by, or a certificate of the edge that it wants. */
function backendTlsFails(facts: Facts) {
  const { context, seen } = facts.one
  if (facts.status !== 502 || isOfBackend(facts) || !isQuick(facts) || comesByGet(facts)) return undefined
  const opened = isAccepted(seen.backend?.handshake) ? seen.backend?.tls?.opened : undefined
  const isWanted = opened?.requestedFrom !== undefined
  if (context.plan.backend !== undefined && opened === undefined) return undefined
  const mend = [
    ...(isWanted ? mendClientCertificate(facts.place) : mendBackendScheme(facts.place, true)),
    ...(isWanted ? mendBackendScheme(facts.place, true) : mendClientCertificate(facts.place)),
    ...mendByLogOf502(facts.place),
  ]
  const lines = isWanted ? [`${context.plan.backend?.url} asks clients for a certificate`] : []
  return found(facts, isWanted ? 55 : opened !== undefined ? 40 : 20, mend, lines)
}

function isQuick({ result }: Facts): boolean {
  return result.kind === "answer" && (result.firstByteMs ?? 0) < QUICK_MS
}

/** Whether a plain GET has got further than the handshake. */
function comesByGet(facts: Facts): boolean {
  const { plain, status } = facts
  if (plain !== undefined) return plain.head.status !== status
  // Taken, and not answered: who refuses connections refuses that, too.
  return status === 502 && trialOf(facts, "plain-get")?.kind === "silent"
}

function reasonLine(facts: Facts): string[] {
  const { reason } = facts.identity
  const date = header(facts, "x-envoy-upstream-service-time")
  return [
    ...(reason === undefined ? [] : [`its page says: "${reason}"`]),
    ...(date === undefined ? [] : [`x-envoy-upstream-service-time: ${date}`]),
  ]
}

/**
 * What HAProxy's own error pages say of the way to the backend: its statuses are narrower than those of others.
 * docs.haproxy.org/2.6/configuration.html#8.5, and seen by running.
 */
import { formatDuration } from "../../client/duration.ts"
import type { Weighed } from "../cause.ts"
import { isAccepted } from "../handshake.ts"
import type { Mend } from "../report.ts"
import { accepts, type Facts, type FailureCause, found, trialLine, trialOf } from "./handshake-facts.ts"
import { CHECKED_SERVERS } from "./handshake-flapping.ts"

/** Those that HAProxy does not send for a rule, but for what went wrong. */
const STATUSES: ReadonlySet<number> = new Set([400, 500, 502, 503, 504])
/** What is known at once: nothing was waited for. Milliseconds. */
const AT_ONCE_MS = 300
/** Between two attempts at one server (option redispatch, retries). */
const RETRY_MS = 1000
const MAX_RETRIES = 5
const RETRY_LATE_MS = 300
/** Of tune.bufsize, 16384, less tune.maxrewrite, 1024: what a request's head may have by default. */
const DEFAULT_HEAD_BYTES = 15_360
/** A smaller head is not the reason, whatever the configuration says. */
const SMALL_HEAD_BYTES = 2048
const PROVED = 95
const SERVER = "HAProxy, in the backend of the sockets"

/** Whether this table, and no other, is for the answer. */
export function isHaproxyFailure({ identity, status }: Facts): boolean {
  return identity.answeredBy === "edge" && identity.page?.product === "haproxy" && STATUSES.has(status)
}

export const HAPROXY_CAUSES: readonly FailureCause[] = [
  {
    id: "one-of-several-refuses",
    title: "One of HAProxy's servers is down, and without a check HAProxy goes on asking it",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 503 || !isAtOnce(facts) || !accepts(facts, "again")) return undefined
      return found(facts, 80, [CHECKED_SERVERS], lines(facts))
    },
  },
  {
    id: "denied-by-edge",
    title: "HAProxy lets this client wait and refuses it (tarpit), or fails itself",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 500) return undefined
      const mend: Mend = {
        where: "HAProxy, in the frontend: the rule must not meet the socket's clients",
        text: `http-request tarpit if … !{ path_beg ${facts.place.path} }`,
      }
      return found(facts, isAtOnce(facts) ? 45 : 75, [mend], lines(facts))
    },
  },
  {
    id: "no-backend-in-service",
    title: "HAProxy has no server to ask: its checks take all of them for down, or the backend has none",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 503 || !isAtOnce(facts)) return undefined
      const check: Mend = {
        where: "HAProxy, in the backend of the sockets: a check that the application answers",
        text: "option httpchk GET /health\nserver s1 127.0.0.1:3000 check",
      }
      return found(facts, isBackendFine(facts) ? 35 : 70, [check], lines(facts))
    },
  },
  {
    id: "backend-down",
    title:
      "Nothing listens at the address of HAProxy's server: the application is down, or the port is another",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 503) return undefined
      const weight = retries(facts) > 0 ? 75 : isAtOnce(facts) ? 45 : 20
      return found(facts, weight, [server("server s1 127.0.0.1:3000 check")], lines(facts))
    },
  },
  {
    id: "tls-to-plain-backend",
    title: "HAProxy speaks TLS to a backend that has none",
    by: "edge",
    weigh: (facts) => withTls(facts, false, "# without ssl\nserver s1 127.0.0.1:3000 check"),
  },
  {
    id: "backend-certificate-untrusted",
    title: "HAProxy does not trust the backend's certificate: the authority, or the name (verifyhost)",
    by: "edge",
    weigh: (facts) =>
      withTls(
        facts,
        true,
        "server s1 127.0.0.1:3000 ssl verify required ca-file /etc/haproxy/backend-ca.pem sni str(app.internal)",
      ),
  },
  {
    id: "queue-full",
    title: "Every server has as many connections as maxconn allows; each open WebSocket is one of them",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 503 || isAtOnce(facts) || retries(facts) > 0) return undefined
      const mend = server(
        "server s1 127.0.0.1:3000 maxconn 20000\n# and of the global section, for both sides\n# maxconn 50000",
      )
      return found(facts, 48, [mend], lines(facts))
    },
  },
  {
    id: "backend-unreachable",
    title: "HAProxy's packets to the server are lost: a wrong address, or a firewall that drops them",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 503 || isAtOnce(facts) || retries(facts) > 0) return undefined
      return found(
        facts,
        tookMs(facts) > 2000 ? 55 : 40,
        [server("server s1 127.0.0.1:3000 check")],
        lines(facts),
      )
    },
  },
  {
    id: "plain-to-tls-backend",
    title: "HAProxy speaks plain HTTP to a backend that wants TLS",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 502 || comesByGet(facts)) return undefined
      const mend = server("server s1 127.0.0.1:3000 ssl verify required ca-file /etc/haproxy/backend-ca.pem")
      if (!isBackendFine(facts)) return found(facts, 45, [mend], lines(facts))
      return isBackendTls(facts) ? found(facts, 58, [mend], lines(facts)) : undefined
    },
  },
  {
    id: "backend-breaks-off",
    title: "The backend closes the connection, or answers what is no HTTP, when a handshake comes",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 502) return undefined
      const mend = {
        where: "the application: its log at that moment, a crash or a refusal",
        text: 'server.on("upgrade", …)',
      }
      return found(facts, comesByGet(facts) ? 70 : 55, [mend], lines(facts))
    },
  },
  {
    id: "http2-to-backend",
    title: "HAProxy speaks HTTP/2 to the backend, which has no WebSockets over it (RFC 8441)",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 502 || !comesByGet(facts)) return undefined
      const mend = server(
        "# HTTP/1.1 for handshakes\nserver s1 127.0.0.1:3000 ssl verify required ca-file /etc/haproxy/backend-ca.pem alpn h2,http/1.1 ws h1",
      )
      return found(facts, isBackendFine(facts) ? 58 : 45, [mend], lines(facts))
    },
  },
  {
    id: "backend-silent",
    title: "The backend takes the connection and does not answer the handshake in time",
    by: "backend",
    weigh: (facts) => {
      if (facts.status !== 504) return undefined
      const mend = [
        {
          where: "the application: what keeps it from answering (a lock, a database, a full queue)",
          text: `GET ${facts.place.path}`,
        },
        {
          where: "HAProxy, if it needs longer; of an open WebSocket timeout tunnel counts",
          text: "timeout server 60s\ntimeout tunnel 1h",
        },
      ]
      return found(facts, PROVED, mend, lines(facts))
    },
  },
  {
    id: "header-too-large",
    title: "The request's header fields are larger than HAProxy's buffer: mostly cookies",
    by: "edge",
    weigh: (facts) => {
      const bytes = facts.answer?.request.length ?? 0
      if (facts.status !== 400 || bytes < SMALL_HEAD_BYTES) return undefined
      const mend = { where: "HAProxy, global", text: "tune.bufsize 65536\ntune.maxrewrite 1024" }
      const line = `the request's head: ${bytes} bytes; HAProxy takes ${DEFAULT_HEAD_BYTES} by default`
      return found(
        facts,
        bytes > DEFAULT_HEAD_BYTES ? PROVED : 70,
        [mend],
        [line, ...trialLine(facts, "no-cookies")],
      )
    },
  },
]

/** HAProxy fails to make a TLS connection to the server: a 503, like a connection that is refused. */
function withTls(facts: Facts, isSecure: boolean, text: string): Weighed | undefined {
  if (facts.status !== 503 || (!isAtOnce(facts) && retries(facts) === 0)) return undefined
  if (!isBackendFine(facts)) return found(facts, 25, [server(text)], lines(facts))
  // --backend shows that it is there, and what it speaks.
  return isBackendTls(facts) === isSecure ? found(facts, 50, [server(text)], lines(facts)) : undefined
}

function server(text: string): Mend {
  return { where: SERVER, text }
}

/** The shorter of two attempts: a delay of this machine's is not the server's. */
function tookMs(facts: Facts): number {
  const again = trialOf(facts, "again")
  const second = again?.kind === "answer" ? again.firstByteMs : undefined
  return Math.min(facts.answer?.firstByteMs ?? 0, second ?? Number.POSITIVE_INFINITY)
}

function isAtOnce(facts: Facts): boolean {
  return tookMs(facts) < AT_ONCE_MS
}

/** How many times HAProxy seems to have tried again, by its pause of a second before each. */
function retries(facts: Facts): number {
  const count = Math.floor(tookMs(facts) / RETRY_MS)
  return count <= MAX_RETRIES && tookMs(facts) - count * RETRY_MS < RETRY_LATE_MS ? count : 0
}

/** Whether a plain GET came further than the handshake. */
function comesByGet({ plain, status }: Facts): boolean {
  return plain !== undefined && plain.head.status !== status
}

function isBackendFine({ one }: Facts): boolean {
  return isAccepted(one.seen.backend?.handshake)
}

function isBackendTls({ one }: Facts): boolean {
  return one.context.plan.backend?.secure === true
}

/** What was seen beside the answer, whose page is named with it. */
function lines(facts: Facts): string[] {
  if (facts.status !== 503) return trialLine(facts, "plain-get")
  const count = retries(facts)
  const attempts = count === 1 ? "one more attempt" : `${count} more attempts`
  const waited = `${formatDuration(tookMs(facts))}: a second each for ${attempts} (retries)`
  return [...(count > 0 ? [waited] : []), ...trialLine(facts, "again")]
}

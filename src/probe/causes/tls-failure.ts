/** Why a TLS handshake failed. */
import { isIP } from "node:net"
import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import { hostPort } from "../../client/endpoint.ts"
import { type Case, type Cause, rank, type Weighed } from "../cause.ts"
import type { Diagnosis, Mend } from "../report.ts"
import type { TlsSeen, TrialId } from "../steps/tls.ts"
import type { TlsFailure } from "../tls-attempt.ts"
import { failureText, versionName, versionsText } from "../tls-text.ts"
import { edgeMends, tlsHop } from "./edge-mend.ts"

/** A handshake that failed, and what was tried then. */
interface Failed {
  readonly tls: TlsSeen
  readonly failure: TlsFailure
}

export function diagnoseTlsFailure(one: Case): Diagnosis[] {
  const failed = failedOf(one)
  if (failed === undefined) return []
  const what = `TLS fails: ${failureText(failed.failure)}`
  return [{ severity: "error", what, suspects: rank(one, CAUSES) }]
}

/** Also what comes behind the handshake: with TLS 1.3 a server looks at client certificates then. */
function failedOf({ seen }: Case): Failed | undefined {
  const failure = seen.tls?.failure ?? seen.tls?.opened?.late
  return seen.tls === undefined || failure?.stage !== "tls" ? undefined : { tls: seen.tls, failure }
}

function cause(
  id: string,
  title: string,
  weigh: (
    failed: Failed,
    one: Case,
  ) => (Omit<Weighed, "evidence"> & { readonly evidence?: string[] }) | undefined,
): Cause {
  return {
    id,
    title,
    hop: tlsHop,
    weigh: (one) => {
      const failed = failedOf(one)
      const found = failed === undefined ? undefined : weigh(failed, one)
      if (failed === undefined || found === undefined) return undefined
      return { ...found, evidence: [...failureEvidence(failed.failure), ...(found.evidence ?? [])] }
    },
  }
}

function failureEvidence(failure: TlsFailure): string[] {
  const { alert, code, text, elapsedMs, received } = failure
  const bytes = received === "" || alert !== undefined ? [] : [`received: ${printable(firstLine(received))}`]
  if (alert !== undefined) return [`alert ${alert} after ${formatDuration(elapsedMs)}`]
  const what = text.includes(code) || code === "CLOSED" ? text : `${text} (${code})`
  return [code === "TIMEOUT" ? text : `${what} after ${formatDuration(elapsedMs)}`, ...bytes]
}

const MAX_SHOWN = 60

function firstLine(text: string): string {
  return (text.split("\r\n")[0] ?? "").slice(0, MAX_SHOWN)
}

/** Of a record: a handshake message or an alert. */
function isTls({ received }: TlsFailure): boolean {
  return /^[\x15\x16]\x03/.test(received)
}

function isTaken({ versions }: TlsSeen, ...names: readonly string[]): boolean {
  return versions.some(({ version, isTaken }) => isTaken && names.includes(version))
}

/** It opens when it is tried so. */
function opens({ trials }: TlsSeen, id: TrialId): boolean {
  return id in trials && trials[id] === undefined
}

/** Neither bytes nor an alert: whoever is there went away or keeps silent. */
function isWordless({ received, alert }: TlsFailure): boolean {
  return received === "" && alert === undefined
}

const CLIENT_ALERTS: ReadonlySet<string> = new Set([
  "bad_certificate",
  "unsupported_certificate",
  "certificate_revoked",
  "certificate_expired",
  "certificate_unknown",
  "unknown_ca",
  "access_denied",
])

const CAUSES: readonly Cause[] = [
  cause(
    "proxy-answers-itself",
    "The proxy says 200 to CONNECT, and then answers itself: a login page, or a filter",
    ({ tls, failure }, one) => {
      const { proxy } = one.context.client
      const isPage = /^(?:HTTP\/|\s*<)/i.test(failure.received)
      if (proxy === undefined || tls.plainAnswer !== undefined || !isPage) return undefined
      return {
        weight: 80,
        hop: `proxy ${hostPort(proxy.host, proxy.port)}`,
        mend: [
          {
            where: "a browser that has this proxy, to log in there",
            text: `http://${one.context.endpoint.host}/`,
          },
          { where: "here, without the proxy", text: `holdfast probe ${one.context.endpoint.url}` },
        ],
      }
    },
  ),
  cause("plain-http-port", "The server speaks plain HTTP at this port", ({ tls, failure }, one) => {
    const isOther = failure.received !== "" && !isTls(failure)
    if (tls.plainAnswer === undefined && !isOther) return undefined
    const plain =
      tls.plainAnswer === undefined ? [] : [`a plain GET is answered: ${printable(tls.plainAnswer)}`]
    const isHttp = tls.plainAnswer !== undefined || failure.received.startsWith("HTTP/")
    return {
      weight: isHttp ? 95 : 70,
      ...(isHttp ? {} : { title: "Something else than TLS is spoken at this port" }),
      evidence: plain,
      mend: plainPortMends(one),
    }
  }),
  cause(
    "old-tls-only",
    "The server has TLS 1.0 or 1.1 only, which no browser accepts any more",
    ({ tls }, one) => {
      if (!isTaken(tls, "TLSv1", "TLSv1.1") || isTaken(tls, "TLSv1.2", "TLSv1.3")) return undefined
      return { weight: 95, evidence: [versionsText(tls.versions)], mend: versionMends(one) }
    },
  ),
  cause("weak-tls", "The server's keys or ciphers are too weak for today's clients", ({ tls }, one) => {
    const taken = tls.versions.filter(({ version, isTaken }) => isTaken && /1\.[23]$/.test(version))
    if (taken.length === 0 || opens(tls, "small") || opens(tls, "nameless")) return undefined
    const names = taken.map(({ version }) => versionName(version)).join(", ")
    return {
      weight: 75,
      evidence: [`it opens by ${names} where weak keys and ciphers are let through`],
      mend: edgeMends(one, {
        place: "in the server; with a certificate whose key has 2048 bits of RSA or more, or 256 of EC",
        nginx: "ssl_ciphers HIGH:!aNULL:!MD5:!DSS;",
        haproxy: "ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
      }),
    }
  }),
  cause(
    "server-name-unknown",
    "The server has no certificate for this name, and refuses names that it does not know",
    ({ failure, tls }, one) => {
      if (failure.alert !== "unrecognized_name" && !opens(tls, "nameless")) return undefined
      const { host } = one.context.endpoint
      const isAddress = isIP(host) !== 0
      return {
        weight: failure.alert === "unrecognized_name" ? 95 : 60,
        ...(isAddress
          ? { title: "The server wants a name (SNI), and the URL has an address, for which none is sent" }
          : {}),
        evidence: [isAddress ? `${host} is an address` : `asked for ${host}`],
        mend: isAddress ? nameMends(one) : serverMends(one),
      }
    },
  ),
  cause(
    "only-http2",
    "The server takes HTTP/2 alone; the WebSocket of a browser begins with HTTP/1.1",
    ({ failure, tls }, one) => {
      if (failure.alert !== "no_application_protocol") return undefined
      const more = opens(tls, "h2") ? ["offered h2 alone, it opens"] : []
      return {
        weight: 95,
        evidence: ["offered http/1.1 (ALPN)", ...more],
        mend: [
          ...edgeMends(one, {
            place: "in the server (HTTP/1.1 is always there)",
            nginx: `listen ${one.context.endpoint.port} ssl http2;`,
            haproxy: `bind :${one.context.endpoint.port} ssl crt /etc/haproxy/${one.context.endpoint.host}.pem alpn h2,http/1.1`,
          }),
          { where: "Node", text: "http2.createSecureServer({ key, cert, allowHTTP1: true })" },
        ],
      }
    },
  ),
  cause("client-certificate-required", "The server wants a client certificate", ({ failure, tls }, one) => {
    const { cert } = one.context.client.tls
    const { alert } = failure
    if (alert !== "certificate_required" && !(tls.isCertificateRequested && cert === undefined))
      return undefined
    return {
      weight: 95,
      evidence: [
        ...(tls.isCertificateRequested ? ["it asked for one (CertificateRequest)"] : []),
        "none was given",
      ],
      mend: clientCertificateMends(one),
    }
  }),
  cause(
    "client-certificate-refused",
    "The server does not accept our client certificate",
    ({ failure, tls }, one) => {
      const { cert } = one.context.client.tls
      if (cert === undefined || !tls.isCertificateRequested) return undefined
      return {
        weight: CLIENT_ALERTS.has(failure.alert ?? "") ? 95 : 60,
        evidence: ["that of --cert was sent"],
        mend: edgeMends(one, {
          place: "in the server: the authority that signed it",
          nginx: "ssl_client_certificate /etc/nginx/client-authority.crt;\nssl_verify_depth 2;",
          haproxy:
            "bind :443 ssl crt /etc/haproxy/server.pem ca-file /etc/haproxy/client-authority.crt verify required",
        }),
      }
    },
  ),
  cause(
    "proxy-protocol-expected",
    "The port expects the PROXY protocol, which a load balancer sends and clients do not",
    ({ tls }, one) => {
      if (!opens(tls, "proxied")) return undefined
      const { port } = one.context.endpoint
      return {
        weight: 95,
        evidence: ['behind the line "PROXY UNKNOWN" it opens'],
        mend: edgeMends(one, {
          place: "in the server, for clients that come directly (or the load balancer sends it)",
          nginx: `listen ${port} ssl;  # without proxy_protocol`,
          haproxy: `bind :${port} ssl crt /etc/haproxy/${one.context.endpoint.host}.pem  # without accept-proxy`,
        }),
      }
    },
  ),
  cause(
    "large-client-hello",
    "Something on the way drops a ClientHello that does not fit into one packet",
    ({ failure, tls }) => {
      if (!isWordless(failure) || !opens(tls, "small")) return undefined
      return {
        weight: 92,
        evidence: ["without the post-quantum key share, in one packet, it opens"],
        mend: [
          {
            where: "the firewall or load balancer",
            text: "update it: a ClientHello may come in several packets (RFC 8446)",
          },
          {
            where: "Chrome, to see whether it is that",
            text: "chrome://flags: disable TLS 1.3 post-quantum key agreement",
          },
        ],
      }
    },
  ),
  cause(
    "no-common-cipher",
    "The server shares no cipher with us, or has no certificate for this name",
    ({ failure }, one) => {
      if (failure.alert !== "handshake_failure" && failure.alert !== "insufficient_security") return undefined
      return {
        weight: 55,
        mend: edgeMends(one, {
          place: "in the server",
          nginx: "ssl_ciphers HIGH:!aNULL:!MD5;\nssl_protocols TLSv1.2 TLSv1.3;",
          haproxy: "ssl-default-bind-ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        }),
      }
    },
  ),
  cause("no-tls-at-port", "Whatever listens at this port does not speak TLS", ({ failure }, one) => {
    return isWordless(failure) ? { weight: 40, mend: plainPortMends(one) } : undefined
  }),
  cause(
    "cut-on-the-way",
    "A firewall or another box on the way ends TLS with this server or name",
    ({ failure }, one) => {
      if (!isWordless(failure)) return undefined
      const { host, port } = one.context.endpoint
      return {
        weight: 25,
        mend: [
          {
            where: "to find out, on the server itself",
            text: `openssl s_client -connect 127.0.0.1:${port} -servername ${host}`,
          },
        ],
      }
    },
  ),
  cause("tls-refused", "The server refuses the TLS handshake", ({ failure }, one) => {
    if (isWordless(failure)) return undefined
    return {
      weight: 10,
      evidence: ["its own log has the reason"],
      mend: edgeMends(one, {
        place: "at the top, to see the reason in the log",
        nginx: "error_log /var/log/nginx/error.log info;",
        haproxy: "option httplog",
      }),
    }
  }),
]

function plainPortMends(one: Case): Mend[] {
  const { port, host, url } = one.context.endpoint
  return [
    ...edgeMends(one, {
      place: "in the server; its certificate belongs to it",
      nginx: `listen ${port} ssl;\nssl_certificate     /etc/nginx/${host}/fullchain.pem;\nssl_certificate_key /etc/nginx/${host}/privkey.pem;`,
      haproxy: `bind :${port} ssl crt /etc/haproxy/${host}.pem`,
    }),
    { where: "or in the URL, where no TLS is meant", text: url.replace(/^wss:/, "ws:") },
  ]
}

export function versionMends(one: Case): Mend[] {
  return edgeMends(one, {
    place: "in the http block or the default server of the port",
    nginx: "ssl_protocols TLSv1.2 TLSv1.3;",
    haproxy: "ssl-default-bind-options ssl-min-ver TLSv1.2",
  })
}

function nameMends({ context: { endpoint } }: Case): Mend[] {
  const { host, port, target } = endpoint
  const url = `wss://NAME${port === 443 ? "" : `:${port}`}${target}`
  return [
    { where: "here: the name in the URL, the address apart", text: `--resolve NAME:${port}:${host} ${url}` },
  ]
}

function serverMends(one: Case): Mend[] {
  const { host, port } = one.context.endpoint
  return edgeMends(one, {
    place: "a server of that name beside the one with ssl_reject_handshake",
    nginx: `server {\n    listen ${port} ssl;\n    server_name ${host};\n    ssl_certificate     /etc/nginx/${host}/fullchain.pem;\n    ssl_certificate_key /etc/nginx/${host}/privkey.pem;\n}`,
    haproxy: `bind :${port} ssl strict-sni crt /etc/haproxy/${host}.pem`,
  })
}

function clientCertificateMends(one: Case): Mend[] {
  const { port, host } = one.context.endpoint
  return [
    { where: "here, where you have one", text: "--cert client.crt --key client.key" },
    ...edgeMends(one, {
      place: "where clients without one are to come in, too",
      nginx: "ssl_verify_client optional;",
      haproxy: `bind :${port} ssl crt /etc/haproxy/${host}.pem ca-file /etc/haproxy/client-authority.crt verify optional`,
    }),
  ]
}

/** What certain edges say in words or ways of their own, beyond what all have in common. */
import type { Weighed } from "../cause.ts"
import type { EdgeProduct } from "../fingerprint.ts"
import type { Mend } from "../report.ts"
import { type Facts, type FailureCause, found, trialLine } from "./handshake-facts.ts"

const PROVED = 95
const ENVOY = "Envoy, the cluster of the sockets"

export const EDGE_CAUSES: readonly FailureCause[] = [
  {
    id: "upgrades-not-allowed",
    title: "Envoy's route allows no upgrades",
    by: "edge",
    weigh: (facts) => {
      // Envoy's source/common/http/conn_manager_impl.cc: 403 without a body, details "upgrade_failed".
      if (facts.status !== 403 || !isOf(facts, "envoy") || facts.answer?.body !== "") return undefined
      const mend: Mend = {
        where: "Envoy, HttpConnectionManager, or the route",
        text: "upgrade_configs:\n- upgrade_type: websocket",
      }
      // A plain request that is refused as well is refused for another reason.
      return found(facts, facts.isLikePlain === false ? 90 : 35, [mend], trialLine(facts, "plain-get"))
    },
  },
  {
    id: "backend-down",
    title: "Envoy gets no connection to the backend: nothing listens there, or a firewall is between",
    by: "backend",
    weigh: (facts) => {
      const cluster = "endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 3000 } } }"
      return byReset(
        facts,
        /reset reason: (?:local connection failure|(?:remote )?connection failure|connection timeout)(?!.*TLS)/,
        cluster,
      )
    },
  },
  {
    id: "backend-tls-fails",
    title: "Envoy's TLS with the backend fails: it speaks none, or its certificate is not trusted",
    by: "edge",
    weigh: (facts) =>
      byReset(
        facts,
        /TLS[ _]error/i,
        "transport_socket: { name: envoy.transport_sockets.tls, typed_config: { sni: app.internal, common_tls_context: { validation_context: { trusted_ca: { filename: /etc/envoy/backend-ca.pem } } } } }",
      ),
  },
  {
    id: "backend-breaks-off",
    title:
      "The backend closes Envoy's connection when a handshake comes: a crash, or another protocol (HTTP/2)",
    by: "backend",
    weigh: (facts) =>
      byReset(
        facts,
        /reset reason: (?:connection termination|protocol error|remote reset)/,
        "# HTTP/1.1 to the backend of the sockets\nexplicit_http_config: { http_protocol_options: {} }",
      ),
  },
  {
    id: "proxy-protocol-to-backend",
    title:
      "The edge sends the PROXY protocol (send-proxy) to a backend that does not read it: every request is invalid",
    by: "edge",
    weigh: (facts) => {
      // Node's answer to what it cannot parse: a 400 without a body.
      const { status, answer, isLikePlain, identity } = facts
      if (status !== 400 || answer?.body !== "" || isLikePlain !== true) return undefined
      if (identity.refusal !== undefined || identity.answeredBy === "edge") return undefined
      const mend: Mend[] = [
        {
          where: "HAProxy, in the backend of the sockets",
          text: "# without send-proxy\nserver s1 127.0.0.1:3000 check",
        },
        { where: "nginx, in the stream server before it", text: "proxy_protocol off;" },
      ]
      return found(facts, 40, mend, trialLine(facts, "plain-get"))
    },
  },
  {
    id: "no-websocket-api",
    title:
      "API Gateway has no WebSocket API for that URL: the stage is missing, or it is an HTTP or REST API",
    by: "edge",
    weigh: (facts) => {
      if (facts.status !== 403 || !isOf(facts, "aws-api-gateway")) return undefined
      const mend: Mend = {
        where: "the client: the URL that API Gateway shows for the stage",
        text: "wss://API_ID.execute-api.REGION.amazonaws.com/STAGE",
      }
      return found(facts, 80, [mend], trialLine(facts, "plain-get"))
    },
  },
]

function isOf({ identity }: Facts, product: EdgeProduct): boolean {
  return identity.answeredBy === "edge" && (identity.page ?? identity.edge)?.product === product
}

/** The reason that Envoy's answer has: source/common/http/utility.cc, resetReasonToString. */
function byReset(facts: Facts, reason: RegExp, text: string): Weighed | undefined {
  const { reason: said } = facts.identity
  if (said === undefined || !isOf(facts, "envoy") || !reason.test(said)) return undefined
  return found(facts, PROVED, [{ where: ENVOY, text }], [`its page says: "${said}"`])
}

/** What is wrong with what the step "tls" saw. */
import type { Case } from "../cause.ts"
import type { Diagnosis } from "../report.ts"
import type { OtherAddressSeen, TlsOpenedSeen, TlsSeen } from "../steps/tls.ts"
import { certificateText, namesText, versionName, versionsText } from "../tls-text.ts"
import { edgeMends, suspect, tlsHop } from "./edge-mend.ts"
import { diagnoseCertificate } from "./tls-certificate.ts"
import { diagnoseTlsFailure, versionMends } from "./tls-failure.ts"

export function diagnoseTls(one: Case): Diagnosis[] {
  const { tls } = one.seen
  if (tls === undefined) return []
  const { opened } = tls
  if (opened === undefined) return diagnoseTlsFailure(one)
  return [
    ...diagnoseTlsFailure(one),
    ...diagnoseCertificate(one, opened),
    ...diagnoseOthers(one, opened),
    ...diagnoseOrder(one, opened),
    ...diagnoseVersions(one, tls),
    ...diagnoseResumption(one, opened),
  ]
}

/** Other addresses of the same name: what one of them has wrong hits some clients, sometimes. */
function diagnoseOthers(one: Case, opened: TlsOpenedSeen): Diagnosis[] {
  const { others, address, certificates } = opened
  const faultOf = (other: OtherAddressSeen): string | undefined => otherFault(other, opened)
  const bad = others.filter((other) => faultOf(other) !== undefined)
  if (bad.length === 0) return []
  const mine = certificates[0] === undefined ? "no certificate" : certificateText(certificates[0])
  const found = suspect(
    "address-differs",
    "A server behind one of the addresses was forgotten, or is another one",
    {
      hop: `TLS at ${bad.map((other) => other.address).join(", ")}`,
      evidence: [`${address}: ${mine}`, ...bad.map((other) => `${other.address}: ${faultOf(other)}`)],
      mend: edgeMends(one, {
        place: `on the machine of ${bad[0]?.address}, as on the others`,
        nginx: `ssl_certificate     /etc/nginx/${one.context.endpoint.host}/fullchain.pem;\nssl_certificate_key /etc/nginx/${one.context.endpoint.host}/privkey.pem;`,
        haproxy: `bind :${one.context.endpoint.port} ssl crt /etc/haproxy/${one.context.endpoint.host}.pem`,
      }),
    },
  )
  // A certificate that is wrong is the end for whom it meets: no client goes on to the next address.
  const isRefused =
    bad.some(({ certificate }) => certificate !== undefined) && opened.trustError === undefined
  const severity = one.context.client.tls.insecure ? "info" : isRefused ? "error" : "warning"
  const what = `TLS is not right at ${bad.length} of ${others.length + 1} addresses`
  return [{ severity, what, suspects: [found] }]
}

/** What is wrong there and right at the first address. */
function otherFault(
  { certificate, isForHost, trustError, why }: OtherAddressSeen,
  first: TlsOpenedSeen,
): string | undefined {
  if (certificate === undefined) return why
  if (!isForHost && first.isForHost)
    return `${certificateText(certificate)}; its names: ${namesText(certificate)}`
  return trustError === undefined || trustError === first.trustError
    ? undefined
    : `${certificateText(certificate)}; OpenSSL: ${trustError}`
}

function diagnoseOrder(one: Case, opened: TlsOpenedSeen): Diagnosis[] {
  const { chain, certificates, host } = opened
  if (chain.end !== "trusted" || chain.path.every((index, place) => index === place)) return []
  const order = chain.path.map((index) => certificates[index]?.subject ?? "").join(", then ")
  const found = suspect("chain-out-of-order", "The file has its certificates in the wrong order", {
    hop: tlsHop(one),
    evidence: [
      `sent: ${certificates.map(({ subject }) => subject).join(", then ")}`,
      `it should be: ${order}`,
    ],
    mend: [
      { where: "the file of the certificate", text: `cat ${host}.crt intermediate.crt > fullchain.pem` },
    ],
  })
  const what = "The chain is sent in another order than that of its signatures; older clients refuse that"
  return [{ severity: "info", what, suspects: [found] }]
}

function diagnoseVersions(one: Case, { versions }: TlsSeen): Diagnosis[] {
  const old = versions.filter(({ version, isTaken }) => isTaken && /^TLSv1(\.1)?$/.test(version))
  if (old.length === 0) return []
  const names = old.map(({ version }) => versionName(version)).join(" and ")
  const found = suspect("old-tls-accepted", "Old versions are switched on (RFC 8996 says not to)", {
    hop: tlsHop(one),
    evidence: [versionsText(versions)],
    mend: versionMends(one),
  })
  return [{ severity: "info", what: `Still accepted: ${names}`, suspects: [found] }]
}

/** Of the version that clients get; a server that looks at client certificates may have reasons. */
function diagnoseResumption(one: Case, opened: TlsOpenedSeen): Diagnosis[] {
  const { resumption, protocol, requestedFrom } = opened
  const found = resumption.find(({ version }) => version === protocol)
  if (found === undefined || found.isResumed || requestedFrom !== undefined) return []
  const { by, version } = found
  const how =
    by === ""
      ? "no session was given to resume"
      : `a ${by} was given, and a handshake with it was a whole one all the same`
  const why =
    by === ""
      ? "Tickets and the session cache are switched off"
      : "The servers behind this address do not share their keys for tickets, or their cache"
  return [
    {
      severity: "info",
      what: "TLS sessions are not resumed: when all clients reconnect at once, each costs a whole handshake",
      suspects: [
        suspect("no-resumption", why, {
          hop: tlsHop(one),
          certainty: "likely",
          evidence: [`${versionName(version)}: ${how}`],
          mend: edgeMends(one, {
            place: "in the http block; the key's file is the same on all servers",
            nginx:
              "ssl_session_cache shared:SSL:10m;\nssl_session_tickets on;\nssl_session_ticket_key /etc/nginx/ticket.key;",
            haproxy: `bind :${one.context.endpoint.port} ssl crt /etc/haproxy/${one.context.endpoint.host}.pem tls-ticket-keys /etc/haproxy/ticket.keys`,
          }),
        }),
      ],
    },
  ]
}
